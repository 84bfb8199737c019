//! The promises of the files: their headers and sizes, and what a reader of the sources alone can hold them to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("static")
}

/// Names and texts of the modules of our own.
fn modules() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in ["", "pages", "parts"] {
        for entry in fs::read_dir(folder().join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "js") {
                let name = path.strip_prefix(folder()).unwrap().display().to_string();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 20);
    found
}

async fn get(path: &str, headers: &[(HeaderName, &str)]) -> Response<Bytes> {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, *value));
    router::<()>().handle(&(), request.body(Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn page_and_its_files_need_no_key_and_are_locked_in() {
    for (path, kind) in [
        ("/console", "text/html; charset=utf-8"),
        ("/prod/console", "text/html; charset=utf-8"),
        ("/console?from=chat", "text/html; charset=utf-8"),
        ("/console/app.js", "text/javascript; charset=utf-8"),
        ("/console/style.css", "text/css; charset=utf-8"),
        ("/console/uplot.js", "text/javascript; charset=utf-8"),
        ("/console/fields.json", "application/json"),
        ("/console/icon.svg", "image/svg+xml"),
    ] {
        let answer = get(path, &[]).await;
        assert_eq!(
            (answer.status(), &answer.headers()[CONTENT_TYPE]),
            (StatusCode::OK, &kind.parse().unwrap()),
            "{path}"
        );
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(answer.headers()[name], value, "{path}");
        }
        assert!(!answer.body().is_empty());
    }
    for path in ["/console/other.js", "/console/%2e%2e/src/lib.rs", "/console/vendor"] {
        assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

/// Regression: with a slash at its end the page looked for its files below itself.
#[tokio::test]
async fn slash_at_the_end_leads_to_the_page() {
    let answer = get("/prod/console/", &[]).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (308, &"../console".parse().unwrap()));
}

#[tokio::test]
async fn file_is_compressed_for_those_who_take_it() {
    let plain = get("/console/app.js", &[]).await;
    assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    for (asked, packs) in [("gzip", true), ("br, GZIP;q=0.5", true), ("gzip;q=0", false), ("identity", false)] {
        let answer = get("/console/app.js", &[(ACCEPT_ENCODING, asked)]).await;
        assert_eq!(answer.headers().contains_key(CONTENT_ENCODING), packs, "{asked}");
        if packs {
            let mut text = Vec::new();
            GzDecoder::new(answer.body().as_ref()).read_to_end(&mut text).unwrap();
            assert_eq!(text, plain.body().as_ref());
        }
    }
}

#[tokio::test]
async fn known_file_is_not_sent_again() {
    let first = get("/console/app.js", &[(ACCEPT_ENCODING, "gzip")]).await;
    let tag = first.headers()[ETAG].to_str().unwrap();
    for (asked, status) in [(tag, 304), (&*format!("\"other\", W/{tag}"), 304), ("\"other\"", 200)] {
        let again = get("/console/app.js", &[(IF_NONE_MATCH, asked)]).await;
        assert_eq!((again.status().as_u16(), again.body().is_empty()), (status, status == 304), "{asked}");
        assert_eq!(again.headers()[CACHE_CONTROL], "no-cache");
    }
}

#[test]
fn first_paint_takes_three_requests_and_all_is_small() {
    let page = fs::read_to_string(folder().join("index.html")).unwrap();
    let loaded: Vec<&str> = page.split("console/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(loaded, ["icon.svg", "style.css", "app.js"], "and the page itself");
    let all: usize = sizes().map(|(_, _, packed)| packed).sum();
    assert!(all < 150_000, "{all} bytes compressed: {:?}", sizes().collect::<Vec<_>>());
}

/// Regression: two modules had one name, and the script did not run.
#[test]
fn each_module_is_in_the_script_once_behind_its_imports() {
    let script = FILES.iter().find(|file| file.name == "app.js").unwrap();
    let text = std::str::from_utf8(script.plain).unwrap();
    let names: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("const m")?.strip_suffix(" = (() => {")).collect();
    assert_eq!(names.len(), modules().len() + 1, "and the vendored one");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let mut known = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("const m").and_then(|rest| rest.strip_suffix(" = (() => {")) {
            known.insert(name);
        } else if let Some((_, from)) = line.strip_prefix("const {").and_then(|rest| rest.split_once("} = m")) {
            assert!(known.contains(from.trim_end_matches(';')), "{line}");
        }
    }
}

/// Words and terms of both languages by their keys, each a line of a table.
fn texts(table: &str) -> BTreeMap<String, (String, String)> {
    let text = fs::read_to_string(folder().join(table)).unwrap();
    let entry = |line: &str| {
        let rest = line.strip_prefix("  '")?;
        let (key, rest) = rest.split_once("': ['")?;
        let (chinese, rest) = rest.split_once("', '")?;
        Some((key.to_owned(), (chinese.to_owned(), rest.strip_suffix("'],")?.to_owned())))
    };
    let lines = text.lines().filter(|line| line.starts_with("  "));
    let found: Vec<_> = lines.map(|line| entry(line).unwrap_or_else(|| panic!("{table}: {line}"))).collect();
    let unique: BTreeMap<_, _> = found.iter().cloned().collect();
    assert_eq!(unique.len(), found.len(), "{table} has a key twice");
    unique
}

/// Arguments that are a text in quotes, of calls of that function.
fn literals(source: &str, function: &str) -> BTreeSet<String> {
    let call = format!("{function}('");
    let bare =
        |at: usize| !source.get(..at).unwrap().ends_with(|before: char| before.is_alphanumeric() || before == '_');
    let calls = source.match_indices(&call).filter(|(at, _)| bare(*at));
    calls.map(|(at, _)| source[at + call.len()..].split('\'').next().unwrap().to_owned()).collect()
}

#[test]
fn every_text_is_there_in_both_languages_and_used() {
    let (words, terms) = (texts("words.js"), texts("terms.js"));
    let sources: Vec<_> = modules().into_iter().filter(|(name, _)| name != "words.js" && name != "terms.js").collect();
    let all: String = sources.iter().map(|(_, text)| text.as_str()).collect();
    for (key, (chinese, english)) in words.iter().chain(&terms) {
        assert!(!chinese.is_empty() && !english.is_empty(), "{key} lacks a language");
        let places = |text: &str| {
            text.match_indices('{')
                .map(|(at, _)| text[at..].split('}').next().unwrap().to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(places(chinese), places(english), "{key} has other places");
        let han = |text: &str| text.chars().any(|letter| ('\u{3400}'..='\u{9fff}').contains(&letter));
        assert!(key == "language" || !han(english), "{key}: English with Chinese");
        let same = chinese == english || !han(chinese);
        assert!(key == "language" || key == "change.working" || key == "role.erp" || !same, "{key}: not in Chinese");
    }
    let used: BTreeSet<String> = literals(&all, "t");
    assert_eq!(
        used.iter().filter(|key| !words.contains_key(*key)).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "no text"
    );
    let unused = words.keys().filter(|key| !all.contains(&format!("'{key}'"))).collect::<Vec<_>>();
    assert_eq!(unused, Vec::<&String>::new(), "texts that nothing shows");
    let kinds = literals(&all, "named");
    let of =
        |key: &str| kinds.iter().any(|kind| key.strip_prefix(kind.as_str()).is_some_and(|rest| rest.starts_with('.')));
    let unused = terms.keys().filter(|key| !of(key)).collect::<Vec<_>>();
    assert_eq!(unused, Vec::<&String>::new(), "terms of no kind that is shown");
    let empty = kinds.iter().filter(|kind| !terms.keys().any(|key| key.starts_with(&format!("{kind}."))));
    assert_eq!(empty.collect::<Vec<_>>(), Vec::<&String>::new(), "kinds without terms");
}

#[test]
fn text_from_outside_never_becomes_markup_or_code() {
    for (name, text) in modules() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "dangerouslySet",
            "eval(",
            "Function(",
            "srcdoc",
        ] {
            assert!(!text.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn no_module_or_style_is_longer_than_four_hundred_lines() {
    let styles = fs::read_dir(folder().join("style")).unwrap().map(|entry| entry.unwrap().path());
    let styles = styles.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()));
    for (name, text) in modules().into_iter().chain(styles) {
        assert!(text.lines().count() <= 400, "{name}");
    }
}

#[test]
fn vendored_files_are_those_that_were_taken() {
    let readme = fs::read_to_string(folder().join("vendor/README.md")).unwrap();
    let mut listed = BTreeSet::new();
    for row in readme.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let bytes = fs::read(folder().join("vendor").join(cells[1])).unwrap();
        let digest = Sha256::digest(&bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(digest, cells[4], "{}", cells[1]);
        listed.insert(cells[1].to_owned());
    }
    let names =
        fs::read_dir(folder().join("vendor")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let of_ours = |name: &str| name.starts_with("LICENSE-") || ["README.md", "htm-preact.d.ts"].contains(&name);
    assert_eq!(names.filter(|name| !of_ours(name)).collect::<BTreeSet<_>>(), listed);
}

/// The ladder of the page is the hub's.
#[test]
fn milestones_have_names_and_the_hubs_order() {
    let terms = texts("terms.js");
    for milestone in hub::Milestone::ALL {
        assert!(terms.contains_key(&format!("milestone.{milestone}")), "{milestone}");
    }
    let page = fs::read_to_string(folder().join("pages/shipment.js")).unwrap();
    let ladder = hub::shipment::ladder(None).iter().map(|rung| format!("'{}'", rung.milestone)).collect::<Vec<_>>();
    assert!(page.contains(&format!("const LADDER = [{}];", ladder.join(", "))), "{ladder:?}");
}

/// The colours of each theme by their names.
fn themes() -> Vec<BTreeMap<String, [f64; 3]>> {
    let text = fs::read_to_string(folder().join("style/1_base.css")).unwrap();
    let blocks = text.split('{').filter(|block| block.contains("--ground:"));
    let colour = |text: &str| {
        let part = |at: usize| Some(f64::from(u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?));
        Some([part(0)?, part(2)?, part(4)?])
    };
    let read = |block: &str| {
        let settings =
            block.split([';', '}']).filter_map(|setting| setting.trim().strip_prefix("--")?.split_once(": #"));
        settings.filter_map(|(name, value)| Some((name.to_owned(), colour(value)?))).collect()
    };
    blocks.map(read).collect()
}

/// The contrast of two colours, as WCAG 2 defines it.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |value: f64| {
        let value = value / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let light = |[red, green, blue]: [f64; 3]| 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (one, other) = (light(one) + 0.05, light(other) + 0.05);
    one.max(other) / one.min(other)
}

#[test]
fn text_is_legible_on_every_ground_of_both_themes() {
    let themes = themes();
    assert_eq!(themes.len(), 3, "light, dark by choice, dark by the system");
    assert_eq!(themes[1], themes[2]);
    for theme in themes {
        let grounds = ["ground", "card", "raised", "sunk"];
        let plain =
            ["ink", "dim", "faint", "accent", "bad"].into_iter().flat_map(|text| grounds.map(|ground| (text, ground)));
        let toned =
            ["good", "bad", "warn", "accent"].map(|tone| (tone, ["good-soft", "bad-soft", "warn-soft", "accent-soft"]));
        let toned =
            toned.into_iter().map(|(tone, soft)| (tone, soft.into_iter().find(|soft| soft.starts_with(tone)).unwrap()));
        let others = [
            ("accent-ink", "accent"),
            ("dim", "calm-soft"),
            ("ink", "calm-soft"),
            ("ink", "bad-soft"),
            ("dim", "bad-soft"),
            ("warn", "card"),
        ];
        for (text, ground) in plain.chain(toned).chain(others) {
            let found = contrast(theme[text], theme[ground]);
            assert!(found >= 4.5, "{text} on {ground}: {found:.2}");
        }
    }
}
