//! Results of jobs, and of the steps of an attempt.

use hub::call::Standing;
use hub::delivery::State;
use inbound::receive::Lost;
use store::StoreError;

use crate::order::Next;

/// Result of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// An attempt at a delivery was made, or it was given up: its state now.
    Attempted(State),
    /// An attempt at a call was made, or it was given up: its state now.
    Called(Standing),
    /// No attempt was made: the circuit of the destination is open, its place at the connection's rate comes later, an earlier
    /// event of its subject comes first, or this process cannot send it.
    Postponed,
    /// No attempt was made, because it might not have ended in this process's time. It comes again soon.
    Left,
    /// The aliases are written.
    Indexed,
    /// The hint was stale: another process has made the attempt, or the event has expired.
    Stale,
}

/// Failure of a job. Nothing is lost: the work is stored, and the next sweep claims it.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Nothing was sent.
    #[error("the attempt could not be started")]
    Before(#[source] StoreError),
    /// It was attempted, and the result could not be stored: it will be attempted again.
    #[error("the result of an attempt could not be stored")]
    After(#[source] StoreError),
    /// It was attempted, and the data in the partner's answer could not be stored: it will be asked again.
    #[error("the data of the partner's answer could not be stored")]
    Found(#[source] Lost),
}

/// End of the steps of an attempt, before the last or with it.
#[derive(Debug)]
pub(crate) enum Ended {
    With(JobOutcome),
    /// It is postponed behind the first delivery of its subject, which nobody had let pass: that is claimed now.
    Behind(Next),
    Failed(JobError),
}

/// Result of one step.
pub(crate) type Step<T> = Result<T, Ended>;

impl From<JobOutcome> for Ended {
    fn from(done: JobOutcome) -> Self {
        Self::With(done)
    }
}

impl From<JobError> for Ended {
    fn from(undone: JobError) -> Self {
        Self::Failed(undone)
    }
}

impl Ended {
    /// The result of the job.
    pub(crate) fn result(self) -> Result<JobOutcome, JobError> {
        match self {
            Self::With(done) => Ok(done),
            Self::Behind(_) => Ok(JobOutcome::Postponed),
            Self::Failed(undone) => Err(undone),
        }
    }
}
