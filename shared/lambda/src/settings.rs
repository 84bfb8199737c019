//! Settings from the environment, such as the place of the configuration.

use std::fmt;
use std::path::PathBuf;

use crate::SetupError;

/// Names the secret in Secrets Manager whose text is the configuration: its name or ARN.
pub(crate) const SECRET_ID: &str = "TONGGUAN_SECRET_ID";
/// Names the file of the configuration, in place of a secret.
pub(crate) const CONFIG_FILE: &str = "TONGGUAN_CONFIG_FILE";
/// Names the secret that holds credentials, apart from the configuration: its name or ARN. Of functions that call
/// partners or endpoints.
pub(crate) const CREDENTIALS_SECRET_ID: &str = "TONGGUAN_CREDENTIALS_SECRET_ID";
/// Names the table.
const TABLE: &str = "TONGGUAN_TABLE";
/// Names the queue.
const QUEUE_URL: &str = "TONGGUAN_QUEUE_URL";
/// Names the queue for calls, where the function makes or carries any.
const CALL_QUEUE_URL: &str = "TONGGUAN_CALL_QUEUE_URL";
/// Names the bucket of files, where the function fetches or serves any.
pub(crate) const FILES_BUCKET: &str = "TONGGUAN_FILES_BUCKET";
/// Variable with the deployment's revision of the configuration. It is only logged, but a new value restarts every function,
/// which then reads the configuration again.
pub(crate) const REVISION: &str = "TONGGUAN_REVISION";

/// Variables of the SDK, which takes an empty value for an address.
const ENDPOINTS: [&str; 5] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_STS",
];

/// Every variable that a function's start reads, besides those of the SDK and [`telemetry::logs::FILTER`]. One of the
/// first two is set.
pub const VARIABLES: [&str; 8] =
    [SECRET_ID, CONFIG_FILE, CREDENTIALS_SECRET_ID, TABLE, QUEUE_URL, CALL_QUEUE_URL, FILES_BUCKET, REVISION];

/// Place of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file that is deployed with the function.
    File(PathBuf),
    /// A secret in Secrets Manager, by name or ARN.
    Secret(String),
}

/// Place of the credentials that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Apart {
    /// Nowhere: no secret is named for them.
    Nowhere,
    /// In a secret that this function does not read.
    Unread,
    /// In a secret in Secrets Manager, by name or ARN.
    Secret(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {} that {CONFIG_FILE} names", path.display()),
            Self::Secret(id) => write!(f, "the secret {id} that {SECRET_ID} names"),
        }
    }
}

/// Settings from the environment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) config: Source,
    pub(crate) credentials: Option<String>,
    pub(crate) table: String,
    pub(crate) queue: String,
    pub(crate) calls: Option<String>,
    pub(crate) files: Option<String>,
    pub(crate) revision: Option<String>,
}

/// The table's name, for a function that needs nothing else.
pub(crate) fn table(env: impl Fn(&str) -> Option<String>) -> Result<String, SetupError> {
    not_empty(&env, ENDPOINTS)?;
    needed(&env, TABLE)
}

/// The variables that must have a value or not be there.
fn not_empty(
    env: &impl Fn(&str) -> Option<String>,
    names: impl IntoIterator<Item = &'static str>,
) -> Result<(), SetupError> {
    let blank = |name: &&'static str| env(name).is_some_and(|value| value.trim().is_empty());
    names.into_iter().find(blank).map_or(Ok(()), |empty| Err(SetupError::Empty(empty)))
}

fn needed(env: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<String, SetupError> {
    env(name).filter(|value| !value.trim().is_empty()).ok_or(SetupError::NotSet(name))
}

impl Settings {
    pub(crate) fn read(env: impl Fn(&str) -> Option<String>) -> Result<Self, SetupError> {
        const OPTIONAL: [&str; 6] =
            [SECRET_ID, CONFIG_FILE, CREDENTIALS_SECRET_ID, CALL_QUEUE_URL, FILES_BUCKET, REVISION];
        not_empty(&env, ENDPOINTS.into_iter().chain(OPTIONAL))?;
        let config = match (env(SECRET_ID), env(CONFIG_FILE)) {
            (Some(id), None) => Source::Secret(id),
            (None, Some(path)) => Source::File(path.into()),
            (None, None) => return Err(SetupError::NoConfiguration),
            (Some(_), Some(_)) => return Err(SetupError::TwoConfigurations),
        };
        let (table, queue) = (needed(&env, TABLE)?, needed(&env, QUEUE_URL)?);
        let (credentials, calls, revision) = (env(CREDENTIALS_SECRET_ID), env(CALL_QUEUE_URL), env(REVISION));
        let files = env(FILES_BUCKET);
        Ok(Self { config, credentials, table, queue, calls, files, revision })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Settings, String> {
        let value = |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        Settings::read(value).map_err(|error| error.to_string())
    }

    const ALL: [(&str, &str); 3] = [(SECRET_ID, "s"), (TABLE, "t"), (QUEUE_URL, "https://q")];

    #[test]
    fn a_missing_or_empty_variable_is_named() {
        let config = Source::Secret("s".to_owned());
        let (table, queue) = ("t".to_owned(), "https://q".to_owned());
        let settings = Settings { config, credentials: None, table, queue, calls: None, files: None, revision: None };
        assert_eq!(read(&ALL), Ok(settings));
        for name in [TABLE, QUEUE_URL] {
            for value in [None, Some(""), Some(" ")] {
                let mut set = ALL.to_vec();
                set.retain(|(other, _)| *other != name);
                set.extend(value.map(|value| (name, value)));
                assert_eq!(read(&set), Err(format!("the environment variable {name} is not set")));
            }
        }
    }

    #[test]
    fn the_table_alone_needs_no_configuration_and_no_queue() {
        let table = |set: &[(&str, &str)]| {
            let value = |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
            table(value).map_err(|error| error.to_string())
        };
        assert_eq!(table(&[(TABLE, "t")]), Ok("t".to_owned()));
        assert!(table(&[(SECRET_ID, "s")]).unwrap_err().contains(TABLE));
        assert!(table(&[(TABLE, "t"), (ENDPOINTS[0], "")]).unwrap_err().contains(ENDPOINTS[0]));
    }

    #[test]
    fn there_is_exactly_one_configuration() {
        let others = [(TABLE, "t"), (QUEUE_URL, "https://q")];
        let with = |more: &[(&'static str, &'static str)]| read(&[&others[..], more].concat());
        let config = with(&[(CONFIG_FILE, "c.toml")]).unwrap().config;
        assert_eq!(config, Source::File("c.toml".into()));
        for wrong in [&[][..], &[(SECRET_ID, "s"), (CONFIG_FILE, "c.toml")]] {
            let error = with(wrong).unwrap_err();
            assert!(error.contains(SECRET_ID) && error.contains(CONFIG_FILE), "{error}");
        }
        for (empty, other) in [(SECRET_ID, CONFIG_FILE), (CONFIG_FILE, SECRET_ID)] {
            let expected = format!("the environment variable {empty} is empty; leave it out instead");
            assert_eq!(with(&[(empty, "")]).unwrap_err(), expected);
            assert_eq!(with(&[(empty, " "), (other, "c")]).unwrap_err(), expected);
        }
    }

    #[test]
    fn the_credentials_secret_may_be_left_out_but_not_be_empty() {
        let with = |id: &'static str| read(&[&ALL[..], &[(CREDENTIALS_SECRET_ID, id)]].concat());
        assert_eq!(with("c").unwrap().credentials.as_deref(), Some("c"));
        assert!(with(" ").unwrap_err().contains(&format!("{CREDENTIALS_SECRET_ID} is empty")));
    }

    #[test]
    fn an_empty_endpoint_is_named_before_the_sdk_meets_it() {
        for name in ENDPOINTS {
            let empty = [&ALL[..], &[(name, "")]].concat();
            assert!(read(&empty).unwrap_err().contains(&format!("{name} is empty")));
            assert!(read(&[&ALL[..], &[(name, "http://127.0.0.1:1")]].concat()).is_ok());
        }
    }

    #[test]
    fn the_variables_that_are_read_are_those_that_are_listed() {
        let asked = RefCell::new(BTreeSet::new());
        let value = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            ALL.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(value).unwrap();
        let own: Vec<String> = asked.into_inner().into_iter().filter(|name| name.starts_with("TONGGUAN_")).collect();
        let mut listed = VARIABLES;
        listed.sort_unstable();
        assert_eq!(own, listed);
    }
}
