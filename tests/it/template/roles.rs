//! Permissions of the functions' roles.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tongguan::table::{Function, Hints, Trigger, functions};

use super::{logical_id, queue_arn, resource, resources};

/// The functions that read the credentials: they call partners or endpoints, or hide credentials in what they show.
pub(super) const READ_CREDENTIALS: [&str; 7] =
    [call::NAME, call_status::NAME, stats::NAME, pull::NAME, deliver::NAME, dispatch::NAME, sweep::NAME];

/// The statements of a policy, without the one that is there with a key of the operator's.
fn statements(policy: &Value) -> Vec<Value> {
    let all = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    all.iter().filter(|statement| statement.get("Fn::If").is_none()).cloned().collect()
}

/// The statements about a key of the operator's in the policies of a function's role.
pub(super) fn with_key(name: &str) -> Vec<Value> {
    let function = functions().into_iter().find(|function| function.name == name).unwrap();
    let policies = resource(&role(&function))["Policies"].as_array().unwrap().clone();
    let all = policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap().clone());
    all.filter(|statement| statement.get("Fn::If").is_some()).collect()
}

/// The webhooks whose pushes are compared with what is stored of their subject.
const READ_THE_SUBJECT: [&str; 5] = ["callback", "syn_status", "msg_notice", "customs_status", "partner"];

/// The logical id of a function's role: webhooks of the same privilege share one, others have their own.
fn role(function: &Function) -> String {
    match function.trigger {
        Trigger::Hook(_) if READ_THE_SUBJECT.contains(&function.name) => "MessageRole".to_owned(),
        Trigger::Hook(_) => "WebhookRole".to_owned(),
        Trigger::Api(_) | Trigger::Queue(_) | Trigger::Schedule | Trigger::Daily => {
            format!("{}Role", logical_id(function.name))
        }
    }
}

/// The logical id of a function's log group: webhooks share one.
pub(super) fn logs(function: &Function) -> String {
    let webhook = matches!(function.trigger, Trigger::Hook(_));
    if webhook { "WebhookLogs".to_owned() } else { format!("{}Logs", logical_id(function.name)) }
}

/// The statements of a function's role.
pub(super) fn permissions(name: &str) -> Vec<Value> {
    let function = functions().into_iter().find(|function| function.name == name).unwrap();
    let role = role(&function);
    assert_eq!(resource(&logical_id(name))["Role"], json!({"Fn::GetAtt": format!("{role}.Arn")}));
    let role = resource(&role);
    // In a network of the operator's, Lambda itself needs this one.
    let network = "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaENIManagementAccess";
    let managed = json!({"Fn::If": ["IsInVpc", [{"Fn::Sub": network}], {"Ref": "AWS::NoValue"}]});
    assert_eq!(role["ManagedPolicyArns"], managed, "{role}");
    role["Policies"].as_array().unwrap().iter().flat_map(statements).collect()
}

/// The actions that some statements allow on a resource.
pub(super) fn allowed(statements: &[Value], on: &Value) -> BTreeSet<String> {
    let on = statements.iter().filter(|statement| statement["Resource"] == *on);
    on.flat_map(actions).collect()
}

pub(super) fn actions(statement: &Value) -> Vec<String> {
    let action = &statement["Action"];
    let several = action.as_array().cloned().unwrap_or_else(|| vec![action.clone()]);
    several.iter().map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// The stack's own table, or the one that was restored from it.
pub(super) fn table_arn() -> Value {
    json!({"Fn::If": ["IsRestored", restored(""), {"Fn::GetAtt": "Table.Arn"}]})
}

pub(super) fn index_arn() -> Value {
    arn_of(store_dynamodb::schema::INDEX)
}

pub(super) fn recent_arn() -> Value {
    arn_of(store_dynamodb::schema::RECENT)
}

/// An index of that table.
fn arn_of(index: &str) -> Value {
    let index = format!("/index/{index}");
    json!({"Fn::If": ["IsRestored", restored(&index), {"Fn::Sub": format!("${{Table.Arn}}{index}")}]})
}

/// The files in the bucket.
fn files_arn() -> Value {
    json!({"Fn::Sub": "${FilesBucket.Arn}/files/*"})
}

/// The uploads in the bucket.
fn uploads_arn() -> Value {
    json!({"Fn::Sub": "${FilesBucket.Arn}/uploads/*"})
}

fn restored(index: &str) -> Value {
    let table = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${RestoredTable}";
    json!({"Fn::Sub": format!("{table}{index}")})
}

#[test]
fn every_role_says_what_it_may_do_and_to_what() {
    // That of CodeDeploy is of no function, and tested by itself.
    let roles = resources("AWS::IAM::Role").into_iter().filter(|(id, _)| id != "DeploymentRole").map(|(_, role)| role);
    let inline = roles.flat_map(|role| role["Properties"]["Policies"].as_array().cloned().unwrap_or_default());
    assert_eq!(resources("AWS::IAM::ManagedPolicy").len(), 0);
    for statement in inline.flat_map(|policy| statements(&policy)) {
        let mut named = statement.clone();
        named.as_object_mut().unwrap().remove("Condition");
        // All files are of one function's concern, and so are all uploads.
        if ![files_arn(), uploads_arn()].contains(&named["Resource"]) {
            assert!(!named.to_string().contains('*'), "a wildcard: {statement}");
        }
    }
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    for function in functions() {
        let may = permissions(function.name);
        let hinting = |hints, sends: bool| {
            let reads = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
            let read = matches!(function.trigger, Trigger::Queue(own) if own == hints);
            let sends = if sends { &["sqs:SendMessage"][..] } else { &[] };
            names(&[sends, if read { &reads[..] } else { &[] }].concat())
        };
        let calls = [call::NAME, call_status::NAME, dispatch::NAME, sweep::NAME].contains(&function.name);
        // One needs the table alone, the other nothing: they start without the rest. `audit`, `shipments` and `files` change no event, and
        // what `pull` changes makes nothing due.
        let bare = [ledger::NAME, openapi::NAME, console::NAME].contains(&function.name);
        // One keeps and removes files, others sign addresses of them, send them with calls, keep those that calls name, or pack them.
        let (content, bucket) = match function.name {
            sweep::NAME => {
                (&["s3:GetObject", "s3:PutObject", "s3:DeleteObjectVersion"][..], &["s3:ListBucketVersions"][..])
            }
            ::files::NAME | dispatch::NAME => (&["s3:GetObject"][..], &[][..]),
            call::NAME => (&["s3:PutObject"][..], &[][..]),
            shipments::NAME => (&["s3:GetObject"][..], &["s3:ListBucket"][..]),
            _ => (&[][..], &[][..]),
        };
        let uploads = if function.name == call::NAME { &["s3:GetObject", "s3:PutObject"][..] } else { &[] };
        let own = [
            (uploads_arn(), names(uploads)),
            (files_arn(), names(content)),
            (json!({"Fn::GetAtt": "FilesBucket.Arn"}), names(bucket)),
            (
                queue_arn(Hints::Deliveries),
                hinting(
                    Hints::Deliveries,
                    !bare && ![audit::NAME, shipments::NAME, pull::NAME, ::files::NAME].contains(&function.name),
                ),
            ),
            (queue_arn(Hints::Calls), hinting(Hints::Calls, calls)),
            (json!({"Ref": "Configuration"}), names(if bare { &[] } else { &["secretsmanager:GetSecretValue"] })),
            (
                json!({"Ref": "Credentials"}),
                names(if READ_CREDENTIALS.contains(&function.name) { &["secretsmanager:GetSecretValue"] } else { &[] }),
            ),
            (
                json!({"Fn::GetAtt": format!("{}.Arn", logs(&function))}),
                names(&["logs:CreateLogStream", "logs:PutLogEvents"]),
            ),
        ];
        for (on, expected) in &own {
            assert_eq!(allowed(&may, on), *expected, "{function:?}");
        }
        // Its permissions on the table are checked against its requests in `events`.
        for statement in may.iter().filter(|statement| own.iter().all(|(on, _)| statement["Resource"] != *on)) {
            assert!(
                [table_arn(), index_arn(), recent_arn()].contains(&statement["Resource"]),
                "{function:?}: {statement}"
            );
            assert!(actions(statement).iter().all(|action| action.starts_with("dynamodb:")), "{function:?}");
        }
    }
}

#[test]
fn index_of_recent_events_is_read_by_the_lists_alone() {
    for function in functions() {
        let lists = [deliveries::NAME, call_status::NAME].contains(&function.name);
        let expected = if lists { BTreeSet::from(["dynamodb:Query".to_owned()]) } else { BTreeSet::new() };
        assert_eq!(allowed(&permissions(function.name), &recent_arn()), expected, "{function:?}");
    }
}

/// Whether some statement allows an action on the table's partitions with these keys.
pub(super) fn reaches(statements: &[Value], action: &str, partitions: &[String]) -> bool {
    let on_table = statements.iter().filter(|statement| statement["Resource"] == table_arn());
    let of_action = on_table.filter(|statement| actions(statement).iter().any(|own| own == action));
    of_action.into_iter().any(|statement| match statement.get("Condition") {
        None => true,
        Some(condition) => meets(condition, partitions),
    })
}

/// Whether the partition keys of a request meet a condition. A request without any meets none here.
fn meets(condition: &Value, partitions: &[String]) -> bool {
    let leading = "dynamodb:LeadingKeys";
    let like = |pattern: &str, key: &str| match pattern.strip_suffix('*') {
        Some(begin) => key.starts_with(begin),
        None => key == pattern,
    };
    !partitions.is_empty()
        && condition.as_object().unwrap().iter().all(|(operator, wanted)| {
            assert_eq!(wanted.as_object().unwrap().len(), 1, "{condition}");
            let patterns = wanted[leading].as_array().cloned().unwrap_or_default();
            let one = |key: &String| patterns.iter().any(|pattern| like(pattern.as_str().unwrap(), key));
            match operator.as_str() {
                "Null" => wanted[leading] == "false",
                "ForAllValues:StringEquals" | "ForAllValues:StringLike" => partitions.iter().all(one),
                "ForAllValues:StringNotLike" => !partitions.iter().any(one),
                other => panic!("the operator {other} is not known here"),
            }
        })
}

#[test]
fn a_webhook_reaches_no_lease_note_alias_or_audit_trail() {
    for function in functions() {
        let Trigger::Hook(_) = function.trigger else { continue };
        let may = permissions(function.name);
        let reaches = |action: &str, key: &str| reaches(&may, action, &[key.to_owned()]);
        let reads = READ_THE_SUBJECT.contains(&function.name);
        for event in ["xhq-sh#order:1", "a#x", "-1#K#", "k#S#x"] {
            assert!(reaches("dynamodb:PutItem", event), "{function:?}");
            assert_eq!(reaches("dynamodb:GetItem", event), reads, "{function:?}");
        }
        for other in ["A#2026-11-29", "K#order:1", "S#sweep", "S#breaker:erp", "T#xhq-sh"] {
            assert!(
                !reaches("dynamodb:PutItem", other) && !reaches("dynamodb:GetItem", other),
                "{function:?}: {other}"
            );
        }
        assert!(reaches("dynamodb:GetItem", "S#warm") && !reaches("dynamodb:PutItem", "S#warm"), "{function:?}");
        assert!(reaches("dynamodb:UpdateItem", "T#xhq-sh"), "{function:?} adds to the statistics");
        for other in ["xhq-sh#order:1", "K#order:1", "S#sweep", "S#warm"] {
            assert!(!reaches("dynamodb:UpdateItem", other), "{function:?}: {other}");
        }
        let actions: BTreeSet<_> =
            may.iter().flat_map(actions).filter(|action| action.starts_with("dynamodb:")).collect();
        assert_eq!(actions.len(), 3, "{function:?}: {actions:?}");
    }
}

/// A bucket that only the roles open.
#[test]
fn bucket_of_files_is_closed_encrypted_and_expires() {
    let bucket = resource("FilesBucket");
    let block = bucket["PublicAccessBlockConfiguration"].as_object().unwrap();
    assert!(block.len() == 4 && block.values().all(|blocks| *blocks == true), "{block:?}");
    let without_key = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["Fn::If"][2];
    assert_eq!(without_key["ServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    assert_eq!(bucket["OwnershipControls"]["Rules"], json!([{"ObjectOwnership": "BucketOwnerEnforced"}]));
    // A removal names a version, so that one that was put meanwhile stays.
    assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
    let rules = bucket["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    assert_eq!(rules[0]["ExpirationInDays"], json!({"Ref": "FileDays"}));
    assert_eq!(rules[0]["NoncurrentVersionExpiration"]["NoncurrentDays"], 1);
    let template = super::template();
    assert!(template["Parameters"]["FileDays"]["Default"].as_u64().unwrap() > 90, "longer than events are kept");
    assert_eq!(template["Resources"]["FilesBucket"]["DeletionPolicy"], "RetainExceptOnCreate");
    let statements = resource("FilesPolicy")["PolicyDocument"]["Statement"].clone();
    assert_eq!((&statements[0]["Effect"], statements.as_array().unwrap().len()), (&"Deny".into(), 1));
    for function in functions() {
        let variable = &resource(&logical_id(function.name))["Environment"]["Variables"]["TONGGUAN_FILES_BUCKET"];
        let has = [sweep::NAME, ::files::NAME, shipments::NAME, call::NAME, dispatch::NAME].contains(&function.name);
        assert_eq!(!variable.is_null(), has, "{function:?}");
    }
}

/// Alarms may not use the key that AWS has for topics.
#[test]
fn alarm_topic_is_encrypted_with_a_key_for_alarms() {
    assert_eq!(resource("Alarms")["KmsMasterKeyId"], json!({"Ref": "AlarmsKey"}));
    let key = resource("AlarmsKey");
    assert_eq!(key["EnableKeyRotation"], true);
    let policy = key["KeyPolicy"]["Statement"].as_array().unwrap();
    let of = |principal: Value| policy.iter().find(|statement| statement["Principal"] == principal).unwrap();
    assert_eq!(
        of(json!({"Service": "cloudwatch.amazonaws.com"}))["Action"],
        json!(["kms:Decrypt", "kms:GenerateDataKey*"])
    );
    let root = json!({"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"});
    assert_eq!(of(json!({"AWS": root}))["Action"], "kms:*");
    assert_eq!(policy.len(), 2);
    for (id, kind) in [("Alarms", "AWS::SNS::Topic"), ("AlarmsKey", "AWS::KMS::Key")] {
        let resource = super::template()["Resources"][id].clone();
        assert_eq!((&resource["Type"], &resource["Condition"]), (&kind.into(), &"HasAlarmAddress".into()));
    }
}

#[test]
fn both_secrets_stay_when_the_stack_goes() {
    for id in ["Configuration", "Credentials"] {
        let secret = super::template()["Resources"][id].clone();
        assert_eq!(secret["DeletionPolicy"], "RetainExceptOnCreate");
        assert_eq!(secret["UpdateReplacePolicy"], "Retain");
    }
    let text = resource("Credentials")["SecretString"].as_str().unwrap().to_owned();
    config::Credentials::parse(&text).unwrap();
}
