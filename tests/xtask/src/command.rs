//! Shell completions and manual pages of `tongguan`, from its command line.

use clap::{Command, CommandFactory as _};
use clap_complete::{Generator as _, Shell};
use clap_mangen::Man;

use crate::Generated;

const NAME: &str = "tongguan";

/// A script for each shell.
pub(crate) fn completions() -> impl Iterator<Item = Generated> {
    [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter().map(|shell| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut tongguan::cli::Cli::command(), NAME, &mut script);
        let path = format!("local/completions/{}", shell.file_name(NAME));
        Generated { path, text: String::from_utf8_lossy(&script).into_owned() }
    })
}

/// A page for `tongguan` and for each of its commands.
pub(crate) fn manual() -> anyhow::Result<Vec<Generated>> {
    let mut command = tongguan::cli::Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages(&command, &mut pages)?;
    Ok(pages)
}

fn add_pages(command: &Command, pages: &mut Vec<Generated>) -> anyhow::Result<()> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    pages.push(Generated { path: format!("local/man/{}", man.get_filename()), text: String::from_utf8(page)? });
    command.get_subcommands().try_for_each(|command| add_pages(command, pages))
}
