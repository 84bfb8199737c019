//! Valid documents and their values.

use std::time::Duration;

use hub::envelope::Format;
use hub::order::Order;
use hub::schedule::Schedule;
use partners::Partner;

use super::*;

#[test]
fn one_key_leaves_the_others_at_their_defaults() {
    let config = read("retention_days = 90").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.data_dir.to_str(), Some("data"));
    assert_eq!((config.sweep_every, config.inbox), (Duration::from_secs(30), None));
    assert!(config.statistics && config.public_url.is_none());
    assert!(config.server.idle_timeout > Duration::from_mins(1), "proxies keep theirs for a minute");
    assert_eq!(config.warnings().len(), 2, "{:?}", config.warnings());
}

#[test]
fn defaults_are_as_documented() {
    let config = read(&with("", "")).unwrap();
    let connection = &config.connections[&"xhq-sh".into()];
    assert_eq!(connection.partner, Partner::Xhq);
    assert_eq!(connection.retention, Duration::from_hours(90 * 24));
    assert_eq!((connection.repeat_window, connection.evidence), (Duration::from_mins(10), false));
    assert_eq!(connection.base_url.as_ref().unwrap().as_str(), "http://api.platform.codeflagai.com/api/docking/");
    assert!(
        connection.allow_ips.is_empty()
            && connection.settings.fee_actions.is_empty()
            && connection.credentials.is_empty()
    );
    let endpoint = &config.endpoints[&"erp".into()];
    assert_eq!((endpoint.format, endpoint.schedule.clone()), (Format::CloudEvents, Schedule::default()));
    assert_eq!((endpoint.timeout, endpoint.concurrency), (Duration::from_secs(10), 32));
    assert_eq!(endpoint.order, Order::None);
    assert!(!endpoint.allow_private);
    assert!(config.routes[0].wants(&"xhq-sh".into(), &"xhq.syn_status".into()));
}

#[test]
fn everything_that_is_given_is_taken() {
    let config = read(FULL).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    assert_eq!((config.listen.port(), config.inbox.map(|inbox| inbox.port())), (9000, Some(9001)));
    assert_eq!((config.data_dir.to_str(), config.sweep_every), (Some("/var/lib/tongguan"), Duration::from_mins(1)));
    let public_url = config.public_url.as_ref().map(url::Url::as_str);
    assert_eq!((public_url, config.statistics), (Some("https://hub.example.com/base"), false));
    let server = config.server;
    assert_eq!((server.idle_timeout, server.body_budget), (Duration::from_mins(2), 8 * 1024 * 1024));
    assert_eq!((server.requests_per_key, server.writes_waiting), (7, 99));
    assert_eq!((server.connections, server.connections_per_address), (2_048, 2_048));
    assert_eq!((config.metrics_listen.map(|address| address.port()), config.logs_json), (Some(9002), true));
    assert_eq!((config.disk.warn_below, config.disk.refuse_below), (4 << 30, 512 << 20));
    let xhq = &config.connections[&"xhq-sh".into()];
    assert!(xhq.keys[0].matches(KEY) && xhq.keys[1].matches(OTHER_KEY));
    let nets: Vec<_> = xhq.allow_ips.iter().map(ToString::to_string).collect();
    assert_eq!(nets, ["203.0.113.7/32", "198.51.100.0/24", "2001:db8::/32"]);
    assert_eq!(xhq.retention, Duration::from_hours(16 * 24));
    assert_eq!((xhq.repeat_window, xhq.evidence), (Duration::from_hours(1), true));
    assert_eq!(xhq.settings.fee_actions, ["fee_push", "费用"]);
    assert!(
        config.routes[1].wants(&xhq.id, &"call.failed".into()) && !config.routes[1].wants(&xhq.id, &"call.x".into())
    );
    assert!(xhq.credentials["app_id"].matches("a") && xhq.credentials["bgh_id"].matches(KEY));
    let base_urls: Vec<_> = config.connections.values().map(|c| c.base_url.as_ref().unwrap().as_str()).collect();
    assert_eq!(
        base_urls,
        [
            "http://127.0.0.1:9100/one",
            "https://api.trackingeyes.com/",
            "http://api.t.baoguan001.com/api/docking/",
            "https://ejf-fat.yw56.com.cn/api/order"
        ]
    );
    assert_eq!(config.connections[&"te".into()].retention, Duration::from_hours(30 * 24));
    assert!(config.connections[&"rates".into()].credentials["app_secret"].matches("s3"));
    assert_eq!(config.connections[&"yw".into()].credentials.len(), 2);
    let z = &config.endpoints[&"z".into()];
    assert_eq!((z.keys.as_ref().unwrap().len(), z.format, z.schedule.steps()), (2, Format::Raw, 5));
    assert_eq!((z.allow_private, z.timeout, z.concurrency), (true, Duration::from_secs(25), 1024));
    assert_eq!(z.order, Order::Subject);
    assert_eq!(config.endpoints[&"a".into()].schedule.steps(), 0);
    let routes: Vec<_> = config.routes.iter().map(|route| route.endpoint.as_str()).collect();
    assert_eq!(routes, ["a", "z", "zz"]);
    assert_eq!(config.pulled[&"zz".into()].lease, Duration::from_mins(5));
    assert!(config.api_keys[0].key.matches(KEY) && !config.api_keys[0].connections[0].matches("yw"));
}

#[test]
fn a_short_sweep_shortens_the_default_timeout() {
    let config = read(&format!("sweep_every = \"1s\"\n{}", with("", ""))).unwrap();
    assert_eq!(config.endpoints[&"erp".into()].timeout, Duration::from_millis(500));
}

#[test]
fn a_configuration_prints_no_secret() {
    let text = with("app_id = \"hunter2\"", "").replace("/events", "/events/hunter2?token=hunter2")
        + "[[api_keys]]\nid = \"a\"\nkey = \"@OTHER\"\n";
    let config = read(&text).unwrap();
    let printed = format!("{config:?} {:?}", config.warnings());
    for secret in ["hunter2", KEY, OTHER_KEY, WHSEC] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(printed.contains("https://erp.example.com"));
}

#[test]
fn the_ends_of_calls_are_events_too() {
    for types in ["call.*", "call.succeeded", "call.failed", "call.ambiguous", "call.cancelled", "c*"] {
        let config = read(&with("", &format!("types = [\"{types}\"]"))).unwrap();
        let wants = |event: &str| config.routes[0].wants(&"xhq-sh".into(), &event.into());
        assert!(
            ["call.succeeded", "call.failed", "call.ambiguous", "call.cancelled"].into_iter().any(wants),
            "{types}"
        );
        assert!(!wants("xhq.syn_status"), "{types}");
    }
}

#[test]
fn secrets_are_taken_without_what_stands_around_them() {
    for (app_id, secret) in [
        ("{ env = \"MARKED\" }", KEY),
        ("{ file = \"marked\" }", KEY),
        ("{ file = \"good\" }", OTHER_KEY),
        ("\" a b\\r\\n\"", "a b"),
        ("\"\"\"\n\u{feff}ab\n\"\"\"", "ab"),
    ] {
        let config = read(&with(&format!("app_id = {app_id}"), "")).unwrap();
        assert!(config.connections[&"xhq-sh".into()].credentials["app_id"].matches(secret), "{app_id}");
    }
}

/// A connection that can be called for all there is, and an endpoint, with more lines.
fn sound(connection: &str, endpoint: &str) -> String {
    with(&format!("app_id = \"a\"\nbgh_id = \"b\"\n{connection}"), endpoint)
}

#[test]
fn risky_settings_give_warnings() {
    let quiet = sound("base_url = \"https://h/\"", "");
    assert_eq!(read(&quiet).unwrap().warnings(), Vec::<String>::new());
    let warned = |text: &str, part: &str| {
        let warnings = read(text).unwrap().warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(part), "{text}\n{warnings:#?}");
    };
    warned(&quiet.replace("https://erp", "http://erp"), "endpoint erp is called at http://erp.example.com without TLS");
    warned(&sound("base_url = \"https://h/\"", "allow_private = true"), "(allow_private)");
    warned(&quiet.replace("erp.example.com", "localhost"), "set allow_private = true");
    warned(&quiet.replace("erp.example.com", "[::1]"), "set allow_private = true");
    for host in
        ["10.1.2.3", "[::ffff:7f00:1]", "100.64.0.1", "0.0.0.0", "[fd00::1]", "localhost.", "2130706433", "[::]"]
    {
        warned(&quiet.replace("erp.example.com", host), "set allow_private = true");
    }
    warned(&quiet.replace("erp.example.com", "erp.example.com:80"), "endpoints[0].url: is https at port 80");
    warned(&sound("base_url = \"https://h/\"\nretention_days = 2", ""), "expire after 2d but endpoint erp retries for");
    let unwanted = read(&sound("base_url = \"https://h/\"", "connections = [\"te-*\"]")).unwrap().warnings();
    assert_eq!(unwanted.len(), 2, "{unwanted:#?}");
    assert_eq!(unwanted[0], "endpoints[0].connections[0]: fits no connection that is configured (line 12)");
    assert!(unwanted[1].contains("no endpoint wants the events of connection xhq-sh"));
    warned(
        &format!("{quiet}[[api_keys]]\nid = \"a\"\nkey = \"@OTHER\"\nconnections = [\"te-*\"]"),
        "api_keys[0].connections[0]: fits no connection",
    );
}

/// Regression: a slip in `types` was taken, and the endpoint got nothing.
#[test]
fn a_type_that_no_event_has_is_warned_of() {
    let told = |types: &str, parts: &[&str]| {
        let text = sound("base_url = \"https://h/\"", &format!("types = [{types}]"));
        let warnings = read(&text).unwrap().warnings();
        assert_eq!(warnings.len(), parts.len(), "{types}: {warnings:#?}");
        assert!(warnings.iter().zip(parts).all(|(warning, part)| warning.contains(part)), "{types}: {warnings:#?}");
    };
    told("\"*\", \"xhq.*\", \"xhq.sing*\", \"xhq.unknown\", \"xhq.malformed\", \"call.*\", \"x*\"", &[]);
    told(
        "\"xhq.single_reciept\"",
        &["endpoints[0].types[0]: is no event type that is known: did you mean xhq.single_receipt?"],
    );
    told("\"xhq.Syn_status\"", &["did you mean xhq.syn_status?"]);
    told("\"xhq.sigle*\"", &["did you mean that of xhq.single_"]);
    told("\"xhq.upload\"", &["is a call and no event"]);
    told("\"xhq.invented\"", &["those of xhq are xhq.syn_status, "]);
    told("\"yanwen.*\"", &["yanwen pushes nothing", "wants yanwen.*, which none of its connections sends"]);
    told("\"onedata.rates\"", &["endpoint erp wants onedata.rates, which none of its connections sends"]);
    told("\"xhq.*\", \"xhq.*\"", &["endpoints[0].types[1]: stands in the list already"]);
}

#[test]
fn missing_credentials_are_reported_with_their_effect() {
    let told = |text: &str, part: &str| {
        let warnings = read(text).unwrap().warnings();
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{warnings:#?}");
    };
    told(&with("", ""), "connection xhq-sh has no app_id and no bgh_id: ");
    told(&with("app_id = \"a\"", ""), "connection xhq-sh has no bgh_id: ");
    let other = |partner: &str| with("", "") + &format!("[[connections]]\nid = \"o\"\npartner = \"{partner}\"\n");
    told(&other("yanwen"), "connection o has no api_token and no user_id: none of yanwen's operations can be called");
    told(&(other("onedata") + "keys = [\"@OTHER\"]"), "connection o has no signature recipe: it receives, but onedata");
}

#[test]
fn duplicates_give_warnings() {
    let twice = "[[endpoints]]\nid = \"b\"\nurl = \"https://erp.example.com/events\"\nsecrets = [\"@WHSEC\", \"@WHSEC\"]\n\
                 [[connections]]\nid = \"x2\"\npartner = \"xhq\"\nkeys = [\"@KEY\"]\napp_id = \"a\"\nbgh_id = \"b\"\n\
                 base_url = \"https://h/\"\nallow_ips = [\"203.0.113.9/24\", \"203.0.113.0/24\"]\n\
                 [[api_keys]]\nid = \"k\"\nkey = \"@KEY\"\n";
    let warnings = read(&(sound("base_url = \"https://h/\"", "") + twice)).unwrap().warnings();
    for (warning, part) in warnings.iter().zip([
        "endpoints[1].secrets[1]: stands in the list already",
        "connections[1].allow_ips[1]: stands in the list already",
        "endpoints b and erp have the same url",
        "connections x2 and xhq-sh have a key in common",
        "the api_keys entry k is a key of connection x",
    ]) {
        assert!(warning.contains(part), "{warnings:#?}");
    }
    assert_eq!(warnings.len(), 5, "{warnings:#?}");
}
