//! Places for connections, shared fairly.
//!
//! Anybody may connect. A connection that has shown a right key is known, and known ones have places that no stranger
//! takes. A stranger who finds no place is given the one of another: of the address range that has the most, of the
//! address there that has the most, the oldest connection that nothing is being done for. So a flood displaces itself, and
//! one who comes with a key has the time to show it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::watch::Watch;

/// Interval between two searches for a place.
const RETRY: Duration = Duration::from_millis(50);

/// Limits of the number of connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// In all.
    pub(super) all: usize,
    /// Of strangers.
    pub(super) strangers: usize,
    /// Of strangers at one address: of IPv6 a /64, which is what one customer of a provider has.
    pub(super) of_address: usize,
}

impl Limits {
    /// Limits for so many connections, a quarter of which are kept for known ones.
    pub(super) fn new(all: usize, of_address: usize) -> Self {
        let strangers = (all - all / 4).max(1);
        Self { all, strangers, of_address: of_address.clamp(1, strangers) }
    }
}

/// The places of a server. Clones share them.
#[derive(Clone)]
pub(crate) struct Places {
    limits: Limits,
    table: Arc<Mutex<Table>>,
    freed: Arc<Notify>,
}

#[derive(Default)]
struct Table {
    next: u64,
    /// By age.
    held: BTreeMap<u64, Held>,
}

struct Held {
    address: IpAddr,
    is_known: bool,
    watch: Watch,
    displaced: Arc<Notify>,
}

/// A place that a connection has until this is dropped, or until it is displaced.
pub(crate) struct Place {
    id: u64,
    places: Places,
    displaced: Arc<Notify>,
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, table: Arc::default(), freed: Arc::default() }
    }

    /// A place for a stranger from that address. Waits only while every place is taken by known connections for which
    /// something is being done.
    pub(super) async fn take(&self, address: IpAddr, watch: &Watch) -> Place {
        loop {
            let freed = self.freed.notified();
            if let Some(place) = self.try_take(address, watch) {
                return place;
            }
            // One that has become idle gives way too, and does not say so.
            let _ = timeout(RETRY, freed).await;
        }
    }

    fn try_take(&self, address: IpAddr, watch: &Watch) -> Option<Place> {
        let address = grouped(address);
        let mut table = self.table();
        match table.room(address, self.limits) {
            Room::Free => {}
            Room::Instead(id) => {
                if let Some(held) = table.held.remove(&id) {
                    held.displaced.notify_one();
                }
            }
            Room::None => return None,
        }
        let id = table.next;
        table.next += 1;
        let displaced = Arc::new(Notify::new());
        let held = Held { address, is_known: false, watch: watch.clone(), displaced: Arc::clone(&displaced) };
        table.held.insert(id, held);
        Some(Place { id, places: self.clone(), displaced })
    }

    /// Connections, and those of them that have shown a right key.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let table = self.table();
        (table.held.len(), table.held.values().filter(|held| held.is_known).count())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Result of the search for a place for a stranger.
enum Room {
    /// There is one.
    Free,
    /// In the place of that connection.
    Instead(u64),
    /// Nowhere: all places are taken by known connections that are busy.
    None,
}

impl Table {
    /// Searches for a place for a stranger from that address.
    fn room(&self, address: IpAddr, limits: Limits) -> Room {
        let strangers = || self.held.iter().filter(|(_, held)| !held.is_known);
        let of_address = strangers().filter(|(_, held)| held.address == address).count();
        if of_address < limits.of_address && self.held.len() < limits.all && strangers().count() < limits.strangers {
            return Room::Free;
        }
        let crowded = if of_address >= limits.of_address {
            Some(address)
        } else {
            let range = most(strangers().map(|(_, held)| range_of(held.address)));
            most(strangers().map(|(_, held)| held.address).filter(|address| Some(range_of(*address)) == range))
        };
        let stranger = quiet_or_oldest(strangers().filter(|(_, held)| Some(held.address) == crowded));
        let idle = || self.held.iter().find(|(_, held)| !held.watch.is_busy()).map(|(id, _)| *id);
        stranger.or_else(idle).map_or(Room::None, Room::Instead)
    }
}

/// The oldest for which nothing is being done, else the oldest.
fn quiet_or_oldest<'h>(held: impl Iterator<Item = (&'h u64, &'h Held)>) -> Option<u64> {
    let mut oldest = None;
    for (id, held) in held {
        if !held.watch.is_busy() {
            return Some(*id);
        }
        oldest = oldest.or(Some(*id));
    }
    oldest
}

/// The value that comes most often.
fn most<T: Copy + Eq + Hash + Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(value, count)| (*count, *value)).map(|(value, _)| value)
}

/// The address that counts as one: of IPv6 a /64.
fn grouped(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The range that an address is in: a /24, of IPv6 a /48.
fn range_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 48)).into(),
    }
}

impl Place {
    /// The connection has shown a right key: no stranger takes its place any more.
    pub(crate) fn show_key(&self) {
        if let Some(held) = self.places.table().held.get_mut(&self.id) {
            held.is_known = true;
        }
    }

    /// Waits until another connection has the place.
    pub(super) async fn displaced(&self) {
        self.displaced.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().held.remove(&self.id);
        self.places.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::server::watch::Answering;

    fn places(all: usize, of_address: usize) -> Places {
        Places::new(Limits::new(all, of_address))
    }

    fn watch() -> Watch {
        Watch::new(Duration::from_secs(75))
    }

    fn stranger(places: &Places, address: &str) -> Place {
        places.take(address.parse().unwrap(), &watch()).now_or_never().expect("a place at once")
    }

    fn known(places: &Places, address: &str) -> Place {
        let place = stranger(places, address);
        place.show_key();
        place
    }

    fn is_displaced(place: &Place) -> bool {
        place.displaced().now_or_never().is_some()
    }

    #[tokio::test]
    async fn a_stranger_displaces_the_oldest_of_the_crowd() {
        let places = places(8, 6);
        let quiet = stranger(&places, "192.0.2.1");
        let crowd: Vec<_> = (0..5).map(|_| stranger(&places, "198.51.100.7")).collect();
        let other = stranger(&places, "203.0.113.9");
        assert!(is_displaced(&crowd[0]) && !is_displaced(&crowd[1]) && !is_displaced(&quiet) && !is_displaced(&other));
    }

    /// A flood from many addresses of one range is one flood.
    #[tokio::test]
    async fn a_range_counts_as_a_whole() {
        let places = places(8, 6);
        let pair = [(); 2].map(|()| stranger(&places, "192.0.2.1"));
        let range: Vec<_> = (1..=4).map(|n| stranger(&places, &format!("198.51.100.{n}"))).collect();
        let _other = stranger(&places, "203.0.113.9");
        assert!(pair.iter().all(|place| !is_displaced(place)));
        assert_eq!(range.iter().filter(|place| is_displaced(place)).count(), 1);
        let v6: Vec<_> = (0..9).map(|n| stranger(&places, &format!("2001:db8::{n}"))).collect();
        assert!(is_displaced(&v6[0]), "a /64 is one address");
        let mapped = [stranger(&places, "::ffff:192.0.2.1"), stranger(&places, "192.0.2.1")];
        assert!(mapped.iter().all(|place| !is_displaced(place)));
    }

    #[tokio::test]
    async fn busy_connection_outlives_an_idle_one() {
        let places = places(4, 3);
        let busy = watch();
        let _answering = Answering::new(&busy);
        let oldest = places.take("192.0.2.1".parse().unwrap(), &busy).await;
        let idle = stranger(&places, "192.0.2.1");
        let _third = stranger(&places, "192.0.2.1");
        let _fourth = stranger(&places, "192.0.2.1");
        assert!(!is_displaced(&oldest) && is_displaced(&idle));
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_displaces_itself() {
        let places = places(100, 2);
        let one = stranger(&places, "192.0.2.1");
        let other = stranger(&places, "192.0.2.2");
        let _two = stranger(&places, "192.0.2.1");
        let _three = stranger(&places, "192.0.2.1");
        assert!(is_displaced(&one) && !is_displaced(&other));
        let many: Vec<_> = (0..9).map(|_| known(&places, "192.0.2.3")).collect();
        assert!(!many.iter().any(is_displaced), "known ones are not counted");
    }

    /// Regression: with every place taken by strangers a known partner's push waited for seconds.
    #[tokio::test]
    async fn a_known_connection_stays_whatever_strangers_do() {
        let places = places(8, 8);
        let partner = known(&places, "192.0.2.1");
        let crowd: Vec<_> = (0..100).map(|n| stranger(&places, &format!("10.0.{n}.1"))).collect();
        assert!(!is_displaced(&partner));
        assert_eq!(crowd.iter().filter(|place| !is_displaced(place)).count(), 6, "two places are kept");
        let more = [known(&places, "192.0.2.1"), known(&places, "192.0.2.1")];
        assert!(!more.iter().any(is_displaced));
    }

    #[tokio::test]
    async fn where_all_are_known_and_busy_a_stranger_waits() {
        let places = places(2, 2);
        let busy = watch();
        let answering = Answering::new(&busy);
        let held: Vec<_> = [(); 2].map(|()| places.take("192.0.2.1".parse().unwrap(), &busy).now_or_never()).into();
        let held: Vec<_> = held.into_iter().flatten().collect();
        held.iter().for_each(Place::show_key);
        let idle = watch();
        let mut waiting = Box::pin(places.take("192.0.2.2".parse().unwrap(), &idle));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(answering);
        drop(held);
        waiting.await;
    }
}
