//! A key of the operator's encrypts everything that keeps something, and roles may use it through the services that they use.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tongguan::table::functions;

use super::roles::{actions, permissions, with_key};
use super::{resource, resources, template};

/// The key, where there is one.
fn own_key() -> Value {
    json!({"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]})
}

#[test]
fn key_of_the_operator_encrypts_what_is_kept() {
    assert_eq!(template()["Conditions"]["HasKey"], json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKeyArn"}, ""]}]}));
    assert_eq!(template()["Parameters"]["KmsKeyArn"]["Default"], "", "AWS's own keys, unless another is named");
    let without = json!({"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, true]});
    let kept = [
        ("AWS::DynamoDB::Table", "/SSESpecification/KMSMasterKeyId"),
        ("AWS::SQS::Queue", "/KmsMasterKeyId"),
        ("AWS::SecretsManager::Secret", "/KmsKeyId"),
        ("AWS::Logs::LogGroup", "/KmsKeyId"),
    ];
    for (kind, member) in kept {
        assert!(!resources(kind).is_empty(), "{kind}");
        for (id, resource) in resources(kind) {
            assert_eq!(resource["Properties"].pointer(member), Some(&own_key()), "{id}");
        }
    }
    for (id, queue) in resources("AWS::SQS::Queue") {
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], without, "{id}: SQS takes one of the two");
    }
    let kms = json!({"Fn::If": ["HasKey", "KMS", {"Ref": "AWS::NoValue"}]});
    assert_eq!(resource("Table")["SSESpecification"]["SSEType"], kms);
    let bucket = resource("FilesBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"][0].clone();
    assert_eq!(bucket["Fn::If"][0], "HasKey");
    let with_key = &bucket["Fn::If"][1];
    let encryption = json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}});
    assert_eq!(
        (&with_key["ServerSideEncryptionByDefault"], &with_key["BucketKeyEnabled"]),
        (&encryption, &true.into())
    );
}

#[test]
fn roles_use_that_key_through_their_services_only() {
    for function in functions() {
        let services = permissions(function.name).iter().flat_map(actions).collect::<Vec<_>>();
        let services =
            services.iter().filter_map(|action| action.split_once(':')).map(|(service, _)| service.to_owned());
        let services: BTreeSet<_> = services.filter(|service| service != "logs").collect();
        let statements = with_key(function.name);
        if services.is_empty() {
            assert!(statements.is_empty(), "{function:?}");
            continue;
        }
        let [statement] = &statements[..] else { panic!("{function:?} has {statements:?}") };
        let branches = statement["Fn::If"].as_array().unwrap();
        assert_eq!((&branches[0], &branches[2]), (&"HasKey".into(), &json!({"Ref": "AWS::NoValue"})));
        assert_eq!(branches[1]["Resource"], json!({"Ref": "KmsKeyArn"}), "{function:?}");
        for action in actions(&branches[1]) {
            let uses = ["Decrypt", "Encrypt", "GenerateDataKey", "ReEncrypt", "DescribeKey"];
            let name = action.strip_prefix("kms:").unwrap();
            assert!(uses.iter().any(|use_| name.starts_with(use_)) && !name.contains('*'), "{function:?}: {action}");
        }
        let via = branches[1]["Condition"]["StringLike"]["kms:ViaService"].as_array().unwrap();
        // In China the name has a further part.
        let via = via.iter().map(|name| name["Fn::Sub"].as_str().unwrap().strip_suffix(".${AWS::Region}.amazonaws.*"));
        assert_eq!(via.map(|name| name.unwrap().to_owned()).collect::<BTreeSet<_>>(), services, "{function:?}");
    }
}
