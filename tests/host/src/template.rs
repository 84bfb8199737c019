//! Parts of the deployment's template that the host obeys, so that it does as the deployment does.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

use crate::queue::Terms;

/// The template, with YAML's merge keys resolved and the short forms of CloudFormation's functions written out: `!Ref A` is
/// `{"Ref": "A"}`.
#[derive(Clone, Debug)]
pub struct Template(Value);

/// A function of the template.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Its name in the catalogue: `syn_status`.
    pub name: String,
    /// Its logical id, and so its folder in what `sam build` makes: `SynStatus`.
    pub id: String,
    /// After which Lambda kills an invocation.
    pub timeout: Duration,
    /// Its routes at the gateway.
    pub routes: Vec<Route>,
    /// The queue that it works on.
    pub source: Option<Source>,
    /// Its variables, as the template gives their values.
    pub variables: Map<String, Value>,
}

/// The queue that a function works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The queue's logical id.
    pub queue: String,
    /// Most messages that the function gets at once.
    pub batch: usize,
    /// Most batches that it gets at the same time.
    pub at_once: usize,
}

/// A route of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// In capitals.
    pub method: String,
    /// With its parameters: `/hooks/{partner}/{connection}/{key}`.
    pub path: String,
}

impl Route {
    /// A parameter stands for one segment that is not empty.
    pub(crate) fn takes(&self, method: &str, path: &str) -> bool {
        let same = |(own, other): (&str, &str)| own == other || (own.starts_with('{') && !other.is_empty());
        self.method == method
            && self.path.split('/').count() == path.split('/').count()
            && self.path.split('/').zip(path.split('/')).all(same)
    }
}

impl Template {
    /// The one that is deployed.
    pub fn deployed() -> anyhow::Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/template.yaml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self(plain(serde_yaml_ng::from_str(&text)?)?))
    }

    /// Value at that JSON pointer: `/Resources/Table/Properties`.
    pub fn at(&self, pointer: &str) -> anyhow::Result<&Value> {
        self.0.pointer(pointer).with_context(|| format!("the template has no {pointer}"))
    }

    /// Every function, in the template's order of names.
    pub fn functions(&self) -> anyhow::Result<Vec<Deployed>> {
        let resources = self.at("/Resources")?.as_object().context("the template's resources are no table")?;
        let functions = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
        functions.map(|(id, resource)| self.function(id, resource)).collect()
    }

    fn function(&self, id: &str, resource: &Value) -> anyhow::Result<Deployed> {
        let name = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        let properties = &resource["Properties"];
        let timeout = match properties["Timeout"].as_u64() {
            Some(own) => Some(own),
            None => self.at("/Globals/Function/Timeout")?.as_u64(),
        };
        let events = || properties["Events"].as_object().into_iter().flat_map(Map::values);
        let routes = events().filter(|event| event["Type"] == "Api").filter_map(|event| {
            let (method, path) = (event["Properties"]["Method"].as_str()?, event["Properties"]["Path"].as_str()?);
            Some(Route { method: method.to_uppercase(), path: path.to_owned() })
        });
        let source = events().find(|event| event["Type"] == "SQS").map(|event| self.source(&event["Properties"]));
        let mut variables = Map::new();
        for holder in [self.at("/Globals/Function")?, properties] {
            variables.extend(holder["Environment"]["Variables"].as_object().cloned().unwrap_or_default());
        }
        Ok(Deployed {
            name: name.with_context(|| format!("{id} has no binary"))?.to_owned(),
            id: id.to_owned(),
            timeout: Duration::from_secs(timeout.with_context(|| format!("{id} has no timeout"))?),
            routes: routes.collect(),
            source: source.transpose().with_context(|| format!("reading the queue of {id}"))?,
            variables,
        })
    }

    fn source(&self, properties: &Value) -> anyhow::Result<Source> {
        let queue = properties["Queue"]["Fn::GetAtt"].as_str().and_then(|arn| arn.strip_suffix(".Arn"));
        Ok(Source {
            queue: queue.context("no queue")?.to_owned(),
            batch: self.number(&properties["BatchSize"])?,
            at_once: self.number(&properties["ScalingConfig"]["Fn::If"][1]["MaximumConcurrency"])?,
        })
    }

    /// A number, or the default of the parameter that is in its place.
    fn number(&self, value: &Value) -> anyhow::Result<usize> {
        let number = match value["Ref"].as_str() {
            Some(parameter) => self.at(&format!("/Parameters/{parameter}/Default"))?,
            None => value,
        };
        Ok(usize::try_from(number.as_u64().context("no number")?)?)
    }

    /// The terms of every queue that has a dead-letter queue, by logical id.
    pub(crate) fn queues(&self) -> anyhow::Result<BTreeMap<String, Terms>> {
        let resources = self.at("/Resources")?.as_object().context("the template's resources are no table")?;
        let queues = resources.iter().filter_map(|(id, queue)| Some((id, queue["Properties"].get("RedrivePolicy")?)));
        let terms = queues.map(|(id, redrive)| {
            let visibility = self.at(&format!("/Resources/{id}/Properties/VisibilityTimeout"))?;
            let visibility = Duration::from_secs(visibility.as_u64().context("a visibility that is no number")?);
            let receives = redrive["maxReceiveCount"].as_u64().context("a queue without a count")?;
            anyhow::Ok((id.clone(), Terms { visibility, receives: u32::try_from(receives)? }))
        });
        terms.collect()
    }

    /// The gateway's own answer of a kind: status and body.
    pub(crate) fn gateway_answer(&self, kind: &str) -> anyhow::Result<(u16, String)> {
        let answer = &self.at("/Resources/Api/Properties/GatewayResponses")?[kind];
        let body = answer["ResponseTemplates"]["application/json"].as_str();
        let status = answer["StatusCode"].as_u64().with_context(|| format!("{kind} has no status"))?;
        Ok((u16::try_from(status)?, body.with_context(|| format!("{kind} has no body"))?.to_owned()))
    }

    /// The request that makes the table.
    pub(crate) fn table(&self, name: &str) -> anyhow::Result<Value> {
        let table = self.at("/Resources/Table/Properties")?;
        let mut request = json!({"TableName": name});
        for key in ["BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"] {
            request[key] = table.get(key).with_context(|| format!("the table has no {key}"))?.clone();
        }
        Ok(request)
    }
}

fn plain(yaml: Yaml) -> anyhow::Result<Value> {
    Ok(match yaml {
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string().trim_start_matches('!').to_owned();
            let name = if ["Ref", "Condition"].contains(&name.as_str()) { name } else { format!("Fn::{name}") };
            json!({ name: plain(tagged.value)? })
        }
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(plain).collect::<anyhow::Result<_>>()?),
        Yaml::Mapping(entries) => {
            let (mut own, mut merged) = (Map::new(), Map::new());
            for (key, value) in entries {
                match key.as_str().unwrap_or_default() {
                    MERGE => merge(&mut merged, plain(value)?)?,
                    key => _ = own.insert(key.to_owned(), plain(value)?),
                }
            }
            merged.extend(own);
            Value::Object(merged)
        }
        scalar @ (Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_)) => serde_json::to_value(scalar)?,
    })
}

/// YAML's key for the members of other mappings.
const MERGE: &str = "<<";

/// Adds the members of a mapping, or of several that share none: readers of YAML differ in whose member counts then.
fn merge(into: &mut Map<String, Value>, from: Value) -> anyhow::Result<()> {
    match from {
        Value::Object(members) => {
            for (key, value) in members {
                anyhow::ensure!(into.insert(key.clone(), value).is_none(), "two merged mappings have {key}");
            }
            Ok(())
        }
        Value::Array(several) => several.into_iter().try_for_each(|mapping| merge(into, mapping)),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            anyhow::bail!("{scalar} cannot be merged into a mapping")
        }
    }
}
