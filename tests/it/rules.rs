//! Rules of the code map: absences in the manifests, and the function table against the folders.

mod paths;
mod shipments;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Crate name -> the names in its `[dependencies]`.
fn manifests() -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for manifest in files(&root(), "Cargo.toml") {
        let document: toml::Table = std::fs::read_to_string(&manifest).unwrap().parse().unwrap();
        let Some(package) = document.get("package") else { continue };
        let name = package["name"].as_str().unwrap().to_owned();
        let dependencies = document.get("dependencies").and_then(toml::Value::as_table);
        found.insert(name, dependencies.map(|table| table.keys().cloned().collect()).unwrap_or_default());
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
        if path.is_dir() && !hidden && !path.ends_with("target") {
            found.extend(files(&path, name));
        } else if path.file_name().unwrap() == name || path.extension().is_some_and(|extension| extension == name) {
            found.push(path);
        }
    }
    found
}

fn users(of: &str) -> Vec<String> {
    let manifests = manifests();
    let users = manifests.iter().filter(|(_, dependencies)| dependencies.iter().any(|name| name == of));
    // Tests and benchmarks stand outside the house.
    users
        .map(|(name, _)| name.clone())
        .filter(|name| !["tests", "bench", "cost", "host"].contains(&name.as_str()))
        .collect()
}

/// A dependency reachable from a crate through our own crates.
fn reaches(from: &str, to: &str) -> bool {
    let manifests = manifests();
    let mut open = vec![from.to_owned()];
    let mut seen = Vec::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if !seen.contains(&name) {
            open.extend(manifests.get(&name).cloned().unwrap_or_default());
            seen.push(name);
        }
    }
    false
}

#[test]
fn each_outside_library_is_named_in_one_place() {
    assert_eq!(users("reqwest"), ["outbound"]);
    assert_eq!(users("rusqlite"), ["store-sqlite"]);
    assert_eq!(users("aws-sdk-dynamodb"), ["store-dynamodb"]);
    assert_eq!(users("aws-sdk-sqs"), ["queue-sqs"]);
    assert_eq!(users("lambda_http"), ["lambda"]);
    assert_eq!(users("ring"), ["api"]);
    assert_eq!(users("rawzip"), ["evidence"]);
}

#[test]
fn the_pure_crates_do_no_input_output_and_read_no_clock() {
    for pure in ["partners", "hub", "alerts", "evidence"] {
        for impure in
            ["tokio", "store", "queue", "outbound", "config", "telemetry", "inbound", "getrandom", "reqwest", "hyper"]
        {
            assert!(!reaches(pure, impure), "{pure} reaches {impure}");
        }
        for source in files(&root().join("shared").join(pure).join("src"), "rs") {
            let text = std::fs::read_to_string(&source).unwrap();
            for name in ["SystemTime", "Instant::now", "Timestamp::now", "std::env", "std::fs", "std::net::Tcp"] {
                assert!(!text.contains(name), "{} names {name}", source.display());
            }
        }
    }
}

#[test]
fn webhooks_never_call_out_and_functions_are_independent() {
    let manifests = manifests();
    for action in callback::ACTIONS {
        assert!(!reaches(action.name, "outbound"), "{} can call out", action.name);
    }
    let functions: Vec<String> = tongguan::table::functions().iter().map(|function| function.name.to_owned()).collect();
    // Who makes calls reads answers as the webhooks read pushes.
    let couriers = ["call", "deliver", "dispatch", "stats", "sweep"];
    for function in functions.iter().filter(|name| *name != "callback") {
        let others = manifests[function].iter().filter(|name| functions.contains(name));
        let others: Vec<_> =
            others.filter(|name| *name != "callback" || !couriers.contains(&function.as_str())).collect();
        assert!(others.is_empty(), "{function} depends on {others:?}");
    }
}

#[test]
fn the_hub_on_one_machine_links_no_aws() {
    let manifests = manifests();
    // The functions' AWS side is a default feature, which the workspace switches off for whoever uses the library.
    let read = |path: &str| -> toml::Table { std::fs::read_to_string(root().join(path)).unwrap().parse().unwrap() };
    let (workspace, callback) = (read("Cargo.toml"), read("functions/callback/Cargo.toml"));
    for function in tongguan::table::functions() {
        let shared = workspace["workspace"]["dependencies"].get(function.name);
        let entries: Vec<_> = shared.into_iter().chain(callback["dependencies"].get(function.name)).collect();
        let is_off = |entry: &&toml::Value| entry.get("default-features").and_then(toml::Value::as_bool) == Some(false);
        assert!(!entries.is_empty() && entries.iter().all(is_off), "{function:?}");
    }
    assert!(!manifests["tongguan"].iter().any(|name| name == "lambda" || name.starts_with("aws")));
}

#[test]
fn every_function_is_a_folder_a_crate_and_a_binary_of_its_name() {
    let functions = tongguan::table::functions();
    let folders: Vec<_> =
        std::fs::read_dir(root().join("functions")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(folders.len(), functions.len());
    for function in functions {
        let folder = root().join("functions").join(function.name);
        let manifest: toml::Table = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some(function.name));
        assert_eq!(manifest["bin"][0]["name"].as_str(), Some(function.name));
        let main = std::fs::read_to_string(folder.join("src/main.rs")).unwrap();
        assert!(main.lines().count() <= 15, "{} does more than start", function.name);
    }
}

/// A build with cargo-lambda fills in what is missing: with `panic = "abort"`, a panic over one record would end the process
/// that works on all of a batch.
#[test]
fn the_release_profile_is_written_out() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let profile = &manifest["profile"]["release"];
    for (key, value) in [("opt-level", "z"), ("lto", "off"), ("panic", "unwind"), ("strip", "symbols")] {
        assert_eq!(profile.get(key).and_then(toml::Value::as_str), Some(value), "{key}");
    }
    assert_eq!(profile.get("codegen-units").and_then(toml::Value::as_integer), Some(1));
}

/// A variable read elsewhere would be missing from the template and the documents.
#[test]
fn the_environment_is_read_in_named_places() {
    let root = root();
    let sources = ["functions", "shared", "local"].into_iter().flat_map(|folder| files(&root.join(folder), "rs"));
    let mut readers: Vec<_> = sources
        .filter(|source| {
            let text = std::fs::read_to_string(source).unwrap();
            ["env::var", "env::{", "use std::env;"].iter().any(|reads| text.contains(reads))
        })
        .map(|source| source.strip_prefix(&root).unwrap().display().to_string())
        .collect();
    readers.sort_unstable();
    // Secrets that the configuration names, the function's start, the filter of the logs, and the language of the user.
    // And where cargo has the console's files packed.
    let named = [
        "functions/console/build/main.rs",
        "local/src/language.rs",
        "shared/config/src/sources.rs",
        "shared/lambda/src/aws.rs",
        "shared/telemetry/src/logs.rs",
    ];
    assert_eq!(readers, named);
}

#[test]
fn modules_named_in_the_test_map_exist() {
    let map = std::fs::read_to_string(root().join("tests/README.md")).unwrap();
    let it = root().join("tests/it");
    let named: Vec<&str> = map.split('`').skip(1).step_by(2).filter(|name| !name.contains([' ', '/'])).collect();
    assert!(named.len() > 20, "the map names modules between backticks");
    for name in named.into_iter().filter(|name| !["it", "outside"].contains(name)) {
        let path = name.replace("::", "/");
        let there = it.join(&path).is_dir() || it.join(format!("{path}.rs")).is_file();
        assert!(there, "tests/README.md names {name}, which is no module of tests/it");
    }
}

/// Every text file of the repository outside the build's, with its path from the root.
fn repository() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                walk(&path, found);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    let (root, mut paths) = (root(), Vec::new());
    walk(&root, &mut paths);
    let text = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        Some((name, String::from_utf8(std::fs::read(&path).ok()?).ok()?))
    };
    paths.into_iter().filter_map(text).collect()
}

/// A section of CONTRIBUTING.md.
fn contributing(section: &str) -> String {
    let text = std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let (_, rest) = text.split_once(&format!("## {section}\n")).unwrap();
    rest.split("\n## ").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The most files, or folders of its own, that something new touches, by the section of CONTRIBUTING.md that lists them.
/// Its tests and the generated files come on top.
const MOST: [(&str, usize); 3] = [("Add a webhook action", 7), ("Add a partner", 9), ("Add an operation", 5)];

/// Whether it is a test, generated, or a document about more than this.
fn is_beside(path: &str) -> bool {
    let beside = [
        "Cargo.lock",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "README.md",
        "README.zh-CN.md",
        "infra/README.md",
        // Generated, as the tables in docs are.
        "functions/openapi/openapi.json",
    ];
    let is_row = path.starts_with("tests/it/calls/rows/");
    beside.contains(&path)
        || path.starts_with("docs/")
        || (path.starts_with("tests/") && !is_row)
        || path.contains("/tests")
}

/// Holds the places of something that is there against the section that lists the places of such a thing.
fn held(section: &str, places: impl IntoIterator<Item = String>) {
    let (text, places) = (contributing(section), BTreeSet::from_iter(places));
    for place in &places {
        assert!(text.contains(&format!("`{place}`")), "{section}: {place} is not named");
    }
    let (_, most) = MOST.into_iter().find(|(name, _)| *name == section).unwrap();
    assert!((2..=most).contains(&places.len()), "{section}: {places:?}");
}

/// Regression: "Add a webhook action" left out what other tests ask for.
#[test]
fn contributing_names_each_file_of_an_action() {
    let (own, id) = ("import_partner", "ImportPartner");
    let is_of_it = |(path, text): &(String, String)| path.contains(own) || text.contains(own) || text.contains(id);
    let files = repository().into_iter().filter(is_of_it).map(|(path, _)| path).filter(|path| !is_beside(path));
    let place = |path: String| match () {
        () if path.starts_with(&format!("functions/{own}/")) => "functions/<name>/".to_owned(),
        () if path.starts_with("shared/partners/src/xhq/") => "shared/partners/src/<partner>/actions.rs".to_owned(),
        () => path,
    };
    held("Add a webhook action", files.map(place));
}

/// Regression: "Add a partner" named half of the places that the compiler and the tests do.
#[test]
fn contributing_names_each_file_of_a_partner() {
    let is_of_it = |(path, text): &(String, String)| {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let mut lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let names = ["Partner::TrackingEyes", "Self::TrackingEyes", "\"trackingeyes\""];
        path.contains("trackingeyes") || lines.any(|line| names.iter().any(|name| line.contains(name)))
    };
    // Its actions are listed by themselves.
    let is_action = |path: &str| path.contains("customs_status");
    let files = repository().into_iter().filter(is_of_it).map(|(path, _)| path);
    let files = files.filter(|path| !is_beside(path) && !is_action(path) && !path.starts_with("tests/"));
    let place = |path: String| match () {
        () if path.starts_with("shared/partners/src/trackingeyes/") => "shared/partners/src/<name>/".to_owned(),
        () => path.replace("trackingeyes", "<name>"),
    };
    held("Add a partner", files.map(place));
}

#[test]
fn contributing_names_each_file_of_an_operation() {
    let own = "getCustomsClearance";
    let files = repository().into_iter().filter(|(_, text)| text.contains(own)).map(|(path, _)| path);
    let place = |path: String| match () {
        () if path.starts_with("shared/partners/src/xhq/operations/") => {
            "shared/partners/src/<partner>/operations".to_owned()
        }
        () if path.starts_with("shared/simulators/src/api/xhq/") => "shared/simulators/src/api/<partner>".to_owned(),
        () => path.replace("xhq", "<partner>"),
    };
    held("Add an operation", files.filter(|path| !is_beside(path)).map(place));
}

/// The one place that tells partners apart is `Partner::profile`; the simulated partners have their own.
#[test]
fn no_other_code_matches_on_the_partner() {
    let places: BTreeSet<_> = repository()
        .into_iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|extension| extension == "rs"))
        .filter(|(path, _)| ["shared/", "functions/", "local/"].iter().any(|folder| path.starts_with(folder)))
        .filter(|(path, text)| {
            let code = text.split("#[cfg(test)]").next().unwrap();
            let arms = ["Partner::Yanwen =>", "Self::Yanwen =>", "== Partner::", "!= Partner::"];
            !path.contains("/tests") && arms.iter().any(|arm| code.contains(arm))
        })
        .map(|(path, _)| path)
        .collect();
    let expected = ["shared/partners/src/lib.rs", "shared/simulators/src/api/mod.rs"];
    assert_eq!(places, expected.map(str::to_owned).into());
}

/// The types that examples become, at their own path.
#[test]
fn each_event_type_is_listed_and_has_an_example() {
    let mut found: Vec<_> = callback::examples::all()
        .into_iter()
        .flat_map(|example| {
            let action = callback::ACTIONS.into_iter().find(|action| action.suffix == example.suffix).unwrap();
            let json = partners::Json::parse(example.body).unwrap();
            let settings = partners::operation::Settings::default();
            let push = hub::action::Push { partner: example.partner, body: &json, settings: &settings };
            match (action.read)(&push) {
                hub::action::Reading::Facts(facts) => {
                    facts.into_iter().map(|fact| fact.kind.to_string()).collect::<Vec<_>>()
                }
                hub::action::Reading::Malformed(why) => panic!("{}: {why}", example.name),
            }
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    let pushes = partners::Partner::ALL.into_iter().filter_map(|partner| partner.profile().pushes);
    let of_pushes = pushes.flat_map(|pushes| pushes.types);
    let kept = |kind: &&&str| !kind.ends_with(".unknown") && !kind.ends_with(".malformed");
    let mut listed: Vec<_> = of_pushes.filter(kept).map(|kind| (*kind).to_owned()).collect();
    listed.push("xhq.unknown".to_owned());
    listed.sort_unstable();
    assert_eq!(found, listed);
}

/// The documents have an action's subjects from its row, and an event has them from its reader.
#[test]
fn subject_of_each_example_is_of_a_listed_kind() {
    for action in callback::ACTIONS.into_iter().filter(|action| !action.suffix.is_empty()) {
        for example in action.examples {
            let json = partners::Json::parse(example.body).unwrap();
            let settings = partners::operation::Settings::default();
            let push = hub::action::Push { partner: action.partners[0], body: &json, settings: &settings };
            let hub::action::Reading::Facts(facts) = (action.read)(&push) else { panic!("{}", example.name) };
            for fact in facts {
                let (kind, _) = fact.subject.as_str().split_once(':').unwrap();
                assert!(action.subjects.contains(&kind), "{}: {kind}", example.name);
            }
        }
    }
}

/// A misspelt or renamed test would come back into the inner loop without a word.
#[test]
fn slow_tests_of_the_inner_loop_exist() {
    let text = std::fs::read_to_string(root().join(".config/nextest.toml")).unwrap();
    let slow: Vec<_> = text.split("test(=").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(!slow.is_empty());
    for test in slow {
        let (module, name) = test.rsplit_once("::").unwrap();
        let path = format!("tests/it/{}", module.replace("::", "/"));
        let found = [format!("{path}.rs"), format!("{path}/mod.rs")]
            .iter()
            .filter_map(|file| std::fs::read_to_string(root().join(file)).ok())
            .any(|code| code.contains(&format!("fn {name}(")));
        assert!(found, ".config/nextest.toml names {test}, which does not exist");
    }
}
