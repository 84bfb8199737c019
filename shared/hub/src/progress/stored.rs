//! Stored form of a progress: members of its holder, in one flat JSON object.

/// Defines `Stored`, by which a delivery or a call is read: the members of its own that are given, and those of its progress.
/// `#[serde(flatten)]` would read the same, in twice the time. A function after them completes what is read.
macro_rules! stored {
    ($holder:ident { $($(#[$attribute:meta])* $own:ident: $type:ty),* $(,)? } $(, $read:expr)?) => {
        #[derive(Deserialize)]
        struct Stored {
            $($(#[$attribute])* $own: $type,)*
            due: Utc,
            since: Utc,
            #[serde(default)]
            turn: u32,
            #[serde(default)]
            in_hand: bool,
            owed: Option<Utc>,
            asked: Option<Utc>,
            brought_forward: Option<Utc>,
            #[serde(default)]
            at_once: bool,
            over: Option<Utc>,
            behind: Option<crate::progress::Behind>,
            #[serde(default)]
            tries: u32,
            #[serde(default)]
            attempts: Vec<Attempt>,
        }

        impl From<Stored> for $holder {
            fn from(stored: Stored) -> Self {
                let progress = Progress {
                    due: stored.due,
                    since: stored.since,
                    claim: stored.turn,
                    is_claimed: stored.in_hand,
                    first_due: stored.owed,
                    retry_after: stored.asked,
                    brought_forward: stored.brought_forward,
                    at_once: stored.at_once,
                    past_deadline: stored.over,
                    behind: stored.behind,
                    tries: stored.tries,
                    attempts: stored.attempts,
                };
                let holder = Self { progress, $($own: stored.$own,)* };
                $(let holder = $read(holder);)?
                holder
            }
        }
    };
}

pub(crate) use stored;
