//! The document as a whole, and what its parts must have to do with each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;

use super::encoding::BOM;
use super::endpoints::Receiver;
use super::reader::{Item, Reading, Table};
use super::values::{is_name, socket_address};
use super::{
    Config, Disk, Mistake, Server, Shown, Sources, alerts, connections, described, disk, endpoints, profile, server,
    traces, watches,
};

/// Default interval of the sweeper.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

pub(super) fn read(text: &str, sources: &Sources<'_>) -> Result<Config, Vec<Mistake>> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let reading = Reading::new(text, sources);
    if !errors.is_empty() {
        reading.note_syntax(&errors);
        return Err(reading.into_notes().0);
    }
    let root = Table::root(&reading, table.get_ref());
    if root.is_empty() {
        // It was emptied, or is not the file that was meant: with it a hub would turn every push away.
        let what = "is empty: give it [[connections]] and [[endpoints]], as examples/tongguan.toml shows";
        reading.note("document".to_owned(), 0, what.to_owned());
    }
    let config = config(root);
    let holds_secrets = reading.holds_secrets();
    let shown = Shown::of(table.get_ref(), &reading.hidden()).with_files(&reading.files());
    let (mistakes, warnings) = reading.into_notes();
    match config {
        Some(config) if mistakes.is_empty() => Ok(Config { holds_secrets, noted: warnings, shown, ..config }),
        Some(_) | None => Err(mistakes),
    }
}

/// Whether the log is JSON.
fn is_json(item: &Item<'_>) -> Option<bool> {
    match item.text()? {
        "text" => Some(false),
        "json" => Some(true),
        _ => item.wrong("must be \"text\" or \"json\""),
    }
}

/// The address of the figures, beside those at which the hub listens itself.
fn metrics_address(item: &Item<'_>, others: [Option<SocketAddr>; 2]) -> Option<SocketAddr> {
    let address = socket_address(item.text()?, 9464).map_or_else(|what| item.wrong(what), Some)?;
    if address.port() != 0 && others.contains(&Some(address)) {
        return item.wrong("is where the hub itself or its inbox listens: give it another port");
    }
    Some(address)
}

fn config(mut root: Table<'_>) -> Option<Config> {
    let listen = root.or("listen", ([127, 0, 0, 1], 8787).into(), |item| {
        socket_address(item.text()?, 8787).map_or_else(|what| item.wrong(what), Some)
    });
    let inbox = root.or("inbox", None, |item| {
        let address = socket_address(item.text()?, 8788).map_or_else(|what| item.wrong(what), Some)?;
        if address.port() != 0 && Some(address) == listen {
            return item.wrong("is where the hub itself listens: give it another port");
        }
        Some(Some(address))
    });
    let others = [listen, inbox.flatten()];
    let metrics_listen = root.or("metrics_listen", None, |item| metrics_address(item, others).map(Some));
    let logs_json = root.or("log_format", false, is_json);
    let data_dir = root.or("data_dir", PathBuf::from("data"), |item| match item.text()? {
        "" => item.wrong("must name a directory"),
        path => Some(path.into()),
    });
    let public_url = root.or("public_url", None, |item| profile::base(item).map(Some));
    let statistics = root.or("statistics", true, Item::flag);
    let day = Duration::from_hours(24);
    let retention = root.or("retention_days", 90, Item::integer).map(|n| day * n);
    let sweep_every = root.or("sweep_every", SWEEP_EVERY, Item::duration);
    let system_roots = root.or("system_roots", false, Item::flag);
    let recent_events = root.or("recent_events", true, Item::flag);
    let system = system_roots.unwrap_or_default();

    let server = root.or("server", Server::default(), |item| server::read(item.table("a table: write [server]")?));

    let disk = root.or("disk", Disk::default(), |item| disk::read(item.table("a table: write [disk]")?));

    let traces = root.or("traces", None, |item| traces::read(item, system).map(Some));

    let hub = root.or("hub", None, |item| profile::read(item, system).map(Some));

    let partners = described::read(&mut root);

    let mut ids = Ids::new();
    let connections: Vec<_> = root
        .tables("connections")
        .into_iter()
        .map(|table| {
            let (retention, every) = (retention.unwrap_or(day), sweep_every.unwrap_or(SWEEP_EVERY));
            connections::read(table, &mut ids, retention, every, system)
        })
        .collect();
    let mut endpoint_ids = Ids::new();
    let receivers: Vec<_> = root
        .tables("endpoints")
        .into_iter()
        .map(|table| endpoints::read(table, &mut endpoint_ids, &ids, sweep_every.unwrap_or(SWEEP_EVERY), system))
        .collect();
    let mut key_ids = Ids::new();
    let mut tokens = Vec::new();
    let api_keys: Vec<_> = root
        .tables("api_keys")
        .into_iter()
        .map(|table| endpoints::read_api_key(table, &mut key_ids, &ids, &mut tokens))
        .collect();
    let sound: Vec<_> = connections.iter().flatten().collect();
    let watches: Vec<_> = root.tables("watches").into_iter().map(|table| watches::read(table, &sound, &ids)).collect();
    let mut alert_ids = Ids::new();
    let alerts: Vec<_> =
        root.tables("alerts").into_iter().map(|table| alerts::read(table, &mut alert_ids, &ids, system)).collect();
    root.close(&[]);

    let connections = connections.into_iter().collect::<Option<Vec<_>>>()?;
    let mut receivers = receivers.into_iter().collect::<Option<Vec<_>>>()?;
    receivers.sort_by(|(a, _), (b, _)| a.id().cmp(b.id()));
    let (receivers, routes): (Vec<_>, Vec<_>) = receivers.into_iter().unzip();
    let (mut endpoints, mut pulled) = (BTreeMap::new(), BTreeMap::new());
    for receiver in receivers {
        match receiver {
            Receiver::Sent(endpoint) => _ = endpoints.insert(endpoint.id.clone(), *endpoint),
            Receiver::Pulled(endpoint) => _ = pulled.insert(endpoint.id.clone(), endpoint),
        }
    }
    system_roots?;
    Some(Config {
        listen: listen?,
        data_dir: data_dir?,
        inbox: inbox?,
        public_url: public_url?,
        metrics_listen: metrics_listen?,
        logs_json: logs_json?,
        traces: traces?,
        server: server?,
        disk: disk?,
        hub: hub?,
        statistics: statistics?,
        sweep_every: sweep_every?,
        recent_events: recent_events?,
        partners: partners?,
        connections: connections.into_iter().map(|connection| (connection.id.clone(), connection)).collect(),
        endpoints,
        pulled,
        routes,
        watches: watches.into_iter().collect::<Option<_>>()?,
        alerts: alerts.into_iter().collect::<Option<_>>()?,
        api_keys: api_keys.into_iter().collect::<Option<_>>()?,
        holds_secrets: false,
        noted: Vec::new(),
        shown: Shown::default(),
    })
}

/// The ids given so far in one list, and the line of each.
pub(super) struct Ids(BTreeMap<String, usize>);

impl Ids {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Whether an id is given, be it a fit one or not.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The ids given.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The `id` of a table, unlike every other in its list.
    pub(super) fn take(&mut self, table: &mut Table<'_>, example: &str) -> Option<String> {
        let item = table.need("id", example)?;
        let id = item.text()?;
        if let Some(line) = self.0.get(id) {
            return item.wrong(format!("is given twice, first in line {line}: every id must be its own"));
        }
        self.0.insert(id.to_owned(), item.line());
        if is_name(id) { Some(id.to_owned()) } else { item.wrong("must be 1 to 64 of the characters a-z, 0-9 and -") }
    }
}
