//! State of one connection in this process: calls in progress, calls that wait for its limits, and its token.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use hub::Clock;
use hub::Utc;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::credentials::Complaint;
use super::token::Slot;
use super::turnstile::{Limits, Order, Turnstile, Waiting, When};
use crate::lock;

/// The gate of one connection.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    turnstile: Mutex<Turnstile>,
    /// Notified when the calls that wait or are in progress change.
    changed: Notify,
    /// The partner's token.
    pub(super) token: Slot,
    /// State of its credentials, and whether the log has their refusal.
    pub(super) complaint: Complaint,
}

/// A call's turn: it is one of those under way until this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    gate: &'a Gate,
    begun: Utc,
    sent: bool,
}

impl Turn<'_> {
    /// The call goes out: it counts for the connection's rate. A turn that was not used is given back.
    pub(super) const fn used(&mut self) {
        self.sent = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.gate.turnstile().end(self.begun, self.sent);
        self.gate.changed.notify_waiters();
    }
}

/// A call in the line, which it leaves when this is dropped.
struct InLine<'a> {
    gate: &'a Gate,
    waiting: Waiting,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.gate.turnstile().leave(self.waiting);
        self.gate.changed.notify_waiters();
    }
}

impl Gate {
    fn turnstile(&self) -> MutexGuard<'_, Turnstile> {
        lock(&self.turnstile)
    }

    /// The turn of a command. Where its moment is further off than `patience` that moment is kept for it, and returned: it is
    /// to come again then.
    pub(super) async fn command(
        &self,
        clock: &Clock,
        limits: Limits,
        order: Order,
        patience: Duration,
    ) -> Result<Turn<'_>, Utc> {
        let in_line = InLine { gate: self, waiting: self.turnstile().command(order) };
        let turn = self.turn(clock, limits, &in_line, patience).await;
        drop(in_line);
        if let Err(moment) = turn {
            self.turnstile().postpone(order, moment);
        }
        turn
    }

    /// The turn of a query; where its moment is further off than `patience`, that moment.
    pub(super) async fn query(&self, clock: &Clock, limits: Limits, patience: Duration) -> Result<Turn<'_>, Utc> {
        let in_line = InLine { gate: self, waiting: self.turnstile().query() };
        self.turn(clock, limits, &in_line, patience).await
    }

    /// The turn of a query of the hub's own, which waits for nothing and that no command waits for ([`Turnstile::is_idle`]).
    pub(super) fn aside(&self, limits: Limits, now: Utc) -> Option<Turn<'_>> {
        let mut turnstile = self.turnstile();
        if !turnstile.is_idle(limits, now) {
            return None;
        }
        let waiting = turnstile.query();
        let begun = turnstile.begin(waiting, limits, now);
        Some(Turn { gate: self, begun, sent: false })
    }

    async fn turn(
        &self,
        clock: &Clock,
        limits: Limits,
        in_line: &InLine<'_>,
        patience: Duration,
    ) -> Result<Turn<'_>, Utc> {
        loop {
            // Listened to before it is looked: no change is missed.
            let changed = self.changed.notified();
            let now = clock();
            let when = {
                let mut turnstile = self.turnstile();
                let when = turnstile.when(in_line.waiting, limits, now);
                if when == When::Now {
                    let begun = turnstile.begin(in_line.waiting, limits, now);
                    return Ok(Turn { gate: self, begun, sent: false });
                }
                when
            };
            match when {
                When::Now => {}
                When::At(moment) if moment.since(now) > patience => return Err(moment),
                When::At(moment) => {
                    tokio::select! {
                        () = sleep(moment.since(now)) => {}
                        () = changed => {}
                    }
                }
                When::Free => changed.await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use config::Rate;
    use futures::future::join_all;
    use hub::EventId;
    use tokio::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    fn clock() -> Clock {
        let began = Instant::now();
        Arc::new(move || Utc(0).after(began.elapsed()))
    }

    /// So many commands, each of which takes that long and comes again when it is postponed; in which order they began, and
    /// when the last one did.
    async fn commands(count: u8, limits: Limits, takes: Duration) -> (Vec<u8>, Duration) {
        let (gate, clock, began) = (Gate::default(), clock(), Mutex::new(Vec::new()));
        let start = Instant::now();
        let one = async |n: u8| {
            let order = |turn| (Utc(n.into()), EventId([n; 24]), turn);
            let mut tries = 0;
            let mut turn = loop {
                match gate.command(&clock, limits, order(tries), PATIENCE).await {
                    Ok(turn) => break turn,
                    Err(moment) => sleep(moment.since(clock())).await,
                }
                tries += 1;
            };
            began.lock().unwrap().push((n, start.elapsed()));
            turn.used();
            sleep(takes).await;
        };
        join_all((0..count).map(one)).await;
        let began = began.into_inner().unwrap();
        (began.iter().map(|(n, _)| *n).collect(), began.last().unwrap().1)
    }

    /// Regression: ten calls at four a second took 20 to 41 s, and twenty at one a second 56 s, with gaps in between.
    #[tokio::test(start_paused = true)]
    async fn the_last_call_begins_at_the_ideal_time_and_in_order() {
        let ms = Duration::from_millis;
        let cases = [
            // count, rate, per, concurrency, takes, ideal
            (10, 4, 1_000, 8, 50, 2_000),
            (20, 1, 1_000, 8, 50, 19_000),
            (20, 1, 1_000, 1, 50, 19_000),
            (40, 10, 1_000, 2, 50, 3_000),
            (12, 4, 1_000, 2, 1_000, 5_000),
            (9, 3, 60_000, 8, 200, 120_000),
            (50, 1, 20, 16, 5, 980),
        ];
        for (count, calls, per, concurrency, takes, ideal) in cases {
            let limits = Limits { concurrency, rate: Some(Rate { calls, per: ms(per) }) };
            let (order, last) = commands(count, limits, ms(takes)).await;
            assert_eq!(order, (0..count).collect::<Vec<_>>());
            assert!(last <= ms(ideal).mul_f64(1.1) + ms(2), "{count} at {calls} in {per} ms: {last:?}");
        }
        let (order, last) = commands(20, Limits { concurrency: 4, rate: None }, ms(100)).await;
        assert_eq!((order.len(), last.as_millis()), (20, 400));
    }

    #[tokio::test(start_paused = true)]
    async fn a_query_is_next_however_many_commands_wait() {
        let (gate, clock) = (Gate::default(), clock());
        let limits = Limits { concurrency: 4, rate: Some(Rate { calls: 1, per: Duration::from_secs(1) }) };
        for n in 0..200 {
            let postponed = gate.command(&clock, limits, (Utc(n), EventId([0; 24]), 0), Duration::ZERO).await;
            if let Ok(mut turn) = postponed {
                turn.used();
            }
        }
        let start = Instant::now();
        let (first, second) = tokio::join!(
            async {
                drop(gate.query(&clock, limits, PATIENCE * 5).await.unwrap());
                start.elapsed().as_secs()
            },
            gate.query(&clock, limits, Duration::from_millis(500)),
        );
        assert!(first <= 1 && second.is_err(), "{first} {second:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_no_longer_lets_the_next_one_through() {
        let (gate, clock) = (Gate::default(), clock());
        let limits = Limits { concurrency: 1, rate: None };
        let held = gate.query(&clock, limits, PATIENCE).await.unwrap();
        let gone = tokio::time::timeout(PATIENCE, gate.query(&clock, limits, PATIENCE)).await;
        assert!(gone.is_err());
        drop(held);
        assert!(gate.query(&clock, limits, PATIENCE).await.is_ok());
    }

    /// Regression: the first concurrency that a process had seen held for as long as it ran.
    #[tokio::test(start_paused = true)]
    async fn a_changed_concurrency_holds_at_once() {
        let (gate, clock) = (Gate::default(), clock());
        let limits = |concurrency| Limits { concurrency, rate: None };
        let _first = gate.query(&clock, limits(1), PATIENCE).await.unwrap();
        let second = gate.query(&clock, limits(2), PATIENCE).await.unwrap();
        let third = tokio::time::timeout(PATIENCE, gate.query(&clock, limits(1), PATIENCE));
        assert!(third.await.is_err());
        drop(second);
        let fourth = tokio::time::timeout(PATIENCE, gate.query(&clock, limits(1), PATIENCE));
        assert!(fourth.await.is_err(), "one is still under way");
    }
}
