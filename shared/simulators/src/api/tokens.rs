//! Tokens a partner gives out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub::Utc;

/// The tokens a partner gave out and until when they are good.
pub(super) struct Tokens(Mutex<Issued>);

struct Issued {
    life: Duration,
    number: u64,
    until: HashMap<String, Utc>,
}

impl Tokens {
    pub(super) fn new(life: Duration) -> Self {
        Self(Mutex::new(Issued { life, number: 0, until: HashMap::new() }))
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new token and its life. It holds characters that a query must escape.
    pub(super) fn issue(&self, now: Utc) -> (String, Duration) {
        let mut issued = self.issued();
        issued.number += 1;
        let token = format!("dG9+{:08}/Zw==", issued.number);
        let until = now.after(issued.life);
        issued.until.insert(token.clone(), until);
        (token, issued.life)
    }

    /// Whether the token was given out and still is good.
    pub(super) fn good(&self, token: &str, now: Utc) -> bool {
        self.issued().until.get(token).is_some_and(|until| now < *until)
    }

    /// Ends the life of every token given out.
    pub(super) fn expire(&self) {
        self.issued().until.clear();
    }

    /// The life of tokens given out from now on.
    pub(super) fn set_life(&self, life: Duration) {
        self.issued().life = life;
    }
}
