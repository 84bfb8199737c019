//! Common parts of the lists of all commands: options, reading by pages, printing.

use clap::Args;
use serde::Deserialize;

use crate::out;
use crate::progress::Progress;
use crate::source::{Asked, Pages, Source};
use crate::times::{Moment, Zone, moment, now};

/// Number of the items that are printed, and their form.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Form {
    /// List at most this many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// A span of time.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Span {
    /// Only from this time on: so long ago (30m, 2h, 3d), a day (2026-11-28), or a time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Moment>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Moment>,
}

impl Span {
    /// The request for this span.
    pub(crate) fn of(self, asked: Asked, zone: Zone) -> Asked {
        let time = |moment: Option<Moment>| moment.map(|moment| zone.time(moment, now()));
        asked.with("since", time(self.since)).with("until", time(self.until))
    }
}

/// Prints the items of a list, each as one line; or what to say where there is none.
pub(crate) async fn print<T: for<'a> Deserialize<'a>>(
    source: &Source,
    asked: Asked,
    form: Form,
    row: impl Fn(&T) -> String,
    none: &str,
) -> anyhow::Result<()> {
    let progress = Progress::of_list("items read");
    let mut pages = Pages::new(source, asked, form.limit);
    let mut is_empty = true;
    while let Some(items) = progress.during(pages.next()).await? {
        for item in &items {
            let row = if form.json { None } else { Some(row(&serde_json::from_str(item.get())?)) };
            progress.aside(|| row.map_or_else(|| out::json(item.get()), out::line))?;
            is_empty = false;
        }
        progress.add(items.len());
    }
    drop(progress);
    if is_empty {
        tell!("{none}");
    }
    if !pages.complete {
        tell!("there are more than one answer looks through: name a key with fewer");
    }
    Ok(())
}
