//! What needs something outside of this machine's Rust: a deployed stack, or ministack. Where a variable does not say where
//! it is, its tests are reported as ignored; `.ci/deployed` starts all of it.
//!
//! Each test is in its module's list, or the compiler tells of a function that is not used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not tell from other code"
)]

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
