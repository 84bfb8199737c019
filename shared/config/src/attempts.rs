//! Settings of attempts, at an endpoint or at a partner.

use std::time::Duration;

use hub::schedule::Schedule;

use super::reader::{Item, Table};
use super::values::print;

/// The longest schedule.
const MOST_RETRIES: usize = 100;

/// Timeout of an attempt: at most half of `sweep_every`, which is also the default where that is less.
pub(super) fn timeout(table: &mut Table<'_>, default: Duration, sweep_every: Duration) -> Option<Duration> {
    table.or("timeout", default.min(sweep_every / 2), |item| {
        let timeout = item.duration()?;
        let fits = timeout * 2 <= sweep_every;
        let (every, enough) = (print(sweep_every), print(timeout * 2));
        let too_long = format!("must be at most half of sweep_every ({every}): lower it, or raise that to {enough}");
        if fits { Some(timeout) } else { item.wrong(too_long) }
    })
}

/// Most attempts under way at once.
pub(super) fn concurrency(table: &mut Table<'_>, default: u32) -> Option<usize> {
    let concurrency = table.or("concurrency", default, Item::integer)?;
    usize::try_from(concurrency).ok()
}

/// Schedule of the retries of a failed attempt.
pub(super) fn retry(table: &mut Table<'_>) -> Option<Schedule> {
    table.or("retry", Schedule::default(), schedule)
}

fn schedule(item: &Item<'_>) -> Option<Schedule> {
    let delays = item.each(Item::duration)?;
    if delays.len() > MOST_RETRIES {
        return item.wrong(format!("must hold at most {MOST_RETRIES} delays"));
    }
    Some(Schedule::new(delays))
}
