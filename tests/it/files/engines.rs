//! Files on either engine of the store, over a folder, with a clock and servers of files that the test sets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::partners::Partner;
use archive::{Archive as _, Folder, Opened};
use bytes::Bytes;
use config::{Config, Context};
use courier::{Courier, Fetched, fetch, tidy};
use futures::FutureExt as _;
use hub::files::record::of_event;
use hub::files::{File, FileHash, Files, LONGEST_WAIT, State};
use hub::ledger::Tally;
use hub::{Subject, Utc};
use inbound::receive::{self, IncomingPush};
use outbound::{Kind, Request, Sent};
use store::{Failed, Pending, Store};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::{API_KEY, RecordedQueue, key as hook_key, verified, within};

pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const DAY: Duration = Duration::from_hours(24);
const NOW: Utc = Utc(1_790_000_000_000_000);
pub(super) const PDF: &[u8] = b"%PDF-1.4\n% a release notice";

/// A key that sees the first connection alone.
pub(super) const OWN_KEY: &str = "api-key-that-sees-one-connection-0123456";

/// Answers by URL; a URL without one is that of a server that does not answer.
type Servers = Arc<Mutex<BTreeMap<String, Sent>>>;

/// One process over a store and a folder.
pub(super) struct Side<S> {
    pub(super) courier: Courier<S, RecordedQueue>,
    pub(super) folder: Folder,
    pub(super) data: Arc<TempDir>,
    now: Arc<AtomicI64>,
    pub(super) servers: Servers,
    pub(super) asked: Arc<Mutex<Vec<Request>>>,
}

/// Two connections that have their files fetched, kept for ten and twenty days, and one that has not.
pub(super) fn configuration() -> String {
    let connection = |id: &str, more: &str| {
        format!(
            "[[connections]]\nid = \"{id}\"\npartner = \"xhq\"\napp_id = \"a\"\nkeys = [\"{}\"]\n{more}\n",
            hook_key(id)
        )
    };
    [
        "sweep_every = \"1m\"\n".to_owned(),
        connection("a", "files = true\nretention_days = 10"),
        connection("b", "files = true\nretention_days = 20"),
        connection("off", ""),
        format!("[[api_keys]]\nid = \"all\"\nkey = \"{API_KEY}\"\n"),
        format!("[[api_keys]]\nid = \"limited\"\nkey = \"{OWN_KEY}\"\nconnections = [\"a\"]\n"),
    ]
    .concat()
}

pub(super) fn receipt(order: &str, links: &str) -> String {
    format!(
        r#"{{"action":"single_receipt","orderOutNo":"{order}","billNo":"B{order}","paramJson":{{"channel":"P",{links}}}}}"#
    )
}

pub(super) fn notice(order: &str, url: &str) -> String {
    receipt(order, &format!(r#""releaseNotice":"{url}""#))
}

impl<S: Store> Side<S> {
    pub(super) fn new(store: S) -> Self {
        let config = Arc::new(Config::parse(&configuration()).unwrap());
        let now = Arc::new(AtomicI64::new(NOW.0));
        let clock = Arc::clone(&now);
        let data = Arc::new(tempfile::tempdir().unwrap());
        let folder = Folder::open(data.path()).unwrap();
        let clock = Arc::new(move || Utc(clock.load(Ordering::SeqCst)));
        let context =
            Context::new(config, store, RecordedQueue::default(), clock).with_archive(Arc::new(folder.clone()));
        let (servers, asked) = (Servers::default(), Arc::<Mutex<Vec<Request>>>::default());
        let (answers, seen) = (Arc::clone(&servers), Arc::clone(&asked));
        let courier = Courier {
            wire: Arc::new(move |request: Request| {
                let answer = answers.lock().unwrap().get(request.url.as_str()).cloned();
                seen.lock().unwrap().push(request);
                async move {
                    answer.unwrap_or_else(|| Sent::Failed { kind: Kind::Timeout, text: "no answer".to_owned(), ms: 1 })
                }
                .boxed()
            }),
            ..crate::support::delivering(context, Arc::new(|_, _| unreachable!("there is no endpoint")))
        };
        Self { courier, folder, data, now, servers, asked }
    }

    /// Another process over the same store and folder, at the same time.
    pub(super) fn another(&self) -> Self {
        let courier = Courier { lines: Arc::default(), ..self.courier.clone() };
        Self {
            courier,
            folder: self.folder.clone(),
            data: Arc::clone(&self.data),
            now: Arc::clone(&self.now),
            servers: Arc::clone(&self.servers),
            asked: Arc::clone(&self.asked),
        }
    }

    pub(super) fn pass(&self, span: Duration) {
        self.now.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> Utc {
        self.courier.context.now()
    }

    pub(super) fn serves(&self, url: &str, answer: Sent) {
        self.servers.lock().unwrap().insert(url.to_owned(), answer);
    }

    pub(super) fn has(&self, url: &str, content: &'static [u8]) {
        self.serves(url, Sent::answer(200, Bytes::from_static(content)));
    }

    pub(super) fn redirects(&self, url: &str, to: &str) {
        let Sent::Answered { retry_after, content_type, unreadable, body, ms, .. } = Sent::answer(302, Bytes::new())
        else {
            unreachable!()
        };
        let location = Some(to.to_owned());
        self.serves(url, Sent::Answered { status: 302, retry_after, content_type, location, unreadable, body, ms });
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|request| request.url.to_string()).collect()
    }

    /// A receipt that is pushed, and what follows its answer.
    pub(super) async fn push(&self, connection: &str, body: &str) {
        let context = &self.courier.context;
        let action = callback::ACTIONS.iter().find(|action| action.name == "single_receipt").unwrap();
        let path = simulators::pushes::path(Partner::Xhq, connection, &hook_key(connection), action.suffix);
        let push = IncomingPush { body: Bytes::from(body.to_owned()), ..IncomingPush::default() };
        let answer = receive::receive(context, verified(&context.config, &path, *action), push, Instant::now()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        for hint in context.queue.take() {
            deliver::handle(&self.courier, hint).await.unwrap();
        }
    }

    pub(super) async fn fetch(&self) -> Fetched {
        within(fetch(&self.courier)).await.unwrap()
    }

    /// The files of the only event of an order.
    pub(super) async fn files(&self, connection: &str, order: &str) -> Option<Files> {
        let (store, subject) = (&self.courier.context.store, Subject::new("order", order));
        let events = store.timeline(&connection.into(), &subject, NOW).await.unwrap();
        let [event] = events.as_slice() else { panic!("{} events", events.len()) };
        let found = store.inspect(&of_event(&event.key), self.now()).await.unwrap();
        found.and_then(|found| found.work.files.map(|files| *files))
    }

    pub(super) async fn file(&self, connection: &str, order: &str) -> File {
        let files = self.files(connection, order).await.unwrap();
        let [file] = files.entries.as_slice() else { panic!("{files:?}") };
        file.clone()
    }

    pub(super) async fn kept(&self, content: &[u8]) -> bool {
        let opened = self.folder.open(&FileHash::of(content), self.now()).await.unwrap();
        assert!(opened.is_none() || opened == Some(Opened::Here(content.len() as u64)));
        opened.is_some()
    }

    pub(super) async fn tidy(&self) -> usize {
        within(tidy(&self.courier)).await.unwrap()
    }

    pub(super) async fn tally(&self) -> Tally {
        let ledger = self.courier.context.store.ledger(self.now()).await.unwrap();
        assert!(ledger.values().all(Tally::balanced), "{ledger:?}");
        ledger.into_values().fold(Tally::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}

/// Runs a case on both engines.
macro_rules! on_both_engines {
    ($($case:ident)*) => {
        $(
            mod $case {
                #[tokio::test]
                async fn on_dynamodb() {
                    super::$case(super::Side::new(crate::dynamodb::emulated().await.0)).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$case(super::Side::new(store_sqlite::SqliteStore::open(folder.path()).unwrap())).await;
                }
            }
        )*
    };
}

pub(super) use on_both_engines;

on_both_engines! {
    file_of_a_receipt_is_fetched_and_kept
    connection_without_files_notes_and_fetches_none
    dead_link_is_tried_again_and_then_listed
    page_in_place_of_a_file_is_told
    file_that_is_too_large_is_told_at_once
    address_that_may_not_be_called_is_told_at_once
    each_redirect_goes_through_the_guard
    files_of_one_event_settle_by_themselves
}

async fn file_of_a_receipt_is_fetched_and_kept<S: Store>(side: Side<S>) {
    side.has("https://files.example/x/notice.pdf?sign=1", PDF);
    side.push("a", &notice("S1", "https://files.example/x/notice.pdf?sign=1")).await;
    assert_eq!(side.file("a", "S1").await.state, State::Waiting);
    let waiting = side.courier.context.store.pending(&Pending::Files, None, 9, NOW).await.unwrap();
    assert_eq!(waiting.items.len(), 1);
    assert_eq!(side.fetch().await, Fetched { tried: 1, kept: 1, lost: 0 });
    let file = side.file("a", "S1").await;
    let kept = file.kept.clone().unwrap();
    assert_eq!((file.state, file.field.as_str(), file.tries, file.due), (State::Kept, "releaseNotice", 1, None));
    assert_eq!((kept.hash, kept.size), (FileHash::of(PDF), PDF.len() as u64));
    assert_eq!((kept.media_type.as_str(), kept.name.as_str()), ("application/pdf", "notice.pdf"));
    assert!(side.kept(PDF).await);
    assert_eq!(side.fetch().await, Fetched::default());
    assert_eq!(side.asked().len(), 1);
    let tally = side.tally().await;
    assert_eq!((tally.accepted, tally.unrouted, tally.files), (2, 1, 1));
    // The same push again is a duplicate, and names nothing anew.
    side.push("a", &notice("S1", "https://files.example/x/notice.pdf?sign=1")).await;
    side.pass(DAY);
    assert_eq!((side.fetch().await, side.asked().len()), (Fetched::default(), 1));
}

async fn connection_without_files_notes_and_fetches_none<S: Store>(side: Side<S>) {
    side.push("off", &notice("S1", "https://files.example/1.pdf")).await;
    assert_eq!(side.files("off", "S1").await, None);
    side.push("a", &receipt("S1", r#""releaseNotice":"","examinePdf":null"#)).await;
    assert_eq!(side.files("a", "S1").await, None, "nor one that names none");
    side.pass(DAY);
    assert_eq!((side.fetch().await, side.asked()), (Fetched::default(), vec![]));
    assert_eq!(side.tally().await.files, 0);
}

/// It may not be written yet when the receipt comes; after a day and a half it never will be.
async fn dead_link_is_tried_again_and_then_listed<S: Store>(side: Side<S>) {
    side.serves("http://a.example/1.pdf", Sent::answer(404, Bytes::new()));
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    side.push("b", &notice("S2", "http://a.example/2.pdf")).await;
    assert_eq!(side.fetch().await.tried, 2);
    assert_eq!(side.fetch().await.tried, 0, "not before its time");
    let file = side.file("a", "S1").await;
    assert_eq!((file.state, file.tries), (State::Waiting, 1));
    assert!(file.detail.contains("http://a.example") && file.detail.contains("404"), "{}", file.detail);
    side.has("http://a.example/2.pdf", PDF);
    side.pass(MINUTE * 2);
    assert_eq!(side.fetch().await, Fetched { tried: 2, kept: 1, lost: 0 });
    let mut lost = 0;
    for _ in 0..5 {
        side.pass(LONGEST_WAIT);
        lost += side.fetch().await.lost;
    }
    let file = side.file("a", "S1").await;
    assert_eq!((file.state, file.tries, lost), (State::Expired, 7, 1));
    let listed = side.courier.context.store.failed(&Failed::Files, None, 9, side.now()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(side.tally().await.failed, 0, "no delivery has failed");
}

async fn page_in_place_of_a_file_is_told<S: Store>(side: Side<S>) {
    side.has("http://a.example/1.pdf", b"<!DOCTYPE html><html><body>login</body></html>");
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    side.fetch().await;
    let file = side.file("a", "S1").await;
    assert!(file.state == State::Waiting && file.detail.contains("HTML"), "{file:?}");
    for _ in 0..6 {
        side.pass(LONGEST_WAIT);
        side.fetch().await;
    }
    assert_eq!(side.file("a", "S1").await.state, State::NotAFile);
    assert_eq!(side.folder.list(None, 9).await.unwrap(), []);
}

async fn file_that_is_too_large_is_told_at_once<S: Store>(side: Side<S>) {
    let large = usize::try_from(hub::files::LARGEST).unwrap();
    let sent = |bytes: usize| Sent::answer(200, Bytes::from([PDF.to_vec(), vec![b' '; bytes - PDF.len()]].concat()));
    side.serves("http://a.example/1.pdf", sent(large + 1));
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    // A slow machine takes more than one sweep's time for it.
    within(async { while side.fetch().await != Fetched::default() {} }).await;
    let file = side.file("a", "S1").await;
    assert_eq!((file.state, file.tries), (State::TooLarge, 1));
    assert!(
        side.asked.lock().unwrap().iter().all(|request| request.limit == large + 1 && request.timeout <= MINUTE / 2)
    );
}

async fn address_that_may_not_be_called_is_told_at_once<S: Store>(side: Side<S>) {
    let refused = Sent::Failed { kind: Kind::Refused, text: "private".to_owned(), ms: 0 };
    side.serves("http://169.254.169.254/latest/meta-data", refused);
    side.push("a", &notice("S1", "http://169.254.169.254/latest/meta-data")).await;
    assert_eq!(side.fetch().await.lost, 1);
    let file = side.file("a", "S1").await;
    assert!(file.state == State::Refused && file.detail.contains("allow_private_files"), "{file:?}");
}

async fn each_redirect_goes_through_the_guard<S: Store>(side: Side<S>) {
    side.redirects("http://a.example/1.pdf", "https://b.example/x/2.pdf");
    side.redirects("https://b.example/x/2.pdf", "3.pdf");
    side.has("https://b.example/x/3.pdf", PDF);
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    assert_eq!(side.fetch().await.kept, 1);
    assert_eq!(side.asked(), ["http://a.example/1.pdf", "https://b.example/x/2.pdf", "https://b.example/x/3.pdf"]);
    assert!(side.asked.lock().unwrap().iter().all(|request| !request.allow_private));
    // Neither without end nor to another scheme.
    side.redirects("http://a.example/2.pdf", "http://a.example/2.pdf");
    side.push("a", &notice("S2", "http://a.example/2.pdf")).await;
    side.redirects("http://a.example/3.pdf", "file:///etc/passwd");
    side.push("a", &notice("S3", "http://a.example/3.pdf")).await;
    assert_eq!(side.fetch().await, Fetched { tried: 2, kept: 0, lost: 0 });
    assert_eq!(side.asked().len(), 3 + 4 + 1);
    assert!(side.file("a", "S2").await.detail.contains("redirects more than 3 times"));
}

async fn files_of_one_event_settle_by_themselves<S: Store>(side: Side<S>) {
    side.has("http://a.example/1.pdf", PDF);
    side.has("http://a.example/2.zip", b"PK\x03\x04zip");
    let links = r#""releaseNotice":"http://a.example/1.pdf","customsDeclaration":"http://a.example/2.zip","examinePdf":"http://a.example/gone.pdf,http://a.example/1.pdf""#;
    side.push("a", &receipt("S1", links)).await;
    assert_eq!(side.fetch().await, Fetched { tried: 3, kept: 2, lost: 0 });
    let files = side.files("a", "S1").await.unwrap();
    let states: Vec<_> = files.entries.iter().map(|file| (file.field.as_str(), file.state)).collect();
    assert_eq!(
        states,
        [("releaseNotice", State::Kept), ("customsDeclaration", State::Kept), ("examinePdf", State::Waiting)]
    );
    side.pass(MINUTE * 2);
    side.fetch().await;
    assert_eq!(side.asked().len(), 4, "what is kept is not fetched again");
}
