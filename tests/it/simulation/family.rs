//! Families of histories: the faults of each, and its promises beyond the general ones.

use std::time::Duration;

use hub::EndpointId;

use super::erp::Mood;
use super::random::Random;
use super::world::{Dead, Weather};

/// A kind of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Nothing goes wrong, but much happens at once.
    NothingWrong,
    /// The store errs, loses answers, throttles, is slow, and its index lags.
    StoreInTrouble,
    /// Functions die at any await, and the process with everything in it.
    Deaths,
    /// Hints are dropped, repeated, late, and not taken.
    QueueInTrouble,
    /// The queue is gone for good.
    QueueDead,
    /// The partners that are called refuse, have no time, or do it without anybody hearing of it.
    PartnersInTrouble,
    /// One endpoint is dead, and some events are poison.
    ErpInTrouble,
    /// The ERP is down for a day.
    ErpDownForADay,
    /// The clock jumps ahead and back, for moments and for longer.
    ClocksLie,
    /// Operators confirm and replay.
    OperatorsAtWork,
    /// All of it.
    EverythingAtOnce,
}

/// The endpoints of every history.
pub(super) const ENDPOINTS: [&str; 3] = ["erp", "wms", "tms"];

/// Plan of one history, apart from its pushes.
pub(super) struct Plan {
    pub(super) weather: Weather,
    /// Behaviour of each endpoint, from when until when.
    pub(super) moods: Vec<(&'static str, Duration, Duration, Mood)>,
    /// Number of events in a thousand that an endpoint chokes on.
    pub(super) poison: u64,
    /// An endpoint that chokes on each event of a kind, and whether it hangs over it.
    pub(super) refused: Option<(&'static str, &'static str, bool)>,
    /// The endpoints' schedule, as the configuration has it.
    pub(super) retry: &'static str,
    pub(super) concurrency: u32,
    /// The endpoints that get the events of one subject in order.
    pub(super) ordered: Vec<&'static str>,
    /// Number of pushes, and the time over which they are spread.
    pub(super) pushes: u64,
    /// About how many orders, waybills and batches; the fewer, the more they repeat.
    pub(super) breadth: u64,
    pub(super) over: Duration,
    /// Time at which everything is well again.
    pub(super) heals: Duration,
    /// Number of times that the process dies.
    pub(super) restarts: u64,
    /// Number of jumps of the clock.
    pub(super) jumps: u64,
    /// Number of the operators' actions.
    pub(super) operations: u64,
    /// Number of the ERP's calls, of its decisions about ambiguous ones, and of its cancellations of queued ones.
    pub(super) calls: u64,
    pub(super) decisions: u64,
    pub(super) cancels: u64,
    /// Endpoints with a limit of delivery, and the limit, from the time that an event was stored.
    pub(super) prompt: Option<(Vec<&'static str>, Duration)>,
    /// Every push is acknowledged at once.
    pub(super) never_refused: bool,
}

/// Two sweep periods, and what the attempt takes.
const TWO_SWEEPS: Duration = Duration::from_secs(60 + 6);

const DAY: Duration = Duration::from_hours(24);

impl Family {
    /// Number of histories in a thousand that are of this family.
    pub(super) const fn share(self) -> u64 {
        match self {
            Self::NothingWrong | Self::OperatorsAtWork => 60,
            Self::QueueInTrouble | Self::QueueDead | Self::ClocksLie => 80,
            Self::ErpInTrouble | Self::PartnersInTrouble => 100,
            // A day is much longer than what the others take.
            Self::ErpDownForADay => 10,
            Self::StoreInTrouble => 150,
            Self::Deaths | Self::EverythingAtOnce => 140,
        }
    }

    /// The name of its test.
    pub(super) const fn test(self) -> &'static str {
        match self {
            Self::NothingWrong => "nothing_wrong",
            Self::StoreInTrouble => "store_in_trouble",
            Self::Deaths => "deaths_at_every_await",
            Self::QueueInTrouble => "queue_in_trouble",
            Self::QueueDead => "queue_dead_for_good",
            Self::PartnersInTrouble => "partners_in_trouble",
            Self::ErpInTrouble => "erp_in_trouble",
            Self::ErpDownForADay => "erp_down_for_a_day",
            Self::ClocksLie => "clocks_lie",
            Self::OperatorsAtWork => "operators_at_work",
            Self::EverythingAtOnce => "everything_at_once",
        }
    }

    /// Plan of one history of the family.
    #[expect(clippy::too_many_lines, reason = "a table: one arm a family")]
    pub(super) fn plan(self, random: &mut Random) -> Plan {
        let plan = Plan {
            weather: Weather::default(),
            moods: Vec::new(),
            poison: 0,
            refused: None,
            retry: r#"retry = ["5s", "30s", "2m", "10m"]"#,
            concurrency: u32::try_from(random.within(1..=6)).unwrap_or(1),
            ordered: ENDPOINTS.into_iter().filter(|_| random.chance(500)).collect(),
            pushes: random.within(6..=16),
            breadth: 6,
            over: if random.chance(300) { random.ms(10..=1_000) } else { random.ms(1_000..=150_000) },
            heals: Duration::from_secs(random.within(120..=240)),
            restarts: 0,
            jumps: 0,
            operations: 0,
            calls: random.within(0..=4),
            decisions: 0,
            cancels: 0,
            prompt: None,
            never_refused: true,
        };
        match self {
            Self::NothingWrong => Plan {
                prompt: Some((ENDPOINTS.to_vec(), Duration::from_secs(4))),
                pushes: random.within(10..=30),
                ..plan
            },
            Self::StoreInTrouble => {
                let weather = Weather { partner_errors: partners(random), ..store(random, Weather::default()) };
                let (decisions, cancels) = (random.within(0..=4), random.within(0..=3));
                Plan { weather, decisions, cancels, never_refused: false, ..plan }
            }
            Self::Deaths => {
                let (deaths, partner_errors) = (random.within(50..=500), partners(random));
                let weather = Weather { deaths, partner_errors, ..Weather::default() };
                let (restarts, decisions) = (random.within(0..=3), random.within(0..=4));
                let (calls, cancels) = (random.within(1..=8), random.within(0..=3));
                Plan { weather, restarts, decisions, calls, cancels, never_refused: false, ..plan }
            }
            Self::PartnersInTrouble => {
                let weather = Weather { partner_errors: random.within(100..=900), ..Weather::default() };
                let (calls, decisions) = (random.within(2..=12), random.within(0..=10));
                Plan { weather, pushes: random.within(1..=4), calls, decisions, cancels: random.within(0..=5), ..plan }
            }
            Self::QueueInTrouble => {
                let erp_errors = if random.chance(500) { random.within(0..=400) } else { 0 };
                let weather = Weather { erp_errors, ..queue(random, Weather::default()) };
                let prompt = (erp_errors == 0).then(|| (ENDPOINTS.to_vec(), TWO_SWEEPS));
                Plan { weather, prompt, ..plan }
            }
            Self::QueueDead => {
                let dead = [Dead::Errs, Dead::Hangs, Dead::Forgets][random.place(3)];
                let weather = Weather { queue_dead: Some(dead), ..Weather::default() };
                let pushes = random.within(10..=60);
                Plan { weather, pushes, prompt: Some((ENDPOINTS.to_vec(), TWO_SWEEPS)), ..plan }
            }
            Self::ErpInTrouble => {
                let dead = ENDPOINTS[random.place(3)];
                let moods = vec![(dead, Duration::ZERO, plan.heals, mood(random))];
                let healthy = ENDPOINTS.into_iter().filter(|endpoint| *endpoint != dead).collect();
                let queue_dead = random.chance(500).then_some(Dead::Errs);
                let weather = Weather { queue_dead, ..plan.weather };
                // Of an endpoint with a single place, a poisoned event that hangs does hold up the next one.
                let concurrency = u32::try_from(random.within(4..=8)).unwrap_or(4);
                let refused = refused(random, dead);
                let pushes = random.within(6..=40);
                // On top of a sweep's own time come the minute of a circuit that some kinds opened, another where a poisoned
                // event was its probe, and sweeps again for what its closing brings forward by hints that are lost.
                let held_back = refused.is_some() && weather.queue_dead.is_some();
                let within = if held_back { TWO_SWEEPS * 2 + Duration::from_mins(2) } else { TWO_SWEEPS };
                let prompt = Some((healthy, within));
                Plan {
                    weather,
                    moods,
                    concurrency,
                    poison: 60,
                    refused,
                    pushes,
                    prompt,
                    cancels: random.within(0..=3),
                    ..plan
                }
            }
            Self::ErpDownForADay => {
                let down = [Mood::Down, Mood::Hangs, Mood::Refuses(503, None)][random.place(3)];
                let from = random.ms(1_000..=60_000);
                let moods = ENDPOINTS.map(|endpoint| (endpoint, from, from + DAY, down)).to_vec();
                let over = if random.chance(400) { random.ms(100..=120_000) } else { random.ms(60_000..=86_400_000) };
                let pushes = random.within(20..=60);
                Plan { moods, over, heals: from + DAY, pushes, breadth: 40, retry: "", ..plan }
            }
            Self::ClocksLie => {
                let weather = Weather { erp_errors: random.within(0..=600), ..Weather::default() };
                let (jumps, restarts) = (random.within(1..=6), random.within(0..=2));
                Plan { weather, jumps, restarts, never_refused: false, ..plan }
            }
            Self::OperatorsAtWork => {
                let weather = Weather { erp_errors: random.within(100..=600), ..Weather::default() };
                let moods = vec![(ENDPOINTS[random.place(3)], Duration::ZERO, plan.heals, mood(random))];
                let retry = r#"retry = ["5s", "20s"]"#;
                Plan { weather, moods, poison: 100, retry, operations: random.within(5..=15), ..plan }
            }
            Self::EverythingAtOnce => {
                let weather = queue(random, Weather::default());
                let weather = store(random, weather);
                let weather = Weather { deaths: random.within(0..=200), erp_errors: random.within(0..=400), ..weather };
                let weather = Weather { partner_errors: partners(random), ..weather };
                let moods = ENDPOINTS.map(|e| (e, random.ms(0..=60_000), random.ms(60_000..=200_000), mood(random)));
                Plan {
                    weather,
                    moods: moods.to_vec(),
                    poison: 60,
                    restarts: random.within(0..=2),
                    operations: random.within(0..=6),
                    decisions: random.within(0..=6),
                    cancels: random.within(0..=4),
                    never_refused: false,
                    ..plan
                }
            }
        }
    }
}

/// An endpoint that is well but for one kind of event: whatever it does with that, it gets the others.
fn refused(random: &mut Random, dead: &str) -> Option<(&'static str, &'static str, bool)> {
    let hangs = random.chance(500);
    let refused = if dead == "erp" {
        ("wms", "onedata.rates", hangs)
    } else {
        ("erp", ["xhq.syn_status", "xhq.single_receipt"][random.place(2)], hangs)
    };
    random.chance(600).then_some(refused)
}

fn mood(random: &mut Random) -> Mood {
    match random.within(0..=5) {
        0 => Mood::Slow(random.ms(100..=6_000)),
        1 => Mood::Down,
        2 => Mood::Hangs,
        3 => Mood::Refuses(503, Some(random.ms(1_000..=120_000))),
        4 => Mood::Refuses(400, None),
        _ => Mood::Refuses(500, None),
    }
}

/// By how many microseconds a clock is wrong that jumps: by seconds or by months ahead, by seconds or days back.
pub(super) fn wrong(random: &mut Random) -> i64 {
    const SECOND: u64 = 1_000_000;
    let ahead = random.chance(600);
    let most = if ahead { 100 * 86_400 } else { 2 * 86_400 };
    let by = if random.chance(400) { random.within(3..=600) } else { random.within(600..=most) };
    let by = i64::try_from(by * SECOND).unwrap_or_default();
    if ahead { by } else { -by }
}

/// Some of what can befall a store, more or less of it.
fn store(random: &mut Random, weather: Weather) -> Weather {
    let mut some = |most| if random.chance(600) { random.within(0..=most) } else { 0 };
    Weather {
        store_errors: some(300),
        store_losses: some(250),
        store_throttles: some(20),
        store_delays: some(200),
        stale_reads: some(800),
        ..weather
    }
}

/// Rate of the failures of a called partner, of all kinds.
fn partners(random: &mut Random) -> u64 {
    if random.chance(500) { random.within(0..=500) } else { 0 }
}

/// Some of what can befall a queue, more or less of it.
fn queue(random: &mut Random, weather: Weather) -> Weather {
    let mut some = |most| if random.chance(600) { random.within(0..=most) } else { 0 };
    Weather {
        queue_drops: some(700),
        queue_repeats: some(500),
        queue_delays: some(500),
        queue_errors: some(400),
        queue_haste: some(500),
        ..weather
    }
}

/// The moods of a plan, at the endpoints themselves.
pub(super) fn endpoint(id: &str) -> EndpointId {
    EndpointId::from(id)
}
