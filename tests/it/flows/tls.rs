//! ERPs and partners whose certificates a private authority has signed.

use std::sync::Arc;

use hub::delivery::State;
use partners::Partner;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::calls::APP_ID;
use crate::support::http::{exchange, request};
use crate::support::{API_KEY, Plan, Time, attempted, delivery, key, secret, status, taken};

/// A private authority.
pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The URL of a server that says yes to everything, with a certificate of that authority.
pub(crate) async fn server(issuer: &CertifiedIssuer<'static, KeyPair>) -> String {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 16 * 1024]).await;
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 12\r\n\r\n{\"code\":200}";
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    url
}

/// Regression: neither an endpoint nor a partner with a certificate of a private authority could be called.
#[tokio::test]
async fn private_authority_in_ca_file_is_trusted() {
    let (issuer, time) = (authority(), Time::now());
    let url = server(&issuer).await;
    let plan = Plan::new();
    let file = plan.folder().join("ca.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    let named = format!("ca_file = \"{}\"", file.display());
    let secrets = secret(1);
    let endpoint = |id: &str, ca: &str| {
        format!(
            "[[endpoints]]\nid = \"{id}\"\nurl = \"{url}/events\"\nallow_private = true\nsecrets = [\"{secrets}\"]\n\
             retry = [\"1h\"]\n{ca}\n"
        )
    };
    let connection = |id: &str, ca: &str| {
        format!(
            "[[connections]]\nid = \"{id}\"\npartner = \"xhq\"\nbase_url = \"{url}/\"\nallow_private = true\n\
             app_id = \"{APP_ID}\"\nkeys = [\"{}\"]\n{ca}\n",
            key(id)
        )
    };
    let inline = format!("ca_pem = \"\"\"\n{}\"\"\"", issuer.pem());
    let plan =
        plan.table(&endpoint("known", &named)).table(&endpoint("inline", &inline)).table(&endpoint("unknown", ""));
    let hub = plan.table(&connection("known", &named)).table(&connection("unknown", "")).start_at(&time).await;
    taken(&hub, Partner::Xhq, "syn_status", status("T", 61)).await;
    for (id, state) in [("known", State::Delivered), ("inline", State::Delivered), ("unknown", State::Pending)] {
        attempted(&hub, "order:T", id, 1).await;
        let (_, delivery) = delivery(&hub, "order:T", id).await;
        assert_eq!(delivery.state, state, "{delivery:?}");
        let detail = &delivery.progress.attempts[0].detail;
        assert!(
            state == State::Delivered || detail.contains("unknown authority") && detail.contains("ca_file"),
            "{detail}"
        );
    }
    for (id, status) in [("known", 200), ("unknown", 502)] {
        let bytes =
            request("POST", &format!("/calls/{id}/bghList"), &format!("authorization: Bearer {API_KEY}\r\n"), b"");
        let reply = exchange(hub.address(), bytes).await.unwrap();
        assert_eq!(reply.status, status, "{}", reply.json());
        assert!(status == 200 || reply.json()["detail"].as_str().unwrap().contains("ca_file"), "{}", reply.json());
    }
}
