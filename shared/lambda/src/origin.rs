//! Sources of a function's configuration: the document, and the secret with the credentials that it names.

use std::path::Path;

use aws_config::SdkConfig;
use config::{Config, Credentials, Sources};

use crate::SetupError;
use crate::secret::{Secret, SecretText};
use crate::settings::{Apart, CREDENTIALS_SECRET_ID, SECRET_ID, Source};

/// Sources of a function's configuration.
#[derive(Debug)]
pub(crate) struct Origin {
    source: Source,
    document: Document,
    apart: Apart,
    /// The secret that [`Apart::Secret`] names.
    credentials: Option<Secret>,
}

#[derive(Debug)]
enum Document {
    /// The bytes of a file. It is deployed with the function and does not change.
    File(Vec<u8>),
    Secret(Secret),
}

/// Texts read from the configuration's source.
pub(crate) struct Texts {
    document: Vec<u8>,
    credentials: Option<String>,
    pub(crate) version: Version,
}

/// The versions of the secrets that were read; nothing for what is no secret, empty where Secrets Manager does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) document: Option<String>,
    pub(crate) credentials: Option<String>,
}

impl Version {
    /// Whether the texts of this version are those of another. Versions without names are never known to be.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let named = [&self.document, &self.credentials].into_iter().flatten().all(|name| !name.is_empty());
        named && self == other
    }
}

impl Origin {
    pub(crate) fn new(aws: &SdkConfig, source: Source, apart: Apart) -> Result<Self, SetupError> {
        let document = match &source {
            Source::File(path) => Document::File(file(path)?),
            Source::Secret(id) => Document::Secret(Secret::new(aws, id.clone(), SECRET_ID)),
        };
        let credentials = match &apart {
            Apart::Nowhere | Apart::Unread => None,
            Apart::Secret(id) => Some(Secret::new(aws, id.clone(), CREDENTIALS_SECRET_ID)),
        };
        Ok(Self { source, document, apart, credentials })
    }

    /// Whether nothing of it can change.
    pub(crate) const fn is_fixed(&self) -> bool {
        matches!(self.document, Document::File(_)) && self.credentials.is_none()
    }

    /// The id of the document's secret.
    pub(crate) fn document(&self) -> Option<&str> {
        match &self.document {
            Document::File(_) => None,
            Document::Secret(secret) => Some(secret.id()),
        }
    }

    /// The id of the credentials' secret.
    pub(crate) fn credentials(&self) -> Option<&str> {
        self.credentials.as_ref().map(Secret::id)
    }

    /// Reads both secrets at once, so that two take no longer than one.
    pub(crate) async fn read(&self) -> Result<Texts, SetupError> {
        let document = async {
            match &self.document {
                Document::File(bytes) => Ok((bytes.clone(), None)),
                Document::Secret(secret) => {
                    let SecretText { text, version } = Box::pin(secret.read()).await?;
                    Ok((text.into_bytes(), Some(version)))
                }
            }
        };
        let credentials = async {
            match &self.credentials {
                None => Ok((None, None)),
                Some(secret) => {
                    let SecretText { text, version } = Box::pin(secret.read()).await?;
                    Ok((Some(text), Some(version)))
                }
            }
        };
        let ((document, version), (credentials, other)) = tokio::try_join!(document, credentials)?;
        Ok(Texts { document, credentials, version: Version { document: version, credentials: other } })
    }

    /// The configuration that the texts make.
    pub(crate) fn parse(&self, texts: &Texts) -> Result<Config, SetupError> {
        let credentials = match (&self.apart, &texts.credentials) {
            (Apart::Secret(id), Some(text)) => Credentials::parse(text)
                .map_err(|mistake| SetupError::Credentials { id: id.clone(), mistake: Box::new(mistake) })?,
            (Apart::Unread, _) => Credentials::Unread,
            (Apart::Nowhere | Apart::Secret(_), _) => Credentials::Absent,
        };
        Config::parse_bytes_with(&texts.document, &Sources::system_with(credentials))
            .map_err(|mistakes| SetupError::Mistaken { place: self.source.clone(), mistakes })
    }
}

fn file(path: &Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path).map_err(|source| SetupError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::CONFIG_FILE;

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let said = file(Path::new("/nowhere/c.toml")).unwrap_err().to_string();
        assert!(said.contains("/nowhere/c.toml") && said.contains(CONFIG_FILE), "{said}");
    }

    #[test]
    fn versions_are_the_same_only_by_their_names() {
        let version = |document: &str, credentials: Option<&str>| Version {
            document: Some(document.to_owned()),
            credentials: credentials.map(str::to_owned),
        };
        assert!(version("1", None).is(&version("1", None)) && version("1", Some("2")).is(&version("1", Some("2"))));
        assert!(!version("1", Some("2")).is(&version("1", Some("3"))) && !version("1", None).is(&version("2", None)));
        assert!(!version("", None).is(&version("", None)) && !version("1", Some("")).is(&version("1", Some(""))));
    }
}
