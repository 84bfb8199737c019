//! The figures as Markdown.

use anyhow::Context as _;

use crate::cases::{self, Case, Standing};
use crate::watched::Watched;
use crate::{Invocation, Options, Outside, Usage, prices};

const MILLION: f64 = 1e6;

const DAYS: f64 = 30.0;

/// Sweeps of a month, one a minute.
const SWEEPS: f64 = DAYS * 24.0 * 60.0;

/// Lambda's poller asks each of two queues by five connections, each waiting twenty seconds where nothing is there.
const POLLS: f64 = 2.0 * 5.0 * 3.0 * SWEEPS;

/// Most bytes of one page of a scan.
const PAGE: f64 = 1e6;

/// Price by service, in USD.
#[derive(Clone, Copy, Default)]
struct Price {
    gateway: f64,
    lambda: f64,
    writes: f64,
    reads: f64,
    queue: f64,
    storage: f64,
    watching: f64,
}

impl Price {
    fn of(options: &Options, usage: &Usage, times: f64) -> Self {
        let ms: f64 = usage.invocations.iter().map(|invocation| options.milliseconds(*invocation)).sum();
        let invocations = count(usage.invocations.len());
        let seconds = ms / 1000.0 * options.memory / 1024.0;
        Self {
            gateway: usage.gateway * prices::GATEWAY * times,
            lambda: (invocations * prices::INVOCATION + seconds * prices::GB_SECOND) * times,
            writes: usage.writes * prices::WRITE * times,
            reads: usage.reads * prices::READ * times,
            queue: usage.queue * prices::QUEUE * times,
            storage: 0.0,
            watching: usage.logged * prices::LOGGED * times,
        }
    }

    fn total(&self) -> f64 {
        self.gateway + self.lambda + self.writes + self.reads + self.queue + self.storage + self.watching
    }

    fn cells(&self) -> Vec<String> {
        let parts = [self.gateway, self.lambda, self.writes, self.reads, self.queue, self.storage, self.watching];
        parts.into_iter().chain([self.total()]).map(usd).collect()
    }
}

/// Nothing here is counted beyond what 32 bits hold.
fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count that is not negative")]
fn count_of(count: f64) -> u32 {
    count.ceil() as u32
}

/// A count that is whole already, as an integer.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count that is not negative")]
fn whole(count: f64) -> usize {
    count.round() as usize
}

fn usd(amount: f64) -> String {
    format!("{amount:.2}")
}

fn find<'a>(cases: &'a [Case], name: &str) -> anyhow::Result<&'a Usage> {
    let case = cases.iter().find(|case| case.name == name);
    Ok(&case.with_context(|| format!("{name} was not counted"))?.usage)
}

fn markdown(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<_> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule = vec!["---".to_owned(); head.len()];
    rows.into_iter().fold(line(&head) + &line(&rule), |table, row| table + &line(&row))
}

/// Usage of each case, and the price of a million of it.
pub(crate) fn each(options: &Options, cases: &[Case]) -> String {
    let head = [
        "",
        "write units",
        "read units",
        "SQS requests",
        "gateway requests",
        "invocations",
        "Lambda ms",
        "log bytes",
        "USD a million",
    ];
    let rows = cases.iter().map(|Case { name, usage }| {
        let ms: f64 = usage.invocations.iter().map(|invocation| options.milliseconds(*invocation)).sum();
        let counted = [usage.writes, usage.reads, usage.queue, usage.gateway].map(|count| count.to_string());
        let lambda = [usage.invocations.len(), whole(ms), whole(usage.logged)].map(|count| count.to_string());
        let price = usd(Price::of(options, usage, MILLION).total());
        [vec![(*name).to_owned()], counted.into(), lambda.into(), vec![price]].concat()
    });
    markdown(&head, rows)
}

/// Price of a month without traffic, with so many events stored.
struct Idle {
    gigabytes: f64,
    watched: Watched,
    storage: Price,
    sweep: Price,
    polls: Price,
    ledger: Price,
}

impl Idle {
    fn new(options: &Options, standing: &Standing, watched: &Watched, stored: f64) -> Self {
        let items = count(standing.items);
        let bytes = count(standing.bytes) / items * stored;
        let pages = Invocation { requests: count_of(bytes / PAGE), outside: Outside::Nobody };
        let Usage { reads, logged, .. } = standing.ledger;
        let ledger = Usage { reads: reads / items * stored, logged, invocations: vec![pages], ..Usage::default() };
        let gigabytes = bytes / 1e9;
        Self {
            gigabytes,
            watched: *watched,
            storage: Price { storage: gigabytes * (prices::STORED + prices::RECOVERABLE), ..Price::default() },
            sweep: Price::of(options, &standing.sweep_over_stored, SWEEPS),
            polls: Price { queue: POLLS * prices::QUEUE, ..Price::default() },
            ledger: Price::of(options, &ledger, DAYS),
        }
    }

    fn rows(&self) -> Vec<(String, Price)> {
        let Watched { series, alarms, evaluated, dashboards, keys } = self.watched;
        vec![
            (format!("{:.2} GB of events stored, and recoverable", self.gigabytes), self.storage),
            ("the sweep every minute, with its measuring".to_owned(), self.sweep),
            ("Lambda asking two empty queues".to_owned(), self.polls),
            ("the ledger once a day".to_owned(), self.ledger),
            (
                format!("{series} metrics at the most, {alarms} alarms of {evaluated} metrics with a key, a dashboard"),
                Price {
                    watching: series * prices::METRIC
                        + evaluated * prices::ALARM
                        + dashboards * prices::DASHBOARD
                        + keys * prices::KEY,
                    ..Price::default()
                },
            ),
        ]
    }
}

fn priced(head: &str, rows: &[(String, Price)]) -> String {
    let sum = |part: fn(&Price) -> f64| rows.iter().map(|(_, price)| part(price)).sum();
    let total = Price {
        gateway: sum(|price| price.gateway),
        lambda: sum(|price| price.lambda),
        writes: sum(|price| price.writes),
        reads: sum(|price| price.reads),
        queue: sum(|price| price.queue),
        storage: sum(|price| price.storage),
        watching: sum(|price| price.watching),
    };
    let head = [head, "gateway", "Lambda", "writes", "reads", "SQS", "storage", "CloudWatch", "together"];
    let rows = rows.iter().map(|(name, price)| [vec![name.clone()], price.cells()].concat());
    markdown(&head, rows.chain([[vec!["together".to_owned()], total.cells()].concat()]))
}

/// A month in which nothing happens, with a million events stored.
pub(crate) fn idle(options: &Options, standing: &Standing, watched: &Watched) -> String {
    priced("an idle month with a million events stored, USD", &Idle::new(options, standing, watched, MILLION).rows())
}

/// A month of a busy forwarder, by what it is paid for.
pub(crate) fn month(
    options: &Options,
    cases: &[Case],
    standing: &Standing,
    watched: &Watched,
) -> anyhow::Result<String> {
    let Options { events, calls, retention, .. } = *options;
    let of = |name, times| anyhow::Ok(Price::of(options, find(cases, name)?, times));
    let happens = [
        (format!("{} million events of 1 KB, each with another key", events / MILLION), of(cases::ALIASES, events)?),
        ("2 % of them pushed twice".to_owned(), of(cases::DUPLICATE, events / 50.0)?),
        ("2 % of them with a failed attempt".to_owned(), of(cases::RETRY, events / 50.0)?),
        (format!("{calls} commands"), of(cases::COMMAND, calls)?),
        (format!("{calls} queries"), of(cases::QUERY, calls)?),
    ];
    let idle = Idle::new(options, standing, watched, events * retention / DAYS).rows();
    let head = format!("a month with the events of {retention} days stored, USD");
    Ok(priced(&head, &[happens.to_vec(), idle].concat()))
}

/// Price of instances that are kept started.
pub(crate) fn started(options: &Options) -> String {
    let instance = options.memory / 1024.0 * DAYS * 86_400.0 * prices::KEPT_STARTED;
    let rows = [1.0, 2.0, 5.0].map(|instances| {
        let of_both = 2.0 * instances;
        vec![
            format!("`ProvisionedConcurrency={instances}`, {of_both} instances of {} MB", options.memory),
            usd(of_both * instance),
        ]
    });
    markdown(&["a month of `rate_push` and `port_push` kept started", "USD"], rows)
}

/// Price of a million events here and elsewhere.
pub(crate) fn beside(options: &Options, cases: &[Case]) -> anyhow::Result<String> {
    let here = Price::of(options, find(cases, cases::EVENT)?, MILLION).total();
    let bridge = (prices::GATEWAY + prices::BUS_EVENT + prices::API_DESTINATION) * MILLION;
    let rows = [
        ("Tongguan".to_owned(), usd(here)),
        ("the gateway, an EventBridge bus and an API destination".to_owned(), usd(bridge)),
    ];
    let hosted = prices::HOSTED.map(|hosted| {
        let price = match hosted.further {
            Some(further) => usd(hosted.month + (MILLION - hosted.included) * further),
            None => format!("{}, and what is beyond {} events", usd(hosted.month), hosted.included),
        };
        (hosted.name.to_owned(), price)
    });
    let rows = rows.into_iter().chain(hosted).map(|(name, price)| vec![name, price]);
    Ok(markdown(&["a million events of 1 KB to one endpoint, in a month", "USD"], rows))
}
