//! The signature on deliveries: Standard Webhooks 1.0, symmetric (`v1`).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{Secret, Utc};

/// A key that signs deliveries, from `whsec_<base64>`. Never prints.
#[derive(Clone)]
pub struct SigningKey {
    mac: Hmac<Sha256>,
    secret: Secret,
}

/// The text is no Standard Webhooks secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be \"whsec_\" and the base64 of 24 to 64 bytes")]
pub struct NotASecret;

impl SigningKey {
    /// The key of a `whsec_` secret.
    pub fn new(secret: &str) -> Result<Self, NotASecret> {
        let encoded = secret.strip_prefix("whsec_").ok_or(NotASecret)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| NotASecret)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(NotASecret);
        }
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| NotASecret)?;
        Ok(Self { mac, secret: Secret::new(secret.to_owned()) })
    }

    /// The secret that [`SigningKey::new`] took, for a receiver that checks signatures in its own way.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// The secret of these bytes, as [`SigningKey::new`] takes it.
    #[must_use]
    pub fn secret(bytes: &[u8]) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(bytes))
    }

    /// `v1,<base64>` over `<id>.<timestamp>.<body>`.
    #[must_use]
    pub fn sign(&self, id: &str, at: Utc, body: &[u8]) -> String {
        let mut mac = self.mac.clone();
        for part in [id.as_bytes(), b".", at.seconds().to_string().as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// The value of `webhook-signature`: one signature for each key, so that a receiver may change its key in its own time.
#[must_use]
pub fn signatures(keys: &[SigningKey], id: &str, at: Utc, body: &[u8]) -> String {
    keys.iter().map(|key| key.sign(id, at, body)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks libraries' own tests.
    #[test]
    fn the_published_vector() {
        let key = SigningKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Utc(1_614_265_330_000_000);
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{key:?}"), "[REDACTED]");
    }

    #[test]
    fn invalid_signing_secret_is_refused() {
        for secret in ["", "whsec_", "whsec_!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ="] {
            assert_eq!(SigningKey::new(secret).unwrap_err(), NotASecret, "{secret}");
        }
    }
}
