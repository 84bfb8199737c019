//! Tests that need a running counterpart: a deployed stack, or ministack. Where no variable gives its address, its tests are
//! reported as ignored; `.ci/deployed` starts all of it.
//!
//! Each test is in its module's list; the compiler warns of one that is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not tell from other code"
)]

#[path = "../it/console/browser.rs"]
#[allow(dead_code, reason = "shared with the tests of the console, which use the rest")]
mod browser;
mod deployed;
mod ministack;
#[path = "../it/sqs.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "only the promises are used here, and not the emulator that they are held against there"
)]
mod sqs;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other tests, which use the rest")]
mod support;
mod switch;

fn main() {
    let arguments = libtest_mimic::Arguments::from_args();
    let trials = deployed::trials().into_iter().chain(ministack::trials()).collect();
    for switch in [deployed::STACK, deployed::CONTAINERS, ministack::MINISTACK] {
        if switch.value().is_none() {
            eprintln!("tests of {} are ignored: {} is not set", switch.names, switch.variable);
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}
