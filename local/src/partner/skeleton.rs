//! `tongguan partner new`: a commented skeleton of a partner's file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};

/// The skeleton, with `NAME` in place of the partner's id.
const SKELETON: &str = include_str!("skeleton.toml");

/// Writes the skeleton of that partner beside the user, unless there is such a file.
pub(super) fn write(name: &str) -> anyhow::Result<ExitCode> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    ensure!(is_plain && (2..=24).contains(&name.len()), "NAME must be 2 to 24 of the characters a-z and 0-9");
    ensure!(partners::Partner::from_id(name).is_none(), "{name} is a partner that the hub has built in");
    let path = format!("{name}.toml");
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!("{path} is there already: nothing is written"),
        Err(error) => return Err(error).with_context(|| format!("cannot write {path}")),
    };
    file.write_all(SKELETON.replace("NAME", name).as_bytes()).with_context(|| format!("cannot write {path}"))?;
    say!("{path} is written: fill it in from the partner's document, then `tongguan partner try {path}`")?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{Config, Mistake};
    use partners::Verdict;

    /// Mark of a key that is left out.
    const LEFT_OUT: &str = "#=";

    fn notes(text: &str) -> Vec<String> {
        let told = |mistakes: &[Mistake]| mistakes.iter().map(ToString::to_string).collect();
        match Config::parse(&text.replace("NAME", "acme")) {
            Ok(config) => told(&config.noted),
            Err(mistakes) => told(&mistakes),
        }
    }

    /// The skeleton with the lines put in that a function chooses by their number, of those that are left out.
    fn with(chosen: &dyn Fn(usize) -> bool) -> String {
        let line = |(at, line): (usize, &str)| match line.strip_prefix(LEFT_OUT) {
            Some(own) if chosen(at) => own.trim_start().to_owned(),
            _ => line.to_owned(),
        };
        SKELETON.lines().enumerate().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn skeleton_is_accepted_with_and_without_what_it_leaves_out() {
        assert_eq!(notes(SKELETON), Vec::<String>::new());
        assert_eq!(notes(&with(&|_| true)), Vec::<String>::new());
    }

    #[test]
    fn each_key_that_is_left_out_is_accepted_alone() {
        let lines: Vec<&str> = SKELETON.lines().collect();
        let is_left_out = |at: usize| lines.get(at).is_some_and(|line| line.starts_with(LEFT_OUT));
        let is_table = |at: usize| lines.get(at).is_some_and(|line| line.starts_with("#= ["));
        let mut tried = 0;
        for at in (0..lines.len()).filter(|at| is_left_out(*at)) {
            // The keys of a table that is left out come with it.
            let begin = (0..=at).rev().take_while(|at| is_left_out(*at)).filter(|at| is_table(*at)).last();
            let range = match begin {
                Some(begin) if begin != at => continue,
                Some(begin) => begin..(begin..lines.len()).find(|at| !is_left_out(*at)).unwrap_or(lines.len()),
                None => at..at + 1,
            };
            tried += 1;
            assert_eq!(notes(&with(&|at| range.contains(&at))), Vec::<String>::new(), "{}", lines[at]);
        }
        assert!(tried > 12, "{tried}");
    }

    /// Regression: a newcomer could not know of these from the skeleton.
    #[test]
    fn skeleton_names_the_keys_that_partners_need() {
        for key in [
            "case",
            "digits",
            "unless_missing",
            "separator",
            "timestamp",
            "when",
            "each",
            "identity",
            "milestones",
            "name",
            "body",
            "duplicate",
            "wrap",
            "send",
            "brings",
            "token",
            "expired",
            "production",
        ] {
            let lines = || SKELETON.lines().filter_map(|line| line.strip_prefix("#= "));
            assert!(lines().any(|line| line.split_whitespace().next() == Some(key)), "{key}");
        }
        for verdict in [
            Verdict::Accepted,
            Verdict::Malformed,
            Verdict::Unauthorized,
            Verdict::NotPost,
            Verdict::TooLarge,
            Verdict::Unavailable,
        ] {
            let (name, status) = (verdict.name(), verdict.status());
            assert!(SKELETON.contains(&format!("{status} of {name}")) || verdict == Verdict::Accepted, "{name}");
        }
    }
}
