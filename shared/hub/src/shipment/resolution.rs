//! Which keys belong to a shipment: from the key that is asked for, step by step, as the store answers.
//!
//! Every subject known under the key that is asked for is an *owner* of the shipment, unless it belongs to that key
//! ([`covers`]). On the way up an owner's events may name a stronger key; where it is the only one of its strength, that is
//! an owner as well. On the way down each owner leads to the keys that its events carry and that it covers, and those lead on
//! while the shipment has them alone. A key that another shipment has too (a bill with a second order) is part of it and
//! leads no further, because the other keys of its events may be that shipment's. Nothing found on the way down leads up, so
//! another order on the same bill and another bill in the same container are related and never part.

use std::collections::{BTreeMap, BTreeSet};

use crate::Subject;
use crate::shipment::key::rank;
use crate::shipment::{covers, strength};

/// The largest number of keys of a shipment.
pub const MOST_KEYS: usize = 1_000;

/// The largest number of related keys that are named.
pub const MOST_RELATED: usize = 1_000;

/// A resolution on its way.
#[derive(Clone, Debug)]
pub struct Resolution {
    keys: BTreeMap<Subject, Key>,
    /// Keys that are to be looked up.
    open: BTreeSet<Subject>,
    /// Keys that were seen, whether they became part or not.
    seen: BTreeSet<Subject>,
    cut: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Found on the way down.
    #[default]
    Part,
    /// Known under the key that is asked for, to which it belongs.
    Own,
    /// Asked for, or an owner.
    Owner,
}

#[derive(Clone, Debug, Default)]
struct Key {
    role: Role,
    /// Something is known of it. A key that is asked for may not exist.
    exists: bool,
    /// Keys that it was seen with: subjects known under it, keys that its events carry.
    with: BTreeSet<Subject>,
}

impl Resolution {
    /// The resolution of the keys that are asked for: one, or all that a text may mean.
    #[must_use]
    pub fn of(asked: Vec<Subject>) -> Self {
        let key = Key { role: Role::Owner, ..Key::default() };
        let keys = asked.iter().map(|subject| (subject.clone(), key.clone())).collect();
        Self { keys, open: asked.into_iter().collect(), seen: BTreeSet::new(), cut: false }
    }

    /// The keys to look up next, each once.
    pub fn take_open(&mut self) -> BTreeSet<Subject> {
        std::mem::take(&mut self.open)
    }

    /// Takes the subjects that are known under a key that is asked for, calls left out.
    pub fn known_under_asked(&mut self, asked: &Subject, subjects: impl IntoIterator<Item = Subject>) {
        for subject in subjects {
            let role = if covers(asked, &subject) { Role::Own } else { Role::Owner };
            self.note(asked, &subject);
            self.join(subject, role);
        }
    }

    /// Takes the subjects that are known under a key of the shipment, calls left out.
    pub fn known(&mut self, key: &Subject, subjects: impl IntoIterator<Item = Subject>) {
        for subject in subjects {
            self.note(key, &subject);
            if covers(key, &subject) {
                self.join(subject, Role::Part);
            }
        }
    }

    /// Takes the keys that an event of a key carries.
    pub fn carried(&mut self, key: &Subject, keys: impl IntoIterator<Item = Subject>) {
        if let Some(key) = self.keys.get_mut(key) {
            key.exists = true;
        }
        for other in keys {
            self.note(key, &other);
        }
    }

    /// The keys that were looked up, those that are asked for and may not exist among them. Whether a key leads on is known when
    /// it was looked up and its events were read.
    pub fn looked_up(&self) -> impl Iterator<Item = &Subject> {
        self.keys.keys().filter(|key| !self.open.contains(*key))
    }

    /// Follows, from the keys that were looked up, those that they lead to.
    pub fn follow(&mut self) {
        let subjects: Vec<_> = self.looked_up().cloned().collect();
        for subject in &subjects {
            if let Some(above) = self.above(subject) {
                self.join(above, Role::Owner);
            }
        }
        for subject in &subjects {
            let with = self.keys.get(subject).filter(|_| self.leads(subject)).map(|key| key.with.clone());
            for other in with.into_iter().flatten().filter(|other| covers(subject, other)) {
                self.join(other, Role::Part);
            }
        }
    }

    /// The key above one on the way up: the only strongest of the stronger keys that it was seen with.
    fn above(&self, subject: &Subject) -> Option<Subject> {
        let key = self.keys.get(subject).filter(|key| key.role > Role::Part)?;
        let strongest = key.with.iter().filter_map(strength).max().filter(|above| Some(*above) > strength(subject));
        let mut above = key.with.iter().filter(|with| strongest.is_some() && strength(with) == strongest);
        let first = above.next()?;
        above.next().is_none().then(|| first.clone())
    }

    /// Takes a call that was found under a key, with all keys that it names, and returns whether it belongs to the shipment: the
    /// key is asked for or an owner's, or no stronger key is another shipment's. The
    /// weaker keys of a call about several orders may be any order's, so they lead nowhere.
    pub fn call(&mut self, found_under: &Subject, keys: Vec<Subject>) -> bool {
        let strongest = keys.iter().filter_map(strength).max();
        let owner = self.keys.get(found_under).is_some_and(|key| key.role == Role::Owner);
        let named: Vec<_> = keys.iter().filter(|key| strength(key) == strongest).collect();
        let belongs = owner || named.iter().any(|key| self.keys.contains_key(*key));
        if belongs && named.len() == 1 {
            self.carried(found_under, keys);
            return true;
        }
        if belongs {
            self.carried(found_under, []);
        }
        self.seen.extend(keys.into_iter().filter(|key| strength(key).is_some()));
        belongs
    }

    /// Whether the way goes on from a key: nothing that it was seen with is another shipment's.
    fn leads(&self, subject: &Subject) -> bool {
        let Some(key) = self.keys.get(subject) else { return false };
        let other =
            |with: &Subject| strength(with).is_some() && !covers(subject, with) && !self.keys.contains_key(with);
        key.role == Role::Owner || !key.with.iter().any(other)
    }

    fn note(&mut self, key: &Subject, with: &Subject) {
        if with != key && strength(with).is_some() {
            self.seen.insert(with.clone());
        }
        if let Some(key) = self.keys.get_mut(key) {
            key.exists = true;
            key.with.insert(with.clone());
        }
    }

    fn join(&mut self, subject: Subject, role: Role) {
        if strength(&subject).is_none() {
            return;
        }
        if let Some(known) = self.keys.get_mut(&subject) {
            known.exists = true;
            known.role = known.role.max(role);
        } else if self.keys.len() < MOST_KEYS {
            self.open.insert(subject.clone());
            self.keys.insert(subject, Key { role, exists: true, with: BTreeSet::new() });
        } else {
            self.cut = true;
        }
    }

    /// The keys of the shipment, the strongest first.
    #[must_use]
    pub fn keys(&self) -> Vec<Subject> {
        let keys = self.keys.iter().filter(|(_, key)| key.exists).map(|(subject, _)| subject.clone());
        by_strength(keys.collect())
    }

    /// Keys that share a key or an event with the shipment and are not part of it, the strongest first.
    #[must_use]
    pub fn related(&self) -> Vec<Subject> {
        let mut related = by_strength(self.others().cloned().collect());
        related.truncate(MOST_RELATED);
        related
    }

    fn others(&self) -> impl Iterator<Item = &Subject> {
        self.seen.iter().filter(|key| !self.keys.contains_key(*key))
    }

    /// Whether keys were left out: of the shipment, or of those related to it.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut || self.others().count() > MOST_RELATED
    }
}

fn by_strength(mut keys: Vec<Subject>) -> Vec<Subject> {
    keys.sort_by_cached_key(rank);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipment::meant;

    /// Subjects with the keys that their events carry; an index of the one and the other is all that a store is.
    type World<'w> = &'w [(&'w str, &'w [&'w str])];

    fn resolved(asked: &str, world: World<'_>) -> Resolution {
        let subjects = |names: &[&str]| names.iter().map(|name| Subject::from(*name)).collect::<Vec<_>>();
        let asked = meant(asked);
        let mut resolution = Resolution::of(asked.clone());
        loop {
            let keys = resolution.take_open();
            if keys.is_empty() {
                return resolution;
            }
            for key in &keys {
                let known = world.iter().filter(|(_, carried)| carried.contains(&key.as_str()));
                let known: Vec<_> = known.map(|(subject, _)| Subject::from(*subject)).collect();
                if asked.contains(key) {
                    resolution.known_under_asked(key, known);
                } else {
                    resolution.known(key, known);
                }
                for (_, carried) in world.iter().filter(|(subject, _)| *subject == key.as_str()) {
                    resolution.carried(key, subjects(carried));
                }
            }
            resolution.follow();
        }
    }

    fn names(keys: &[Subject]) -> Vec<&str> {
        keys.iter().map(Subject::as_str).collect()
    }

    #[track_caller]
    fn assert_found(asked: &str, world: World<'_>, keys: &[&str], related: &[&str]) {
        let found = resolved(asked, world);
        assert_eq!((&names(&found.keys())[..], &names(&found.related())[..]), (keys, related), "{asked}");
        assert!(!found.is_cut());
    }

    #[test]
    fn receipts_under_three_keys_are_one_shipment() {
        let world: World<'_> = &[("order:J1", &["bl:JB1", "entry:E"]), ("bl:JB1", &[]), ("entry:E", &[])];
        for asked in ["order:J1", "bl:JB1", "entry:E", "J1", "JB1", "E"] {
            assert_found(asked, world, &["order:J1", "bl:JB1", "entry:E"], &[]);
        }
    }

    #[test]
    fn other_order_on_the_bill_is_related() {
        let world: World<'_> =
            &[("order:J1", &["bl:B", "entry:E1"]), ("order:J2", &["bl:B", "entry:E2"]), ("bl:B", &[])];
        assert_found("order:J1", world, &["order:J1", "bl:B", "entry:E1"], &["order:J2"]);
        assert_found("entry:E2", world, &["order:J2", "bl:B", "entry:E2"], &["order:J1"]);
        assert_found("bl:B", world, &["order:J1", "order:J2", "bl:B", "entry:E1", "entry:E2"], &[]);
    }

    #[test]
    fn other_bill_in_the_container_is_related() {
        let world: World<'_> = &[("bl:B1", &["container:C"]), ("bl:B2", &["container:C", "entry:E2"])];
        assert_found("bl:B1", world, &["bl:B1", "container:C"], &["bl:B2"]);
        assert_found("container:C", world, &["bl:B1", "bl:B2", "entry:E2", "container:C"], &[]);
        // Port data of the container names both.
        let world: World<'_> = &[("bl:B1", &[]), ("port:P:2:C", &["container:C", "bl:B1", "bl:B2", "entry:E2"])];
        assert_found("bl:B1", world, &["bl:B1", "port:P:2:C"], &["bl:B2", "entry:E2", "container:C"]);
    }

    #[test]
    fn way_goes_on_from_a_key_that_no_other_shipment_has() {
        let world: World<'_> = &[("order:J1", &["bl:B"]), ("bl:B", &["entry:E"]), ("entry:E", &["ciq:Q"])];
        assert_found("order:J1", world, &["order:J1", "bl:B", "entry:E", "ciq:Q"], &[]);
        let shared: World<'_> = &[world[0], world[1], world[2], ("order:J2", &["bl:B"])];
        assert_found("order:J1", shared, &["order:J1", "bl:B"], &["order:J2", "entry:E"]);
    }

    #[test]
    fn port_data_of_a_bill_is_part_of_its_order() {
        let world: World<'_> = &[("order:J1", &["bl:B"]), ("port:P:1:B:E", &["bl:B", "container:C"])];
        assert_found("order:J1", world, &["order:J1", "bl:B", "port:P:1:B:E", "container:C"], &[]);
        assert_found("container:C", world, &["order:J1", "bl:B", "port:P:1:B:E", "container:C"], &[]);
    }

    #[test]
    fn way_up_goes_to_the_only_stronger_key() {
        let world: World<'_> =
            &[("order:J1", &["bl:B"]), ("bl:B", &["entry:E"]), ("port:P:1:B", &["bl:B", "entry:E2"])];
        let keys = ["order:J1", "bl:B", "entry:E", "entry:E2", "port:P:1:B"];
        for asked in ["entry:E", "entry:E2", "port:P:1:B"] {
            assert_found(asked, world, &keys, &[]);
        }
        let shared: World<'_> = &[world[0], world[1], world[2], ("order:J2", &["bl:B"])];
        assert_found("entry:E", shared, &keys[1..], &["order:J1", "order:J2"]);
    }

    #[test]
    fn both_numbers_of_a_declaration_are_one_shipment() {
        let world: World<'_> = &[("ciq:Q", &[]), ("entry:E", &["ciq:Q"])];
        for asked in ["entry:E", "ciq:Q"] {
            assert_found(asked, world, &["entry:E", "ciq:Q"], &[]);
        }
    }

    #[test]
    fn key_that_nobody_knows_is_not_there() {
        assert_found("order:J9", &[("order:J1", &["bl:B"])], &[], &[]);
        assert_found("J9", &[], &[], &[]);
    }

    #[test]
    fn keys_are_bounded() {
        let numbers: Vec<_> = (0..MOST_KEYS + 5).map(|n| format!("container:{n}")).collect();
        let carried: Vec<_> = numbers.iter().map(String::as_str).collect();
        let found = resolved("bl:B", &[("bl:B", &carried)]);
        assert_eq!((found.keys().len(), found.is_cut()), (MOST_KEYS, true));
        assert_eq!(found.related().len(), 6);
    }

    #[test]
    fn call_belongs_by_its_strongest_key() {
        let world: World<'_> = &[("order:J1", &["bl:B"]), ("order:J2", &["bl:B"]), ("bl:B", &[])];
        let mut found = resolved("order:J1", world);
        let mut has = |under: &str, keys: &[&str]| {
            found.call(&under.into(), keys.iter().map(|key| Subject::from(*key)).collect())
        };
        assert!(has("order:J1", &["order:J1", "order:J2"]));
        assert!(has("bl:B", &["bl:B", "container:C"]));
        assert!(has("bl:B", &["bl:B", "order:J1", "order:J2"]));
        assert!(!has("bl:B", &["bl:B", "order:J2"]));
    }

    #[test]
    fn call_about_several_orders_leads_nowhere() {
        let order = Subject::from("order:J1");
        for (keys, expected) in [
            (&["order:J1", "bl:N1"][..], [&["order:J1", "bl:N1"][..], &[]]),
            (&["order:J1", "order:J2", "bl:N1", "bl:N2"], [&["order:J1"], &["order:J2", "bl:N1", "bl:N2"]]),
        ] {
            let mut found = Resolution::of(vec![order.clone()]);
            found.take_open();
            assert!(found.call(&order, keys.iter().map(|key| Subject::from(*key)).collect()));
            found.follow();
            assert_eq!([names(&found.keys()), names(&found.related())], expected);
        }
    }
}
