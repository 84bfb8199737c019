//! Files that pushes and answers name: fetched from servers that are slow, down, mislead or have other content by now, kept in an
//! archive that fails, while functions die at any await; until the last event that names them has expired.

mod desk;
mod servers;
mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ::hub::Utc;
use ::hub::files::State;
use ::hub::files::record::of_event;
use ::hub::ledger::Tally;
use ::partners::{Json, Partner, operation};
use config::Config;
use courier::{Courier, Lines, Wire};
use serde_json::{Value, json};
use store::{Aside, Listed, Store as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::checker::Verdict;
use super::erp::Erp;
use super::hub::Hub;
use super::killable::Killable;
use super::partner;
use super::pushes::{self, Claim, Push};
use super::random::Random;
use super::store::{Item, SimStore};
use super::world::{SHOWN, Weather, World};
use servers::{Plan, Servers};
use shelf::SimArchive;

pub(super) use desk::{Change, Desk, Named};

const HOUR: Duration = Duration::from_hours(1);

/// Connections that have their files fetched, and the days for which they keep events: the second calls private addresses too.
const FETCHED: [(&str, u32); 2] = [("fa", 2), ("fb", 3)];

/// Time over which files are named.
const NAMED: Duration = Duration::from_hours(2 * 24);

/// Time until everything but the servers of files is well.
const HEALS: Duration = Duration::from_hours(30);

/// Time at which nothing is left: the last event has expired, a day has passed, and a look at the archive.
const OVER: Duration = Duration::from_hours((2 + 3 + 1) * 24 + 14);

/// The archive and the servers of a history.
#[derive(Clone)]
pub(super) struct Filing {
    pub(super) archive: SimArchive,
    servers: Arc<Servers>,
}

impl Filing {
    /// Wire of the hub's requests.
    pub(super) fn wire(&self) -> Wire {
        let servers = Arc::clone(&self.servers);
        Arc::new(move |request| {
            let servers = Arc::clone(&servers);
            Box::pin(async move { servers.answer(&request).await })
        })
    }
}

fn document() -> String {
    let key = "k".repeat(32);
    let connection = |id: &str, more: &str| {
        format!(
            "[[connections]]\nid = \"{id}\"\npartner = \"xhq\"\nkeys = [\"{key}\"]\napp_id = \"a\"\nbgh_id = \"b\"\n\
             base_url = \"https://api.example.com/\"\n{more}\n"
        )
    };
    let endpoint = |id: &str, more: &str| {
        let secret = ::hub::signature::SigningKey::secret(&[7; 32]);
        format!("[[endpoints]]\nid = \"{id}\"\nurl = \"https://{id}.example.com/\"\nsecrets = [\"{secret}\"]\n{more}\n")
    };
    let [(first, short), (second, long)] = FETCHED;
    [
        connection(first, &format!("files = true\nretention_days = {short}")),
        connection(second, &format!("files = true\nallow_private_files = true\nretention_days = {long}")),
        connection("off", ""),
        endpoint("erp", ""),
        endpoint("wms", "format = \"raw\""),
    ]
    .concat()
}

/// A receipt of an order that names these links, as no other does.
fn receipt(serial: u64, connection: &'static str, order: u64, links: &[String]) -> Push {
    let (notice, more) = links.split_first().unwrap();
    let data = json!({
        "action": "single_receipt", "orderOutNo": format!("SO-{order}"), "serial": serial,
        "paramJson": {"channel": "P", "releaseNotice": notice, "examinePdf": more.join(",")},
    })
    .to_string();
    let fact = (connection, "xhq.single_receipt", format!("order:SO-{order}"), pushes::canonical(data.as_bytes()));
    let claims = vec![Claim { fact, data: data.clone().into_bytes() }];
    Push { partner: Partner::Xhq, connection, suffix: "single_receipt", body: data.into(), claims }
}

struct Scene {
    world: Arc<World>,
    hub: Arc<Hub>,
    filing: Filing,
    plan: Arc<Plan>,
    began: Utc,
}

impl Scene {
    /// Fetches what is due, in this process or another one, and dies or not.
    fn fetch(&self) {
        let (world, death) = (Arc::clone(&self.world), self.hub.death(120));
        let is_other = world.draw(|random, _| random.chance(300));
        self.hub.spawn(move |courier| async move {
            let courier = Courier {
                lines: if is_other { Arc::default() } else { Arc::clone(&courier.lines) },
                ..(*courier).clone()
            };
            let done = Killable::new(courier::fetch(&courier), death).await;
            world.tell(&format!("files: {:?}", done.map(Result::ok)));
        });
    }

    /// Looks at the archive, by chance as a process that has just started.
    fn tidy(&self) {
        let (world, death) = (Arc::clone(&self.world), self.hub.death(20));
        let is_new = world.draw(|random, _| random.chance(300));
        self.hub.spawn(move |courier| async move {
            let lines = if is_new { Arc::new(Lines::default()) } else { Arc::clone(&courier.lines) };
            let done = Killable::new(courier::tidy(&Courier { lines, ..(*courier).clone() }), death).await;
            world.tell(&format!("tidied: {:?}", done.map(Result::ok)));
        });
    }

    /// Asks for the release notice of an order; its answer names the link.
    fn ask(&self, connection: &'static str, order: u64, link: &str) {
        let body = json!({"orderOutNo": format!("SO-{order}"), "link": link}).to_string();
        let death = self.hub.death(40);
        self.hub.spawn(move |courier| async move {
            let row = operation::find(Partner::Xhq, "getReleaseNotice").unwrap();
            let connection = &courier.context.config.connections[&connection.into()];
            let body = Json::parse(body.as_bytes()).unwrap();
            // What it does not note nobody has been promised.
            let _ = Killable::new(courier::call::ask(&courier, connection, &row, &body, None), death).await;
        });
    }

    /// When something is due next.
    fn due(&self) -> Option<Utc> {
        let model = self.hub.store.model();
        model.items().filter_map(|item| item.work.due()).min()
    }

    /// Sweeps, until nothing is left. `busy` are the times about which something comes in.
    async fn sweeps(&self, busy: &BTreeSet<Duration>) {
        let (began, mut slept) = (Instant::now(), HOUR);
        while self.world.first_broken().is_none() && began.elapsed() < OVER {
            self.hub.sweep();
            let is_due = !self.hub.store.model().due_aside(Aside::Files, self.world.now(), 1).is_empty();
            // Some fetch at once.
            for _ in 0..if is_due { self.world.draw(|random, _| random.within(1..=2)) } else { 0 } {
                self.fetch();
            }
            if slept >= HOUR || self.world.draw(|random, _| random.chance(300)) {
                self.tidy();
            }
            // What comes in during a sleep is found at its end.
            let (now, passed) = (self.world.now(), began.elapsed());
            let due = self.due().map_or(HOUR * 6, |due| due.since(now));
            let is_busy = busy.range(passed.saturating_sub(HOUR / 4)..=passed).next().is_some();
            let next = busy.range(passed..).next().map_or(HOUR * 6, |at| at.saturating_sub(passed));
            let most = if is_busy { Duration::from_mins(1) } else { next.min(HOUR * 6) };
            let pause = self.world.draw(|random, _| random.ms(5_000..=40_000));
            slept = due.min(most).max(pause);
            sleep(slept).await;
        }
    }
}

fn weather(random: &mut Random) -> Weather {
    let mut some = |most| if random.chance(600) { random.within(0..=most) } else { 0 };
    Weather {
        store_errors: some(150),
        store_losses: some(150),
        store_delays: some(150),
        queue_drops: some(500),
        deaths: some(400),
        ..Weather::default()
    }
}

/// Plays a history; the number of files by their end.
async fn history(seed: u64) -> BTreeMap<&'static str, usize> {
    let mut random = Random::new(seed ^ 0xF11E);
    let world = World::new(seed, Config::parse(&document()).unwrap(), weather(&mut random), SHOWN);
    let erp = Erp::new(&world, Vec::new(), 0);
    let (mut plan, mut named, mut asked) = (Plan::default(), Vec::new(), Vec::new());
    for serial in 0..random.within(2..=6) {
        let at = random.ms(0..=u64::try_from(NAMED.as_millis()).unwrap());
        let (connection, order) = (["fa", "fa", "fb", "fb", "off"][random.place(5)], random.within(1..=3));
        let links: Vec<_> = (0..random.within(1..=3)).map(|_| plan.link(&mut random, connection, at)).collect();
        if random.chance(150) {
            asked.push((at, connection, order, links[0].clone()));
        } else {
            // Some come twice.
            let copies = random.within(1..=2);
            named.extend((0..copies).map(|_| (at, receipt(serial, connection, order, &links))));
        }
    }
    let plan = Arc::new(plan);
    let store = SimStore::new(&world);
    let filing = Filing { archive: SimArchive::new(&world), servers: Servers::new(&world, &store, &plan) };
    let hub = Hub::with(&world, &erp, store, Some(filing.clone()));
    hub.start();
    let began = world.now();
    let scene = Arc::new(Scene { world: Arc::clone(&world), hub: Arc::clone(&hub), filing, plan, began });
    let (start, mut acts, mut busy) = (Instant::now(), JoinSet::new(), BTreeSet::new());
    for (at, push) in named {
        let hub = Arc::clone(&hub);
        busy.insert(at);
        acts.spawn(async move {
            sleep_until(start + at).await;
            partner::play(hub, push, true).await;
        });
    }
    for (at, connection, order, link) in asked {
        let scene = Arc::clone(&scene);
        busy.insert(at);
        acts.spawn(async move {
            sleep_until(start + at).await;
            scene.ask(connection, order, &link);
        });
    }
    for _ in 0..random.within(0..=3) {
        let (hub, at, down) = (Arc::clone(&hub), random.ms(0..=100_000_000), random.ms(0..=60_000));
        acts.spawn(async move {
            sleep_until(start + at).await;
            hub.restart(down).await;
        });
    }
    let (own, looks) = (Arc::clone(&scene), random.ms(0..=500_000_000));
    acts.spawn(async move {
        sleep_until(start + looks).await;
        let held = own.found().await;
        own.world.hold(held);
    });
    let healing = Arc::clone(&world);
    acts.spawn(async move {
        sleep_until(start + HEALS).await;
        healing.tell("everything heals");
        healing.draw(|_, weather| *weather = Weather::default());
    });
    scene.sweeps(&busy).await;
    while let Some(ended) = acts.try_join_next() {
        ended.unwrap();
    }
    if world.first_broken().is_none() {
        let held = scene.judge().await;
        world.hold(held);
    }
    let told = world.first_broken();
    acts.shutdown().await;
    if let Some(broken) = told {
        panic!(
            "history {seed}: {broken}\n\nplay it again:\nTONGGUAN_SIM_SEED={seed} cargo test -p tests --test it simulation::files\n"
        );
    }
    world.checker().files.ends.clone()
}

/// The links that a receipt names, each once.
fn links(data: &[u8]) -> Vec<String> {
    let told: Value = serde_json::from_slice(data).unwrap();
    let param = &told["paramJson"];
    let fields = ["releaseNotice", "examinePdf"].map(|field| param[field].as_str().unwrap_or_default().split(','));
    let mut links: Vec<String> = Vec::new();
    for link in fields.into_iter().flatten().filter(|link| !link.is_empty()) {
        if !links.iter().any(|known| known == link) {
            links.push(link.to_owned());
        }
    }
    links
}

impl Scene {
    /// Checks that what is kept of each shipment at this moment is found by it and by its hash.
    async fn found(&self) -> Verdict {
        let (store, now) = (self.hub.store.calm(), self.world.now());
        let events: Vec<_> = store.model().items().map(Item::listed).collect();
        for event in events.iter().filter(|event| event.work.files.is_none() && now < event.meta.expires) {
            let key = &event.key;
            let Some(record) = events.iter().find(|record| record.key == of_event(key)) else { continue };
            let places = vec![(key.connection.clone(), key.subject.clone())];
            let told = store::files_of(&store, places, now).await.map_err(|error| error.to_string())?;
            if !told.iter().any(|told| told.key == record.key) {
                return Err(format!("the files of {} are not its shipment's", key.id));
            }
            let kept = record.work.files.iter().flat_map(|files| &files.entries).filter_map(|file| file.kept.as_ref());
            if let Some(lost) = kept.into_iter().find(|kept| self.filing.archive.content(&kept.hash).is_none()) {
                return Err(format!("{} names {}, which is not there", key.id, lost.hash));
            }
        }
        Ok(())
    }

    /// Each file that was named came to an end, the right one; what is kept went with the last event that named it.
    async fn judge(&self) -> Verdict {
        let store = self.hub.store.calm();
        let all: Vec<(Listed, Vec<u8>)> =
            store.model().items().map(|item| (item.listed(), item.event.data().into_owned())).collect();
        let waiting = store.due_aside(Aside::Files, Utc(i64::MAX), 99).await.map_err(|error| error.to_string())?;
        if !waiting.is_empty() {
            return Err(format!("files wait at the end: {waiting:?}"));
        }
        for (event, data) in all.iter().filter(|(event, _)| event.work.files.is_none()) {
            let record = all.iter().find(|(record, _)| record.key == of_event(&event.key));
            let files = record.and_then(|(record, _)| record.work.files.as_deref());
            let named = links(data);
            let Some(files) = files else {
                if event.key.connection.as_str() == "off" {
                    continue;
                }
                return Err(format!("the files of {} were not noted: {named:?}", event.key.id));
            };
            if files.entries.iter().map(|file| &file.url).ne(&named) || event.key.connection.as_str() == "off" {
                return Err(format!("of {named:?} these were noted: {files:?}"));
            }
            let (since, is_allowed) = (event.meta.received.since(self.began), event.key.connection.as_str() == "fb");
            let lost = files
                .entries
                .iter()
                .find(|file| file.state != State::Kept && self.plan.must_be_kept(&file.url, since, is_allowed));
            if let Some(lost) = lost {
                return Err(format!("{lost:?} could have been kept"));
            }
        }
        if !self.world.checker().files.is_empty() {
            return Err("the archive has content that no event names any more".to_owned());
        }
        let mut total = Tally::default();
        for tally in store.ledger(self.began).await.map_err(|error| error.to_string())?.into_values() {
            total += tally;
        }
        if total == self.world.checker().tally() && total.balanced() {
            Ok(())
        } else {
            Err(format!("the ledger is {total:?}"))
        }
    }
}

#[test]
fn files_are_kept_whole_or_told_as_lost() {
    let first = super::variable("TONGGUAN_SIM_SEED");
    let count = super::variable("TONGGUAN_SIM_HISTORIES").unwrap_or(if first.is_some() { 1 } else { super::HISTORIES });
    let mut ends = BTreeMap::new();
    for seed in (0..count).map(|n| first.unwrap_or(0) + n) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        for (end, files) in runtime.block_on(history(seed)) {
            *ends.entry(end).or_insert(0) += files;
        }
    }
    println!("{count} histories; files: {ends:?}");
    assert!(first.is_some() || ends.len() == 5, "files come to every end in some history");
}
