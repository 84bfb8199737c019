//! Signals that end the process.
//!
//! An interrupt (Ctrl-C), a request to terminate and, on a terminal, a hangup each stop the hub after the requests and attempts
//! in progress. A terminal or a session that closes sends a hangup, often twice or with a request to terminate, so only a second
//! interrupt or request to terminate ends the hub at once. A hangup that was ignored when the process began (`nohup`) stays
//! ignored. Of a service, which has no terminal, a hangup asks for a reload.
//!
//! They are read on a thread of its own: a second signal is obeyed whatever the hub is doing, from its start to the end of
//! the process.

use std::io::IsTerminal as _;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

/// Requests to a process by signals.
pub(crate) struct Asked {
    /// The first request to end.
    pub(crate) end: oneshot::Receiver<EndSignal>,
    /// Requests to read the configuration again; several that come together are one.
    pub(crate) reload: mpsc::Receiver<()>,
}

/// Listens for requests from now on. The first request to end is handed over; the second ends the process.
pub(crate) fn listen() -> std::io::Result<Asked> {
    let is_on_terminal = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
    let reader = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = reader.enter();
        Signals::listen()?
    };
    let ((tell, end), (ask, reload)) = (oneshot::channel(), mpsc::channel(1));
    let read = async move {
        let first = loop {
            let next = signals.next().await;
            if next != EndSignal::Hangup || is_on_terminal {
                break next;
            }
            // Where one is asked for already, that is read later than this was written.
            let _ = ask.try_send(());
        };
        let _ = tell.send(first);
        signals.again(first).await.exit_at_once();
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || reader.block_on(read))?;
    Ok(Asked { end, reload })
}

/// Signals listened for.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

/// One request to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndSignal {
    /// Ctrl-C.
    Interrupt,
    /// As `kill` sends it.
    Terminate,
    /// The terminal or session is gone.
    Hangup,
}

impl EndSignal {
    /// Name of the signal in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "an interrupt",
            Self::Terminate => "a request to terminate",
            Self::Hangup => "a hangup: its terminal or session has closed",
        }
    }

    /// Ends the process whatever it is doing.
    fn exit_at_once(self) -> ! {
        inbound::refusal::tell_all();
        tracing::warn!(
            why = self.name(),
            "ended at once: pushes under way were not answered, and their partners send them again; deliveries \
             under way are made again at the next start, so the ERP may get one twice under one webhook-id; a \
             command that was being sent becomes ambiguous unless it may be repeated"
        );
        self.exit()
    }

    /// Ends the process as one that such a signal has ended.
    pub(crate) fn exit(self) -> ! {
        std::process::exit(match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        })
    }
}

impl Signals {
    /// Listens for signals from now on.
    #[cfg(unix)]
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = (!is_hangup_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }

    /// Listens for signals from now on.
    #[cfg(not(unix))]
    fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// The next request to end.
    #[cfg(unix)]
    async fn next(&mut self) -> EndSignal {
        let Self { interrupt, terminate, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => EndSignal::Interrupt,
            _ = terminate.recv() => EndSignal::Terminate,
            _ = hung_up => EndSignal::Hangup,
        }
    }

    /// The next request to end.
    #[cfg(not(unix))]
    async fn next(&mut self) -> EndSignal {
        let _ = tokio::signal::ctrl_c().await;
        EndSignal::Interrupt
    }

    /// The second interrupt or request to terminate, where `first` may have been one.
    async fn again(&mut self, first: EndSignal) -> EndSignal {
        let mut explicit = first != EndSignal::Hangup;
        loop {
            let next = self.next().await;
            if next == EndSignal::Hangup {
                continue;
            }
            if explicit {
                return next;
            }
            explicit = true;
        }
    }
}

/// Whether hangups were ignored when the process began, as far as the system reports it.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Reads `SigIgn` of `/proc/<pid>/status`: a mask of signals, of which the first is the hangup.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hangup_is_seen() {
        assert!(ignores_hangup("Name:\thub\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("Name:\thub\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangup(""));
    }
}
