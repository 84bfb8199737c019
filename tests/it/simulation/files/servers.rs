//! Servers of files, played: well, slow, down, without the file for a while or for good, with a page in its place, with other
//! content from some time on, or elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hub::Utc;
use hub::files::{FileHash, State};
use outbound::address::{is_public, literal};
use outbound::{Kind, Request, Sent};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::random::Random;
use super::super::store::SimStore;
use super::super::world::World;
use super::desk::Seen;

/// Longest duration of a fetch.
const FETCH: Duration = Duration::from_secs(30);

/// End of the addresses that links redirect to.
const TARGET: &str = "/to";

/// A service of a cloud's own, to which a link redirects. Behind it stands the link.
const INSIDE: &str = "http://169.254.169.254/";

/// The link that leads to an address.
fn link_of(url: &str) -> String {
    let url = url.strip_prefix(INSIDE).unwrap_or(url);
    url.strip_suffix(TARGET).unwrap_or(url).to_owned()
}

/// The answer of an operation that names a file: the one that its request does.
async fn answered(world: &World, request: &Request) -> Sent {
    let pause = world.draw(|random, _| random.ms(1..=300));
    sleep(pause).await;
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    Sent::answer(200, Bytes::from(json!({"code": 200, "success": true, "data": {"pdf": asked["link"]}}).to_string()))
}

/// The answer of a server.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// A file, of one of a few contents.
    Serves(u64),
    /// Nothing, a page or a message.
    Says(&'static str),
    /// A status that is no success, and a `Retry-After`.
    Answers(u16, Option<Duration>),
    /// No answer, at one of the steps.
    Fails(Kind),
    /// An answer that cannot be read to its end.
    Breaks,
    /// A redirect to an address that serves this.
    Moved(u64),
    /// A redirect that leads to no file: to itself, to a private address, to another scheme.
    Misleads(&'static str),
}

/// Links of a history, each with its server's answers and the times from which on it gives them.
#[derive(Default)]
pub(super) struct Plan(BTreeMap<String, Vec<(Duration, Act)>>);

/// Content of that number.
fn content(number: u64) -> Bytes {
    Bytes::from(format!("%PDF-1.7 content {number}"))
}

fn act(random: &mut Random) -> Act {
    let number = random.within(1..=4);
    match random.within(0..=14) {
        0..=4 => Act::Serves(number),
        5 => Act::Says(["<!DOCTYPE html><html>login</html>", r#"{"code":500}"#, "", "<Error/>"][random.place(4)]),
        6 | 7 => Act::Answers([404, 403, 401, 410][random.place(4)], None),
        8 => Act::Answers([500, 503, 429][random.place(3)], Some(random.ms(1_000..=9_000_000))),
        9 => Act::Answers(418, None),
        10 => Act::Fails([Kind::Connect, Kind::Timeout, Kind::Broken, Kind::Resolve][random.place(4)]),
        11 => Act::Breaks,
        12 | 13 => Act::Moved(number),
        _ => Act::Misleads(["", INSIDE, "file:///etc/passwd"][random.place(3)]),
    }
}

impl Plan {
    /// A link of a connection, new or known, that an event names after some time.
    pub(super) fn link(&mut self, random: &mut Random, connection: &str, named: Duration) -> String {
        let number = random.within(1..=9);
        // The last is a literal address inside.
        let inside = if connection == "fb" { 2 } else { 1 };
        let url = match number {
            9 => format!("http://10.0.0.{inside}/{number}.pdf"),
            _ => format!("https://{connection}.example.com/{number}.pdf"),
        };
        let phases = self.0.entry(url.clone()).or_default();
        if phases.is_empty() {
            phases.push((Duration::ZERO, act(random)));
            let mut from = named;
            for _ in 0..random.within(0..=2) {
                from += random.ms(1_000..=36_000_000);
                phases.push((from, act(random)));
            }
        }
        url
    }

    /// Whether a file that is named then must be kept: the link leads to one in time, and to nothing before that ends its schedule.
    pub(super) fn must_be_kept(&self, url: &str, named: Duration, is_allowed: bool) -> bool {
        let Some(phases) = self.0.get(url) else { return false };
        let is_inside = url.contains("//10.");
        let ends_it = |act: &Act| (matches!(act, Act::Misleads(to) if *to == INSIDE) && !is_allowed);
        let last = phases.last();
        let is_served = last.is_some_and(|(from, act)| {
            matches!(act, Act::Serves(_) | Act::Moved(_)) && *from <= named + Duration::from_hours(30)
        });
        is_served && !phases.iter().any(|(_, act)| ends_it(act)) && (is_allowed || !is_inside)
    }
}

/// The servers of a history.
pub(super) struct Servers {
    world: Arc<World>,
    store: SimStore,
    began: Utc,
    plan: Arc<Plan>,
    /// Number of requests under way, by link.
    under_way: Mutex<BTreeMap<String, usize>>,
    /// Beginnings of the latest fetches, by link.
    fetches: Mutex<BTreeMap<String, Utc>>,
}

struct UnderWay<'a>(&'a Servers, String);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0.under_way.lock().unwrap().get_mut(&self.1) {
            *count -= 1;
        }
    }
}

impl Servers {
    pub(super) fn new(world: &Arc<World>, store: &SimStore, plan: &Arc<Plan>) -> Arc<Self> {
        let (world, store, plan) = (Arc::clone(world), store.clone(), Arc::clone(plan));
        Arc::new(Self {
            began: world.now(),
            world,
            store,
            plan,
            under_way: Mutex::default(),
            fetches: Mutex::default(),
        })
    }

    /// A request that the hub makes.
    pub(super) async fn answer(&self, request: &Request) -> Sent {
        if request.url.path().ends_with("getReleaseNotice") {
            return answered(&self.world, request).await;
        }
        let url = request.url.as_str();
        let link = link_of(url);
        let (now, number) = (self.world.now(), self.world.draw(|random, _| random.next()));
        self.world.tell(&format!("asked for {url}"));
        let _under_way = self.begin(&link, request, now);
        let quick = self.world.draw(|random, _| random.ms(1..=300));
        let slow = self.world.draw(|random, _| random.ms(1_000..=12_000));
        let pause = if number.is_multiple_of(8) { slow } else { quick };
        let failed = |kind| Sent::Failed { kind, text: "as the seed has it".to_owned(), ms: 0 };
        let is_silent = matches!(self.acts(&link, now), Act::Fails(Kind::Timeout));
        let pause = if is_silent { request.timeout } else { pause };
        let (sent, seen) = if literal(&request.url).is_some_and(|ip| !is_public(ip)) && !request.allow_private {
            (failed(Kind::Refused), Seen::None(State::Refused, false))
        } else if pause >= request.timeout {
            (failed(Kind::Timeout), Seen::None(State::Unreachable, true))
        } else {
            self.says(&link, url, now)
        };
        sleep(pause.min(request.timeout)).await;
        self.world.checker().files.answered(&link, seen, self.world.now());
        sent
    }

    /// A fetch begins: within the claim of a record that names the link, as its connection may, and for each one at a time.
    fn begin(&self, link: &str, request: &Request, now: Utc) -> UnderWay<'_> {
        let model = self.store.model();
        let records = model.items().filter_map(|item| Some((&item.event.key, item.work.files.as_deref()?)));
        let naming: Vec<_> = records
            .filter_map(|(key, files)| Some((key, files.entries.iter().find(|file| file.url == link)?)))
            .collect();
        let claimed: Vec<_> =
            naming.iter().filter(|(_, file)| file.due.is_some_and(|due| due >= now.after(FETCH))).collect();
        if claimed.is_empty() {
            self.world.broken(&format!("{link} is fetched and not claimed: {naming:?}"));
        }
        let is_inside = claimed.iter().any(|(key, _)| key.connection.as_str() == "fb");
        if request.allow_private && !is_inside {
            self.world.broken(&format!("{link} may be fetched from inside"));
        }
        if request.timeout > FETCH || !matches!(request.url.scheme(), "http" | "https") {
            self.world.broken(&format!("{} is fetched for {:?}", request.url, request.timeout));
        }
        // A fetch of several requests takes no longer than one. Of several at once it is not known whose the request is.
        let mut fetches = self.fetches.lock().unwrap();
        if request.url.as_str() == link || naming.len() > 1 {
            fetches.insert(link.to_owned(), now);
        } else if fetches.get(link).is_some_and(|began| now.after(request.timeout) > began.after(FETCH)) {
            self.world.broken(&format!("{link} is fetched for longer than {FETCH:?}"));
        }
        drop(fetches);
        let mut under_way = self.under_way.lock().unwrap();
        let count = under_way.entry(link.to_owned()).or_default();
        *count += 1;
        if *count > claimed.len().max(1) {
            self.world.broken(&format!("{link} is fetched {count} times at once"));
        }
        UnderWay(self, link.to_owned())
    }

    /// The answer of a link's server at that time.
    fn acts(&self, link: &str, now: Utc) -> Act {
        let since = now.since(self.began);
        let phases = self.plan.0.get(link).map(Vec::as_slice).unwrap_or_default();
        let act = phases.iter().rev().find(|(from, _)| *from <= since);
        act.map_or(Act::Answers(404, None), |(_, act)| act.clone())
    }

    fn says(&self, link: &str, url: &str, now: Utc) -> (Sent, Seen) {
        let act = self.acts(link, now);
        let failed = |kind| Sent::Failed { kind, text: "as the seed has it".to_owned(), ms: 0 };
        let none = |state| Seen::None(state, true);
        match act {
            Act::Moved(_) if url == link => (redirect(&format!("{url}{TARGET}")), none(State::Refused)),
            Act::Serves(number) | Act::Moved(number) => {
                let content = content(number);
                let seen = Seen::Content(FileHash::of(&content));
                (Sent::answer(200, content), seen)
            }
            Act::Says(text) => (Sent::answer(200, Bytes::from_static(text.as_bytes())), none(State::NotAFile)),
            Act::Answers(status, after) => {
                let mut sent = Sent::answer(status, Bytes::new());
                if let Sent::Answered { retry_after, .. } = &mut sent {
                    *retry_after = after;
                }
                let state = match status {
                    401 | 403 | 404 | 410 => State::Expired,
                    418 => State::Refused,
                    _ => State::Unreachable,
                };
                (sent, none(state))
            }
            Act::Fails(kind) => (failed(kind), none(State::Unreachable)),
            Act::Breaks => {
                let mut sent = Sent::answer(200, Bytes::from_static(b"%PDF-half"));
                if let Sent::Answered { unreadable, .. } = &mut sent {
                    *unreadable = Some("it ends too early".to_owned());
                }
                (sent, none(State::Unreachable))
            }
            Act::Misleads("") => (redirect(url), none(State::Refused)),
            Act::Misleads(to) => {
                let to = if to == INSIDE { format!("{to}{link}") } else { to.to_owned() };
                (redirect(&to), none(State::Refused))
            }
        }
    }
}

fn redirect(to: &str) -> Sent {
    let mut sent = Sent::answer(302, Bytes::new());
    if let Sent::Answered { location, .. } = &mut sent {
        *location = Some(to.to_owned());
    }
    sent
}
