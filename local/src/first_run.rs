//! The configuration that a hub without one makes for itself: every partner, fresh keys, an ERP inbox of its own, and
//! calls that go to partners played on this machine.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use partners::{Hex, Partner};
use simulators::api::DEMO;

use crate::out;

/// Makes a demo of a folder without a configuration, and says so: it may be the wrong folder. Where a hub has run before,
/// it is.
pub(crate) fn demo(path: &Path, data: Option<&Path>) -> anyhow::Result<()> {
    let here = std::env::current_dir().map_or_else(|_| "this folder".to_owned(), |folder| folder.display().to_string());
    let name = path.display();
    let data = data.unwrap_or(Path::new("data"));
    if data.join("tongguan.db").exists() {
        anyhow::bail!(
            "there is no {name} in {here}, but a hub's events are in {}: name its configuration with --config FILE",
            data.display()
        );
    }
    write(path)?;
    out::block(format_args!(
        "There was no {name} in {here}: this hub is a DEMO with a configuration it made itself, fresh keys, its own ERP\n\
         inbox and simulated partners. If you meant a configuration of yours: end this hub, remove {name} and\n\
         {} here, and start it in your configuration's folder or with --config FILE.",
        data.display()
    ))
    .or_else(|_| Ok(()))
}

/// Writes the configuration, readable by its owner alone, for it holds keys.
fn write(path: &Path) -> anyhow::Result<()> {
    let text = text()?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    file.with_context(|| format!("cannot write the configuration {}", path.display()))
}

fn text() -> anyhow::Result<String> {
    let mut text = String::from(
        "# Made at the first start. Every key is fresh; replace the inbox by your ERP when you are ready.\n\
         listen = \"127.0.0.1:8787\"\n\
         data_dir = \"data\"\n\
         retention_days = 90\n\n\
         # The hub's own ERP inbox: it prints each delivery. Remove it, and the endpoint below, for production.\n\
         inbox = \"127.0.0.1:8788\"\n",
    );
    text += "\n# Pushes need the key alone. Calls go to simulated partners (`tongguan partner`): for a real one remove base_url\n\
             # and allow_private, and put your account's credentials, as examples/tongguan.toml shows.\n";
    // Each begins with its id and its partner; the simulated partners stand behind them.
    for connection in DEMO.split("[[connections]]\n").skip(1) {
        let lines = connection.trim_end().split_inclusive('\n');
        let (names, more): (String, String) = (lines.clone().take(2).collect(), lines.skip(2).collect());
        let pushes = |partner: &&Partner| partner.profile().pushes.is_some();
        let is_of = |partner: &Partner| names.contains(&format!("partner = \"{partner}\""));
        write!(text, "\n[[connections]]\n{names}")?;
        if Partner::ALL.iter().filter(pushes).any(is_of) {
            writeln!(text, "keys = [\"{}\"]", random_hex::<24>()?)?;
        }
        writeln!(text, "allow_private = true\n{more}")?;
    }
    let secret = hub::signature::SigningKey::secret(&random::<32>()?);
    write!(
        text,
        "\n[[endpoints]]\nid = \"erp\"\nurl = \"http://127.0.0.1:8788/events\"\nsecrets = [\"{secret}\"]\n\
         format = \"cloudevents\"\nconnections = [\"*\"]\ntypes = [\"*\"]\nallow_private = true\n"
    )?;
    write!(text, "\n[[api_keys]]\nid = \"erp\"\nkey = \"{}\"\n", random_hex::<24>()?)?;
    Ok(text)
}

pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness for keys: {error}"))?;
    Ok(bytes)
}

pub(crate) fn random_hex<const N: usize>() -> anyhow::Result<String> {
    Ok(Hex(&random::<N>()?).to_string())
}

#[cfg(test)]
mod tests {
    use config::Config;

    use super::*;

    #[test]
    fn the_configuration_it_makes_is_sound_and_fresh() {
        let (one, other) = (text().unwrap(), text().unwrap());
        assert_ne!(one, other, "no two hubs share a key");
        let config = Config::parse(&one).unwrap();
        assert_eq!((config.connections.len(), config.endpoints.len(), config.inbox.is_some()), (4, 1, true));
        assert!(config.connections.values().all(|connection| crate::partner::address(connection).is_some()));
    }

    #[test]
    fn a_folder_where_a_hub_has_run_is_no_place_for_a_demo() {
        let folder = std::env::temp_dir().join(format!("tongguan-demo-{}", std::process::id()));
        let (file, data) = (folder.join("tongguan.toml"), folder.join("data"));
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("tongguan.db"), "").unwrap();
        let refused = demo(&file, Some(&data)).unwrap_err().to_string();
        assert!(refused.contains("--config FILE") && !file.exists(), "{refused}");
        std::fs::remove_file(data.join("tongguan.db")).unwrap();
        demo(&file, Some(&data)).unwrap();
        assert!(file.exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn it_never_overwrites_a_configuration() {
        let folder = std::env::temp_dir().join(format!("tongguan-first-run-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("tongguan.toml");
        write(&file).unwrap();
        assert!(write(&file).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
