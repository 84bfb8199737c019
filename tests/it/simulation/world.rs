//! Shared state of a history: its randomness, its clock, its trace, and its checker.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use config::Config;
use hub::clock::{Direction, Watched};
use hub::delivery::Delivery;
use hub::files::Files;
use hub::progress::Progress;
use hub::{Event, EventKey, Utc, Work};
use store::{Listed, Sequence};
use tokio::time::Instant;

use super::checker::Checker;
use super::files::{Change, Named};
use super::random::Random;

/// Beginning of every history.
const BEGINNING: Utc = Utc(1_790_000_000_000_000);

/// Number of last lines that a failed history shows; one that is played alone shows all.
pub(super) const SHOWN: usize = 60;

/// Frequency of each fault, in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    /// The store errs before it does anything.
    pub(super) store_errors: u64,
    /// The store errs after it did what was asked.
    pub(super) store_losses: u64,
    /// The store begins to refuse everything for a while.
    pub(super) store_throttles: u64,
    /// End of it.
    pub(super) throttled_until: Utc,
    /// The store takes long.
    pub(super) store_delays: u64,
    /// The store lists as due what it would have a while ago.
    pub(super) stale_reads: u64,
    /// The queue forgets a hint.
    pub(super) queue_drops: u64,
    /// The queue hands a hint out twice.
    pub(super) queue_repeats: u64,
    /// The queue hands a hint out late.
    pub(super) queue_delays: u64,
    /// The queue hands a hint out before it was asked to.
    pub(super) queue_haste: u64,
    /// The queue errs, having taken a part of the hints.
    pub(super) queue_errors: u64,
    /// The queue is gone for good.
    pub(super) queue_dead: Option<Dead>,
    /// A function dies.
    pub(super) deaths: u64,
    /// The ERP refuses, or does not answer, whatever its mood.
    pub(super) erp_errors: u64,
    /// A partner that is called refuses, has no time, or does it without anybody hearing of it.
    pub(super) partner_errors: u64,
}

/// Failure of a queue that is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dead {
    /// Every sending errs.
    Errs,
    /// No sending ever ends.
    Hangs,
    /// It takes everything and forgets it.
    Forgets,
}

struct State {
    random: Random,
    weather: Weather,
    told: u64,
    last: VecDeque<String>,
    shown: usize,
    hash: DefaultHasher,
    broken: Option<String>,
}

/// The world of one history.
pub(super) struct World {
    /// Configuration of the hub.
    pub(super) config: Arc<Config>,
    began: Instant,
    /// By how much the clock is wrong, in microseconds.
    wrong: AtomicI64,
    watched: Mutex<Watched>,
    /// The clock was set back, and due times are to be.
    pub(super) set_back: AtomicBool,
    state: Mutex<State>,
    checker: Mutex<Checker>,
}

impl World {
    pub(super) fn new(seed: u64, config: Config, weather: Weather, shown: usize) -> Arc<Self> {
        let state = State {
            random: Random::new(seed),
            weather,
            told: 0,
            last: VecDeque::new(),
            shown,
            hash: DefaultHasher::new(),
            broken: None,
        };
        let checker = Mutex::new(Checker::new(&config));
        Arc::new(Self {
            config: Arc::new(config),
            began: Instant::now(),
            wrong: AtomicI64::new(0),
            watched: Mutex::new(Watched::new(BEGINNING, None).0),
            set_back: AtomicBool::new(false),
            state: Mutex::new(state),
            checker,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The current time, for the hub and all others.
    pub(super) fn now(&self) -> Utc {
        let steady = self.began.elapsed();
        let now = Utc(BEGINNING.after(steady).0 + self.wrong.load(Ordering::SeqCst));
        let jump = self.watched.lock().unwrap().read(now, steady);
        if jump.is_some_and(|jump| jump.direction == Direction::Back) {
            self.set_back.store(true, Ordering::SeqCst);
        }
        now
    }

    /// The time by which expiry is decided at `now`.
    pub(super) fn trusted(&self, now: Utc) -> Utc {
        now.min(self.watched.lock().unwrap().believed(self.began.elapsed()))
    }

    /// Whether leases look over that are not.
    pub(super) fn ends_leases(&self, lease: Duration) -> bool {
        self.watched.lock().unwrap().ends_leases(self.began.elapsed(), lease)
    }

    /// The clock jumps, until it is wrong by so many microseconds.
    pub(super) fn jump(&self, wrong: i64) {
        self.tell(&format!("the clock is wrong by {} s", wrong / 1_000_000));
        self.wrong.store(wrong, Ordering::SeqCst);
        self.now();
    }

    /// Lets chance decide.
    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut Random, &mut Weather) -> T) -> T {
        let state = &mut *self.state();
        draw(&mut state.random, &mut state.weather)
    }

    /// Writes a line of the history; its number orders it among all others.
    pub(super) fn tell(&self, what: &str) -> u64 {
        let at = self.began.elapsed();
        let state = &mut *self.state();
        state.told += 1;
        let line = format!("{:>10}.{:03} {what}", at.as_secs(), at.subsec_millis());
        line.hash(&mut state.hash);
        state.last.push_back(line);
        if state.last.len() > state.shown {
            state.last.pop_front();
        }
        state.told
    }

    /// The digest of everything that was told.
    pub(super) fn digest(&self) -> u64 {
        self.state().hash.finish()
    }

    /// A promise is broken; the first one ends the history.
    pub(super) fn broken(&self, what: &str) {
        self.tell(&format!("BROKEN: {what}"));
        let state = &mut *self.state();
        if state.broken.is_none() {
            let lines: Vec<_> = state.last.iter().map(String::as_str).collect();
            state.broken = Some(format!("{what}\n\nthe last of the history:\n{}", lines.join("\n")));
        }
    }

    /// The first broken promise, and the trace before it.
    pub(super) fn first_broken(&self) -> Option<String> {
        self.state().broken.clone()
    }

    /// Holds a promise to what happened.
    pub(super) fn hold(&self, promise: Result<(), String>) {
        if let Err(what) = promise {
            self.broken(&what);
        }
    }

    pub(super) fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().unwrap()
    }

    /// Runs a future that the hub does not wait for and that its death does not end.
    #[allow(clippy::unused_self, reason = "it is the world that runs it")]
    pub(super) fn aside(&self, future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }

    /// The store has taken an event.
    pub(super) fn admitted(&self, event: &Event, work: &Work) {
        let told = self.tell(&format!("stored {} {} {}", event.meta.kind, event.key.subject, event.key.id));
        let promise = self.checker().admitted(event, work, told);
        self.hold(promise);
    }

    /// The store was asked for what is pending of a sequence.
    pub(super) fn looked(&self, of: &Sequence, earliest: &[Listed]) {
        let now = self.now();
        self.checker().looked(of, earliest, now);
    }

    /// The store has taken a change.
    pub(super) fn settled(&self, key: &EventKey, before: &Work, after: &Work) {
        let states: Vec<_> = after
            .deliveries
            .iter()
            .map(|Delivery { endpoint, state, progress: Progress { claim, tries, due, .. }, .. }| {
                format!("{endpoint} {state:?} claim {claim} tries {tries} due {due}")
            })
            .collect();
        let call = after.call.as_ref().map(|call| {
            let sending = if call.sending { " sending" } else { "" };
            let Progress { claim, tries, due, .. } = &call.progress;
            format!("{:?}{sending} claim {claim} tries {tries} due {due}; ", call.standing)
        });
        let call = call.unwrap_or_default();
        self.tell(&format!("changed {} v{}: {call}{}", key.id, after.version, states.join("; ")));
        let promise = self.checker().settled(key, before, after, self.now());
        self.hold(promise);
    }

    /// The store has taken a change of files. `named` has the shipments that their content belongs to.
    pub(super) fn filed(&self, record: &Listed, before: Option<&Files>, named: &Named) {
        let (Some(before), Some(after)) = (before, record.work.files.as_deref()) else { return };
        let (now, change) = (self.now(), Change { record, before, after, named });
        for file in &after.entries {
            self.tell(&format!(
                "file {} {:?} tries {} due {:?} {}",
                file.url, file.state, file.tries, file.due, file.detail
            ));
        }
        let promise = self.checker().files.changed(&change, now);
        self.hold(promise);
    }
}
