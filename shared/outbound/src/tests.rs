use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::{Client, KeepAlive, Kind, RECEIPT, Request, Sent, Trust};

mod answers;
mod connections;
mod tls;

/// Longer than any test takes: where it is met, something hangs.
const LONG: Duration = Duration::from_secs(30);

/// Part of every path, so that a text that holds the URL is found out.
const MARK: &str = "hunter2";

/// Requests that a server received.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
}

impl Server {
    /// A server that gives each connection to `serve`.
    async fn raw<F>(serve: fn(TcpStream, Arc<Seen>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let counts = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counts.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&counts)));
            }
        });
        Self { address, seen }
    }

    /// A server that writes the same bytes once a request begins, and then keeps the connection open.
    async fn answering(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let counts = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                counts.connections.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(bytes).await;
                open.push(stream);
            }
        });
        Self { address, seen }
    }

    /// A server that answers every request with its method, headers and body.
    async fn mirror() -> Self {
        Self::raw(|stream, seen| async move {
            let service = service_fn(|request: http::Request<Incoming>| {
                seen.requests.fetch_add(1, Ordering::SeqCst);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let mut response = Response::new(Full::new(body));
                    *response.headers_mut() = mirrored(&head.method, &head.headers);
                    Ok::<_, Infallible>(response)
                }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        })
        .await
    }

    fn url(&self) -> Url {
        self.url_by("127.0.0.1")
    }

    fn url_by(&self, host: &str) -> Url {
        format!("http://{host}:{}/{MARK}?token={MARK}", self.address.port()).parse().unwrap()
    }

    fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

/// `Retry-After` says whether the request was as it must be.
fn mirrored(method: &Method, headers: &HeaderMap) -> HeaderMap {
    let sound = method == Method::POST
        && headers["content-type"] == "text/plain"
        && headers["webhook-id"] == "7"
        && headers["content-length"] == "4"
        && headers["user-agent"].to_str().unwrap().starts_with("tongguan/")
        && headers["accept-encoding"] == "identity";
    let mut mirrored = HeaderMap::new();
    mirrored.insert("content-type", "text/plain; charset=GBK".parse().unwrap());
    mirrored.insert("retry-after", if sound { "7" } else { "unsound" }.parse().unwrap());
    mirrored
}

fn request(url: Url) -> Request {
    Request {
        method: http::Method::POST,
        url,
        headers: vec![("content-type".into(), "text/plain".to_owned()), ("Webhook-Id".into(), "7".to_owned())],
        body: Bytes::from_static(b"\0{}\xff"),
        attached: None,
        sink: None,
        timeout: LONG,
        allow_private: true,
        trust: Trust::default(),
        repeatable: true,
        limit: RECEIPT,
    }
}

fn client() -> Client {
    Client::new(KeepAlive::Brief).unwrap()
}

/// The kind of a failure, whose text must not hold the path.
fn kind(sent: &Sent) -> Kind {
    match sent {
        Sent::Failed { kind, text, .. } => {
            assert!(!text.is_empty() && !text.contains(MARK), "{text}");
            *kind
        }
        Sent::Answered { .. } => panic!("{sent:?}"),
    }
}

#[tokio::test]
async fn bytes_and_headers_go_as_they_are_and_the_answer_comes_back() {
    let server = Server::mirror().await;
    let sent = client().send(request(server.url())).await;
    let Sent::Answered { status, retry_after, content_type, body, .. } = sent else { panic!("{sent:?}") };
    assert_eq!((status, &body[..]), (200, &b"\0{}\xff"[..]));
    assert_eq!(content_type.as_deref(), Some("text/plain; charset=GBK"));
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::answering(b"").await;
    let sent = client().send(Request { timeout: Duration::from_millis(50), ..request(server.url()) }).await;
    assert_eq!(kind(&sent), Kind::Timeout);
    assert!(sent.ms() >= 50);
}

#[tokio::test]
async fn an_answer_that_stops_in_its_body_is_none() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"sta").await;
    let sent = client().send(Request { timeout: Duration::from_millis(50), ..request(server.url()) }).await;
    assert_eq!(kind(&sent), Kind::Timeout);
}

#[tokio::test]
async fn an_endless_answer_is_read_to_the_limit_and_no_further() {
    // Its body never ends, so reading on would end in a timeout.
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut answer = b"HTTP/1.1 500 Oh\r\ncontent-length: 9999999999\r\n\r\n".to_vec();
        answer.resize(answer.len() + RECEIPT + 1, b'x');
        answer
    });
    let server = Server::answering(&ANSWER).await;
    let sent = client().send(request(server.url())).await;
    let Sent::Answered { status: 500, body, .. } = &sent else { panic!("{sent:?}") };
    assert_eq!(body.len(), RECEIPT);
    assert_eq!((sent.detail(3).as_str(), sent.status()), ("xxx", Some(500)));
}

#[tokio::test]
async fn a_private_address_is_refused_by_number_and_by_name() {
    let server = Server::mirror().await;
    let client = client();
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]"] {
        let sent = client.send(Request { allow_private: false, ..request(server.url_by(host)) }).await;
        assert_eq!(kind(&sent), Kind::Refused, "{host} {sent:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_connection_that_was_allowed_serves_no_request_that_is_not() {
    let server = Server::mirror().await;
    let client = client();
    assert_eq!(client.send(request(server.url_by("localhost"))).await.status(), Some(200));
    let guarded = client.send(Request { allow_private: false, ..request(server.url_by("localhost")) }).await;
    assert_eq!((kind(&guarded), server.connections()), (Kind::Refused, 1));
}

#[tokio::test]
async fn answer_that_is_no_http_is_broken() {
    let server = Server::answering(b"220 smtp.example.com ESMTP\r\n").await;
    assert_eq!(kind(&client().send(request(server.url())).await), Kind::Broken);
}

#[tokio::test]
async fn where_there_is_no_connection_nothing_was_sent() {
    let server = Server::answering(b"this is no TLS").await;
    let mut tls = server.url();
    tls.set_scheme("https").unwrap();
    assert_eq!(kind(&client().send(request(tls)).await), Kind::Connect);

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/{MARK}").parse().unwrap();
    assert_eq!(kind(&client().send(request(url)).await), Kind::Connect);
}

#[tokio::test]
async fn name_without_address_is_its_own_failure() {
    // Too long for any name server to be asked.
    let url: Url = format!("http://{}.invalid/{MARK}", "x".repeat(64)).parse().unwrap();
    for allow_private in [true, false] {
        let sent = client().send(Request { allow_private, ..request(url.clone()) }).await;
        assert_eq!(kind(&sent), Kind::Resolve, "{sent:?}");
    }
}

#[tokio::test]
async fn unwritable_request_is_not_sent() {
    let server = Server::mirror().await;
    let ftp = Request { url: format!("ftp://127.0.0.1/{MARK}").parse().unwrap(), ..request(server.url()) };
    let header = Request { headers: vec![("content-type".into(), format!("{MARK}\r\nx: y"))], ..request(server.url()) };
    let name = Request { headers: vec![("content type".into(), MARK.to_owned())], ..request(server.url()) };
    for unsendable in [ftp, header, name] {
        assert_eq!(kind(&client().send(unsendable).await), Kind::Unsendable);
    }
    assert_eq!(server.connections(), 0);
}
