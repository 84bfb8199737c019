//! Options of every command: where the configuration is, which hub or database is worked with, and how times are printed.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ::hub::{ConnectionId, Role};
use anyhow::{Context as _, bail};
use clap::{Args, ValueHint};
use config::{Config, Credentials, Mistake, Profile, Sources, socket_address};
use url::Url;

use crate::source::{Access, Database, Key, Remote, Source, reachable};
use crate::times;

/// Default path of the configuration.
pub(crate) const CONFIG_FILE: &str = "tongguan.toml";

#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// Read this configuration file [default: tongguan.toml]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    credentials: Option<PathBuf>,
    /// Use this data folder instead of the configuration's `data_dir`
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Use this address of the hub instead of the configuration's `listen`: `serve` listens there; `push`, `call` and
    /// `calls` connect there
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database
    #[arg(long, global = true, value_name = "URL", value_parser = base, value_hint = ValueHint::Url)]
    hub: Option<Url>,
    /// Ask the hub with the API key in this file
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    api_key_file: Option<PathBuf>,
    /// Print times in UTC instead of this machine's zone; in JSON they are always in UTC
    #[arg(long, global = true)]
    pub(crate) utc: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    socket_address(text, 8787)
}

/// A URL that paths are appended to.
fn base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("must be a URL such as https://hub.example.com: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no user name or password: the key is in --api-key-file".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its host or path: paths are appended to it".to_owned());
    }
    Ok(url)
}

/// Mistakes of a configuration, one per line.
#[derive(Debug)]
pub(crate) struct Mistakes {
    path: PathBuf,
    pub(crate) mistakes: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}:", count(self.mistakes.len(), "mistake"), self.path.display())?;
        self.mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

impl Mistakes {
    /// Those of the file at that path.
    pub(crate) const fn of(path: PathBuf, mistakes: Vec<Mistake>) -> Self {
        Self { path, mistakes }
    }
}

/// So many things of a name.
pub(crate) fn count(number: usize, name: &str) -> String {
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

/// Reads the text of a credentials secret.
fn credentials(path: &Path) -> anyhow::Result<Credentials> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| anyhow::anyhow!("cannot read the credentials {}: {error}", path.display()))?;
    Credentials::parse(&text)
        .map_err(|mistake| anyhow::anyhow!("the file {} {} (line {})", path.display(), mistake.what, mistake.line))
}

impl Place {
    /// Form in which times are printed, and the zone in which they are read.
    pub(crate) const fn times(&self) -> times::Zone {
        if self.utc { times::Zone::Utc } else { times::Zone::Local }
    }

    /// The address that the command line gives the hub.
    pub(crate) const fn listening(&self) -> Option<SocketAddr> {
        self.listen
    }

    /// The file of the configuration.
    pub(crate) fn file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE))
    }

    /// The source of a command: this is the one place that decides between a hub over HTTP and the database. `--hub` comes first,
    /// then options that name this machine's hub, then `[hub]`, then the database.
    pub(crate) async fn source(&self, access: Access) -> anyhow::Result<Source> {
        if let Some(hub) = self.hub()? {
            return Ok(Source::Hub(hub));
        }
        telemetry::logs::init_errors(self.times().print());
        Ok(Source::Database(Box::new(Database::open(self.read()?, access).await?)))
    }

    /// The same for a command that a running hub alone can carry out. Without another it is that of this machine, asked with a key
    /// for what is to be done at the connection that is found in its configuration.
    pub(crate) fn running(
        &self,
        needed: Role,
        connection: impl FnOnce(&Config) -> anyhow::Result<ConnectionId>,
    ) -> anyhow::Result<Remote> {
        if let Some(hub) = self.hub()? {
            return Ok(hub);
        }
        let config = self.read()?;
        let connection = connection(&config)?;
        Remote::here(&config, &connection, needed)
    }

    /// The hub that is named, on the command line or in the configuration.
    pub(crate) fn hub(&self) -> anyhow::Result<Option<Remote>> {
        let key = self.api_key_file.as_deref().map(Key::in_file).transpose()?;
        let Some(url) = &self.hub else {
            let is_here = self.data.is_some() || self.listen.is_some();
            let profile = if is_here { None } else { self.profile()? };
            if profile.is_none() && key.is_some() {
                bail!("--api-key-file is the key of a hub: name that with --hub URL, or in [hub] of the configuration");
            }
            return profile.map(|profile| Remote::of(profile, key)).transpose();
        };
        if self.data.is_some() || self.listen.is_some() {
            bail!("--hub names a hub, --data and --listen this machine's: give one of them");
        }
        if let Some(key) = key {
            return Remote::at(url.clone(), key).map(Some);
        }
        // A key is not sent to another host than the one that it is of.
        let profile = self.profile()?.filter(|profile| profile.url.origin() == url.origin());
        let profile = profile.context("--hub needs --api-key-file FILE, with an API key of that hub")?;
        Remote::of(Profile { url: url.clone(), ..profile }, None).map(Some)
    }

    /// The URL of the hub that is meant, for a request that needs no key: that of `--hub`, else this machine's.
    pub(crate) fn address(&self) -> anyhow::Result<Url> {
        let listen = match (&self.hub, self.listen) {
            (Some(url), _) => {
                let mut url = url.clone();
                url.set_path(&format!("{}/", url.path().trim_end_matches('/')));
                return Ok(url);
            }
            (None, Some(listen)) => listen,
            (None, None) => self.read()?.listen,
        };
        Ok(format!("http://{}/", reachable(listen)).parse()?)
    }

    /// Refuses the options that name a hub, for a command that asks none.
    pub(crate) fn asks_no_hub(&self) -> anyhow::Result<()> {
        if self.hub.is_some() || self.api_key_file.is_some() {
            bail!("--hub and --api-key-file are for commands that ask a hub, which this one does not");
        }
        Ok(())
    }

    /// `[hub]` of the configuration, whatever else is in that.
    fn profile(&self) -> anyhow::Result<Option<Profile>> {
        let path = self.file();
        let Ok(bytes) = std::fs::read(&path) else { return Ok(None) };
        Ok(Profile::of(&bytes, &Sources::system()).map_err(|mistakes| Mistakes { path, mistakes })?)
    }

    /// Reads the configuration, with what the command line puts in place of it.
    pub(crate) fn read(&self) -> anyhow::Result<Config> {
        self.read_with(Credentials::Absent)
    }

    /// The same, with what is known of the credentials secret where the command line names none.
    pub(crate) fn read_with(&self, otherwise: Credentials) -> anyhow::Result<Config> {
        let sources = Sources::system_with(self.credentials.as_deref().map_or(Ok(otherwise), credentials)?);
        let path = self.file();
        let bytes = std::fs::read(&path).map_err(|error| {
            let hint = if error.kind() == ErrorKind::NotFound && self.config.is_none() {
                "; name one with --config FILE, go to its folder, let `tongguan serve` make a demo here, or name a hub with \
                 --hub URL"
            } else {
                ""
            };
            anyhow::anyhow!("cannot read the configuration {}: {error}{hint}", path.display())
        })?;
        let mut config = Config::parse_bytes_with(&bytes, &sources).map_err(|mistakes| Mistakes { path, mistakes })?;
        if let Some(data) = &self.data {
            config.data_dir.clone_from(data);
        }
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_of_a_hub_is_checked() {
        for text in ["https://x.example.com/prod", "http://127.0.0.1:8787/", "https://[::1]:1"] {
            assert!(base(text).is_ok(), "{text}");
        }
        for (text, why) in [
            ("hub.example.com", "must be a URL"),
            ("localhost:8787", "must begin with http"),
            ("ftp://x", "must begin with http"),
            ("https://user:secret@x", "no user name"),
            ("https://x/?a=1", "must end with its host or path"),
        ] {
            let refused = base(text).unwrap_err();
            assert!(refused.contains(why) && !refused.contains("secret"), "{text}: {refused}");
        }
    }
}
