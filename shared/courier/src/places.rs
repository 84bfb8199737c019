//! Places for attempts that are under way at once, the number of which may change: configurations are read anew while a
//! process runs.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lock;

/// The places of a destination.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    /// Intended number of permits.
    wanted: usize,
    /// Number of permits to drop when they are returned.
    surplus: usize,
}

/// A place, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    places: Arc<Places>,
}

impl Places {
    pub(crate) fn new(wanted: usize) -> Arc<Self> {
        let size = Mutex::new(Size { wanted, surplus: 0 });
        Arc::new(Self { free: Arc::new(Semaphore::new(wanted)), size })
    }

    /// Changes the number of permits. Attempts in progress beyond it end, and their permits are dropped.
    pub(crate) fn resize(&self, wanted: usize) {
        let mut size = self.size();
        if wanted > size.wanted {
            let more = wanted - size.wanted;
            let kept = more.min(size.surplus);
            size.surplus -= kept;
            self.free.add_permits(more - kept);
        } else {
            let fewer = size.wanted - wanted;
            size.surplus += fewer - self.free.forget_permits(fewer);
        }
        size.wanted = wanted;
    }

    /// A place, in the order in which they are asked for.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<Place> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        Some(Place { permit: Some(permit), places: Arc::clone(self) })
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        lock(&self.size)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut size = self.places.size();
        if size.surplus > 0 {
            size.surplus -= 1;
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn take(places: &Arc<Places>) -> Option<Place> {
        places.take().now_or_never().flatten()
    }

    /// Regression: the first concurrency that a process had seen held for as long as it ran.
    #[test]
    fn a_changed_concurrency_holds_at_once() {
        let places = Places::new(2);
        let (first, second) = (take(&places), take(&places));
        assert!(first.is_some() && second.is_some() && take(&places).is_none());
        places.resize(3);
        let third = take(&places);
        assert!(third.is_some() && take(&places).is_none());
        places.resize(1);
        drop((first, second));
        assert!(take(&places).is_none(), "the third is under way, and there is one place");
        drop(third);
        let only = take(&places);
        assert!(only.is_some() && take(&places).is_none());
    }

    #[test]
    fn a_place_that_was_to_go_may_stay() {
        let places = Places::new(3);
        let taken = [(); 3].map(|()| take(&places));
        places.resize(1);
        places.resize(3);
        drop(taken);
        assert!([(); 3].map(|()| take(&places)).iter().all(Option::is_some));
    }
}
