//! A hub on hold: it receives and answers, but nothing goes out. A copy that is restored beside the original would send what
//! that has queued a second time.
//!
//! A file in the data folder is the hold, so that it outlives a restart. It ends when the file is removed.

use std::future::ready;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use courier::{Courier, DeliveryResult};
use hub::delivery::Outcome;
use outbound::{Kind, Sent};
use tokio::sync::watch;

use crate::place::Place;
use crate::ticks::Ticks;

/// Name of the file in the data folder.
const FILE: &str = "hold";

/// Interval at which the file is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Reason of everything that was not sent.
pub(crate) const WHY: &str = "the hub is on hold, nothing is sent: `tongguan release` ends that";

/// Whether a hub is on hold. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    file: PathBuf,
    is_on: Arc<AtomicBool>,
}

/// Puts the hub of a data folder, which is made where it is missing, on hold from its next start.
pub(crate) fn put(folder: &Path) -> std::io::Result<()> {
    let text =
        "The hub receives, but sends nothing, for as long as this file is here. `tongguan release` removes it.\n";
    std::fs::write(folder.join(FILE), text)
}

impl Hold {
    /// The hold of the hub in a folder, as it is at the start.
    pub(crate) fn of(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let is_on = Arc::new(AtomicBool::new(file.exists()));
        Self { file, is_on }
    }

    /// Whether nothing may go out now.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Waits until the hold is over; false where the hub stops before.
    pub(crate) async fn over(&self, stop: watch::Receiver<bool>) -> bool {
        let mut ticks = Ticks::new(LOOK, stop);
        while self.file.exists() {
            if !ticks.next().await {
                return false;
            }
        }
        true
    }

    /// Has things go out from now on.
    pub(crate) fn end(&self) {
        self.is_on.store(false, Ordering::Relaxed);
        tracing::info!("the hold is over: what waits is sent");
    }

    /// A courier by which nothing goes out during the hold, whoever asks for it. Attempts are as if they had not been made.
    pub(crate) fn guard<S, Q>(&self, courier: Courier<S, Q>) -> Courier<S, Q> {
        let (send, wire) = (Arc::clone(&courier.send), Arc::clone(&courier.wire));
        let (sending, wiring) = (self.clone(), self.clone());
        let send: courier::Send = Arc::new(move |endpoint, parcel| {
            if sending.is_on() {
                let held = DeliveryResult { outcome: Outcome::Unsent, status: None, detail: WHY.to_owned() };
                return Box::pin(ready(held));
            }
            send(endpoint, parcel)
        });
        let wire: courier::Wire = Arc::new(move |request| {
            if wiring.is_on() {
                return Box::pin(ready(Sent::Failed { kind: Kind::Exhausted, text: WHY.to_owned(), ms: 0 }));
            }
            wire(request)
        });
        Courier { send, wire, ..courier }
    }
}

/// Ends the hold of the hub of a data folder; whether there was one.
pub(crate) fn remove(folder: &Path) -> std::io::Result<bool> {
    match std::fs::remove_file(folder.join(FILE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// `tongguan release`.
pub(crate) fn release(place: &Place) -> anyhow::Result<ExitCode> {
    let folder = place.read()?.data_dir;
    let file = folder.join(FILE);
    if remove(&folder).with_context(|| format!("the hold could not be ended: remove {}", file.display()))? {
        say!("the hold is over: a running hub sends what waits from now on, another one when it starts")?;
    } else {
        say!("there is no hold: {} is not there", file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
