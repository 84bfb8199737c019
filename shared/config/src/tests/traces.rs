//! `[traces]`.

use hub::trace::{Sampling, TraceId};

use super::*;

fn traces(lines: &str) -> crate::Traces {
    let text = format!("{}\n[traces]\n{lines}\n", with("", ""));
    read(&text).unwrap_or_else(|mistakes| panic!("{lines}\n{mistakes:#?}")).traces.unwrap()
}

#[test]
fn nothing_is_traced_unless_configured() {
    assert!(read(&with("", "")).unwrap().traces.is_none());
    let bare = traces("");
    assert!(bare.url.is_none() && bare.headers.is_empty() && bare.sampling == Sampling::EVERY);
}

#[test]
fn traces_are_read_whole() {
    for (endpoint, url) in [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://collector.example.com/otlp/", "https://collector.example.com/otlp/v1/traces"),
        ("https://collector.example.com/a/b", "https://collector.example.com/a/b/v1/traces"),
    ] {
        let read =
            traces(&format!("endpoint = \"{endpoint}\"\nsample = 0\nheaders = {{ X-Key = {{ file = \"good\" }} }}"));
        assert_eq!(read.url.as_ref().unwrap().as_str(), url);
        assert!(!read.sampling.takes(TraceId([255; 16]), None));
        let [(name, value)] = &read.headers[..] else { panic!("{read:?}") };
        assert_eq!((name.as_str(), value.expose()), ("X-Key", OTHER_KEY));
        let shown = format!("{read:?}");
        assert!(!shown.contains(OTHER_KEY) && !shown.contains("/otlp"), "{shown}");
    }
}

#[test]
fn mistake_in_traces_is_named_with_its_remedy() {
    for (lines, told) in [
        ("endpoint = \"127.0.0.1:4318\"", "traces.endpoint: must be a URL"),
        (
            "endpoint = \"http://c:4318/v1/traces\"",
            "traces.endpoint: must be the collector's address without /v1/traces",
        ),
        ("endpoint = \"http://c:4318?a=1\"", "traces.endpoint: must end with its host or path"),
        ("sample = 1.5", "traces.sample: must be between 0.0"),
        ("sample = nan", "traces.sample: must be between 0.0"),
        ("sample = \"half\"", "traces.sample: must be a number from 0 to 1"),
        ("headers = { A = \"b\" }", "traces.headers: are sent to the endpoint"),
        ("endpoint = \"http://c\"\nheaders = { A = \"b\" }", "traces.endpoint: must begin with https://"),
        ("endpoint = \"https://c\"\nheaders = { \"A b\" = \"b\" }", "traces.headers.A b: is no name of a header"),
        (
            "endpoint = \"https://c\"\nheaders = { content-type = \"b\" }",
            "traces.headers.content-type: is set by the hub",
        ),
        ("endpoint = \"https://c\"\nheaders = { A = \"长\" }", "traces.headers.A: cannot be sent as a header"),
        ("endpoint = \"https://c\"\nheaders = { A = { file = \"gone\" } }", "traces.headers.A: the file gone"),
        ("endpoint = \"https://c\"\nheaders = { A = 5 }", "traces.headers.A: must be a text in quotes"),
        ("endpoints = \"https://c\"", "traces.endpoints: is not a known key: did you mean endpoint?"),
    ] {
        let found = mistakes(&format!("{}\n[traces]\n{lines}\n", with("", "")));
        assert!(found.iter().any(|mistake| mistake.starts_with(told)), "{lines}: {found:?}");
    }
    assert!(
        mistakes(&format!("traces = true\n{}", with("", "")))[0].starts_with("traces: must be a table: write [traces]")
    );
}

#[test]
fn port_of_grpc_is_warned_about() {
    let text = format!("{}\n[traces]\nendpoint = \"http://127.0.0.1:4317\"\n", with("", ""));
    let warnings = read(&text).unwrap().warnings();
    assert!(
        warnings.iter().any(|warning| warning.contains("traces.endpoint") && warning.contains("4318")),
        "{warnings:?}"
    );
}
