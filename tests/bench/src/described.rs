//! A described partner against the built-in one that it describes: the reading of one and the same push.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use hub::action::Action;
use hub::admission::{self, Origin};
use hub::{ConnectionId, configured};
use partners::Partner;
use partners::operation::Settings;

/// TrackingEyes, as a described partner.
const DESCRIBED: &str = include_str!("../../fixtures/described_trackingeyes.toml");

/// A push of its document.
const PUSH: &[u8] = include_bytes!("../../fixtures/trackingeyes_push.json");

/// Turns of each; the median counts.
const TURNS: usize = 21;

/// Measures the reading of a push.
#[derive(Args)]
pub(crate) struct Partners {
    /// Pushes that are read in a turn
    #[arg(long, default_value_t = 2_000)]
    pushes: u32,
}

impl Partners {
    /// Both by turns, as a table of Markdown.
    pub(crate) fn measure(&self) -> anyhow::Result<String> {
        let config = config::Config::parse(DESCRIBED).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
        let described = *config.partners.first().context("the file describes a partner")?;
        let (mut own, mut table) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            own.push(self.turn(&customs_status::ACTION, Partner::TrackingEyes));
            table.push(self.turn(&configured::action("push"), described));
        }
        let (own, table) = (median(own), median(table));
        let mut text = "| reading a push of TrackingEyes | µs |\n|---|---|\n".to_owned();
        writeln!(text, "| built in | {own:.1} |\n| described | {table:.1} |")?;
        writeln!(text, "\nThe described one takes {:+.1} % of the time.", (table / own - 1.0) * 100.0)?;
        Ok(text)
    }

    fn turn(&self, action: &Action, partner: Partner) -> Duration {
        let (connection, settings) = (ConnectionId::from("c"), Settings::default());
        let body = Bytes::from_static(PUSH);
        let begun = Instant::now();
        for _ in 0..self.pushes {
            let origin = Origin { connection: &connection, partner, settings: &settings };
            std::hint::black_box(admission::read(action, origin, &body, None));
        }
        begun.elapsed() / self.pushes
    }
}

/// The median in microseconds.
fn median(mut turns: Vec<Duration>) -> f64 {
    turns.sort_unstable();
    turns.get(turns.len() / 2).map_or(0.0, |turn| turn.as_secs_f64() * 1e6)
}
