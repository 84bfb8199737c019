//! Certificates of a private authority.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority that no trust store contains.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The URL of a server with a certificate for that name, changed so.
async fn server(issuer: &CertifiedIssuer<'static, KeyPair>, name: &str, change: fn(&mut CertificateParams)) -> Url {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("https://127.0.0.1:{port}/{MARK}").parse().unwrap()
}

fn trusting(issuers: &[&CertifiedIssuer<'static, KeyPair>]) -> Trust {
    Trust { authorities: issuers.iter().map(|issuer| issuer.der().to_vec()).collect(), system: false }
}

fn as_it_is(_: &mut CertificateParams) {}

/// Regression: a server with a certificate of a private authority could not be called at all.
#[tokio::test]
async fn private_authority_is_trusted_where_it_is_named() {
    let (known, other) = (authority("known"), authority("other"));
    let url = server(&known, "127.0.0.1", as_it_is).await;
    let client = client();
    let trust = trusting(&[&other, &known]);
    for repeatable in [true, false] {
        let sent = client.send(Request { trust: trust.clone(), repeatable, ..request(url.clone()) }).await;
        assert_eq!(sent.status(), Some(204), "{sent:?}");
    }
    for trust in [Trust::default(), trusting(&[&other])] {
        let sent = client.send(Request { trust, ..request(url.clone()) }).await;
        assert_eq!(kind(&sent), Kind::Connect);
        assert!(sent.detail(512).contains("unknown authority") && sent.detail(512).contains("ca_file"), "{sent:?}");
    }
}

#[tokio::test]
async fn refused_certificate_says_why() {
    let known = authority("known");
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2001, 1, 1);
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(3001, 1, 1);
    for (name, change, why) in [
        ("erp.example.com", as_it_is as fn(&mut CertificateParams), "for another name"),
        ("127.0.0.1", expired, "has expired"),
        ("127.0.0.1", early, "not valid yet"),
        (
            "127.0.0.1",
            |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            "an authority's own",
        ),
    ] {
        let url = server(&known, name, change).await;
        let sent = client().send(Request { trust: trusting(&[&known]), ..request(url) }).await;
        assert_eq!(kind(&sent), Kind::Connect);
        assert!(sent.detail(512).contains(why), "{sent:?}");
    }
}
