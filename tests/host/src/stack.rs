//! All of a deployment in one process: table, queues, secret, gateway, functions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::bootstraps::Bootstraps;
use crate::function::{Function, Spec};
use crate::gateway::Gateway;
use crate::queue::{Feed, Queue};
use crate::quota::Quota;
use crate::secret::{CONFIGURATION, CREDENTIALS, Secrets};
use crate::sqs::Sqs;
use crate::table::{TABLE, Table};
use crate::template::{Deployed, Source, Template};

/// Settings of a stack.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The configuration's text.
    pub configuration: String,
    /// The text of the credentials that it names.
    pub credentials: String,
    /// The functions' binaries.
    pub bootstraps: Bootstraps,
    /// The functions by name; the others' routes are not there.
    pub functions: Vec<String>,
    /// Most instances of each function.
    pub instances: usize,
    /// After which an invocation is killed, in place of what the template says.
    pub timeout: Option<Duration>,
    /// Variables of every function, over those that it has anyway.
    pub environment: Vec<(String, String)>,
    /// Share of a core for each instance.
    pub quota: Option<Arc<Quota>>,
}

/// A deployment that runs. Its processes end with it.
pub struct Stack {
    /// Table of the stack.
    pub table: Table,
    /// The way in.
    pub gateway: Gateway,
    /// The configuration and its credentials.
    pub secret: Secrets,
    sqs: Sqs,
    functions: BTreeMap<String, (Function, Option<Source>)>,
    _folder: TempDir,
}

impl Plan {
    /// As the template says, with ten instances of each function.
    #[must_use]
    pub fn new(configuration: String, bootstraps: Bootstraps, functions: &[&str]) -> Self {
        let functions = functions.iter().map(|name| (*name).to_owned()).collect();
        let (credentials, environment) = ("{}".to_owned(), vec![]);
        Self {
            configuration,
            credentials,
            bootstraps,
            functions,
            instances: 10,
            timeout: None,
            environment,
            quota: None,
        }
    }

    /// Starts it, without any instance of a function.
    pub async fn start(&self) -> anyhow::Result<Stack> {
        let template = Template::deployed()?;
        let folder = tempfile::tempdir()?;
        let secret = Secrets::start(self.configuration.clone(), self.credentials.clone()).await?;
        let table = Table::start(&template).await?;
        let queues = template.queues()?.into_iter().map(|(id, terms)| (id, Queue::new(terms)));
        let sqs = Sqs::start(queues.collect()).await?;
        let own = [
            ("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), table.endpoint()),
            ("AWS_ENDPOINT_URL_SQS".to_owned(), sqs.endpoint()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), secret.endpoint()),
        ];
        let (mut functions, mut routes) = (BTreeMap::new(), Vec::new());
        for deployed in template.functions()?.into_iter().filter(|function| self.functions.contains(&function.name)) {
            let mut environment = variables(&deployed, &sqs);
            environment.extend(own.iter().chain(&self.environment).cloned());
            let function = Function::new(Spec {
                name: deployed.name.clone(),
                bootstrap: self.bootstraps.of(&deployed)?,
                environment,
                timeout: self.timeout.unwrap_or(deployed.timeout),
                instances: self.instances,
                log: folder.path().join(&deployed.name),
                quota: self.quota.clone(),
            });
            routes.extend(deployed.routes.into_iter().map(|route| (route, function.clone())));
            functions.insert(deployed.name, (function, deployed.source));
        }
        let gateway = Gateway::start(&template, routes).await?;
        Ok(Stack { table, gateway, secret, sqs, functions, _folder: folder })
    }
}

/// The variables that name the table, queues and secret of the template; the others have their defaults.
fn variables(function: &Deployed, sqs: &Sqs) -> Vec<(String, String)> {
    // No condition holds of a stack that was given no parameters.
    let value = |value: &Value| match value["Fn::If"].get(2).unwrap_or(value)["Ref"].as_str()? {
        "Table" => Some(TABLE.to_owned()),
        "Configuration" => Some(CONFIGURATION.to_owned()),
        "Credentials" => Some(CREDENTIALS.to_owned()),
        // There is no S3: nothing here fetches or follows an address.
        "FilesBucket" => Some("tongguan-files".to_owned()),
        queue => sqs.url(queue),
    };
    function.variables.iter().filter_map(|(name, given)| Some((name.clone(), value(given)?))).collect()
}

impl Stack {
    /// A function that was planned.
    pub fn function(&self, name: &str) -> anyhow::Result<&Function> {
        Ok(&self.functions.get(name).with_context(|| format!("{name} was not planned"))?.0)
    }

    /// The queue that a function works on.
    pub fn queue(&self, function: &str) -> anyhow::Result<&Queue> {
        let (_, source) = self.source(function)?;
        self.sqs.queue(&source.queue).with_context(|| format!("there is no queue {}", source.queue))
    }

    /// Begins to hand a function the messages of its queue, as the template says.
    pub fn feed(&self, function: &str) -> anyhow::Result<Feed> {
        let (fed, source) = self.source(function)?;
        Ok(self.queue(function)?.feed(fed, source))
    }

    fn source(&self, function: &str) -> anyhow::Result<(&Function, &Source)> {
        let planned = self.functions.get(function).with_context(|| format!("{function} was not planned"))?;
        Ok((&planned.0, planned.1.as_ref().with_context(|| format!("{function} works on no queue"))?))
    }
}
