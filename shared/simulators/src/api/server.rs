//! Common part of the four partners: the server, its memory, its faults.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::behaviour::Ruling;
use super::message::{Answer, Play, Refusal};
use super::{Behaviour, Clock, Fault, Received, TOKEN};
use crate::serve::{Answered, accept};

/// Numbers of requests; those for a token are counted apart.
#[derive(Clone, Copy, Default)]
struct Counts {
    received: usize,
    processed: usize,
    tokens: usize,
    under_way: usize,
    most_under_way: usize,
}

#[derive(Default)]
struct State {
    rulings: Vec<Ruling>,
    forgetful: bool,
    kept: Vec<Received>,
    processed: HashMap<(String, Bytes), usize>,
}

struct Shared {
    play: Arc<dyn Play>,
    clock: Clock,
    state: Mutex<State>,
    counts: watch::Sender<Counts>,
    /// Number of times that held requests were released.
    released: watch::Sender<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides and, where it comes to that, does what the request asks for. No answer: the connection is closed.
    fn act(&self, request: &mut Received, fault: Option<&Fault>, checked: Result<(), Refusal>) -> Option<Answer> {
        let mut process = || {
            request.processed = true;
            self.play.process(request)
        };
        match (fault, checked) {
            (Some(Fault::Drops), _) => None,
            (Some(Fault::Rubbish), _) => Some(Answer::rubbish()),
            (Some(Fault::Http(reply)), _) => Some(reply.clone().into()),
            (_, Err(refusal)) => Some(refusal.answer),
            (Some(Fault::Refuses), Ok(())) => Some(self.play.refusal()),
            (Some(Fault::Busy), Ok(())) => Some(self.play.busy()),
            (Some(Fault::Code(code, message)), Ok(())) => Some(self.play.failure(*code, message)),
            (Some(Fault::DropsAnswer), Ok(())) => {
                process();
                None
            }
            (Some(Fault::GarblesAnswer), Ok(())) => {
                process();
                Some(Answer::rubbish())
            }
            (Some(Fault::ThenHttp(reply)), Ok(())) => {
                process();
                Some(reply.clone().into())
            }
            (Some(Fault::ThenCode(code, message)), Ok(())) => {
                process();
                Some(self.play.failure(*code, message))
            }
            (Some(Fault::Slow(_) | Fault::Holds) | None, Ok(())) => Some(process()),
        }
    }

    /// Remembers a request that is decided.
    fn keep(&self, request: Received, key: Bytes) {
        let (token, processed) = (request.operation == TOKEN, request.processed);
        let mut state = self.state();
        if !state.forgetful {
            if processed {
                *state.processed.entry((request.operation.clone(), key)).or_default() += 1;
            }
            state.kept.push(request);
        }
        // Told while the state is held: who waits for the number finds the request.
        self.counts.send_modify(|counts| {
            counts.tokens += usize::from(token);
            counts.received += usize::from(!token);
            counts.processed += usize::from(!token && processed);
        });
    }
}

/// A running partner; dropping it closes its port and its connections.
pub struct Api {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Api {
    pub(super) async fn start(address: SocketAddr, clock: Clock, play: Arc<dyn Play>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (state, counts, released) = (Mutex::default(), watch::Sender::default(), watch::Sender::default());
        let shared = Arc::new(Shared { play, clock, state, counts, released });
        let task = Mutex::new(Some(serve(listener, &shared)));
        Ok(Self { address, shared, task })
    }

    /// Address at which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves so from the next request on, and no longer as told before.
    pub fn behave(&self, behaviour: impl Into<Behaviour>) {
        self.shared.state().rulings = vec![Ruling::new(behaviour.into())];
    }

    /// Behaves so too. Where several faults befall a request, the one told first counts.
    pub fn also(&self, behaviour: impl Into<Behaviour>) {
        self.shared.state().rulings.push(Ruling::new(behaviour.into()));
    }

    /// Takes everything that is right from the next request on.
    pub fn recover(&self) {
        self.shared.state().rulings.clear();
    }

    /// Answers what [`Fault::Holds`] held until now.
    pub fn release(&self) {
        self.shared.released.send_modify(|times| *times += 1);
    }

    /// Closes the port and every connection, whatever is under way on it. Its memory is kept.
    pub async fn down(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            // Aborted, and gone with its listener and its connections when this returns.
            let _ = task.await;
        }
    }

    /// Opens the port again that [`Api::down`] closed.
    pub async fn up(&self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(serve(listener, &self.shared));
        Ok(())
    }

    /// Keeps requests and counts by body, or only numbers, as measurements want it.
    pub fn remember(&self, requests: bool) {
        self.shared.state().forgetful = !requests;
    }

    /// Number of requests, refused and failed ones included; without those for a token.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.counts.borrow().received
    }

    /// Number of requests that were processed, whether or not the answer said so; without those for a token.
    #[must_use]
    pub fn processed_count(&self) -> usize {
        self.shared.counts.borrow().processed
    }

    /// Number of requests for a token.
    #[must_use]
    pub fn token_requests(&self) -> usize {
        self.shared.counts.borrow().tokens
    }

    /// The most requests that were under way at the same time.
    #[must_use]
    pub fn most_under_way(&self) -> usize {
        self.shared.counts.borrow().most_under_way
    }

    /// The requests it got, in their order; those for a token too.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.state().kept.clone()
    }

    /// The requests for one operation.
    #[must_use]
    pub fn requests_for(&self, operation: &str) -> Vec<Received> {
        self.requests().into_iter().filter(|one| one.operation == operation).collect()
    }

    /// The rules that were broken, in the order of the requests.
    #[must_use]
    pub fn wrongs(&self) -> Vec<String> {
        self.shared.state().kept.iter().filter_map(|one| one.wrong.clone()).collect()
    }

    /// Number of times that each different content was processed: an operation and its body, without the parts that change
    /// with an attempt (signature, token, the boundary of a multipart body).
    #[must_use]
    pub fn processed_by_body(&self) -> Vec<(String, Bytes, usize)> {
        let state = self.shared.state();
        state.processed.iter().map(|((operation, body), times)| (operation.clone(), body.clone(), *times)).collect()
    }

    /// Number of times that the operation was processed with that body.
    #[must_use]
    pub fn times_processed(&self, operation: &str, body: &[u8]) -> usize {
        let key = (operation.to_owned(), Bytes::copy_from_slice(body));
        self.shared.state().processed.get(&key).copied().unwrap_or_default()
    }

    /// Largest number of times that one content was processed: 1 where nothing was done twice.
    #[must_use]
    pub fn most_processed(&self) -> usize {
        let state = self.shared.state();
        state.processed.iter().filter(|((one, _), _)| one != TOKEN).map(|(_, times)| *times).max().unwrap_or_default()
    }

    /// Waits until it got `n` requests, those for a token not counted, and returns what it kept of them. Put a timeout
    /// around it.
    pub async fn received(&self, n: usize) -> Vec<Received> {
        self.wait(|counts| counts.received >= n).await;
        self.requests().into_iter().filter(|one| one.operation != TOKEN).collect()
    }

    /// Waits until it processed `n` requests, those for a token not counted, and returns what it kept of them. Put a
    /// timeout around it.
    pub async fn processed(&self, n: usize) -> Vec<Received> {
        self.wait(|counts| counts.processed >= n).await;
        self.requests().into_iter().filter(|one| one.operation != TOKEN && one.processed).collect()
    }

    /// Waits until it got `n` requests for a token. Put a timeout around it.
    pub async fn token_requested(&self, n: usize) {
        self.wait(|counts| counts.tokens >= n).await;
    }

    async fn wait(&self, done: impl Fn(&Counts) -> bool) {
        // The sender lives as long as `self`, so the wait ends by its condition only.
        let _ = self.shared.counts.subscribe().wait_for(done).await;
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

/// Serves in a task that ends with its connections.
fn serve(listener: TcpListener, shared: &Arc<Shared>) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    tokio::spawn(accept(listener, || true, move |request| receive(request, Arc::clone(&shared))))
}

/// One request that has not been answered yet.
struct UnderWay<'a>(&'a Shared);

impl<'a> UnderWay<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.counts.send_modify(|counts| {
            counts.under_way += 1;
            counts.most_under_way = counts.most_under_way.max(counts.under_way);
        });
        Self(shared)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.counts.send_modify(|counts| counts.under_way -= 1);
    }
}

async fn receive(request: Request<Incoming>, shared: Arc<Shared>) -> Answered {
    let _under_way = UnderWay::begin(&shared);
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut request = Received::new(parts, body, (shared.clock)());
    request.operation = shared.play.operation(&request);
    let key = shared.play.key(&request);
    let fault = {
        let mut state = shared.state();
        // Every ruling is asked, so that each counts its own.
        let faults = state.rulings.iter_mut().map(|ruling| ruling.fault(&request));
        faults.fold(None, Option::or)
    };
    let checked = shared.play.check(&request);
    request.wrong = checked.as_ref().err().map(|refusal| refusal.why.clone());
    let mut released = shared.released.subscribe();
    let answer = shared.act(&mut request, fault.as_ref(), checked);
    request.answered = answer.as_ref().map(|answer| answer.status);
    let processed = request.processed;
    shared.keep(request, key);
    match fault {
        Some(Fault::Slow(delay)) if processed => tokio::time::sleep(delay).await,
        Some(Fault::Holds) if processed => released.changed().await?,
        _ => {}
    }
    match answer {
        Some(answer) => Ok(answer.response()?),
        // hyper closes the connection on a service that fails.
        None => Err("dropped".into()),
    }
}
