//! Rules of the paths that the functions answer.

use std::collections::BTreeSet;

use tongguan::table::Trigger;

#[test]
fn roots_of_paths_are_those_of_the_table() {
    let mut roots: Vec<&str> = vec!["health"];
    for function in tongguan::table::functions() {
        match function.trigger {
            Trigger::Hook(_) => roots.push("hooks"),
            Trigger::Api(routes) => roots.extend(routes.iter().filter_map(|(_, path)| path.split('/').nth(1))),
            Trigger::Queue(_) | Trigger::Schedule | Trigger::Daily => {}
        }
    }
    assert_eq!(BTreeSet::from_iter(roots), BTreeSet::from(hub::path::ROOTS));
}

#[test]
fn no_two_hooks_share_a_path() {
    let mut suffixes: Vec<_> = callback::ACTIONS.iter().map(|action| action.suffix).collect();
    suffixes.sort_unstable();
    suffixes.dedup();
    assert_eq!(suffixes.len(), callback::ACTIONS.len());
}
