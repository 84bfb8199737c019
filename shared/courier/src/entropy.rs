//! Randomness, from two sources that are kept apart: jitter, which may be poor but is always there, and nonces, which are
//! unpredictable or an error.

use std::sync::Arc;

use partners::Hex;

use crate::Courier;

/// Fills a buffer with random bytes that cannot be guessed.
pub type Entropy = Arc<dyn Fn(&mut [u8]) -> Result<(), NoEntropy> + Send + Sync>;

/// The system gives no random bytes. Nothing that needs a nonce can be sent until it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes for a nonce")]
pub struct NoEntropy;

/// The system's source of random bytes.
#[must_use]
pub fn system_entropy() -> Entropy {
    Arc::new(|bytes| getrandom::fill(bytes).map_err(|_| NoEntropy))
}

impl<S, Q> Courier<S, Q> {
    /// A text that cannot be guessed: 32 hex digits of 128 random bits.
    pub(crate) fn nonce(&self) -> Result<String, NoEntropy> {
        let mut bytes = [0; 16];
        (self.entropy)(&mut bytes)?;
        Ok(Hex(&bytes).to_string())
    }
}

/// A number in `0.0..1.0` that spreads times ([`store::seed`]).
pub(crate) fn jitter() -> f64 {
    f64::from(u32::try_from(store::seed() >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_spread_over_its_range() {
        let drawn: Vec<f64> = (0..1_000).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|jitter| (0.0..1.0).contains(jitter)));
        for tenth in 0..10 {
            let within = |jitter: &&f64| (f64::from(tenth)..f64::from(tenth + 1)).contains(&(**jitter * 10.0));
            assert!(drawn.iter().filter(within).count() > 30, "few in tenth {tenth}");
        }
    }
}
