//! Files that are too large for memory, on their way to the disk: the content of an upload, and the file of a call's form.
//!
//! On AWS the first goes to the bucket, and the second is refused: a gateway takes no body of that size.

use std::sync::Arc;

use ::http::header::CONTENT_TYPE;
use ::http::request::Parts;
use ::http::{Request, Response, StatusCode};
use api::{Apart, Caller, Form, Problem, Unformed, is_multipart, multipart_apart};
use archive::{Archive as _, Draft, Drafted, Folder};
use bytes::Bytes;
use call::uploads::Begun;
use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};
use hub::files::LARGEST;
use hub::{Role, Utc};
use hyper::body::{Body as _, Incoming};
use inbound::refusal::Unread;
use partners::operation::enclosure::Enclosure;
use tokio::sync::Mutex;

use crate::server::body::{drain, pieces};

/// The pieces of a body. Shared, so that the rest can be read where its reader gives up.
type Pieces = Arc<Mutex<BoxStream<'static, Result<Bytes, Unread>>>>;

/// Whether a request is a call whose file may be too large for memory.
pub(crate) fn is_large_call(head: &Parts, body: &Incoming, segments: &[String]) -> bool {
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let most = u64::try_from(call::MAX_BODY).unwrap_or(u64::MAX);
    head.method == ::http::Method::POST
        && matches!(segments, [root, _, _] if root == "calls")
        && content_type.is_some_and(is_multipart)
        && body.size_hint().upper().is_none_or(|size| size > most)
}

/// Holds the content of an upload, which is the body of the request.
pub(crate) async fn put(
    folder: &Folder,
    caller: &Caller<'_>,
    id: &str,
    body: Incoming,
    now: Utc,
) -> Result<Response<Bytes>, Problem> {
    let begun = caller.may(Role::Erp).and_then(|()| {
        let missing = "there is no such upload of this key, or its time is over: POST /uploads again";
        Begun::of(caller, id).filter(|begun| begun.may_begin(now)).ok_or_else(|| Problem::missing(missing))
    });
    let (upload, mut body) = match begun {
        Ok(begun) => (begun.upload(), pieces(body)),
        Err(problem) => {
            drain(&mut pieces(body)).await;
            return Err(problem);
        }
    };
    let taken = async {
        let mut draft = begin(folder).await?;
        while let Some(piece) = body.try_next().await.map_err(|_| Problem::incomplete())? {
            draft.write(&piece).await.map_err(unwritten)?;
            if draft.bytes() > upload.bytes {
                let detail = format!("has more than the {} bytes that POST /uploads was given", upload.bytes);
                return Err(Problem::field("body", detail));
            }
        }
        let drafted = draft.finish().await.map_err(unwritten)?;
        if drafted.bytes < upload.bytes {
            let detail = format!("has {} bytes in place of the {} of POST /uploads", drafted.bytes, upload.bytes);
            return Err(Problem::field("body", detail));
        }
        if drafted.hash != upload.hash {
            let detail = format!("is not the content that POST /uploads was given: its SHA-256 is {}", drafted.hash);
            return Err(Problem::field("body", detail));
        }
        folder.hold(&upload, drafted, now).await.map_err(unwritten)
    };
    let taken = taken.await;
    if taken.is_err() {
        drain(&mut body).await;
    }
    taken?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// The request of a call, its body taken apart: the file is an upload now, and nothing of it is in memory.
pub(crate) async fn apart(
    folder: &Folder,
    caller: &Caller<'_>,
    (head, body): (Parts, Incoming),
    segments: &[String],
    now: Utc,
) -> Result<Request<Bytes>, Problem> {
    let pieces: Pieces = Arc::new(Mutex::new(pieces(body)));
    let read = async {
        caller.may(Role::Erp)?;
        caller.connection(segments.get(1).map_or("", String::as_str))?;
        let mut draft = begin(folder).await?;
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let body = stream::unfold(Arc::clone(&pieces), |pieces| async move {
            let next = pieces.lock().await.next().await?;
            Some((next.map_err(|_| std::io::Error::from(std::io::ErrorKind::UnexpectedEof)), pieces))
        });
        let form = multipart_apart(content_type, body.boxed(), (&mut draft, LARGEST), call::MAX_BODY).await;
        let Form { text, file } = form.map_err(|why| match why {
            Unformed::Faulty(faults) => call::faulty(&faults),
            Unformed::Unwritten(error) => unwritten(error),
            Unformed::TooLarge if draft.bytes() > LARGEST => {
                Problem::field("file", format!("is larger than {} MiB", LARGEST >> 20))
            }
            Unformed::TooLarge => {
                Problem::field("body", format!("has fields of more than {} bytes together", call::MAX_BODY))
            }
        })?;
        let file = match file {
            Some(Apart::Drafted { name, content_type }) => {
                let drafted = draft.finish().await.map_err(unwritten)?;
                Some(held(folder, caller, (name, content_type), drafted, now).await?)
            }
            Some(Apart::Within(file)) => Some(file),
            None => None,
        };
        Ok(call::Apart { text, file })
    };
    let read: Result<_, Problem> = read.await;
    if read.is_err() {
        drain(&mut *pieces.lock().await).await;
    }
    let mut request = Request::from_parts(head, Bytes::new());
    request.extensions_mut().insert(read?);
    Ok(request)
}

/// Holds the file of a form as an upload of the key.
async fn held(
    folder: &Folder,
    caller: &Caller<'_>,
    (name, content_type): (String, Option<String>),
    drafted: Drafted,
    now: Utc,
) -> Result<Enclosure, Problem> {
    let begun = Begun::new((drafted.hash, drafted.bytes), name, content_type, now)?;
    folder.hold(&begun.upload(), drafted, now).await.map_err(unwritten)?;
    Ok(Enclosure::Upload { name: None, content_type: None, upload: begun.sealed(caller, now)? })
}

async fn begin(folder: &Folder) -> Result<Draft, Problem> {
    folder.draft().await.map_err(unwritten)
}

fn unwritten(error: impl std::error::Error + 'static) -> Problem {
    tracing::error!(error = telemetry::logs::chain(&error), "a file cannot be written to the disk: look at its space");
    no_space()
}

/// Problem for a file that there is no space for.
pub(crate) fn no_space() -> Problem {
    let detail = "the hub cannot write the file to its disk, please repeat the request later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
}
