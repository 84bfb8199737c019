//! The deployment's template holds against the code: functions, routes, triggers, variables, permissions, the table.

mod encryption;
mod events;
mod monitoring;
mod roles;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use config::Config;
use hub::action::Action;
use partners::Partner;
use serde_json::{Value, json};
use tongguan::table::{Function, Hints, Trigger, functions};

use crate::dynamodb::Emulator;

fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("infra")
}

/// The template, as [`host::Template`] reads it, once for all tests.
fn template() -> Value {
    static READ: LazyLock<Value> = LazyLock::new(|| host::Template::deployed().unwrap().at("").unwrap().clone());
    READ.clone()
}

fn resources(kind: &str) -> BTreeMap<String, Value> {
    let template = template();
    let all = template["Resources"].as_object().unwrap();
    all.iter().filter(|(_, resource)| resource["Type"] == kind).map(|(id, it)| (id.clone(), it.clone())).collect()
}

fn resource(id: &str) -> Value {
    template()["Resources"][id]["Properties"].clone()
}

/// `SynStatus` for `syn_status`.
fn logical_id(name: &str) -> String {
    let words = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect()
}

fn properties(function: &Function) -> Value {
    resource(&logical_id(function.name))
}

fn events(function: &Function) -> Vec<Value> {
    properties(function)["Events"].as_object().unwrap().values().cloned().collect()
}

fn trigger(name: &str) -> Trigger {
    functions().into_iter().find(|function| function.name == name).unwrap().trigger
}

#[test]
fn exactly_the_function_folders_are_deployed() {
    let ids: BTreeSet<_> = resources("AWS::Serverless::Function").into_keys().collect();
    assert_eq!(ids, functions().iter().map(|function| logical_id(function.name)).collect());
    let global = &template()["Globals"]["Function"];
    assert_eq!((&global["Runtime"], &global["Handler"]), (&"provided.al2023".into(), &"bootstrap".into()));
    assert_eq!(global["Architectures"], json!([{"Ref": "Architecture"}]));
    assert!(template()["Parameters"]["Memory"]["MinValue"].as_u64().unwrap() >= 512, "a first TLS connection is slow");
    for function in functions() {
        let (id, name) = (logical_id(function.name), function.name);
        let properties = properties(&function);
        assert_eq!(properties["CodeUri"], format!("../functions/{name}"));
        let build = json!({"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}});
        assert_eq!(template()["Resources"][&id]["Metadata"], build);
        assert_eq!(properties["FunctionName"], json!({"Fn::Sub": format!("${{AWS::StackName}}-{name}")}));
        assert_eq!(properties["LoggingConfig"]["LogGroup"], json!({"Ref": roles::logs(&function)}));
        for shared in ["Runtime", "Handler", "Architectures", "MemorySize"] {
            assert!(properties.get(shared).is_none(), "{name} differs in {shared}");
        }
    }
}

/// The routes of an API function in the template: method and path.
fn routes(function: &Function) -> BTreeSet<(String, String)> {
    let events = events(function);
    let routes = events.iter().map(|event| {
        assert_eq!((&event["Type"], &event["Properties"]["RestApiId"]), (&"Api".into(), &json!({"Ref": "Api"})));
        let text = |name: &str| event["Properties"][name].as_str().unwrap().to_owned();
        (text("Method").to_uppercase(), text("Path"))
    });
    routes.collect()
}

/// The route of a webhook as API Gateway spells it.
fn hook_route(action: &Action) -> String {
    let slash = if action.suffix.is_empty() { "" } else { "/" };
    format!("/hooks/{{partner}}/{{connection}}/{{key}}{slash}{}", action.suffix)
}

/// The queue of such hints.
const fn queue(hints: Hints) -> &'static str {
    match hints {
        Hints::Deliveries => "Queue",
        Hints::Calls => "CallQueue",
    }
}

fn queue_arn(hints: Hints) -> Value {
    json!({"Fn::GetAtt": format!("{}.Arn", queue(hints))})
}

#[test]
fn every_function_is_started_by_what_the_table_says() {
    for function in functions() {
        match &function.trigger {
            Trigger::Hook(action) => {
                assert_eq!(routes(&function), BTreeSet::from([("POST".to_owned(), hook_route(action))]));
            }
            Trigger::Api(expected) => {
                let expected = expected.iter().map(|(method, path)| (method.to_string(), (*path).to_owned()));
                assert_eq!(routes(&function), expected.collect());
            }
            Trigger::Queue(hints) => {
                let [event] = &events(&function)[..] else { panic!("{function:?} has several triggers") };
                assert_eq!(event["Type"], "SQS");
                let properties = &event["Properties"];
                assert_eq!(properties["Queue"], queue_arn(*hints));
                assert_eq!(properties["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
                let scaling = &properties["ScalingConfig"]["Fn::If"];
                assert_eq!(scaling[0], "IsAws");
                assert_eq!(scaling[1]["MaximumConcurrency"], json!({"Ref": "WorkerConcurrency"}));
                assert!(template()["Parameters"]["WorkerConcurrency"]["MinValue"].as_u64().unwrap() >= 2);
                // Retries go through its own queue.
                assert_eq!(self::properties(&function)["RecursiveLoop"], "Allow");
            }
            Trigger::Schedule => {
                let [event] = &events(&function)[..] else { panic!("{function:?} has several triggers") };
                assert_eq!(
                    (&event["Type"], &event["Properties"]["Schedule"]),
                    (&"Schedule".into(), &"rate(1 minute)".into())
                );
            }
            Trigger::Daily => {
                let [event] = &events(&function)[..] else { panic!("{function:?} has several triggers") };
                assert_eq!(
                    (&event["Type"], &event["Properties"]["Schedule"]),
                    (&"Schedule".into(), &"rate(1 day)".into())
                );
            }
        }
    }
}

fn timeout(function: &Function) -> u64 {
    let own = properties(function)["Timeout"].as_u64();
    own.or(template()["Globals"]["Function"]["Timeout"].as_u64()).unwrap()
}

#[test]
fn every_timeout_leaves_room_for_what_is_done_in_it() {
    let attempt = 25;
    let longest = |hints| match hints {
        // The store is asked before and after.
        Hints::Deliveries => 2 * attempt,
        // A file, and token and attempt once more where the partner turns a token away; the rate is waited for.
        Hints::Calls => 5 * attempt + 5,
    };
    for function in functions() {
        let seconds = timeout(&function);
        match function.trigger {
            Trigger::Hook(_) => {
                assert!(Partner::ALL.iter().all(|partner| partner.budget().as_secs() * 2 < seconds));
                assert!(seconds < 29, "the gateway waits no longer");
            }
            Trigger::Api(_) => assert!(seconds <= 29, "the gateway waits no longer"),
            Trigger::Queue(hints) => {
                // A large file is fetched and sent; the sweep leaves such a call to this function.
                let transfers = if hints == Hints::Calls { 2 * 100 } else { 0 };
                assert!(seconds >= longest(hints) + transfers);
                let visibility = resource(queue(hints))["VisibilityTimeout"].as_u64().unwrap();
                assert!(visibility >= 6 * seconds);
            }
            Trigger::Schedule => assert!(seconds >= sweep::BUDGET.as_secs() + 2 * longest(Hints::Calls) + 5),
            Trigger::Daily => assert_eq!(seconds, 900, "the longest that Lambda allows"),
        }
    }
}

#[test]
fn the_variables_are_those_that_the_code_reads() {
    let variables = &template()["Globals"]["Function"]["Environment"]["Variables"];
    let mut set: BTreeSet<&str> = variables.as_object().unwrap().keys().map(String::as_str).collect();
    // Functions that may read the credentials get the secret's name, those that may reach files the bucket's.
    let (credentials, bucket) = ("TONGGUAN_CREDENTIALS_SECRET_ID", "TONGGUAN_FILES_BUCKET");
    for function in functions() {
        let mut own = serde_json::Map::new();
        if roles::READ_CREDENTIALS.contains(&function.name) {
            own.insert(credentials.to_owned(), json!({"Ref": "Credentials"}));
        }
        if [sweep::NAME, ::files::NAME, shipments::NAME, call::NAME, dispatch::NAME].contains(&function.name) {
            own.insert(bucket.to_owned(), json!({"Ref": "FilesBucket"}));
        }
        let expected = if own.is_empty() { Value::Null } else { json!({"Variables": own}) };
        assert_eq!(properties(&function)["Environment"], expected, "{function:?}");
    }
    set.extend([credentials, bucket]);
    let mut read: BTreeSet<&str> = lambda::VARIABLES.into_iter().chain([telemetry::logs::FILTER]).collect();
    // The other way to give the configuration, and what the SDK reads.
    read.remove("TONGGUAN_CONFIG_FILE");
    read.insert("AWS_ENDPOINT_URL");
    assert_eq!(set, read);
    // An empty address stops a function from starting.
    let absent = json!({"Fn::If": ["HasEndpoint", {"Ref": "EndpointUrl"}, {"Ref": "AWS::NoValue"}]});
    assert_eq!(variables["AWS_ENDPOINT_URL"], absent);
    let table = json!({"Fn::If": ["IsRestored", {"Ref": "RestoredTable"}, {"Ref": "Table"}]});
    assert_eq!(variables["TONGGUAN_TABLE"], table);
    let local: Value = serde_json::from_str(&std::fs::read_to_string(infra().join("env.json")).unwrap()).unwrap();
    for name in local["Parameters"].as_object().unwrap().keys() {
        assert!(set.contains(name.as_str()), "sam local ignores {name}, which the template does not have");
    }
}

#[test]
fn first_configuration_is_valid_and_sweeps_by_the_schedule() {
    let text = resource("Configuration")["SecretString"].as_str().unwrap().to_owned();
    assert_eq!(Config::parse(&text).unwrap().sweep_every.as_secs(), 60);
}

/// The schema of a table as DynamoDB describes it, or as CloudFormation asks for it.
fn schema(table: &Value) -> Value {
    let sorted = |value: &Value, by: &str| {
        let mut items = value.as_array().unwrap().clone();
        items.sort_by_key(|item| item[by].to_string());
        json!(items)
    };
    let indexes = sorted(&table["GlobalSecondaryIndexes"], "IndexName");
    let shape = |index: &Value| json!([index["IndexName"], index["KeySchema"], index["Projection"]]);
    json!({
        "attributes": sorted(&table["AttributeDefinitions"], "AttributeName"),
        "key": table["KeySchema"],
        "indexes": indexes.as_array().unwrap().iter().map(shape).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn the_table_is_as_the_store_makes_it() {
    let emulator = Emulator::new();
    let client = crate::dynamodb::client(emulator.http_client());
    store_dynamodb::create_table(&client, "table").await.unwrap();
    let (_, made) = emulator.answer("DynamoDB_20120810.DescribeTable", br#"{"TableName":"table"}"#).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let table = resource("Table");
    assert_eq!(schema(&table), schema(&made["Table"]));
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    let ttl = json!({"AttributeName": store_dynamodb::schema::EXPIRES, "Enabled": true});
    assert_eq!(table["TimeToLiveSpecification"], ttl);
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(table["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(template()["Resources"]["Table"]["UpdateReplacePolicy"], "Retain");
}

#[test]
fn keys_are_not_logged_by_the_gateway() {
    let api = resource("Api");
    let format = api["AccessLogSetting"]["Format"].as_str().unwrap();
    let used: BTreeSet<&str> = format.split('$').skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(used.contains("context.resourcePath"), "{format}");
    for variable in used {
        let leaf = variable.trim_end_matches(',');
        let carries = ["path", "Path", "request.", "authorizer", "message", "domain"];
        assert!(leaf == "context.resourcePath" || !carries.iter().any(|part| leaf.contains(part)), "{leaf}");
    }
    // Each variable in its own quotes, or a number: one line of JSON.
    let filled = format.split('$').enumerate().map(|(place, part)| {
        if place == 0 {
            part.to_owned()
        } else {
            format!("1{}", part.trim_start_matches(|c: char| c.is_alphanumeric() || c == '.'))
        }
    });
    serde_json::from_str::<Value>(&filled.collect::<String>()).unwrap();
    // Execution logs and traces carry the path, and so the key.
    assert_eq!(api["TracingEnabled"], false);
    assert_eq!(api["MethodSettings"].as_array().unwrap().len(), 1);
    assert_eq!(api["MethodSettings"][0]["LoggingLevel"], "OFF");
    assert_eq!(api["MethodSettings"][0]["DataTraceEnabled"], false);
    assert!(!template().to_string().contains("Tracing\":\"Active"));
}

#[test]
fn gateways_own_answers_fit_every_partner() {
    let api = resource("Api");
    let answers = api["GatewayResponses"].as_object().unwrap();
    for ours in ["DEFAULT_5XX", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "API_CONFIGURATION_ERROR", "THROTTLED"] {
        assert_eq!(answers[ours]["StatusCode"], 503, "{ours} is our fault");
    }
    for theirs in ["DEFAULT_4XX", "REQUEST_TOO_LARGE", "MISSING_AUTHENTICATION_TOKEN"] {
        assert!(answers[theirs]["StatusCode"].as_u64().is_none_or(|status| (400..500).contains(&status)), "{theirs}");
    }
    for (kind, answer) in answers {
        let body = answer["ResponseTemplates"]["application/json"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["state"], &body["success"]), (&false.into(), &false.into()), "{kind}");
        assert_eq!(body["msg"], body["message"]);
        assert!((1..=255).contains(&body["message"].as_str().unwrap().chars().count()), "what TrackingEyes takes");
        let expected = match answer["StatusCode"].as_u64() {
            Some(503) => 500,
            Some(status) => status,
            None => 400,
        };
        assert_eq!(body["code"], expected, "{kind}");
    }
}

/// Lambda drops lines below a level, and metrics have none, which it takes for INFO.
#[test]
fn lambda_drops_no_line_that_the_functions_write() {
    let logging = &template()["Globals"]["Function"]["LoggingConfig"];
    assert_eq!(logging["LogFormat"], "JSON");
    assert_eq!(logging["ApplicationLogLevel"], json!({"Fn::If": ["IsVerbose", "DEBUG", "INFO"]}));
}

/// `sam deploy --guided` asks about every route that has none, and stops at the first answer that is not yes.
#[test]
fn guided_deployment_accepts_routes_without_authorizer() {
    assert_eq!(resource("Api")["Auth"], json!({"DefaultAuthorizer": "NONE"}));
}

/// DynamoDB does not delete a protected table, so a first deployment that fails could not be rolled back.
#[test]
fn only_production_protects_its_table_from_deletion() {
    assert_eq!(resource("Table")["DeletionProtectionEnabled"], json!({"Fn::If": ["IsProduction", true, false]}));
    assert_eq!(template()["Conditions"]["IsProduction"], json!({"Fn::Equals": [{"Ref": "Stage"}, "production"]}));
    assert_ne!(template()["Parameters"]["Stage"]["Default"], "production");
}

#[test]
fn bodies_come_as_the_bytes_they_were() {
    assert_eq!(resource("Api")["BinaryMediaTypes"], json!(["*~1*"]));
}

#[test]
fn nothing_names_a_partition_and_every_alarm_says_what_to_do() {
    let text = std::fs::read_to_string(infra().join("template.yaml")).unwrap();
    assert!(!text.contains("arn:aws"));
    // Only principals are spelled like that in every partition.
    let addresses = text.lines().filter(|line| line.contains("amazonaws.com") && !line.contains("Principal"));
    assert_eq!(addresses.count(), 0);
    for (id, alarm) in resources("AWS::CloudWatch::Alarm") {
        let alarm = &alarm["Properties"];
        assert!(alarm["AlarmDescription"].as_str().unwrap().len() > 80, "{id}");
        let given =
            |condition: &str, topic: &str| json!({"Fn::If": [condition, {"Ref": topic}, {"Ref": "AWS::NoValue"}]});
        let topics = [given("HasAlarmAddress", "Alarms"), given("HasAlarmTopic", "AlarmTopic")];
        let notified = json!({"Fn::If": ["TellsAlarms", topics, {"Ref": "AWS::NoValue"}]});
        assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&notified, &notified), "{id}");
    }
}

#[test]
fn gateway_throttles_and_answers_floods_by_repeat() {
    let settings = &resource("Api")["MethodSettings"][0];
    assert_eq!((&settings["ResourcePath"], &settings["HttpMethod"]), (&"/*".into(), &"*".into()));
    assert_eq!(settings["ThrottlingRateLimit"], json!({"Ref": "RequestRate"}));
    assert_eq!(settings["ThrottlingBurstLimit"], json!({"Ref": "RequestBurst"}));
    let answers = &resource("Api")["GatewayResponses"];
    for kind in ["THROTTLED", "QUOTA_EXCEEDED", "WAF_FILTERED"] {
        assert_eq!(answers[kind]["StatusCode"], 503, "{kind}: the sender repeats what it could not bring");
    }
}

#[test]
fn saved_queries_look_at_every_log_of_a_push() {
    for (id, query) in resources("AWS::Logs::QueryDefinition") {
        let groups = query["Properties"]["LogGroupNames"].as_array().unwrap();
        for logs in ["WebhookLogs", "DeliverLogs", "DispatchLogs", "SweepLogs"] {
            assert!(groups.contains(&json!({"Ref": logs})), "{id} does not look at {logs}");
        }
    }
}
