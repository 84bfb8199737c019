//! A bucket of S3 with versions: the requests that files take, each with its signature checked by AWS's published algorithm
//! (Signature Version 4), and by nothing that the hub signs with.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use jiff::{Timestamp, tz};
use sha2::{Digest as _, Sha256};

use crate::serve::{Answered, Server};

/// Name of the bucket.
pub const BUCKET: &str = "tongguan-files";

/// The access key that it knows.
pub const ACCESS_KEY: &str = "AKIDEXAMPLE";

/// Its secret.
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Objects by key, their versions latest first.
type Objects = BTreeMap<String, Vec<Object>>;

#[derive(Clone)]
struct Object {
    version: String,
    modified: i64,
    head: HeaderMap,
    content: Bytes,
}

#[derive(Default)]
struct Shared {
    objects: Mutex<Objects>,
    versions: AtomicI64,
    /// Seconds by which its clock is ahead.
    ahead: AtomicI64,
}

/// The bucket; it ends with this value.
pub struct S3 {
    server: Server,
    shared: Arc<Shared>,
}

impl S3 {
    /// Starts it on a port that the system chooses.
    pub async fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let server =
            Server::start(([127, 0, 0, 1], 0).into(), || true, move |request| answer(Arc::clone(&own), request));
        Ok(Self { server: server.await?, shared })
    }

    /// The endpoint; the bucket's name is the first segment of its paths.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Lets so many seconds pass for the addresses that were signed.
    pub fn pass(&self, seconds: i64) {
        self.shared.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Sends content to a signed address with these headers, as a client does that sends its own length; otherwise the error's code.
    pub async fn put(&self, address: &str, headers: &[(&'static str, String)], content: Bytes) -> Result<(), String> {
        let host = self.server.address().to_string();
        let request = Request::put(address).header("host", host).header("content-length", content.len());
        let own = headers.iter().filter(|(name, _)| *name != "content-length");
        let request = own.fold(request, |request, (name, value)| request.header(*name, value));
        let (head, body) = request.body(content).map_err(|error| error.to_string())?.into_parts();
        let (head, body) = self.shared.answer(&head, &body).into_parts();
        if head.status.is_success() {
            return Ok(());
        }
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let text = String::from_utf8_lossy(&body).into_owned();
        Err(text
            .split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once('<'))
            .map_or(text.clone(), |(code, _)| code.to_owned()))
    }

    /// Follows a signed address, as a browser does: head and content of a success.
    pub async fn get(&self, address: &str) -> Option<(HeaderMap, Bytes)> {
        let request = Request::get(address).body(Bytes::new()).ok()?;
        let host = HeaderValue::from_str(&self.server.address().to_string()).ok()?;
        let (mut head, body) = request.into_parts();
        head.headers.insert("host", host);
        let response = self.shared.answer(&head, &body);
        let (head, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        head.status.is_success().then_some((head.headers, body))
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Answered {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(shared.answer(&head, &body))
}

/// A name and a value of a query, as they are encoded in it.
type Pair = (String, String);

fn pairs(head: &http::request::Parts) -> Vec<Pair> {
    let query = head.uri.query().unwrap_or_default();
    let pair = |part: &str| {
        part.split_once('=').map_or((part.to_owned(), String::new()), |(a, b)| (a.to_owned(), b.to_owned()))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("x={text}").as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

fn refused(status: u16, code: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(format!("<Error><Code>{code}</Code></Error>").into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// A range of an object, named as `bytes=<first>-<last>`.
fn part(content: &Bytes, range: &str) -> Response<Full<Bytes>> {
    let whole = content.len();
    let range = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let range = range.and_then(|(first, last)| Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?)));
    let (status, named, bytes) = match range {
        Some((first, last)) if first < whole && first <= last => {
            let end = last.saturating_add(1).min(whole);
            (StatusCode::PARTIAL_CONTENT, format!("bytes {first}-{}/{whole}", end - 1), content.slice(first..end))
        }
        Some(_) | None => {
            let error = "<Error><Code>InvalidRange</Code></Error>".into();
            (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{whole}"), error)
        }
    };
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = status;
    response.headers_mut().extend(HeaderValue::from_str(&named).map(|named| (http::header::CONTENT_RANGE, named)).ok());
    response
}

impl Shared {
    fn seconds(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or_default() + self.ahead.load(Ordering::Relaxed)
    }

    fn answer(&self, head: &http::request::Parts, body: &Bytes) -> Response<Full<Bytes>> {
        let query = pairs(head);
        if let Err(code) = self.check(head, &query, body) {
            return refused(403, code);
        }
        let path = head.uri.path().trim_start_matches('/');
        let own: HashMap<String, String> = query.iter().map(|(name, value)| (name.clone(), decoded(value))).collect();
        let Some(key) = path.strip_prefix(BUCKET) else { return refused(404, "NoSuchBucket") };
        let key = key.trim_start_matches('/').to_owned();
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        match (&head.method, key.is_empty()) {
            (&Method::PUT, false) => {
                let source = text("x-amz-copy-source").map(|source| source.trim_start_matches('/'));
                let copied = source.map(|source| {
                    let key = source.strip_prefix(BUCKET).unwrap_or_default().trim_start_matches('/');
                    objects.get(key).and_then(|versions| versions.first()).map(|object| object.content.clone())
                });
                let (body, answer) = match copied {
                    Some(None) => return refused(404, "NoSuchKey"),
                    Some(Some(content)) => (content, "<CopyObjectResult></CopyObjectResult>"),
                    None => (body.clone(), ""),
                };
                let checksum = text("x-amz-checksum-sha256").map(|text| BASE64_STANDARD.decode(text));
                if checksum.is_some_and(|checksum| checksum.ok().as_deref() != Some(&Sha256::digest(&body)[..])) {
                    return refused(400, "BadDigest");
                }
                let version = format!("v{}", self.versions.fetch_add(1, Ordering::Relaxed));
                let kept = ["content-type", "content-disposition"].into_iter();
                let kept = kept
                    .filter_map(|name| Some((http::HeaderName::from_static(name), head.headers.get(name)?.clone())));
                let object = Object { version, modified: self.seconds(), head: kept.collect(), content: body };
                objects.entry(key).or_default().insert(0, object);
                Response::new(Full::new(answer.into()))
            }
            (&Method::GET, false) => match objects.get(&key).and_then(|versions| versions.first()) {
                None => refused(404, "NoSuchKey"),
                Some(object) => {
                    let range = head.headers.get("range").and_then(|range| range.to_str().ok());
                    let mut response = match range {
                        Some(range) => part(&object.content, range),
                        None => Response::new(Full::new(object.content.clone())),
                    };
                    response.headers_mut().extend(object.head.clone());
                    let disposition =
                        own.get("response-content-disposition").and_then(|text| HeaderValue::from_str(text).ok());
                    if let Some(disposition) = disposition {
                        response.headers_mut().insert(http::header::CONTENT_DISPOSITION, disposition);
                    }
                    response
                }
            },
            (&Method::DELETE, false) => {
                let version = own.get("versionId").cloned().unwrap_or_default();
                let versions = objects.entry(key.clone()).or_default();
                versions.retain(|object| object.version != version);
                if versions.is_empty() {
                    objects.remove(&key);
                }
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            (&Method::GET, true) if own.contains_key("versions") => list(&objects, &own),
            _ => refused(405, "MethodNotAllowed"),
        }
    }

    /// Checks a signature, in the headers or in the query.
    fn check(&self, head: &http::request::Parts, query: &[Pair], body: &Bytes) -> Result<(), &'static str> {
        let header =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let of =
            |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| decoded(value)).unwrap_or_default();
        let is_address = query.iter().any(|(name, _)| name == "X-Amz-Signature");
        let (credential, signed, signature, date, payload) = if is_address {
            let date = of("X-Amz-Date");
            let lasts: i64 = of("X-Amz-Expires").parse().map_err(|_| "AuthorizationQueryParametersError")?;
            let begun = instant(&date).ok_or("AuthorizationQueryParametersError")?;
            if self.seconds() > begun + lasts {
                return Err("AccessDenied");
            }
            (
                of("X-Amz-Credential"),
                of("X-Amz-SignedHeaders"),
                of("X-Amz-Signature"),
                date,
                "UNSIGNED-PAYLOAD".to_owned(),
            )
        } else {
            let authorization = header("authorization");
            let part = |name: &str| {
                let rest = authorization.split_once(&format!("{name}=")).map(|(_, rest)| rest);
                rest.and_then(|rest| rest.split(',').next()).unwrap_or_default().trim().to_owned()
            };
            let payload = header("x-amz-content-sha256");
            if payload != hex(&Sha256::digest(body)) {
                return Err("XAmzContentSHA256Mismatch");
            }
            (part("Credential"), part("SignedHeaders"), part("Signature"), header("x-amz-date"), payload)
        };
        let scope = credential.strip_prefix(&format!("{ACCESS_KEY}/")).ok_or("InvalidAccessKeyId")?;
        let mut sorted: Vec<String> = query
            .iter()
            .filter(|(name, _)| name != "X-Amz-Signature")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        sorted.sort();
        let names: Vec<&str> = signed.split(';').collect();
        let is_bare = |name: &str| name.starts_with("x-amz-") && !names.contains(&name);
        if !names.contains(&"host") || head.headers.keys().any(|name| is_bare(name.as_str())) {
            return Err("SignatureDoesNotMatch");
        }
        let headers = names.iter().fold(String::new(), |all, name| all + name + ":" + header(name).trim() + "\n");
        let canonical =
            format!("{}\n{}\n{}\n{headers}\n{signed}\n{payload}", head.method, head.uri.path(), sorted.join("&"));
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
        for part in scope.split('/') {
            key = mac(&key, part);
        }
        if hex(&mac(&key, &text)) == signature { Ok(()) } else { Err("SignatureDoesNotMatch") }
    }
}

/// A page of all versions, those of one key latest first.
fn list(objects: &Objects, own: &HashMap<String, String>) -> Response<Full<Bytes>> {
    let text = |name: &str| own.get(name).cloned().unwrap_or_default();
    let (prefix, marker, version, most) =
        (text("prefix"), text("key-marker"), text("version-id-marker"), text("max-keys").parse().unwrap_or(1_000));
    let mut entries = Vec::new();
    for (key, versions) in objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key >= marker) {
        // Behind a key alone all its versions are passed over.
        let passed = match versions.iter().position(|object| object.version == version) {
            _ if *key != marker || marker.is_empty() => 0,
            Some(at) => at + 1,
            None => versions.len(),
        };
        entries.extend(versions.iter().enumerate().skip(passed).map(|(place, object)| (key, place == 0, object)));
    }
    let is_cut = entries.len() > most;
    entries.truncate(most);
    let next = entries.last().filter(|_| is_cut).map(|(key, _, object)| {
        format!("<NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>{}</NextVersionIdMarker>", object.version)
    });
    let entries: Vec<String> = entries
        .iter()
        .map(|(key, is_latest, object)| {
            let modified = Timestamp::from_second(object.modified).unwrap_or_default();
            format!(
                "<Version><Key>{key}</Key><VersionId>{}</VersionId><IsLatest>{is_latest}</IsLatest><LastModified>{modified}</LastModified></Version>",
                object.version
            )
        })
        .collect();
    let entries = entries.concat();
    let xml = format!(
        "<ListVersionsResult><IsTruncated>{is_cut}</IsTruncated>{}{entries}</ListVersionsResult>",
        next.unwrap_or_default()
    );
    Response::new(Full::new(xml.into()))
}

/// Seconds of a time as signatures print it.
fn instant(date: &str) -> Option<i64> {
    let naive = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(naive.to_zoned(tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length is taken.
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|mut mac| {
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    });
    mac.unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
