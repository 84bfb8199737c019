//! A power cut at any moment takes back nothing that was acknowledged.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use partners::Partner;
use simulators::Sender;
use store_sqlite::SqliteStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tongguan::Hub;

use super::between;
use super::disk::{Disk, Record, Unsynced, read};
use crate::support::load::{Seeded, bodies, nth};
use crate::support::process::Process;
use crate::support::{Plan, Time, answered, erp, hook, ledger, pushing, settled, status};

/// Number of pushes that a run acknowledges: enough for the store to carry its log over into its file a few times.
const PUSHES: u64 = 900;

/// At how many moments the power is cut.
const CUTS: usize = 60;

/// A partner on one connection, until the hub is gone: its port, and its pushes in their order.
async fn push_on(address: SocketAddr, next: Arc<AtomicU64>) -> (u16, Vec<Vec<u8>>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let port = stream.local_addr().unwrap().port();
    let mut pushed = Vec::new();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= PUSHES {
            return (port, pushed);
        }
        let (path, body) = if n.is_multiple_of(3) {
            let partner = pushing::described();
            (hook(partner, pushing::suffix(partner)), pushing::push(partner, &n.to_string()).into_bytes())
        } else {
            let (suffix, body) = nth(n);
            (hook(Partner::Xhq, suffix), body)
        };
        let head = format!("POST {path} HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        pushed.push(body);
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the hub hung up");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
}

/// A run under load: what was done to the disk, and the pushes of each connection.
struct Run {
    records: Vec<Record>,
    pushed: HashMap<u16, Vec<Vec<u8>>>,
    plan: Plan,
}

async fn run() -> Run {
    let erp = erp().await;
    let plan = Plan::described().endpoint("erp", &erp, "");
    let process = Process::start(&plan, &between(&plan)).await.unwrap();
    let next = Arc::new(AtomicU64::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        senders.spawn(push_on(process.address(), Arc::clone(&next)));
    }
    let mut pushed = HashMap::new();
    while let Some(sender) = senders.join_next().await {
        let (port, bodies) = sender.unwrap();
        pushed.insert(port, bodies);
    }
    process.kill();
    Run { records: read(&plan.folder().join("disk.log")), pushed, plan }
}

impl Run {
    /// Moments to cut the power at: after how many records. Half of them are right after an answer, where it hurts.
    fn moments(&self, seed: u64) -> Vec<usize> {
        let answers: Vec<usize> =
            (1..=self.records.len()).filter(|n| matches!(self.records[n - 1], Record::Answer { .. })).collect();
        assert_eq!(answers.len() as u64, PUSHES, "every acknowledgement was seen");
        let mut seeded = Seeded(seed);
        let after_answers = (0..CUTS / 2).map(|_| answers[seeded.below(answers.len())]).collect::<Vec<_>>();
        // Not before the store was made: until then there is no hub, and nothing to lose.
        let anywhere = (0..CUTS / 2).map(|_| answers[0] + seeded.below(self.records.len() - answers[0]));
        let mut moments: Vec<_> = after_answers.into_iter().chain(anywhere).chain([self.records.len()]).collect();
        moments.sort_unstable();
        moments
    }

    /// Cuts the power at moments, and shows each disk with what was acknowledged until then.
    async fn cut(&self, moments: &[usize], unsynced: impl Fn(usize) -> Unsynced, mut look: impl AsyncFnMut(Cut<'_>)) {
        let mut disk = Disk::default();
        let mut answered: HashMap<u16, usize> = HashMap::new();
        let mut moments = moments.iter().peekable();
        for (n, record) in (1..).zip(&self.records) {
            disk.happens(record);
            if let Record::Answer { port } = record {
                *answered.entry(*port).or_default() += 1;
            }
            while moments.next_if(|moment| **moment == n).is_some() {
                let folder = tempfile::tempdir().unwrap();
                disk.write(folder.path(), unsynced(n));
                let promised = answered.iter().flat_map(|(port, count)| &self.pushed[port][..*count]);
                look(Cut { folder: folder.path(), promised: promised.collect(), moment: n }).await;
            }
        }
    }
}

/// A disk after a cut.
struct Cut<'a> {
    folder: &'a std::path::Path,
    promised: Vec<&'a Vec<u8>>,
    moment: usize,
}

impl Cut<'_> {
    /// Number of acknowledged pushes that are lost.
    fn lost(&self) -> usize {
        let kept = bodies(self.folder);
        self.promised.iter().filter(|body| !kept.contains(**body)).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cut_at_any_moment_loses_no_acknowledged_push() {
    let run = run().await;
    let moments = run.moments(0xC07);
    let carried = |record: &Record| matches!(record, Record::Write { file, .. } if file == "tongguan.db");
    assert!(run.records[moments[0]..].iter().any(carried), "the log was carried over into the file meanwhile");
    let mut looked = 0;
    // Only what was synced is left; then some of the rest as well, which may not do harm either.
    for kind in [|_| Unsynced::Gone, |moment| Unsynced::Some(moment as u64)] {
        run.cut(&moments, kind, async |cut| {
            let seen = format!("{:?} after record {} of {}", kind(cut.moment), cut.moment, run.records.len());
            let store = SqliteStore::existing(cut.folder).unwrap_or_else(|error| panic!("{seen}: {error}"));
            let tally = ledger(&store).await;
            assert_eq!(cut.lost(), 0, "acknowledged and gone: {seen}");
            assert_eq!(tally.accepted, bodies(cut.folder).len() as u64, "{seen}");
            looked += 1;
        })
        .await;
    }
    assert_eq!(looked, 2 * moments.len());

    // A hub that starts on such a disk delivers all of it.
    let end = [*run.moments(1).get(CUTS / 2).unwrap()];
    run.cut(
        &end,
        |_| Unsynced::Gone,
        async |cut| {
            let (erp, time) = (erp().await, Time::now());
            time.pass(Duration::from_mins(2));
            let mut config = Plan::described().endpoint("erp", &erp, "").config();
            config.data_dir = cut.folder.to_owned();
            let before = ledger(&SqliteStore::existing(cut.folder).unwrap()).await;
            let hub = Hub::start_at(config, time.clock()).await.unwrap();
            let tally = settled(&hub).await;
            assert_eq!((tally.accepted, tally.delivered), (before.accepted, before.accepted));
            hub.stop().await;
            assert_eq!(erp.count() as u64, before.pending);
        },
    )
    .await;

    drop(run.plan);
}

/// That such cuts would find an answer before the sync: on a disk that has not done the latest sync, each push is gone
/// that was answered last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sync_before_an_answer_is_what_keeps_its_push() {
    let plan = Plan::new();
    let process = Process::start(&plan, &between(&plan)).await.unwrap();
    let mut sender = Sender::new(Partner::Xhq, &format!("http://{}", process.address())).unwrap();
    let pushed: Vec<_> = (0..10).map(|n| status(&format!("L{n}"), 61)).collect();
    for body in &pushed {
        answered(&mut sender, &hook(Partner::Xhq, "syn_status"), "application/json", body.as_bytes()).await;
    }
    process.kill();
    let records = read(&plan.folder().join("disk.log"));
    let mut answers = 0;
    for (n, record) in records.iter().enumerate() {
        if !matches!(record, Record::Answer { .. }) {
            continue;
        }
        answers += 1;
        let last = records[..n].iter().rposition(|record| matches!(record, Record::Sync { .. })).unwrap();
        for (skipped, kept) in [(None, answers), (Some(last), answers - 1)] {
            let mut disk = Disk::default();
            let real = records[..n].iter().enumerate().filter(|(n, _)| Some(*n) != skipped);
            real.for_each(|(_, record)| disk.happens(record));
            let folder = tempfile::tempdir().unwrap();
            disk.write(folder.path(), Unsynced::Gone);
            let expected: HashSet<_> = pushed[..kept].iter().map(|body| body.clone().into_bytes()).collect();
            assert!(bodies(folder.path()) == expected, "after answer {answers}, without the sync {skipped:?}");
        }
    }
    assert_eq!(answers, pushed.len());
}
