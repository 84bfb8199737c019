//! The list of keys against the reader.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::*;
use crate::{Absent, KEYS, Key, Kind};

/// The names of the listed keys that none of these tables has.
fn lacking<'t>(keys: &[Key], tables: &[&'t Table]) -> Vec<&'static str> {
    let plain = keys.iter().filter(|key| !matches!(key.kind, Kind::Credentials));
    let names = plain.flat_map(|key| {
        let values: Vec<&'t Value> = tables.iter().filter_map(|table| table.get(key.name)).collect();
        let elements = values.iter().filter_map(|value| value.as_array()).flatten();
        let below: Vec<&'t Table> = values.iter().copied().chain(elements).filter_map(Value::as_table).collect();
        let named = |table: &&'t Table| table.values().filter_map(Value::as_table);
        let below = if let Kind::Each(_) = key.kind { below.iter().flat_map(named).collect() } else { below };
        let own = values.is_empty().then_some(key.name);
        own.into_iter().chain(lacking(key.kind.keys(), &below)).collect::<Vec<_>>()
    });
    names.collect()
}

/// A key that is listed and not read is refused as unknown, so that the document with every key shows it.
#[test]
fn each_listed_key_is_read() {
    let full: Table = FULL.parse().unwrap();
    assert_eq!(lacking(KEYS, &[&full]), Vec::<&str>::new(), "give FULL these keys");
    read(FULL).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
}

/// A document of the required keys, with another line in one of its tables.
fn document(table: &str, line: &str) -> String {
    let more = |name: &str| if name == table { line } else { "" };
    let (connection, endpoint, server) = (more("connections"), more("endpoints"), more("server"));
    let api_key = format!("[[api_keys]]\nid = \"a\"\nkey = \"@OTHER\"\n{}\n", more("api_keys"));
    let watch = format!("[[watches]]\nconnection = \"xhq-sh\"\nsilence = \"1d\"\n{}\n", more("watches"));
    let robot = "id = \"ops\"\nkind = \"wecom\"\nurl = \"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k\"";
    let alert = format!("[[alerts]]\n{robot}\n{}\n", more("alerts"));
    let partner = format!("[[partners]]\nid = \"acme\"\n{}\n", more("partners"));
    let hub = format!("[hub]\nurl = \"https://hub.example.com\"\napi_key = \"k\"\n{}\n", more("hub"));
    let (disk, traces) = (more("disk"), more("traces"));
    format!(
        "{}\n{}{hub}[server]\n{server}\n[disk]\n{disk}\n[traces]\n{traces}\n{partner}{api_key}{watch}{alert}",
        more(""),
        with(connection, endpoint)
    )
}

/// The keys of the document and those of its tables, each with the name of the table.
fn listed() -> impl Iterator<Item = (&'static str, &'static Key)> {
    let tables = KEYS.iter().map(|key| (key.name, key.kind.keys())).chain([("", KEYS)]);
    tables.flat_map(|(table, keys)| keys.iter().map(move |key| (table, key)))
}

#[test]
fn listed_defaults_are_those_of_the_reader() {
    let printed = |text: &str| format!("{:?}", read(text).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}")));
    let usual = printed(&document("", ""));
    for (table, key) in listed() {
        if let Absent::Value(value) = key.absent {
            let line = format!("{} = {value}", key.name);
            assert_eq!(printed(&document(table, &line)), usual, "[{table}] {line}");
        }
    }
}

#[test]
fn keys_listed_as_required_are_required() {
    let document = document("", "");
    let lines: Vec<_> = document.lines().filter(|line| line.contains(" = ")).collect();
    for line in &lines {
        assert!(read(&document.replacen(line, "", 1)).is_err(), "{line}");
    }
    let given: BTreeSet<_> = lines.iter().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    let required = listed().filter(|(_, key)| matches!(key.absent, Absent::Required)).map(|(_, key)| key.name);
    assert_eq!(given, required.collect());
}
