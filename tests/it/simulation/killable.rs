//! A future that may be killed: a function that is stopped, a process that dies.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Drops the future inside at one of its polls, as if what ran it had died there; nothing of it runs on.
pub(super) struct Killable<F> {
    inner: Option<Pin<Box<F>>>,
    left: Option<u64>,
}

impl<F: Future> Killable<F> {
    /// A future that dies instead of its `at`th poll, from 0; without a number it lives.
    pub(super) fn new(inner: F, at: Option<u64>) -> Self {
        Self { inner: Some(Box::pin(inner)), left: at }
    }
}

impl<F: Future> Future for Killable<F> {
    /// Nothing where it died.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == Some(0) {
            self.inner = None;
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        match &mut self.inner {
            Some(inner) => inner.as_mut().poll(context).map(Some),
            None => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::task::yield_now;

    use super::*;

    #[test]
    fn it_dies_at_its_poll_and_not_before() {
        for (at, lived) in [(Some(0), 0), (Some(1), 1), (Some(2), 2), (None, 2)] {
            let mut steps = 0;
            let mut future = Killable::new(
                async {
                    steps += 1;
                    yield_now().await;
                    steps += 1;
                },
                at,
            );
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async { while (&mut future).now_or_never().is_none() {} });
            drop(future);
            assert_eq!(steps, lived, "{at:?}");
        }
    }
}
