//! `cargo xtask`: tasks of the repository that need its own code.
//!
//! `generate` writes the files whose source is code, `generate --check` names those that differ from it. It touches no
//! other file, and of a document only the text between its markers.

mod chinese;
mod command;
mod document;
mod keys;
mod tables;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Tasks of this repository
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Write the API's document, the tables of partners and keys, the bodies of sample events, the shell completions and the
    /// manual pages
    Generate {
        /// Write nothing; exit with 1 where a file differs from its source
        #[arg(long)]
        check: bool,
    },
}

/// A file as its source says it is.
struct Generated {
    /// Its path from the root of the repository.
    path: String,
    /// Its whole text.
    text: String,
}

fn main() -> anyhow::Result<ExitCode> {
    let Task::Generate { check } = Cli::parse().task;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut out = std::io::stderr();
    let mut code = ExitCode::SUCCESS;
    for Generated { path, text } in generated(&root)? {
        let place = root.join(&path);
        let committed = fs::read_to_string(&place).unwrap_or_default();
        if committed == text {
            continue;
        }
        if check {
            let line = 1 + text.lines().zip(committed.lines()).take_while(|(ours, theirs)| ours == theirs).count();
            writeln!(out, "{path}:{line} differs from the code it is made of; renew it with: cargo xtask generate")?;
            code = ExitCode::FAILURE;
        } else {
            fs::create_dir_all(place.parent().unwrap_or(&root))?;
            fs::write(&place, text).with_context(|| format!("cannot write {path}"))?;
            writeln!(out, "wrote {path}")?;
        }
    }
    Ok(code)
}

/// Every generated file.
fn generated(root: &Path) -> anyhow::Result<Vec<Generated>> {
    let openapi = format!("{:#}\n", openapi::document());
    let mut files = vec![
        Generated { path: "functions/openapi/openapi.json".to_owned(), text: openapi },
        document::with_tables(root, "docs/partners.md", &tables::all())?,
        document::with_tables(root, "docs/configuration.md", &[("keys", keys::keys(&keys::ENGLISH))])?,
        document::with_tables(root, "docs/zh-CN/configuration.md", &[("keys", keys::keys(&keys::CHINESE))])?,
        document::with_tables(root, "docs/zh-CN/partners.md", &chinese::tables(tables::all())?)?,
    ];
    for action in callback::ACTIONS {
        files.extend(document::with_body(root, &action)?);
    }
    files.extend(command::completions());
    files.extend(command::manual()?);
    Ok(files)
}
