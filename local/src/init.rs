//! `tongguan init`: a configuration for production, by options or by questions. It is no demo: no inbox, no simulated partners, no
//! private addresses, and credentials are left to the operator.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use config::Config;
use hub::signature::SigningKey;
use partners::Partner;

use crate::first_run::{random, random_hex};
use crate::place::Place;

/// Data folder where none is named.
const DATA: &str = "/var/lib/tongguan";

/// Write a configuration for production
#[derive(Debug, Default, Args)]
pub(crate) struct Init {
    /// A partner that there is an account at (xhq, trackingeyes, onedata, yanwen), and the id of the connection: xhq=xhq-sh; may
    /// be repeated
    #[arg(long = "connection", value_name = "PARTNER[=ID]")]
    connections: Vec<String>,
    /// An ERP that receives events, and its URL: erp=https://erp.example.com/events; may be repeated
    #[arg(long = "endpoint", value_name = "ID=URL")]
    endpoints: Vec<String>,
    /// An ERP that asks for its events itself; may be repeated
    #[arg(long = "pull", value_name = "ID")]
    pulls: Vec<String>,
    /// The URL at which partners reach the hub, behind its proxy
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Serve /metrics for Prometheus at 127.0.0.1:9464
    #[arg(long)]
    metrics: bool,
}

pub(crate) fn run(place: &Place, mut init: Init) -> anyhow::Result<ExitCode> {
    let path = place.file();
    if path.exists() {
        bail!("{} is there already, and is not overwritten: name another file with --config FILE", path.display());
    }
    let mut data = place.data.as_ref().map(|data| data.display().to_string());
    if init.connections.is_empty() {
        if !std::io::stdin().is_terminal() {
            bail!(
                "name the partners with --connection PARTNER, such as --connection xhq: there is no terminal to ask at"
            );
        }
        init = asked(&mut data)?;
    }
    let text = text(&init, data.as_deref().unwrap_or(DATA), place.listening())?;
    write(&path, &text)?;
    let name = path.display();
    say!("{name} is written, with fresh keys in it: nobody but the hub's user may read it")?;
    say!("next: put the credentials of your accounts where it says so, then run")?;
    say!("  tongguan --config {name} check-config")?;
    say!("  tongguan --config {name} serve")?;
    say!("the URLs for the partners are in GET /connections/<id>/urls, with the API key `ops`")?;
    Ok(ExitCode::SUCCESS)
}

/// Asks for what no option has said.
fn asked(data: &mut Option<String>) -> anyhow::Result<Init> {
    let partners: Vec<_> = Partner::ALL.iter().map(|partner| partner.id()).collect();
    let wanted = ask(&format!("Partners, separated by commas ({})", partners.join(", ")), "")?;
    let split = |text: &str| text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
    let url = ask("URL of the ERP that receives events; empty where it asks for them itself", "")?;
    let (endpoints, pulls) =
        if url.is_empty() { (vec![], vec!["erp".to_owned()]) } else { (vec![format!("erp={url}")], vec![]) };
    let public = ask("URL at which partners reach the hub, behind its proxy; empty where it is not known yet", "")?;
    if data.is_none() {
        *data = Some(ask("Folder of the data", DATA)?);
    }
    let metrics = ask("Serve /metrics for Prometheus at 127.0.0.1:9464 (yes or no)", "no")?;
    let public_url = (!public.is_empty()).then_some(public);
    Ok(Init { connections: split(&wanted), endpoints, pulls, public_url, metrics: metrics.starts_with(['y', 'Y']) })
}

fn ask(question: &str, otherwise: &str) -> anyhow::Result<String> {
    let usual = if otherwise.is_empty() { String::new() } else { format!(" [{otherwise}]") };
    {
        let mut screen = std::io::stderr().lock();
        write!(screen, "{question}{usual}: ").and_then(|()| screen.flush())?;
    }
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!("the questions were not answered; nothing is written");
    }
    let answer = line.trim();
    Ok(if answer.is_empty() { otherwise.to_owned() } else { answer.to_owned() })
}

/// The text, which has no mistake.
fn text(init: &Init, data: &str, listen: Option<std::net::SocketAddr>) -> anyhow::Result<String> {
    let mut text =
        String::from("# Made by `tongguan init`. Every key: examples/tongguan.toml, docs/configuration.md.\n");
    let listen = listen.map_or_else(|| "127.0.0.1:8787".to_owned(), |listen| listen.to_string());
    writeln!(text, "listen = {listen:?}\ndata_dir = {data:?}\nretention_days = 90")?;
    match &init.public_url {
        Some(url) => writeln!(text, "public_url = {url:?}")?,
        None => text.push_str("# The URL at which partners reach the hub, behind its proxy.\n# public_url = \"https://hub.example.com\"\n"),
    }
    if init.metrics {
        text.push_str("metrics_listen = \"127.0.0.1:9464\"\n");
    }
    for wanted in &init.connections {
        let (partner, id) = wanted.split_once('=').unwrap_or((wanted, wanted));
        let partner = Partner::from_id(partner).with_context(|| {
            let known: Vec<_> = Partner::ALL.iter().map(|partner| partner.id()).collect();
            format!("{partner:?} is no known partner: one of {}", known.join(", "))
        })?;
        connection(&mut text, partner, id)?;
    }
    for endpoint in &init.endpoints {
        let (id, url) =
            endpoint.split_once('=').context("--endpoint needs ID=URL, such as erp=https://erp.example.com/events")?;
        let secret = SigningKey::secret(&random::<32>()?);
        write!(
            text,
            "\n[[endpoints]]\nid = {id:?}\nurl = {url:?}\n# The ERP checks the signature of each delivery by it.\nsecrets = [\"{secret}\"]\n"
        )?;
    }
    for id in &init.pulls {
        write!(text, "\n[[endpoints]]\nid = {id:?}\npull = true\n")?;
    }
    for (id, role) in [("erp", "erp"), ("ops", "operator")] {
        write!(text, "\n[[api_keys]]\nid = \"{id}\"\nkey = \"{}\"\nrole = \"{role}\"\n", random_hex::<24>()?)?;
    }
    Config::parse(&text).map_err(|mistakes| {
        let mistakes: Vec<_> = mistakes.iter().map(|mistake| format!("{}: {}", mistake.key, mistake.what)).collect();
        anyhow::anyhow!("{}", mistakes.join("; "))
    })?;
    Ok(text)
}

fn connection(text: &mut String, partner: Partner, id: &str) -> anyhow::Result<()> {
    write!(text, "\n[[connections]]\nid = {id:?}\npartner = \"{partner}\"\n")?;
    let profile = partner.profile();
    if profile.pushes.is_some() {
        writeln!(text, "# In the URL that the partner pushes to.\nkeys = [\"{}\"]", random_hex::<24>()?)?;
    }
    text.push_str("# For calls to the partner; each may be a text, { env = \"NAME\" } or { file = \"path\" }.\n");
    for name in profile.calls.credentials {
        writeln!(text, "# {name} = {{ file = \"/etc/tongguan/{id}.{name}\" }}")?;
    }
    Ok(())
}

/// Writes the configuration for its owner alone, for it holds keys; and for the group of a folder that gives its files its group.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
        const SET_GROUP: u32 = 0o2000;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_shared = std::fs::metadata(folder).is_ok_and(|folder| folder.mode() & SET_GROUP != 0);
        options.mode(if is_shared { 0o640 } else { 0o600 });
    }
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.with_context(|| format!("cannot write the configuration {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Init {
        let connections = Partner::ALL.iter().map(|partner| format!("{partner}={partner}-1")).collect();
        Init {
            connections,
            endpoints: vec!["erp=https://erp.example.com/events".to_owned()],
            pulls: vec!["second".to_owned()],
            public_url: Some("https://hub.example.com".to_owned()),
            metrics: true,
        }
    }

    #[test]
    fn configuration_for_production_is_sound_fresh_and_no_demo() {
        let (one, other) = (text(&all(), DATA, None).unwrap(), text(&all(), DATA, None).unwrap());
        assert_ne!(one, other, "no two hubs share a key");
        let config = Config::parse(&one).unwrap();
        assert_eq!((config.connections.len(), config.endpoints.len(), config.pulled.len()), (Partner::ALL.len(), 1, 1));
        assert_eq!(config.data_dir.to_str(), Some(DATA));
        assert!(config.inbox.is_none() && config.metrics_listen.is_some());
        assert!(!one.contains("allow_private") && !one.contains("127.0.0.1:8788"), "{one}");
        let roles: Vec<_> = config.api_keys.iter().map(|key| key.role).collect();
        assert_eq!(roles, [hub::Role::Erp, hub::Role::Operator]);
    }

    #[cfg(unix)]
    #[test]
    fn group_reads_what_lies_in_a_folder_of_its_own() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let path = folder.path().join(name);
            write(&path, "").unwrap();
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("own.toml"), 0o600);
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o2750)).unwrap();
        assert_eq!(mode("shared.toml"), 0o640);
    }

    #[test]
    fn mistakes_are_named_and_nothing_is_written() {
        let wrong = |change: fn(&mut Init)| {
            let mut init = all();
            change(&mut init);
            text(&init, DATA, None).unwrap_err().to_string()
        };
        assert!(wrong(|init| init.connections.push("xhqq".to_owned())).contains("no known partner: one of"));
        assert!(wrong(|init| init.endpoints.push("erp2".to_owned())).contains("ID=URL"));
        assert!(wrong(|init| init.endpoints.push("x=ftp://y".to_owned())).contains("endpoints[1].url"));
        assert!(wrong(|init| init.pulls.push("erp".to_owned())).contains("twice"));
        assert!(wrong(|init| init.public_url = Some("\"\n[x]".to_owned())).contains("public_url"));
    }
}
