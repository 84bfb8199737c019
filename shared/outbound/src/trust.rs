//! Accepted certificate authorities.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::ErrorKind;

use crate::failure::is_exhaustion;

/// The authorities whose certificates a server may show: those compiled in, and these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trust {
    /// Further authorities, each a certificate in DER.
    pub authorities: Arc<[Vec<u8>]>,
    /// Also those of the system's own store.
    pub system: bool,
}

/// Reason why a [`Trust`] gives no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The system's store could not be read whole.
    #[error("the system's certificates of authorities could not be read")]
    Unread(#[source] std::io::Error),
    /// The system's store holds nothing.
    #[error("the system has no certificates of authorities: leave system_roots out, or install them")]
    NoSystem,
}

impl Trust {
    /// The client's side of TLS.
    pub(crate) fn tls(&self) -> Result<ClientConfig, Untrusted> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for der in self.authorities.iter() {
            roots.add(CertificateDer::from_slice(der))?;
        }
        if self.system {
            let found = rustls_native_certs::load_native_certs();
            for error in found.errors {
                // A certificate that is missing for lack of a descriptor would be missing for as long as the client is kept.
                if let ErrorKind::Io { inner, .. } = error.kind
                    && is_exhaustion(&inner)
                {
                    return Err(Untrusted::Unread(inner));
                }
            }
            // A store of hundreds may hold one that cannot be read.
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                return Err(Untrusted::NoSystem);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(tls)
    }
}
