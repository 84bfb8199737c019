//! One instance of a function: a process, and the Runtime API that it asks for work.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

use crate::failure::Failure;
use crate::function::Spec;
use crate::serve::{Server, json, serve};

/// Longest INIT, as on Lambda.
const INIT: Duration = Duration::from_secs(10);

/// First part of every path of the Runtime API.
const ROOT: &str = "/2018-06-01/runtime";

/// The processes that run now.
pub(crate) type Running = Arc<Mutex<BTreeSet<u32>>>;

/// Whether an instance has asked for its first event.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Starting,
    Ready,
    Failed(String),
}

/// Receiver of an invocation's answer.
type Waiting = oneshot::Sender<Result<Bytes, Failure>>;

/// One invocation, on its way to the process.
struct Call {
    event: Bytes,
    deadline: Duration,
    answer: Waiting,
}

/// The Runtime API's side of one instance.
struct Desk {
    arn: String,
    stage: watch::Sender<Stage>,
    calls: AsyncMutex<mpsc::Receiver<Call>>,
    /// The invocation that is worked on: its id, and where its answer goes.
    open: Mutex<Option<(String, Waiting)>>,
}

/// A process that waits for events. It is killed when this value is dropped.
pub(crate) struct Instance {
    child: Child,
    stage: watch::Receiver<Stage>,
    calls: mpsc::Sender<Call>,
    registered: Registered,
    _api: Server,
}

/// The entry of a process among those that run.
struct Registered {
    pid: u32,
    running: Running,
}

impl Registered {
    fn new(pid: u32, running: Running) -> Self {
        running.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
        Self { pid, running }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.pid);
    }
}

impl Drop for Instance {
    /// Nothing is left of the process, not even its entry in the system's table: there may be nobody to inherit it.
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

impl Instance {
    /// Starts a process, without waiting for it.
    pub(crate) async fn start(spec: &Spec, running: Running) -> Result<Self, Failure> {
        let (calls, queue) = mpsc::channel(1);
        let (sender, stage) = watch::channel(Stage::Starting);
        let arn = format!("arn:aws:lambda:local:000000000000:function:{}", spec.name);
        let desk = Desk { arn, stage: sender, calls: AsyncMutex::new(queue), open: Mutex::default() };
        let desk = Arc::new(desk);
        let cannot = |error: std::io::Error| Failure::Init(error.to_string());
        let api = serve(move |request| runtime_api(Arc::clone(&desk), request)).await.map_err(cannot)?;
        let child = command(spec, api.address()).map_err(cannot)?.spawn().map_err(cannot)?;
        let registered = Registered::new(child.id().unwrap_or_default(), running);
        Ok(Self { child, stage, calls, registered, _api: api })
    }

    /// The process.
    pub(crate) const fn pid(&self) -> u32 {
        self.registered.pid
    }

    /// It has not ended since the last event. A process whose threads are still on their way out cannot be waited for
    /// yet, and would be handed an event by the connection that it has left open; its first thread is a zombie by then.
    pub(crate) fn is_alive(&mut self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // Behind the program's name, which may hold anything.
        let state = state.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        matches!(self.child.try_wait(), Ok(None)) && !matches!(state, Some('Z' | 'X'))
    }

    /// It has taken the last event that it was given.
    pub(crate) fn has_fetched(&self) -> bool {
        self.calls.capacity() > 0
    }

    /// Waits for INIT to end, as long as Lambda does.
    pub(crate) async fn ready(&mut self) -> Result<(), Failure> {
        let stage = self.stage.wait_for(|stage| *stage != Stage::Starting);
        let failed = tokio::select! {
            biased;
            stage = stage => match stage.as_deref() {
                Ok(Stage::Ready) => return Ok(()),
                Ok(Stage::Failed(text)) => text.clone(),
                Ok(Stage::Starting) | Err(_) => "its Runtime API is gone".to_owned(),
            },
            ended = self.child.wait() => ending(ended),
            () = tokio::time::sleep(INIT) => "it takes too long".to_owned(),
        };
        Err(Failure::Init(failed))
    }

    /// Has the process work on an event. After a failure the instance is of no more use, unless the function reported
    /// it.
    pub(crate) async fn invoke(&mut self, event: Bytes, timeout: Duration) -> Result<Bytes, Failure> {
        self.ready().await?;
        let (answer, answered) = oneshot::channel();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let call = Call { event, deadline: since_1970 + timeout, answer };
        // The process asks for one event at a time and the pool gives one at a time, so there is room.
        if self.calls.send(call).await.is_err() {
            return Err(Failure::Ended("its Runtime API is gone".to_owned()));
        }
        let failure = tokio::select! {
            biased;
            answer = answered => match answer {
                Ok(answer) => return answer,
                Err(_) => Failure::Ended("it asks for the next event without an answer to the last".to_owned()),
            },
            ended = self.child.wait() => Failure::Ended(ending(ended)),
            () = tokio::time::sleep(timeout) => Failure::TimedOut,
        };
        // The pool drops the instance, but a process that is to end has ended before its failure is reported.
        let _ = self.child.kill().await;
        Err(failure)
    }
}

fn ending(ended: std::io::Result<std::process::ExitStatus>) -> String {
    ended.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// A function's process with Lambda's environment and no other.
fn command(spec: &Spec, api: SocketAddr) -> std::io::Result<Command> {
    let mut command = match &spec.quota {
        // A process cannot be born into a control group without unsafe code, so a shell joins and becomes it.
        Some(quota) => {
            let mut command = Command::new("sh");
            command.args(["-c", "echo $$ > \"$0\" && exec \"$1\""]).arg(quota.members()).arg(&spec.bootstrap);
            command
        }
        None => Command::new(&spec.bootstrap),
    };
    let log = File::options().create(true).append(true).open(&spec.log)?;
    command.env_clear().stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    let own = [
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", spec.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "host".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "host".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "host".to_owned()),
    ];
    command.envs(own).envs(spec.environment.iter().map(|(name, value)| (name, value)));
    Ok(command)
}

async fn runtime_api(desk: Arc<Desk>, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix(ROOT)?.to_owned();
    if head.method == Method::GET && path == "/invocation/next" {
        return next(&desk).await;
    }
    let body = body.collect().await.ok()?.to_bytes();
    let text = || String::from_utf8_lossy(&body).into_owned();
    if path == "/init/error" {
        desk.stage.send_replace(Stage::Failed(text()));
        return Some(accepted());
    }
    let (id, what) = path.strip_prefix("/invocation/")?.split_once('/')?;
    let answer = match what {
        "response" => Ok(body),
        "error" => Err(Failure::Reported(text())),
        _ => return None,
    };
    let open = desk.open.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(open, _)| open == id);
    let Some((_, waiting)) = open else {
        return Some(json(400, "application/json", r#"{"errorType":"InvalidRequestID"}"#));
    };
    // The caller may have gone.
    let _ = waiting.send(answer);
    Some(accepted())
}

fn accepted() -> Response<Full<Bytes>> {
    json(202, "application/json", r#"{"status":"OK"}"#)
}

/// Waits for an event, as long as the process likes to.
async fn next(desk: &Desk) -> Option<Response<Full<Bytes>>> {
    desk.stage.send_if_modified(|stage| {
        let first = *stage == Stage::Starting;
        if first {
            *stage = Stage::Ready;
        }
        first
    });
    let call = desk.calls.lock().await.recv().await?;
    let id = crate::event::request_id();
    let mut response = json(200, "application/json", call.event);
    for (name, value) in [
        ("lambda-runtime-aws-request-id", id.clone()),
        ("lambda-runtime-deadline-ms", call.deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", desk.arn.clone()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
    }
    *desk.open.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, call.answer));
    Some(response)
}
