use super::*;
use crate::call::Standing;
use crate::delivery::State;
use crate::{ConnectionId, EndpointId};

/// Numbers that are the same at each run.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below that.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    /// A time of any magnitude below so many bits of microseconds.
    pub(super) fn span(&mut self, bits: u64) -> Duration {
        let magnitude = 1 + self.below(bits);
        Duration::from_micros(self.below(1 << magnitude))
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

const NOW: Utc = Utc(1_790_000_000_000_000);

/// Something that may be counted, for one of some connections and endpoints.
fn counted<'a>(random: &mut Random, connections: &'a [ConnectionId], endpoints: &'a [EndpointId]) -> Counted<'a> {
    let connection = &connections[usize::try_from(random.below(connections.len() as u64)).unwrap()];
    let endpoint = &endpoints[usize::try_from(random.below(endpoints.len() as u64)).unwrap()];
    let span = random.span(36);
    match random.below(3) {
        0 => {
            let result =
                random.one(&[PushResult::Accepted, PushResult::Duplicate, PushResult::Refused, PushResult::NotKept]);
            let took = (random.below(4) > 0).then_some((span, Duration::from_millis(500)));
            Counted::Push { connection, result, took }
        }
        1 => {
            let standings =
                [Standing::Succeeded, Standing::Failed, Standing::Ambiguous, Standing::Queued, Standing::Cancelled];
            Counted::Call { connection, standing: random.one(&standings) }
        }
        _ => {
            let state = random.one(&[State::Delivered, State::Failed, State::Pending, State::Confirmed]);
            Counted::Delivery { connection, endpoint, state, delay: span }
        }
    }
}

fn names() -> ([ConnectionId; 2], [EndpointId; 2]) {
    (["xhq-sh".into(), "onedata".into()], ["erp".into(), "archive".into()])
}

#[test]
fn figures_are_read_back_from_their_names() {
    let ((connections, endpoints), mut random) = (names(), Random(3));
    for _ in 0..300 {
        let mut figures = ConnectionFigures::default();
        for _ in 0..random.below(50) {
            figures.count(NOW, &counted(&mut random, &connections, &endpoints));
        }
        let read = ConnectionFigures::of(&figures.counts());
        assert_eq!(read.counts(), figures.counts());
        assert_eq!((read.pushes, read.calls), (figures.pushes, figures.calls));
    }
    let unknown = Counts { added: BTreeMap::from([("new".to_owned(), 1), ("t99".to_owned(), 1)]), ..Counts::default() };
    assert_eq!(ConnectionFigures::of(&unknown), ConnectionFigures::default(), "names of a later version");
}

/// However often the store fails in between, and whatever it fails at.
#[test]
fn each_count_is_stored_once() {
    let ((connections, endpoints), mut random) = (names(), Random(4));
    for _ in 0..200 {
        let (counters, mut all) = (Counters::default(), BTreeMap::<_, ConnectionFigures>::new());
        let mut stored = BTreeMap::<_, ConnectionFigures>::new();
        let mut now = NOW;
        for _ in 0..40 {
            for _ in 0..random.below(6) {
                let counted = counted(&mut random, &connections, &endpoints);
                counters.count(now, &counted);
                all.entry((step(now), counted.connection().clone())).or_default().count(now, &counted);
            }
            now = now.after(Duration::from_secs(random.below(400)));
            if random.below(2) == 0 {
                for (step, connection, figures) in counters.take(now) {
                    if random.below(3) > 0 {
                        counters.stored(step, &connection);
                        stored.entry((step, connection)).or_default().add(&figures);
                    }
                }
            }
            let mut known = stored.clone();
            for (step, connection, figures) in counters.unstored() {
                known.entry((step, connection)).or_default().add(&figures);
            }
            assert_eq!(known, all, "what is stored and what is not yet are all");
        }
    }
}

#[test]
fn counts_are_due_at_once_and_then_each_minute() {
    let (counters, connection) = (Counters::default(), ConnectionId::from("xhq-sh"));
    let count = |at| counters.count(at, &Counted::Call { connection: &connection, standing: Standing::Succeeded });
    assert!(!counters.are_due(NOW), "there is nothing");
    count(NOW);
    assert!(counters.are_due(NOW));
    for (step, connection, _) in counters.take(NOW) {
        counters.stored(step, &connection);
    }
    assert!(!counters.are_due(NOW.after(FLUSHED)), "there is nothing new");
    count(NOW);
    assert!(!counters.are_due(NOW.after(Duration::from_secs(59))) && counters.are_due(NOW.after(FLUSHED)));
    assert!(counters.are_due(Utc(NOW.0 - 1)), "the clock was set back");
}

#[test]
fn a_store_that_is_gone_costs_no_more_than_a_day_of_counts() {
    let (counters, connection) = (Counters::default(), ConnectionId::from("xhq-sh"));
    for n in 0..300 {
        let at = NOW.after(STEP * n);
        counters.count(at, &Counted::Call { connection: &connection, standing: Standing::Succeeded });
        let _ = counters.take(at);
    }
    let held = counters.unstored();
    assert!(held.len() <= 145, "{}", held.len());
    assert_eq!(held.last().unwrap().0, step(NOW.after(STEP * 299)), "the latest are kept");
}

#[test]
fn steps_begin_at_full_ten_minutes() {
    let length = i64::try_from(STEP.as_micros()).unwrap();
    for at in [0, 1, length - 1, length, NOW.0, -1] {
        let step = step(Utc(at)).0;
        assert!(step % length == 0 && (0..length).contains(&(at - step)), "{at}: {step}");
    }
}

#[test]
fn margin_is_what_is_left_of_the_deadline() {
    let (connection, deadline) = (ConnectionId::from("onedata"), Duration::from_millis(500));
    let mut figures = ConnectionFigures::default();
    assert_eq!(figures.pushes.margin(deadline, 500), None);
    for millis in [4, 4, 4, 900] {
        let took = Some((Duration::from_millis(millis), deadline));
        figures.count(NOW, &Counted::Push { connection: &connection, result: PushResult::Accepted, took });
    }
    let margin = |permille| figures.pushes.margin(deadline, permille).unwrap();
    assert!((495.0..500.0).contains(&margin(500)), "{}", margin(500));
    assert!(margin(10) < 0.0, "{}", margin(10));
    assert_eq!((figures.pushes.accepted, figures.pushes.late), (4, 1));
}
