//! Limit of the files and sockets that the process may have open.

/// Descriptors kept for what is not a connection to the port: connections to the ERP and to partners, the store, the log.
const KEPT: usize = 256;

/// Number of descriptors that are asked for: those of the connections, and as many again for the work that these cause.
#[cfg(unix)]
const WANTED: u64 = 16_384;

/// Raises the process's limit as far as the system lets it.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::warn!(%error, "the limit of open files could not be raised; see ulimit -n");
    }
}

/// Raises the process's limit, where there is one.
#[cfg(not(unix))]
pub(crate) fn raise() {}

/// Number of connections to the port that leaves enough descriptors for all else.
#[cfg(unix)]
pub(crate) fn for_connections() -> usize {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
    left(limit.unwrap_or(usize::MAX))
}

/// Number of connections to the port that leaves enough descriptors for all else.
#[cfg(not(unix))]
pub(crate) fn for_connections() -> usize {
    usize::MAX
}

/// Descriptors that a limit leaves for connections: at least half.
fn left(limit: usize) -> usize {
    limit.saturating_sub(KEPT).max(limit / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_descriptors_is_kept() {
        assert_eq!([left(1_024), left(256), left(16_384)], [768, 128, 16_128]);
    }
}
