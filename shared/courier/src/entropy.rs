//! Randomness, from two sources that are kept apart: jitter, which may be poor but is always there, and nonces, which are
//! unpredictable or an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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

/// A text that cannot be guessed: 32 hex digits of 128 random bits.
pub(crate) fn nonce<S, Q>(courier: &Courier<S, Q>) -> Result<String, NoEntropy> {
    let mut bytes = [0; 16];
    (courier.entropy)(&mut bytes)?;
    Ok(bytes.iter().fold(String::with_capacity(32), |text, byte| text + &format!("{byte:02x}")))
}

/// A number in `0.0..1.0` that differs from call to call and from process to process: a count, the time and the process id,
/// mixed.
pub(crate) fn jitter() -> f64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let seed = count ^ (u64::from(nanos) << 32) ^ u64::from(std::process::id());
    f64::from(u32::try_from(mixed(seed) >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

/// The finalizer of splitmix64: each bit of the result depends on each of the argument.
const fn mixed(seed: u64) -> u64 {
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    seed ^ (seed >> 31)
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
