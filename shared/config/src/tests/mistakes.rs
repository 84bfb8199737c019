//! Mistakes of a document: each message names its key and line, and quotes no value.

use super::*;

#[test]
fn mistakes_follow_the_order_of_the_document() {
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
            "endpoints[0].typo: is not a known key: remove it (known here: id, pull, lease, url, secrets, format, \
             connections, types, retry, allow_private, timeout, concurrency, order, ca_file, ca_pem) (line 9)",
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
        ("statistics = 1", "statistics: must be true or false"),
        ("public_url = \"hub.example.com\"", "public_url: must be a URL such as"),
        ("public_url = \"https://hub.example.com/?a=1\"", "public_url: must end with its host or path"),
        ("[server]\nidle_timeout = \"0s\"", "server.idle_timeout: must be between 1s and 1h"),
        ("[server]\nconnections = 3", "server.connections: must be between 16 and 65536"),
        ("[server]\nbody_budget_mb = 1", "server.body_budget_mb: must be between 8 and 65536"),
        ("log_format = \"xml\"", "log_format: must be \"text\" or \"json\""),
        ("metrics_listen = \"127.0.0.1:8787\"", "metrics_listen: is where the hub itself or its inbox listens"),
        ("[disk]\nwarn_below_mb = -1", "disk.warn_below_mb: must be between 0 and 1048576"),
        ("server = 1", "server: must be a table: write [server], not an integer"),
        ("[server]\nidle = \"5s\"", "server.idle: is not a known key: remove it (known here: idle_timeout, "),
        ("listne = \"x\"", "listne: is not a known key: did you mean listen?"),
        ("connections = 1", "connections: must be a list of tables: write [[connections]]"),
        ("connections = [1]", "connections[0]: must be a table: write [[connections]]"),
        ("[endpoints]", "endpoints: must be a list of tables: write [[endpoints]]"),
        ("[connection]", "connection: is not a known key: did you mean connections?"),
        ("[[api_keys]]\nid = \"a\"\nkey = \"short\"", "api_keys[0].key: must have 32 or more characters"),
        ("[[api_keys]]\nid = \"a\"", "api_keys[0].key: is missing"),
        (
            "[[api_keys]]\nid = \"a\"\nkey = \"@KEY\"\nrole = \"admin\"",
            "api_keys[0].role: must be \"viewer\", \"operator\" or \"erp\"",
        ),
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
            "[[connections]]\nid = \"x\"\npartner = \"信号旗\"",
            "connections[0].partner: is not a known partner: did you mean xhq?",
        ),
        (
            "[[connections]]\nid = \"x\"\npartner = \"Yanwen\"",
            "connections[0].partner: is not a known partner: did you mean yanwen?",
        ),
        ("", "document: is empty: give it [[connections]]"),
        ("# only a comment\n", "document: is empty"),
        (
            "listen = \"localhost:8901\"",
            "listen: must be an address and port such as \"127.0.0.1:8901\": localhost is a name",
        ),
        ("listen = \"127.0.0.1:1\"\ninbox = \"127.0.0.1:1\"", "inbox: is where the hub itself listens"),
        ("\"a\\nb\" = 1", "a\\nb: is not a known key"),
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
        ("repeat_window = \"0s\"", "connections[0].repeat_window: must be between 1s and 90d"),
        ("repeat_window = \"91d\"", "connections[0].repeat_window: must be between 1s and 90d"),
        ("repeat_window = 600", "connections[0].repeat_window: must be"),
        ("environment = \"prod\"", "connections[0].environment: must be \"test\" or \"production\""),
        ("base_url = \"api\"", "connections[0].base_url: must be a URL such as"),
        (
            "base_url = \"localhost:8901\"",
            "connections[0].base_url: must begin with http:// or https://: a host and port",
        ),
        ("base_url = \"https:/h\"", "connections[0].base_url: must begin with http:// or https://, both slashes"),
        ("base_url = \"http:h\"", "connections[0].base_url: must begin with http:// or https://, both slashes"),
        ("base_url = \"https://h:0/\"", "connections[0].base_url: has the port 0"),
        ("base_url = \"https://h:x/\"", "connections[0].base_url: must be a URL such as"),
        ("base_url = \"https://h/?a=b\"", "connections[0].base_url: must be a URL without ? and #"),
        (
            "base_url = \"https://h/\"\nenvironment = \"test\"",
            "connections[0].environment: stands beside base_url: remove one of them",
        ),
        ("fee_actions = [\"\"]", "connections[0].fee_actions[0]: must not be empty"),
        (
            "answers = { upload = {} }",
            "connections[0].answers.upload: is not an operation whose rows are open: XHQ's actionDataRow is",
        ),
        (
            "answers = { actionDataRow = { rows = \"data\" } }",
            "connections[0].answers.actionDataRow.rows: must be a JSON pointer such as \"/data/list\"",
        ),
        (
            "answers = { actionDataRow = { action = \"\" } }",
            "connections[0].answers.actionDataRow.action: must not be empty",
        ),
        ("app_id = 5", "connections[0].app_id: must be a text in quotes, { env ="),
        ("app_id = \"\"", "connections[0].app_id: must not be empty"),
        ("app_id = { env = \"NONE\" }", "connections[0].app_id: the environment variable NONE is not set or empty"),
        ("app_id = { env = \"EMPTY\" }", "connections[0].app_id: the environment variable EMPTY is not set or empty"),
        ("app_id = { file = \"none\" }", "connections[0].app_id: the file none cannot be read: no such file"),
        ("app_id = { file = \"empty\" }", "connections[0].app_id: the file empty is empty"),
        ("app_id = { env = \"MARK\" }", "connections[0].app_id: the environment variable MARK is not set or empty"),
        ("app_id = { file = \"mark\" }", "connections[0].app_id: the file mark is empty"),
        ("app_id = { env = \"BROKEN\" }", "connections[0].app_id: the environment variable BROKEN holds a line break"),
        (
            "app_id = { file = \"broken\" }",
            "connections[0].app_id: the file broken holds a line break as its character 2",
        ),
        ("app_id = { env = \"NUL\" }", "connections[0].app_id: the environment variable NUL holds a NUL"),
        ("app_id = { file = \"nul\" }", "connections[0].app_id: the file nul holds a NUL as its character 2"),
        ("app_id = { file = \"gbk\" }", "connections[0].app_id: the file gbk is in GBK (GB 18030), not UTF-8: save it"),
        ("app_id = { file = \"utf16\" }", "connections[0].app_id: the file utf16 is in UTF-16, not UTF-8: save it"),
        ("app_id = { env = \"BYTES\" }", "connections[0].app_id: the environment variable BYTES is not UTF-8"),
        ("app_id = { file = \"folder\" }", "connections[0].app_id: the file folder is a folder: name the file in it"),
        (
            "app_id = { file = \"closed\" }",
            "connections[0].app_id: the file closed cannot be read: permission denied; let",
        ),
        ("app_id = \"  \"", "connections[0].app_id: must not be empty"),
        ("app_id = \"a\\nb\"", "connections[0].app_id: holds a line break as its character 2: remove it"),
        ("app_id = { file = \"a\\nb\" }", "connections[0].app_id: the file \"a\\nb\" cannot be read"),
        ("app_id = { fiel = \"good\" }", "connections[0].app_id: must be a text, { env = \"NAME\" }, { file"),
        ("app_id = { env = 1 }", "connections[0].app_id: must be a text, { env = \"NAME\" }, { file"),
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
        ("types = [\"syn_status\"]", "endpoints[0].types[0]: matches no event: did you mean xhq.syn_status?"),
        ("types = [\"xgq.*\"]", "endpoints[0].types[0]: matches no event: did you mean xhq.*?"),
        ("types = [\"XHQ.syn_status\"]", "endpoints[0].types[0]: matches no event: did you mean xhq.syn_status?"),
        ("types = [\"信号旗.*\"]", "endpoints[0].types[0]: matches no event: did you mean xhq.*?"),
        ("types = [\"xhq\"]", "endpoints[0].types[0]: matches no event: did you mean xhq.*?"),
        ("types = [\"acme.*\"]", "endpoints[0].types[0]: matches no event: types are <partner>.<action>"),
        ("types = [\"call.done\"]", "endpoints[0].types[0]: matches no event"),
        ("types = [\"call.success\"]", "endpoints[0].types[0]: matches no event"),
        ("types = [\"call.faild\"]", "endpoints[0].types[0]: matches no event: did you mean call.failed?"),
        ("types = [\"call.failed.*\"]", "endpoints[0].types[0]: matches no event"),
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
        ("order = \"fifo\"", "endpoints[0].order: must be \"none\" or \"subject\""),
        ("secret = \"x\"", "endpoints[0].secret: is not a known key: did you mean secrets?"),
    ];
    for (text, mistake) in cases {
        let found = mistakes(&with("", text));
        assert!(found.len() == 1 && found[0].starts_with(mistake), "{text}\n{found:#?}");
    }
}

#[test]
fn file_that_is_not_utf_8_is_reported_by_its_line() {
    let gbk = [b"listen = \"127.0.0.1:1\"\n# ".as_slice(), &[0xd0, 0xc5, 0xba, 0xc5, 0xc6, 0xec], b"\n"].concat();
    let told = Config::parse_bytes(&gbk).unwrap_err();
    assert_eq!(told[0].to_string(), "encoding: the file is in GBK (GB 18030), not UTF-8: save it as UTF-8 (line 2)");
    let marked = "\u{feff}listen = \"127.0.0.1:1\"\r\n";
    assert_eq!(Config::parse_bytes(marked.as_bytes()).unwrap().listen.port(), 1);
    assert_eq!(Config::parse(marked).unwrap().listen.port(), 1, "a secret of AWS may begin with one, too");
}

#[test]
fn invalid_toml_is_reported_by_line_and_column() {
    let found = mistakes("listen = \"a\"\nretention_days = \n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("syntax: ") && found[0].ends_with("at column 18 (line 2)"), "{found:?}");
    let twice = mistakes("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:1\"\n");
    assert!(twice[0].contains(" is given twice: remove one of them") && twice[0].contains("(line 2)"), "{twice:?}");
    for text in ["=", "[", "[[connections]", "a = 'x", "\u{0}", "a = {", "\"\"\""] {
        assert!(!mistakes(text).is_empty(), "{text}");
    }
}

/// A document with any part removed is still a configuration or a list of mistakes, each with its line.
#[test]
fn a_mangled_document_is_a_list_of_mistakes() {
    let cut = FULL.char_indices().step_by(3).map(|(at, _)| FULL[..at].to_owned());
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

/// An endpoint that is pulled has none of the keys of one that is sent to, and the other way round.
#[test]
fn pull_endpoint_has_its_own_keys_alone() {
    let pulled = |more: &str| format!("[[endpoints]]\nid = \"erp\"\npull = true\n{more}\n");
    let config = read(&pulled("lease = \"5m\"\norder = \"subject\"\ntypes = [\"xhq.*\"]")).unwrap();
    let own = &config.pulled[&"erp".into()];
    assert_eq!((own.lease.as_secs(), own.order), (300, hub::order::Order::Subject));
    assert!(config.endpoints.is_empty() && config.has_endpoint(&"erp".into()) && config.routes[0].pull);
    assert_eq!(read(&pulled("")).unwrap().pulled[&"erp".into()].lease.as_secs(), 60);
    let sent = "is for endpoints that are sent to, and this one has pull = true: remove one of the two";
    for line in [
        "url = \"https://erp.example.com/\"",
        "secrets = [\"@WHSEC\"]",
        "format = \"raw\"",
        "retry = []",
        "allow_private = true",
        "ca_file = \"ca.pem\"",
        "ca_pem = \"\"",
        "timeout = \"5s\"",
        "concurrency = 4",
    ] {
        let key = line.split_once(" = ").unwrap().0;
        assert_eq!(mistakes(&pulled(line)), [format!("endpoints[0].{key}: {sent} (line 4)")]);
    }
    let more = [
        ("lease = \"0s\"", "endpoints[0].lease: must be between 1s and 1h (line 4)"),
        ("lease = \"2h\"", "endpoints[0].lease: must be between 1s and 1h (line 4)"),
        ("orde = \"none\"", "endpoints[0].orde: is not a known key: did you mean order? (line 4)"),
    ];
    for (line, mistake) in more {
        assert_eq!(mistakes(&pulled(line)), [mistake]);
    }
    let told = mistakes(&with("", "lease = \"60s\""));
    let wanted = "is for endpoints with pull = true: remove it, or add that and remove url and secrets";
    assert!(matches!(&told[..], [only] if only.contains(wanted)), "{told:?}");
    assert!(matches!(&mistakes(&with("", "pull = 1"))[..], [only] if only.contains("pull: must be true or false")));
}
