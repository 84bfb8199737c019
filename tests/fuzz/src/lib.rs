//! Inputs for the parsers of outside bytes: samples that are changed at random, JSON that is printed at random, and a run
//! that is bounded in number or, where `TONGGUAN_FUZZ_SECONDS` says so, in time.
//!
//! The ordinary run is the same each time. A run by time begins anew each time; a failure prints the smallest input that
//! was found for it.

#![allow(clippy::panic, clippy::expect_used, clippy::missing_panics_doc, reason = "a test that fails says why")]

use std::fmt::{self, Debug};
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// Number of inputs of the ordinary run, and of a timed run between two looks at the clock.
const CASES: u32 = 256;

/// Longest time for one input. A busy machine may be slow; an endless loop takes longer.
const LONGEST: Duration = Duration::from_secs(10);

/// Bytes, printed so that they can be pasted into a test.
#[derive(Clone, PartialEq, Eq)]
pub struct Input(pub Vec<u8>);

impl Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// Holds a property against inputs of a strategy. A property that does not hold panics.
pub fn check<S: Strategy>(strategy: &S, property: impl Fn(&S::Value)) {
    let seconds = std::env::var("TONGGUAN_FUZZ_SECONDS").ok().map(|text| {
        let seconds = text.parse().expect("TONGGUAN_FUZZ_SECONDS is a number of seconds");
        Duration::from_secs(seconds)
    });
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
    let mut runner = match seconds {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let begun = Instant::now();
    loop {
        let result = runner.run(strategy, |input| {
            let begun = Instant::now();
            property(&input);
            let took = begun.elapsed();
            if took < LONGEST { Ok(()) } else { Err(TestCaseError::fail(format!("it took {took:?}"))) }
        });
        match result {
            Ok(()) if seconds.is_some_and(|seconds| begun.elapsed() < seconds) => {}
            Ok(()) => return,
            Err(TestError::Fail(why, input)) => panic!("{why}; the smallest input: {input:?}"),
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
    }
}

/// The files of a folder of the repository.
#[must_use]
pub fn corpus(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    files.sort();
    files.iter().filter(|file| file.is_file()).map(|file| std::fs::read(file).expect("the file can be read")).collect()
}

/// One change of some bytes.
#[derive(Clone, Debug)]
enum Step {
    /// Another byte.
    Byte(Index, u8),
    /// A piece is left out.
    Cut(Index, usize),
    /// A piece stands there several times.
    Repeat(Index, usize, usize),
    /// Something else stands there, too.
    Insert(Index, Vec<u8>),
    /// A piece of another sample stands there.
    Splice(Index, Index, Index, usize),
}

/// Samples with a few changes in each; `words` are what such bytes are made of.
pub fn changed(samples: Vec<Vec<u8>>, words: &'static [&'static str]) -> impl Strategy<Value = Input> {
    let piece = || 1..64_usize;
    let word = select(words).prop_map(|word| word.as_bytes().to_vec());
    let step = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Step::Byte(at, byte)),
        (any::<Index>(), piece()).prop_map(|(at, length)| Step::Cut(at, length)),
        (any::<Index>(), piece(), 2..200_usize).prop_map(|(at, length, times)| Step::Repeat(at, length, times)),
        (any::<Index>(), word).prop_map(|(at, word)| Step::Insert(at, word)),
        (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Step::Insert(at, bytes)),
        (any::<Index>(), any::<Index>(), any::<Index>(), piece())
            .prop_map(|(at, sample, from, length)| Step::Splice(at, sample, from, length)),
    ];
    (any::<Index>(), vec(step, 0..6)).prop_map(move |(sample, steps)| {
        let bytes = sample.get(&samples).clone();
        Input(steps.into_iter().fold(bytes, |bytes, step| step.make(bytes, &samples)))
    })
}

impl Step {
    fn make(self, mut bytes: Vec<u8>, samples: &[Vec<u8>]) -> Vec<u8> {
        let place = |at: Index, bytes: &[u8]| at.index(bytes.len() + 1);
        let piece = |bytes: &[u8], at: usize, length: usize| {
            bytes.get(at..).unwrap_or_default().iter().take(length).copied().collect::<Vec<_>>()
        };
        let (at, new, replaced) = match self {
            Self::Byte(at, byte) => (place(at, &bytes), vec![byte], 1),
            Self::Cut(at, length) => (place(at, &bytes), vec![], length),
            Self::Repeat(at, length, times) => {
                let at = place(at, &bytes);
                (at, piece(&bytes, at, length).repeat(times), 0)
            }
            Self::Insert(at, new) => (place(at, &bytes), new, 0),
            Self::Splice(at, sample, from, length) => {
                let other = sample.get(samples);
                (place(at, &bytes), piece(other, place(from, other), length), 0)
            }
        };
        let end = (at + replaced).min(bytes.len());
        bytes.splice(at..end, new);
        bytes
    }
}

/// JSON documents, printed in all the ways that JSON may be.
pub fn json() -> impl Strategy<Value = String> {
    let blank = || select(&["", "", "", " ", "\n", "\t ", "\r\n"][..]);
    let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?";
    let leaf = prop_oneof![
        select(&["null", "true", "false", "1.10", "200.0", "2e2", "-0", "1906651379888427008"][..])
            .prop_map(str::to_owned),
        number.prop_map(|number| number),
        string(),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let value = (blank(), inner, blank()).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
        let member = (blank(), string(), blank(), value.clone());
        let member = member.prop_map(|(before, name, after, value)| format!("{before}{name}{after}:{value}"));
        prop_oneof![
            vec(value, 0..6).prop_map(|values| format!("[{}]", values.join(","))),
            vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// A JSON string with and without escapes.
fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        select(&["code", "msg", "orderOutNo", "信号旗", "action", "200", "success", "\\u653e", "\\ud83d\\ude00"][..])
            .prop_map(str::to_owned),
        select(&["\\n", "\\\"", "\\\\", "\\/", "\\u0000", "\\b", "\u{2028}", " "][..]).prop_map(str::to_owned),
        any::<char>()
            .prop_filter("escaped otherwise", |c| !c.is_control() && !matches!(c, '"' | '\\'))
            .prop_map(String::from),
    ];
    vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}
