//! Reasons for an invocation without an answer.

/// Failure that Lambda reports in place of a function's answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Every instance is busy, and no further one is allowed.
    #[error("throttled: no instance is free")]
    Throttled,
    /// The process could not be started, ended before its first question, said that it cannot start, or took too long.
    #[error("the function does not start: {0}")]
    Init(String),
    /// The process ended in the middle: a crash, or a kill as for want of memory.
    #[error("the process ended: {0}")]
    Ended(String),
    /// It was not done in its time, and its process was killed.
    #[error("timed out")]
    TimedOut,
    /// The function itself reported an error; its text.
    #[error("the function reported: {0}")]
    Reported(String),
}
