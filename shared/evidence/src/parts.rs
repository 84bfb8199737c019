//! The check of several files as the parts of one.

use std::collections::BTreeMap;
use std::fmt;

use crate::Part;

/// Number of missing parts in a row that are named.
const NAMED: usize = 20;

/// A flaw of the parts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetFinding {
    /// A part is not among the files.
    Missing(u32),
    /// The parts after this one are not among the files.
    MissingAfter(u32),
    /// Two files are the same part.
    Twice(u32),
    /// The part does not continue the chain of the one before it.
    Unchained(u32),
}

impl fmt::Display for SetFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(part) => write!(f, "part missing: part {part} is not among the files"),
            Self::MissingAfter(part) => {
                write!(f, "part missing: part {part} is not the last, and none of the files follows it")
            }
            Self::Twice(part) => write!(f, "part twice: two of the files are part {part}"),
            Self::Unchained(part) => write!(
                f,
                "chain broken between files: part {part} does not follow the part before it, and was made another time or edited"
            ),
        }
    }
}

/// Everything that is wrong with some parts together, whatever their order. Parts without facts are left out: what is wrong with
/// those, they say themselves.
#[must_use]
pub fn together(parts: &[Part]) -> Vec<SetFinding> {
    let mut findings = Vec::new();
    let mut known = BTreeMap::new();
    for part in parts {
        let Some(about) = &part.about else { continue };
        if known.insert(about.part, (part, about.last)).is_some() {
            findings.push(SetFinding::Twice(about.part));
        }
    }
    let mut before: Option<(u32, &Part, bool)> = None;
    for (number, (part, last)) in known {
        match before {
            None if number > 1 => findings.extend((1..number).take(NAMED).map(SetFinding::Missing)),
            Some((earlier, _, _)) if number > earlier.saturating_add(1) => {
                findings.extend((earlier + 1..number).take(NAMED).map(SetFinding::Missing));
            }
            None if part.previous.is_some() => findings.push(SetFinding::Unchained(number)),
            Some((_, earlier, was_last)) if was_last || part.previous != Some(earlier.head) => {
                findings.push(SetFinding::Unchained(number));
            }
            None | Some(_) => {}
        }
        before = Some((number, part, last));
    }
    if let Some((number, _, false)) = before {
        findings.push(SetFinding::MissingAfter(number));
    }
    findings
}
