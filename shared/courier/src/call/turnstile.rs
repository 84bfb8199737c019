//! Order and start times of a connection's calls: commands in the order of their acceptance, queries in the order of their
//! arrival, alternating where both wait. Arithmetic only: time is an argument.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use config::Rate;
use hub::{EventId, Utc};

/// Limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Largest number of calls in progress at once.
    pub(super) concurrency: usize,
    /// Largest number of calls that may begin in any span of a length.
    pub(super) rate: Option<Rate>,
}

/// Rank of a command: the time of its acceptance, its id, and the number of its claim.
pub(super) type Order = (Utc, EventId, u32);

/// A call that waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Command(Order),
    Query(u64),
}

/// Time at which a call may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Now,
    /// Its moment by the rate.
    At(Utc),
    /// After another call begins or ends: once it is next and there is a place.
    Free,
}

/// Time by which a call may begin after its moment and still count as in time: timers are coarse, and their delays would add
/// up.
const GRAIN: Duration = Duration::from_millis(5);

/// Time for which the slot of a postponed command is kept after its due time.
const KEPT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Turnstile {
    under_way: usize,
    /// Start times of the latest calls, the earliest first.
    begun: VecDeque<Utc>,
    /// The commands that wait, or were postponed until their moment.
    commands: BTreeMap<Order, Option<Utc>>,
    queries: VecDeque<u64>,
    last_query: u64,
    /// A command began last: where a query waits it is next.
    query_next: bool,
}

impl Turnstile {
    /// A command comes, perhaps at the moment that it was postponed to.
    pub(super) fn command(&mut self, order: Order) -> Waiting {
        let (accepted, id, _) = order;
        self.commands.retain(|(at, own, _), until| until.is_none() || (*at, *own) != (accepted, id));
        self.commands.insert(order, None);
        Waiting::Command(order)
    }

    /// A query comes.
    pub(super) fn query(&mut self) -> Waiting {
        self.last_query += 1;
        self.queries.push_back(self.last_query);
        Waiting::Query(self.last_query)
    }

    /// Time at which a waiting call may begin, as of `now`.
    pub(super) fn when(&mut self, waiting: Waiting, limits: Limits, now: Utc) -> When {
        self.forget_late(now);
        let moment = self.moment(self.ahead(waiting, true), limits.rate, now);
        if now < moment {
            return When::At(moment);
        }
        // The calls before it may begin now, too, and do.
        let is_next = self.ahead(waiting, false) == 0;
        if is_next && self.under_way < limits.concurrency { When::Now } else { When::Free }
    }

    /// Whether a query of the hub's own may begin: nothing waits, and where the limits allow more than one call there is room
    /// for another one besides it, so that a command that comes now need not wait.
    pub(super) fn is_idle(&mut self, limits: Limits, now: Utc) -> bool {
        self.forget_late(now);
        let reserved = limits.concurrency.saturating_sub(1).min(1);
        let ahead = limits.rate.map_or(0, |rate| usize::try_from(rate.calls.saturating_sub(1).min(1)).unwrap_or(1));
        let waits = !self.commands.is_empty() || !self.queries.is_empty();
        !waits && self.under_way + reserved < limits.concurrency && self.moment(ahead, limits.rate, now) <= now
    }

    /// A call begins; when that was, as it counts for the rate.
    pub(super) fn begin(&mut self, waiting: Waiting, limits: Limits, now: Utc) -> Utc {
        let moment = self.moment(0, limits.rate, now);
        self.query_next = matches!(waiting, Waiting::Command(_));
        self.leave(waiting);
        self.under_way += 1;
        let earlier = Utc(now.0.saturating_sub(i64::try_from(GRAIN.as_micros()).unwrap_or_default()));
        let at = self.due(limits.rate).map_or(moment, |due| due.clamp(earlier, now));
        let kept = limits.rate.map_or(0, |rate| usize::try_from(rate.calls).unwrap_or(usize::MAX));
        self.begun.push_back(at);
        self.begun.drain(..self.begun.len().saturating_sub(kept));
        at
    }

    /// A call ends that began then. One that was not sent gives its moment back.
    pub(super) fn end(&mut self, begun: Utc, sent: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        if !sent && let Some(place) = self.begun.iter().rposition(|at| *at == begun) {
            self.begun.remove(place);
        }
    }

    /// A postponed command that did not return must not hold up the others.
    fn forget_late(&mut self, now: Utc) {
        self.commands.retain(|_, until| until.is_none_or(|until| now <= until.after(KEPT)));
    }

    /// A call waits no longer.
    pub(super) fn leave(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Command(order) => {
                self.commands.remove(&order);
            }
            Waiting::Query(number) => self.queries.retain(|own| *own != number),
        }
    }

    /// A command is postponed and comes again at its moment, which is kept for it.
    pub(super) fn postpone(&mut self, order: Order, until: Utc) {
        self.commands.insert(order, Some(until));
    }

    /// Number of calls that begin before a waiting one, with or without those that were postponed.
    fn ahead(&self, waiting: Waiting, postponed: bool) -> usize {
        let counts = |until: &&Option<Utc>| postponed || until.is_none();
        let commands = || self.commands.values().filter(counts).count();
        match waiting {
            Waiting::Command(order) => {
                let own = self.commands.range(..order).filter(|(_, until)| counts(until)).count();
                own + self.queries.len().min(own + usize::from(self.query_next))
            }
            Waiting::Query(number) => {
                let own = self.queries.iter().take_while(|other| **other != number).count();
                own + commands().min(own + usize::from(!self.query_next))
            }
        }
    }

    /// Time at which the rate allows the next call, which may be past; none where fewer began than it allows.
    fn due(&self, rate: Option<Rate>) -> Option<Utc> {
        let Rate { calls, per } = rate?;
        let first = self.begun.len().checked_sub(usize::try_from(calls).unwrap_or(usize::MAX))?;
        self.begun.get(first).map(|at| at.after(per))
    }

    /// The moment of the call with so many ahead of it.
    fn moment(&self, ahead: usize, rate: Option<Rate>, now: Utc) -> Utc {
        let Some(Rate { calls, per }) = rate else { return now };
        let calls = usize::try_from(calls.max(1)).unwrap_or(usize::MAX);
        let (spans, place) = (ahead / calls, ahead % calls);
        let begun = (self.begun.len() + place).checked_sub(calls).and_then(|first| self.begun.get(first));
        // A begin in the future was recorded by a clock that was set back since.
        let first = begun.map_or(now, |at| (*at).min(now).after(per).max(now));
        first.after(per.saturating_mul(u32::try_from(spans).unwrap_or(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Utc {
        Utc(ms * 1_000)
    }

    fn order(n: u8) -> Order {
        (at(n.into()), EventId([n; 24]), 0)
    }

    fn limits(concurrency: usize, calls: u32, per: u64) -> Limits {
        Limits { concurrency, rate: Some(Rate { calls, per: Duration::from_millis(per) }) }
    }

    /// Begins every call that waits, none of which takes any time; when each began, in milliseconds.
    fn run(line: &mut Turnstile, waiting: &[Waiting], limits: Limits) -> Vec<(Waiting, i64)> {
        let (mut left, mut moments, mut now) = (waiting.to_vec(), Vec::new(), at(1_000));
        while !left.is_empty() {
            let Some(place) = left.iter().position(|one| line.when(*one, limits, now) == When::Now) else {
                now = Utc(now.0 + 1_000);
                continue;
            };
            let one = left.remove(place);
            let begun = line.begin(one, limits, now);
            line.end(begun, true);
            moments.push((one, now.0 / 1_000 - 1_000));
        }
        moments
    }

    #[test]
    fn commands_begin_in_the_order_of_acceptance_at_the_rate() {
        let mut line = Turnstile::default();
        let commands: Vec<_> = [3, 1, 4, 0, 2, 7, 6, 5, 9, 8].map(|n| line.command(order(n))).to_vec();
        let begun = run(&mut line, &commands, limits(8, 4, 1_000));
        let sorted: Vec<_> = (0..10).map(|n| Waiting::Command(order(n))).collect();
        assert_eq!(begun.iter().map(|(one, _)| *one).collect::<Vec<_>>(), sorted);
        assert_eq!(
            begun.iter().map(|(_, ms)| *ms).collect::<Vec<_>>(),
            [0, 0, 0, 0, 1_000, 1_000, 1_000, 1_000, 2_000, 2_000]
        );
    }

    #[test]
    fn commands_and_queries_take_turns() {
        let mut line = Turnstile::default();
        let commands = [0, 1, 2, 3].map(|n| line.command(order(n)));
        let queries = [0, 1].map(|_| line.query());
        let waiting: Vec<_> = commands.into_iter().chain(queries).collect();
        let begun: Vec<_> = run(&mut line, &waiting, limits(8, 1, 1_000)).into_iter().map(|(one, _)| one).collect();
        assert_eq!(begun, [commands[0], queries[0], commands[1], queries[1], commands[2], commands[3]]);
    }

    #[test]
    fn moment_of_a_postponed_command_is_kept() {
        let (mut line, one) = (Turnstile::default(), limits(8, 1, 1_000));
        let first = line.command(order(0));
        let began = line.begin(first, one, at(0));
        line.end(began, true);
        line.postpone(order(1), at(1_000));
        let third = line.command(order(2));
        assert_eq!(line.when(third, one, at(1_000)), When::At(at(2_000)), "the second is on its way");
        let second = line.command(order(1));
        assert_eq!(line.when(second, one, at(1_001)), When::Now);
        line.leave(second);
        line.postpone(order(1), at(1_000));
        assert_eq!(line.when(third, one, at(3_001)), When::Now, "it did not come");
    }

    #[test]
    fn a_moment_that_was_not_used_is_given_back() {
        let (mut line, one) = (Turnstile::default(), limits(1, 1, 1_000));
        let first = line.command(order(0));
        let began = line.begin(first, one, at(0));
        let second = line.command(order(1));
        assert_eq!(line.when(second, one, at(2_000)), When::Free);
        line.end(began, false);
        assert_eq!(line.when(second, one, at(1)), When::Now);
    }

    #[test]
    fn clock_set_back_delays_no_call() {
        let (mut line, one) = (Turnstile::default(), limits(1, 1, 1_000));
        let first = line.command(order(0));
        let began = line.begin(first, one, at(3_600_000));
        line.end(began, true);
        let second = line.command(order(1));
        assert_eq!(line.when(second, one, at(0)), When::At(at(1_000)));
    }

    /// A question of the hub's own takes nothing that a command may need.
    #[test]
    fn line_is_idle_where_a_command_that_comes_now_need_not_wait() {
        let idle = |line: &mut Turnstile, limits| line.is_idle(limits, at(0));
        let mut line = Turnstile::default();
        assert!(idle(&mut line, limits(1, 1, 1_000)) && idle(&mut line, limits(2, 2, 1_000)));
        let waiting = line.command(order(0));
        assert!(!idle(&mut line, limits(8, 8, 1_000)), "a command waits");
        line.begin(waiting, limits(8, 8, 1_000), at(0));
        assert!(idle(&mut line, limits(3, 3, 1_000)), "one is under way, one is asked, one may come");
        assert!(!idle(&mut line, limits(2, 8, 1_000)) && !idle(&mut line, limits(8, 2, 1_000)));
        line.end(at(0), true);
        line.postpone(order(1), at(1_000));
        assert!(!idle(&mut line, limits(8, 8, 1_000)));
        assert!(line.is_idle(limits(8, 8, 1_000), at(3_001)), "it did not come");
    }

    /// A timer that is a little late each time must not slow the rate down.
    #[test]
    fn small_delays_do_not_add_up() {
        let (mut line, fast) = (Turnstile::default(), limits(8, 1, 20));
        let mut now = at(0);
        for n in 0..100 {
            let one = line.command(order(n));
            if let When::At(moment) = line.when(one, fast, now) {
                now = moment.after(Duration::from_millis(2));
            }
            let began = line.begin(one, fast, now);
            line.end(began, true);
        }
        assert!(now <= at(99 * 20 + 2), "{now:?}");
    }
}
