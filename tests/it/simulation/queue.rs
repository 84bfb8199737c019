//! A queue that drops, repeats, delays and reorders hints, errs, and dies for good.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use queue::{Hint, Job, Queue, QueueError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::world::{Dead, World};

/// The queue of a history.
#[derive(Clone)]
pub(super) struct SimQueue {
    world: Arc<World>,
    mail: Arc<Mutex<BTreeMap<(Instant, u64), String>>>,
    news: Arc<Notify>,
}

impl SimQueue {
    pub(super) fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), mail: Arc::default(), news: Arc::default() }
    }

    /// The process that held it in memory died.
    pub(super) fn forget(&self) {
        self.mail.lock().unwrap().clear();
    }

    /// The next hint, when its time comes.
    pub(super) async fn next(&self) -> Hint {
        loop {
            let first = self.mail.lock().unwrap().first_key_value().map(|((at, _), _)| *at);
            match first {
                Some(at) if at <= Instant::now() => {
                    let text = self.mail.lock().unwrap().pop_first().map(|(_, text)| text).unwrap_or_default();
                    return Hint::decode(&text).unwrap();
                }
                Some(at) => tokio::select! {
                    biased;
                    () = self.news.notified() => {}
                    () = sleep_until(at) => {}
                },
                None => self.news.notified().await,
            }
        }
    }

    fn post(&self, hint: &Hint, after: Duration) {
        let number = self.world.tell(&format!("hint {} in {after:?}", describe(hint)));
        self.mail.lock().unwrap().insert((Instant::now() + after, number), hint.encode());
        self.news.notify_one();
    }
}

/// A hint in a line of the history.
pub(super) fn describe(hint: &Hint) -> String {
    match &hint.job {
        Job::Deliver { endpoint, claim } => format!("{} to {endpoint} claim {claim}", hint.key.id),
        Job::Call { claim } => format!("{} call claim {claim}", hint.key.id),
        Job::Index => format!("{} index", hint.key.id),
    }
}

impl Queue for SimQueue {
    const HOLDS_UP: Duration = Duration::from_secs(1);

    async fn send(&self, hints: Vec<Hint>, delay: Duration) -> Result<(), QueueError> {
        let unavailable = || QueueError::Unavailable("as the seed has it".into());
        let (pause, dead) = self.world.draw(|random, weather| (random.ms(0..=3), weather.queue_dead));
        sleep(pause).await;
        match dead {
            Some(Dead::Errs) => return Err(unavailable()),
            Some(Dead::Hangs) => std::future::pending().await,
            Some(Dead::Forgets) => return Ok(()),
            None => {}
        }
        for hint in hints {
            let haste = self.world.draw(|random, weather| random.chance(weather.queue_haste).then(|| random.unit()));
            let delay = haste.map_or(delay, |haste| delay.mul_f64(haste));
            let (error, drops, repeat, after) = self.world.draw(|random, weather| {
                let late = if random.chance(weather.queue_delays) { 60_000 } else { 10 };
                let repeat = random.chance(weather.queue_repeats).then(|| random.ms(0..=45_000));
                (random.chance(weather.queue_errors), random.chance(weather.queue_drops), repeat, random.ms(1..=late))
            });
            if error {
                self.world.tell("queue errs");
                return Err(unavailable());
            }
            if drops {
                self.world.tell(&format!("queue drops {}", describe(&hint)));
                continue;
            }
            self.post(&hint, delay + after);
            if let Some(later) = repeat {
                self.post(&hint, delay + after + later);
            }
        }
        Ok(())
    }
}
