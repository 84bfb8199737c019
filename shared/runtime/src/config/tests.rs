use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use hub::envelope::Format;
use hub::schedule::Schedule;
use partners::Partner;

use super::{Config, Mistake, Sources};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Sources that hold `GOOD`, an empty `EMPTY` and the files of the same names.
fn sources() -> Sources<'static> {
    let known = BTreeMap::from([("GOOD", KEY.to_owned()), ("EMPTY", String::new())]);
    let files = BTreeMap::from([("good", format!("  {OTHER_KEY}\n")), ("empty", " \n".to_owned())]);
    Sources {
        env: Box::new(move |name| known.get(name).cloned()),
        file: Box::new(move |path| {
            let name = path.to_str().unwrap();
            files.get(name).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
        }),
    }
}

/// Reads a document in which `@KEY`, `@OTHER` and `@WHSEC` stand for good secrets.
fn read(text: &str) -> Result<Config, Vec<Mistake>> {
    let text = text.replace("@KEY", KEY).replace("@OTHER", OTHER_KEY).replace("@WHSEC", WHSEC);
    Config::parse_with(&text, &sources())
}

fn mistakes(text: &str) -> Vec<String> {
    match read(text) {
        Ok(_) => vec![],
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// Every key there is.
const FULL: &str = r#"
listen = "[::1]:9000"
inbox = "127.0.0.1:9001"
data_dir = "/var/lib/tongguan"
retention_days = 30
sweep_every = "1m"

[[connections]]
id = "xhq-sh"
partner = "xhq"
keys = ["@KEY", { file = "good" }]
allow_ips = ["203.0.113.7", "198.51.100.9/24", "2001:db8::/32"]
retention_days = 0x10
environment = "test"
fee_actions = ["fee_push", "费用"]
app_id = "a"
bgh_id = { env = "GOOD" }

[[connections]]
id = "te"
partner = "trackingeyes"
keys = [{ env = "GOOD" }]
company_code = "c"
secret = "s"

[[connections]]
id = "rates"
partner = "onedata"
keys = ["@KEY"]
base_url = "http://127.0.0.1:9100/one"
access_token = "t"

[[connections]]
id = "yw"
partner = "yanwen"
environment = "test"
user_id = "99000015"
api_token = "t"

[[endpoints]]
id = "z"
url = "http://127.0.0.1:9000/events"
secrets = ["@WHSEC", "@WHSEC"]
format = "raw"
connections = ["xhq-*", "te"]
types = ["xhq.*", "trackingeyes.customs_status"]
retry = ["500ms", "5s", "2m", "1h", "1d"]
allow_private = true
timeout = "25s"
concurrency = 1024

[[endpoints]]
id = "a"
url = "https://erp.example.com"
secrets = ["@WHSEC"]
retry = []

[[api_keys]]
id = "erp"
key = "@KEY"
connections = ["te"]
"#;

/// A sound connection and endpoint, each with more lines.
fn with(connection: &str, endpoint: &str) -> String {
    format!(
        "[[connections]]\nid = \"xhq-sh\"\npartner = \"xhq\"\nkeys = [\"@KEY\"]\n{connection}\n\
         [[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/events\"\nsecrets = [\"@WHSEC\"]\n{endpoint}\n"
    )
}

#[test]
fn an_empty_document_is_the_defaults() {
    let config = read("").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.data_dir.to_str(), Some("data"));
    assert_eq!((config.sweep_every, config.inbox), (Duration::from_secs(30), None));
    assert_eq!(config.warnings().len(), 2, "{:?}", config.warnings());
}

#[test]
fn what_is_left_out_is_as_documented() {
    let config = read(&with("", "")).unwrap();
    let connection = &config.connections[&"xhq-sh".into()];
    assert_eq!(connection.partner, Partner::Xhq);
    assert_eq!(connection.retention, Duration::from_hours(90 * 24));
    assert_eq!(connection.base_url.as_ref().unwrap().as_str(), "http://api.platform.codeflagai.com/api/docking/");
    assert!(connection.allow_ips.is_empty() && connection.fee_actions.is_empty() && connection.credentials.is_empty());
    let endpoint = &config.endpoints[&"erp".into()];
    assert_eq!((endpoint.format, endpoint.schedule.clone()), (Format::CloudEvents, Schedule::default()));
    assert_eq!((endpoint.timeout, endpoint.concurrency), (Duration::from_secs(10), 32));
    assert!(!endpoint.allow_private);
    assert!(config.routes[0].wants(&"xhq-sh".into(), &"xhq.syn_status".into()));
}

#[test]
fn everything_that_is_given_is_taken() {
    let config = read(FULL).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    assert_eq!((config.listen.port(), config.inbox.map(|inbox| inbox.port())), (9000, Some(9001)));
    assert_eq!((config.data_dir.to_str(), config.sweep_every), (Some("/var/lib/tongguan"), Duration::from_mins(1)));
    let xhq = &config.connections[&"xhq-sh".into()];
    assert!(xhq.keys[0].matches(KEY) && xhq.keys[1].matches(OTHER_KEY));
    let nets: Vec<_> = xhq.allow_ips.iter().map(ToString::to_string).collect();
    assert_eq!(nets, ["203.0.113.7/32", "198.51.100.0/24", "2001:db8::/32"]);
    assert_eq!(xhq.retention, Duration::from_hours(16 * 24));
    assert_eq!(xhq.fee_actions, ["fee_push", "费用"]);
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
    assert!(config.connections[&"rates".into()].credentials["access_token"].matches("t"));
    assert_eq!(config.connections[&"yw".into()].credentials.len(), 2);
    let z = &config.endpoints[&"z".into()];
    assert_eq!((z.keys.len(), z.format, z.schedule.steps()), (2, Format::Raw, 5));
    assert_eq!((z.allow_private, z.timeout, z.concurrency), (true, Duration::from_secs(25), 1024));
    assert_eq!(config.endpoints[&"a".into()].schedule.steps(), 0);
    let routes: Vec<_> = config.routes.iter().map(|route| route.endpoint.as_str()).collect();
    assert_eq!(routes, ["a", "z"]);
    assert!(config.api_keys[0].key.matches(KEY) && !config.api_keys[0].connections[0].matches("yw"));
}

#[test]
fn a_short_sweep_shortens_the_default_timeout() {
    let config = read(&format!("sweep_every = \"1s\"\n{}", with("", ""))).unwrap();
    assert_eq!(config.endpoints[&"erp".into()].timeout, Duration::from_millis(500));
}

#[test]
fn every_mistake_is_told_in_the_order_of_the_document() {
    let text = "listen = 8787\nretention_days = 0\n[[connections]]\nid = \"A\"\npartner = \"xqh\"\n\
                [[endpoints]]\nurl = \"ftp://x\"\nsecrets = []\ntypo = 1\n";
    assert_eq!(
        mistakes(text),
        [
            "listen: must be a text in quotes, not an integer (line 1)",
            "retention_days: must be between 1 and 3650 (line 2)",
            "connections[0].id: must be 1 to 64 of the characters a-z, 0-9 and - (line 4)",
            "connections[0].partner: is not a known partner: did you mean xhq? (line 5)",
            "endpoints[0].id: is missing: add id = \"erp\" (line 6)",
            "endpoints[0].url: must begin with http:// or https:// (line 7)",
            "endpoints[0].secrets: must hold at least one secret: \"whsec_\" and the base64 of 24 to 64 random bytes \
             (line 8)",
            "endpoints[0].typo: is not a known key: remove it (known here: id, url, secrets, format, connections, \
             types, retry, allow_private, timeout, concurrency) (line 9)",
        ]
    );
}

/// Each line alone makes exactly this mistake.
#[test]
fn each_rule_of_the_document_has_its_mistake() {
    let cases = [
        ("listen = \"localhost\"", "listen: must be an address and port such as \"127.0.0.1:8787\""),
        ("data_dir = \"\"", "data_dir: must name a directory"),
        ("retention_days = 3651", "retention_days: must be between 1 and 3650"),
        ("retention_days = -1", "retention_days: must be between 1 and 3650"),
        ("retention_days = 99999999999999999999", "retention_days: must be between 1 and 3650"),
        ("retention_days = 1.5", "retention_days: must be an integer, not a float"),
        ("sweep_every = \"16m\"", "sweep_every: must be between 1s and 15m"),
        ("sweep_every = \"0s\"", "sweep_every: must be between 1s and 15m"),
        ("sweep_every = \"soon\"", "sweep_every: must be a duration such as"),
        ("listne = \"x\"", "listne: is not a known key: did you mean listen?"),
        ("connections = 1", "connections: must be a list of tables: write [[connections]]"),
        ("connections = [1]", "connections[0]: must be a table: write [[connections]]"),
        ("[endpoints]", "endpoints: must be a list of tables: write [[endpoints]]"),
        ("[connection]", "connection: is not a known key: did you mean connections?"),
        ("[[api_keys]]\nid = \"a\"\nkey = \"short\"", "api_keys[0].key: must have 32 or more characters"),
        ("[[api_keys]]\nid = \"a\"", "api_keys[0].key: is missing"),
        ("[[api_keys]]\nid = \"a\"\nkey = \"密@KEY\"", "api_keys[0].key: must be of visible ASCII characters only"),
        (
            "[[api_keys]]\nid = \"a\"\nkey = \"@KEY\"\n[[api_keys]]\nid = \"b\"\nkey = \"@KEY\"",
            "api_keys[1].key: is the key of another api_keys entry too",
        ),
        (
            "[[api_keys]]\nid = \"a\"\nkey = \"@KEY\"\n[[api_keys]]\nid = \"a\"\nkey = \"@OTHER\"",
            "api_keys[1].id: is given twice, first in line 2",
        ),
        (
            "[[connections]]\nid = \"yw\"\npartner = \"yanwen\"\nkeys = [\"@KEY\"]",
            "connections[0].keys: is not a known",
        ),
        (
            "[[connections]]\nid = \"te\"\npartner = \"trackingeyes\"\nkeys = [\"@KEY\"]\nfee_actions = [\"x\"]",
            "connections[0].fee_actions: is not a known key: remove it",
        ),
        (
            "[[connections]]\nid = \"te\"\npartner = \"trackingeyes\"\nkeys = [\"@KEY\"]\nenvironment = \"test\"",
            "connections[0].environment: trackingeyes has no test system that is known: give its base_url",
        ),
        (
            "[[connections]]\nid = \"o\"\npartner = \"onedata\"\nkeys = [\"@KEY\"]\nallow_ip = [\"1.1.1.1\"]",
            "connections[0].allow_ip: is not a known key: did you mean allow_ips?",
        ),
        (
            "[[connections]]\nid = \"o\"\npartner = \"onedata\"\nkeys = [\"@KEY\"]\ntoken = 5",
            "connections[0].token: must be a table that is a recipe (a credential needs another name), not an integer",
        ),
        ("[[connections]]\nid = \"x\"\npartner = \"acme\"", "connections[0].partner: must be one of xhq, trackingeyes"),
        (
            "[[connections]]\nid = \"x\"\npartner = \"xhq\"",
            "connections[0].keys: must hold at least one key of 32 or more characters",
        ),
    ];
    for (text, mistake) in cases {
        let found = mistakes(text);
        assert!(found.len() == 1 && found[0].starts_with(mistake), "{text}\n{found:#?}");
    }
}

#[test]
fn each_rule_of_a_connection_has_its_mistake() {
    let cases = [
        ("allow_ips = [\"1.2.3\"]", "connections[0].allow_ips[0]: must be an address such as"),
        ("allow_ips = [\"1.2.3.4/33\"]", "connections[0].allow_ips[0]: must be an address such as"),
        ("allow_ips = \"1.2.3.4\"", "connections[0].allow_ips: must be a list in [ ], not a text"),
        ("retention_days = \"90\"", "connections[0].retention_days: must be an integer, not a text"),
        ("environment = \"prod\"", "connections[0].environment: must be \"test\" or \"production\""),
        ("base_url = \"api\"", "connections[0].base_url: must be a URL such as"),
        ("base_url = \"https://h/?a=b\"", "connections[0].base_url: must be a URL without ? and #"),
        (
            "base_url = \"https://h/\"\nenvironment = \"test\"",
            "connections[0].environment: stands beside base_url: remove one of them",
        ),
        ("fee_actions = [\"\"]", "connections[0].fee_actions[0]: must not be empty"),
        ("app_id = 5", "connections[0].app_id: must be a text in quotes, { env ="),
        ("app_id = \"\"", "connections[0].app_id: must not be empty"),
        ("app_id = { env = \"NONE\" }", "connections[0].app_id: the environment variable NONE is not set or empty"),
        ("app_id = { env = \"EMPTY\" }", "connections[0].app_id: the environment variable EMPTY is not set or empty"),
        ("app_id = { file = \"none\" }", "connections[0].app_id: the file none cannot be read: no such file"),
        ("app_id = { file = \"empty\" }", "connections[0].app_id: the file empty is empty"),
        ("app_id = { fiel = \"good\" }", "connections[0].app_id: must be a text, { env = \"NAME\" } or { file"),
        ("app_id = { env = 1 }", "connections[0].app_id: must be a text, { env = \"NAME\" } or { file"),
        ("app_id = { env = \"GOOD\", file = \"good\" }", "connections[0].app_id: must be a text, { env = \"NAME\" }"),
        ("company_code = \"x\"", "connections[0].company_code: is not a known key: remove it"),
        ("appid = \"x\"", "connections[0].appid: is not a known key: did you mean app_id?"),
    ];
    for (text, mistake) in cases {
        let found = mistakes(&with(text, ""));
        assert!(found.len() == 1 && found[0].starts_with(mistake), "{text}\n{found:#?}");
    }
}

#[test]
fn each_rule_of_the_keys_has_its_mistake() {
    let cases = [
        ("[]", "connections[0].keys: must hold at least one key of 32 or more characters"),
        ("\"@KEY\"", "connections[0].keys: must be a list in [ ], not a text"),
        ("[\"@KEY\", \"short\"]", "connections[0].keys[1]: must have 32 or more characters"),
        ("[\"@KEY/\"]", "connections[0].keys[0]: must be of the characters A-Z, a-z, 0-9, - and _ only"),
        ("[\"@KEY\", { env = \"GOOD\" }]", "connections[0].keys[1]: is the same as keys[0]"),
        (
            "[\"@KEYa\", \"@KEYb\", \"@KEYc\", \"@KEYd\", \"@KEYe\"]",
            "connections[0].keys: must hold at most 4 keys: remove the retired ones",
        ),
    ];
    for (keys, mistake) in cases {
        let found = mistakes(&format!("[[connections]]\nid = \"x\"\npartner = \"xhq\"\nkeys = {keys}"));
        assert!(found.len() == 1 && found[0].starts_with(mistake), "{keys}\n{found:#?}");
    }
}

#[test]
fn each_rule_of_an_endpoint_has_its_mistake() {
    let cases = [
        ("format = \"cloudevent\"", "endpoints[0].format: must be \"cloudevents\" or \"raw\""),
        ("connections = []", "endpoints[0].connections: must hold at least one: leave it out for all"),
        ("connections = [\"xhq-hs\"]", "endpoints[0].connections[0]: is no connection: did you mean xhq-sh?"),
        ("connections = [\"xhq\"]", "endpoints[0].connections[0]: is no connection: name one that is configured"),
        ("connections = [\"*-sh\"]", "endpoints[0].connections[0]: must be a name, or the beginning of one and *"),
        ("types = [\"\"]", "endpoints[0].types[0]: must be a name, or the beginning of one and *"),
        ("types = [\"syn_status\"]", "endpoints[0].types[0]: matches no event: types are <partner>.<action>"),
        ("types = [\"xgq.*\"]", "endpoints[0].types[0]: matches no event"),
        ("retry = [\"5\"]", "endpoints[0].retry[0]: must be a duration such as"),
        ("retry = [\"0s\"]", "endpoints[0].retry[0]: must be between 1ms and 7d"),
        ("retry = [5]", "endpoints[0].retry[0]: must be a text in quotes, not an integer"),
        ("allow_private = \"yes\"", "endpoints[0].allow_private: must be true or false, not a text"),
        ("timeout = \"26s\"", "endpoints[0].timeout: must be between 1ms and 25s"),
        (
            "timeout = \"20s\"",
            "endpoints[0].timeout: must be at most half of sweep_every (30s): lower it, or raise that to 40s",
        ),
        ("concurrency = 0", "endpoints[0].concurrency: must be between 1 and 1024"),
        ("concurrency = 1025", "endpoints[0].concurrency: must be between 1 and 1024"),
        ("secret = \"x\"", "endpoints[0].secret: is not a known key: did you mean secrets?"),
    ];
    for (text, mistake) in cases {
        let found = mistakes(&with("", text));
        assert!(found.len() == 1 && found[0].starts_with(mistake), "{text}\n{found:#?}");
    }
}

#[test]
fn text_that_is_no_toml_is_told_by_line_and_column() {
    let found = mistakes("listen = \"a\"\nretention_days = \n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("syntax: ") && found[0].ends_with("at column 18 (line 2)"), "{found:?}");
    let twice = mistakes("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:1\"\n");
    assert!(twice[0].contains("duplicate key") && twice[0].contains("(line 2)"), "{twice:?}");
    for text in ["=", "[", "[[connections]", "a = 'x", "\u{0}", "a = {", "\"\"\""] {
        assert!(!mistakes(text).is_empty(), "{text}");
    }
}

/// Whatever is lost of a document, what is left is a configuration or a list of mistakes, each with its line.
#[test]
fn a_mangled_document_is_a_list_of_mistakes() {
    let cut = FULL.char_indices().map(|(at, _)| FULL[..at].to_owned());
    let lines = FULL.lines().count();
    let without = (0..lines).map(|gone| {
        let kept = FULL.lines().enumerate().filter(|(n, _)| *n != gone);
        kept.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
    });
    for text in cut.chain(without) {
        if let Err(mistakes) = read(&text) {
            assert!(!mistakes.is_empty(), "{text}");
            assert!(mistakes.iter().all(|mistake| (1..=lines + 1).contains(&mistake.line)), "{mistakes:#?}");
        }
    }
}

/// However a secret is misplaced or malformed, it is not repeated to whoever reads the mistakes.
#[test]
fn no_mistake_repeats_a_secret() {
    const MARK: &str = "hunter2";
    let long = format!("{MARK}/{KEY}");
    let mut texts = vec![
        with(&format!("app_id = [\"{MARK}\"]"), ""),
        with(&format!("app_id = {{ text = \"{MARK}\" }}"), ""),
        with(&format!("base_url = \"https://u:{MARK}@h/\""), ""),
        with("", &format!("timeout = \"{MARK}\"")),
        with("", &format!("format = \"{MARK}\"\nallow_private = \"{MARK}\"\nconcurrency = \"{MARK}\"")),
        with("", &format!("types = [\"{MARK}\"]\nconnections = [\"{MARK}\"]\nretry = [\"{MARK}\"]")),
        with("", "").replace("https://erp", &format!("https://u:{MARK}@erp")),
        with("", "").replace("https://erp", &format!("{MARK}://erp")),
        with("", "").replace("\"xhq\"", &format!("\"{MARK}\"")),
        with("", "").replace("\"xhq-sh\"", &format!("\"{MARK} \"")),
        with("", "").replace("@WHSEC", MARK),
        with("", "").replace("[\"@WHSEC\"]", &format!("\"{MARK}\"")),
        with("", "").replace("@KEY", MARK),
        with("", "").replace("@KEY", &long),
        with("", "").replace("[\"@KEY\"]", &format!("[\"{KEY}{MARK}\", \"{KEY}{MARK}\"]")),
        format!("[[api_keys]]\nid = \"a\"\nkey = \"{MARK}\"\n"),
        format!("listen = \"{MARK}\"\ndata_dir = 1\n"),
    ];
    // The same as broken TOML: the line that is not understood may be the secret's.
    for broken in ["key = {MARK}", "key = \"{MARK}", "key \"{MARK}\"", "key = \"\\{MARK}\"", "key = '{MARK}' '{MARK}'"]
    {
        texts.push(broken.replace("{MARK}", MARK));
    }
    for text in texts {
        let found = read(&text).unwrap_err();
        assert!(!found.is_empty());
        assert!(!format!("{found:?}").contains(MARK), "{found:#?}");
    }
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
fn what_is_accepted_but_risky_is_told() {
    let quiet = with("base_url = \"https://h/\"", "");
    assert_eq!(read(&quiet).unwrap().warnings(), Vec::<String>::new());
    let warned = |text: &str, part: &str| {
        let warnings = read(text).unwrap().warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(part), "{text}\n{warnings:#?}");
    };
    let secretive = with("app_id = \"app\"", "");
    warned(&secretive, "connection xhq-sh calls http://api.platform.codeflagai.com without TLS");
    warned(&quiet.replace("https://erp", "http://erp"), "endpoint erp is called at http://erp.example.com without TLS");
    warned(&with("base_url = \"https://h/\"", "allow_private = true"), "(allow_private)");
    warned(&quiet.replace("erp.example.com", "localhost"), "set allow_private = true");
    warned(&quiet.replace("erp.example.com", "[::1]"), "set allow_private = true");
    warned(&quiet.replace("erp.example.com", "10.1.2.3"), "set allow_private = true");
    warned(&with("base_url = \"https://h/\"\nretention_days = 2", ""), "expire after 2d but endpoint erp retries for");
    let unwanted = read(&with("base_url = \"https://h/\"", "connections = [\"te-*\"]")).unwrap().warnings();
    assert_eq!(unwanted.len(), 2, "{unwanted:#?}");
    assert!(unwanted[0].contains("no endpoint wants the events of connection xhq-sh"));
    assert!(unwanted[1].contains("endpoint erp has a pattern in connections that fits none"));
}
