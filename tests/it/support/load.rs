//! Partners that push as fast as they are answered, and what they were promised.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use partners::Partner;
use rusqlite::Connection;
use simulators::partner::Next;
use simulators::{Sender, pushes};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{hook, pushing, status, within};

/// The pushes of a test: no two are equal, and each that was answered positively is remembered.
#[derive(Clone)]
pub(crate) struct Load(Arc<Shared>);

struct Shared {
    is_described: bool,
    next: AtomicU64,
    promised: Mutex<HashSet<Vec<u8>>>,
    count: watch::Sender<usize>,
}

/// Numbers that look random, the same for the same seed.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// The `n`th push, with the suffix of its path: most are receipts, some statuses that follow one another.
pub(crate) fn nth(n: u64) -> (&'static str, Vec<u8>) {
    if n.is_multiple_of(4) {
        ("syn_status", status(&format!("CHAIN{}", n % 3), u32::try_from(n).unwrap()).into())
    } else {
        ("single_receipt", pushes::receipt(n))
    }
}

impl Load {
    pub(crate) fn new() -> Self {
        Self::of(false)
    }

    /// The same, and every other push is of the partner that a plan describes.
    pub(crate) fn described() -> Self {
        Self::of(true)
    }

    fn of(is_described: bool) -> Self {
        Self(Arc::new(Shared {
            is_described,
            next: AtomicU64::new(0),
            promised: Mutex::default(),
            count: watch::Sender::new(0),
        }))
    }

    /// Eight partners push until they are no longer answered positively.
    pub(crate) fn begin(&self, address: SocketAddr) -> JoinSet<()> {
        let mut senders = JoinSet::new();
        for _ in 0..8 {
            let load = self.clone();
            senders.spawn(async move {
                let mut sender = Sender::new(Partner::Xhq, &format!("http://{address}")).unwrap();
                loop {
                    let n = load.0.next.fetch_add(1, Ordering::Relaxed);
                    let (suffix, body) = nth(n);
                    let (mut described, mut path) = (None, hook(Partner::Xhq, suffix));
                    let mut body = body;
                    if load.0.is_described && n.is_multiple_of(2) {
                        let partner = pushing::described();
                        (path, body) =
                            (hook(partner, pushing::suffix(partner)), pushing::push(partner, &n.to_string()).into());
                        described = Some(Sender::new(partner, &format!("http://{address}")).unwrap());
                    }
                    let sender = described.as_mut().unwrap_or(&mut sender);
                    if sender.push(&path, "application/json", body.clone()).await.verdict != Next::Taken {
                        return;
                    }
                    load.0.promised.lock().unwrap().insert(body);
                    load.0.count.send_modify(|count| *count += 1);
                }
            });
        }
        senders
    }

    /// Waits until so many pushes were answered positively, over all runs.
    pub(crate) async fn promised(&self, count: usize) {
        within(self.0.count.subscribe().wait_for(|promised| *promised >= count)).await.unwrap();
    }

    pub(crate) fn count(&self) -> usize {
        *self.0.count.borrow()
    }

    /// Number of acknowledged pushes that are not stored.
    pub(crate) fn lost(&self, folder: &Path) -> usize {
        let kept = bodies(folder);
        self.0.promised.lock().unwrap().iter().filter(|body| !kept.contains(*body)).count()
    }
}

/// The bodies that are stored, read by SQLite alone.
pub(crate) fn bodies(folder: &Path) -> HashSet<Vec<u8>> {
    let db = Connection::open(folder.join("tongguan.db")).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut bodies = db.prepare("SELECT body FROM events").unwrap();
    bodies.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
