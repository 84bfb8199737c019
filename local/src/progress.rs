//! A sign of progress on standard error, for a person who waits. Where that is no terminal there is none.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// Work that takes less shows nothing, and what is shown changes no more often.
const PAUSE: Duration = Duration::from_millis(120);

/// Back to the beginning of the line, and the line empty.
const CLEAR: &str = "\r\u{1b}[2K";

/// The progress of some work: one line, which is gone when this is dropped.
pub(crate) struct Progress {
    /// The things that are counted.
    what: &'static str,
    total: Option<usize>,
    is_shown: bool,
    count: Cell<usize>,
    begun: Instant,
    changed: Cell<Instant>,
    is_on_screen: Cell<bool>,
}

impl Progress {
    /// Work on things of that name, so many where that is known.
    pub(crate) fn of(what: &'static str, total: Option<usize>) -> Self {
        Self::shown(what, total, std::io::stderr().is_terminal())
    }

    /// The same for the items of a list, which are printed meanwhile: nothing where they are printed on a terminal, which shows
    /// by itself how far it is.
    pub(crate) fn of_list(what: &'static str) -> Self {
        if std::io::stdout().is_terminal() { Self::shown(what, None, false) } else { Self::of(what, None) }
    }

    fn shown(what: &'static str, total: Option<usize>, is_shown: bool) -> Self {
        let now = Instant::now();
        let (count, changed, is_on_screen) = (Cell::new(0), Cell::new(now), Cell::new(false));
        Self { what, total, is_shown, count, begun: now, changed, is_on_screen }
    }

    /// Counts so many more.
    pub(crate) fn add(&self, count: usize) {
        self.count.set(self.count.get() + count);
        self.show();
    }

    /// Waits for a part of the work, and shows meanwhile that time passes.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            match timeout(PAUSE, &mut work).await {
                Ok(done) => return done,
                Err(_) => self.show(),
            }
        }
    }

    fn show(&self) {
        if self.is_shown && self.changed.get().elapsed() >= PAUSE {
            self.changed.set(Instant::now());
            self.is_on_screen.set(true);
            let mut screen = std::io::stderr().lock();
            let _ = write!(screen, "{CLEAR}{}", self.line(self.begun.elapsed())).and_then(|()| screen.flush());
        }
    }

    /// Prints something, with the line out of its way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.clear();
        print()
    }

    fn clear(&self) {
        if self.is_on_screen.take() {
            let mut screen = std::io::stderr().lock();
            let _ = write!(screen, "{CLEAR}").and_then(|()| screen.flush());
        }
    }

    /// `1200 of 5000 deliveries, 9 s left`, or `1200 events searched, 3 s`.
    fn line(&self, elapsed: Duration) -> String {
        let (count, what) = (self.count.get(), self.what);
        let Some(total) = self.total else { return format!("{count} {what}, {} s", elapsed.as_secs()) };
        let left = total.saturating_sub(count);
        let each = elapsed.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or_default();
        let left = each.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX));
        format!("{count} of {total} {what}, {} s left", left.as_secs())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_says_how_far_it_is_and_how_long_it_takes() {
        let progress = Progress::shown("deliveries", Some(5_000), false);
        assert_eq!(progress.line(Duration::from_secs(2)), "0 of 5000 deliveries, 0 s left");
        progress.add(1_000);
        assert_eq!(progress.line(Duration::from_secs(2)), "1000 of 5000 deliveries, 8 s left");
        let search = Progress::shown("events searched", None, false);
        search.add(30);
        assert_eq!(search.line(Duration::from_millis(3_999)), "30 events searched, 3 s");
    }
}
