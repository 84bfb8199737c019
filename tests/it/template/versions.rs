//! How a version of the functions takes over, goes back, and shares Lambda's concurrent executions.

use std::collections::BTreeSet;

use partners::Partner;
use serde_json::{Value, json};
use tongguan::table::{Trigger, functions};

use super::{infra, logical_id, properties, resource, resources, template};

fn absent() -> Value {
    json!({"Ref": "AWS::NoValue"})
}

/// Adds the parameters that a value of the template depends on, also by its conditions.
fn parameters_of(template: &Value, value: &Value, found: &mut BTreeSet<String>) {
    let condition = |name: &str| &template["Conditions"][name];
    match value {
        Value::Object(members) => {
            for (function, argument) in members {
                match (function.as_str(), argument) {
                    ("Ref", Value::String(name)) if template["Parameters"].get(name).is_some() => {
                        found.insert(name.clone());
                    }
                    ("Condition", Value::String(name)) => parameters_of(template, condition(name), found),
                    ("Fn::If", Value::Array(branches)) => {
                        parameters_of(template, condition(branches[0].as_str().unwrap()), found);
                    }
                    _ => {}
                }
                parameters_of(template, argument, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| parameters_of(template, value, found)),
        Value::String(text) => {
            let names = template["Parameters"].as_object().unwrap().keys();
            found.extend(names.filter(|name| text.contains(&format!("${{{name}}}"))).cloned());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn every_function_is_asked_by_its_alias() {
    assert_eq!(template()["Globals"]["Function"]["AutoPublishAlias"], "live");
    for function in functions() {
        let properties = properties(&function);
        assert_eq!(properties["AutoPublishAliasAllProperties"], true, "{function:?}");
        assert!(properties.get("AutoPublishAlias").is_none(), "{function:?}");
    }
    // By hand as well: without the alias a version is asked that may not be tried yet.
    let runbook = std::fs::read_to_string(infra().join("README.md")).unwrap();
    let asked = runbook.lines().filter(|line| line.contains("aws lambda invoke --function-name"));
    assert!(
        asked.clone().count() > 5 && asked.clone().all(|line| line.contains(":live ")),
        "{:?}",
        asked.collect::<Vec<_>>()
    );
}

/// SAM looks at a function's properties as they are written, and publishes nothing for another value of a parameter: the alias
/// would go on with the configuration before.
#[test]
fn changed_parameter_of_a_function_publishes_a_version() {
    let template = template();
    let mut global = template["Globals"]["Function"].clone();
    global.as_object_mut().unwrap().remove("DeploymentPreference");
    for (id, function) in resources("AWS::Serverless::Function") {
        let mut versioned = function["Properties"].clone();
        // Of the alias, of triggers, or of the function over all its versions.
        for apart in ["Events", "ReservedConcurrentExecutions", "ProvisionedConcurrencyConfig", "VersionDescription"] {
            versioned.as_object_mut().unwrap().remove(apart);
        }
        let (mut needed, mut told) = (BTreeSet::new(), BTreeSet::new());
        parameters_of(&template, &versioned, &mut needed);
        parameters_of(&template, &global, &mut needed);
        parameters_of(&template, &function["Properties"]["VersionDescription"], &mut told);
        assert_eq!(told, needed, "{id}");
        assert!(["Revision", "SubnetIds", "RestoredTable"].iter().all(|name| needed.contains(*name)), "{id}");
    }
}

/// A version's description has at most 256 characters, and a longer one fails the deployment.
#[test]
fn description_of_a_version_fits() {
    let parameters = &template()["Parameters"];
    let length = |name: &str| usize::try_from(parameters[name]["MaxLength"].as_u64().unwrap()).unwrap();
    let longest = |name: &str| {
        let values = parameters[name]["AllowedValues"].as_array().unwrap();
        values.iter().map(|value| value.as_str().unwrap().len()).max().unwrap()
    };
    let memory = parameters["Memory"]["MaxValue"].to_string().len();
    // The ids have 17 characters after what is cut off. Stacks with an endpoint are local, and have none.
    let network = 8 * 17;
    let spaces = 6;
    let all = length("Revision") + length("RestoredTable") + longest("Architecture") + longest("LogLevel") + memory;
    assert!(all + network + spaces <= 256, "{all} and {network}");
    assert!(parameters["SubnetIds"]["Description"].as_str().unwrap().contains("together eight at the most"));
}

#[test]
fn new_version_takes_over_as_the_parameter_says() {
    let preference = &template()["Globals"]["Function"]["DeploymentPreference"];
    assert_eq!(preference["Type"], json!({"Ref": "Deployment"}));
    assert_eq!(preference["Enabled"], json!({"Fn::FindInMap": ["CodeDeploy", {"Ref": "Deployment"}, "Enabled"]}));
    let parameter = &template()["Parameters"]["Deployment"];
    assert_eq!(parameter["Default"], "none", "a stand-in for AWS has no CodeDeploy");
    let kinds: BTreeSet<String> =
        parameter["AllowedValues"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap().to_owned()).collect();
    let map = template()["Mappings"]["CodeDeploy"].clone();
    for (kind, row) in map.as_object().unwrap() {
        assert_eq!(row["Enabled"], if kind == "none" { "false" } else { "true" }, "{kind}");
    }
    assert_eq!(map.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>(), kinds);
    for (id, function) in resources("AWS::Serverless::Function") {
        assert!(function["Properties"].get("DeploymentPreference").is_none(), "{id}");
    }
    let role = json!({"Fn::If": ["UsesCodeDeploy", {"Fn::GetAtt": "DeploymentRole.Arn"}, absent()]});
    assert_eq!(preference["Role"], role);
    let uses = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "Deployment"}, "none"]}]});
    assert_eq!(template()["Conditions"]["UsesCodeDeploy"], uses);
    assert_eq!(template()["Resources"]["DeploymentRole"]["Condition"], "UsesCodeDeploy");
}

/// All alarms about failures of functions bring it back, and none that a stranger raises.
#[test]
fn failing_version_is_taken_back() {
    let alarms = &template()["Globals"]["Function"]["DeploymentPreference"]["Alarms"]["Fn::If"];
    assert_eq!((&alarms[0], &alarms[2]), (&"WatchesAlarms".into(), &json!([absent()])));
    let watched: Vec<String> =
        alarms[1].as_array().unwrap().iter().map(|alarm| alarm["Ref"].as_str().unwrap().to_owned()).collect();
    let failures = resources("AWS::CloudWatch::Alarm").into_keys().filter(|id| id.ends_with("Errors"));
    // The ledger's stays on for a day, in which nothing could be deployed.
    let mut expected: BTreeSet<String> = failures.filter(|id| id != "LedgerErrors").collect();
    // A version that cannot store is no failed invocation.
    expected.insert("PushesNotKept".to_owned());
    assert_eq!(watched.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(watched.len() <= 10, "CodeDeploy watches ten at the most");
    // With AllAtOnce a mended version can be deployed while they are on.
    let gradual = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "Deployment"}, "AllAtOnce"]}]});
    let conditions = json!([{"Condition": "IsAws"}, {"Condition": "UsesCodeDeploy"}, gradual]);
    assert_eq!(template()["Conditions"]["WatchesAlarms"]["Fn::And"], conditions);
}

#[test]
fn code_deploy_moves_aliases_of_this_stack_alone() {
    let role = resource("DeploymentRole");
    assert_eq!(role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"], "codedeploy.amazonaws.com");
    assert!(role.get("ManagedPolicyArns").is_none(), "AWS's own reaches every function");
    let statements = role["Policies"][0]["PolicyDocument"]["Statement"].clone();
    let actions = json!(["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]);
    let of_the_stack = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-*";
    assert_eq!((&statements[0]["Action"], &statements[0]["Resource"]["Fn::Sub"]), (&actions, &of_the_stack.into()));
    assert_eq!(statements[1]["Action"], "cloudwatch:DescribeAlarms");
    assert_eq!(statements.as_array().unwrap().len(), 2);
}

#[test]
fn webhooks_of_the_short_deadline_can_be_kept_started() {
    let parameter = json!({"ProvisionedConcurrentExecutions": {"Ref": "ProvisionedConcurrency"}});
    let kept = json!({"Fn::If": ["Provisions", parameter, absent()]});
    assert_eq!(template()["Parameters"]["ProvisionedConcurrency"]["Default"], 0);
    let provisions = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "ProvisionedConcurrency"}, 0]}]});
    assert_eq!(template()["Conditions"]["Provisions"], provisions);
    for function in functions() {
        // A URL of theirs alone: callback takes the others' pushes, too.
        let short = matches!(&function.trigger, Trigger::Hook(action) if action.partners == [Partner::OneData]);
        let expected = if short { kept.clone() } else { Value::Null };
        assert_eq!(resource(&logical_id(function.name))["ProvisionedConcurrencyConfig"], expected, "{function:?}");
    }
}

#[test]
fn flood_at_one_place_can_be_kept_from_others() {
    let parameters = &template()["Parameters"];
    assert_eq!(
        (&parameters["RequestConcurrency"]["Default"], &parameters["ReserveWorkers"]["Default"]),
        (&0.into(), &"false".into())
    );
    let conditions = &template()["Conditions"];
    assert_eq!(conditions["ReservesWorkers"], json!({"Fn::Equals": [{"Ref": "ReserveWorkers"}, "true"]}));
    let limits = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "RequestConcurrency"}, 0]}]});
    assert_eq!(conditions["LimitsRequests"], limits);
    for function in functions() {
        let expected = match function.trigger {
            Trigger::Hook(_) | Trigger::Daily => Value::Null,
            Trigger::Api(_) => json!({"Fn::If": ["LimitsRequests", {"Ref": "RequestConcurrency"}, absent()]}),
            // Less than the queue's poller starts would throttle them.
            Trigger::Queue(_) => json!({"Fn::If": ["ReservesWorkers", {"Ref": "WorkerConcurrency"}, absent()]}),
            Trigger::Schedule => json!({"Fn::If": ["ReservesWorkers", 5, absent()]}),
        };
        assert_eq!(properties(&function)["ReservedConcurrentExecutions"], expected, "{function:?}");
    }
}

/// Content under another prefix counts as another function, of which Lambda publishes no version: the deployment would fail.
#[test]
fn functions_are_kept_at_one_place_and_everything_is_tagged() {
    let text = |path: &str| std::fs::read_to_string(infra().join(path)).unwrap();
    let configured = text("../samconfig.toml");
    let deployments = configured.split("\n[").filter(|section| section.contains(".deploy.parameters]"));
    assert_eq!(deployments.clone().count(), 4);
    for section in deployments {
        assert!(section.contains("\ns3_prefix = \"tongguan\"\n"), "{section}");
        let tagged = section.contains("\ntags = \"project=tongguan environment=");
        assert_eq!(tagged, !section.starts_with("default."), "{section}");
    }
    assert!(text("version").contains("\nPREFIX = \"tongguan\"\n"));
    let production = configured.split("[production.deploy.parameters]").nth(1).unwrap();
    assert!(production.contains(" Deployment=Canary10Percent5Minutes"), "production tries a version first");
}
