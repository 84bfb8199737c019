use bytes::Bytes;
use futures::TryStreamExt as _;
use outbound::{Client, KeepAlive, Trust};
use partners::operation::{Slot, Written};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;

/// Longer than any test takes: where it is met, something hangs.
const LONG: Duration = Duration::from_secs(30);

/// Part of every path, query and password, so that a text that holds one is found out.
const MARK: &str = "hunter2";

/// Size of the largest file.
const SIZE: usize = 3 << 20;

const PK: &[u8] = b"PK\x03\x04\0\xff";

fn at(url: &str) -> Enclosure {
    Enclosure::At { name: None, content_type: None, url: url.to_owned() }
}

fn named(name: &str) -> Enclosure {
    Enclosure::At { name: Some(name.to_owned()), content_type: None, url: format!("https://h/{MARK}?sign={MARK}") }
}

fn answered(status: u16, content_type: Option<&str>, body: &[u8]) -> Sent {
    let (content_type, body) = (content_type.map(str::to_owned), Bytes::copy_from_slice(body));
    let retry_after = Some(Duration::from_secs(7));
    Sent::Answered { status, retry_after, content_type, location: None, unreadable: None, body, ms: 1 }
}

/// Result of a fetch whose server answers that.
async fn given(enclosure: &Enclosure, sent: Sent) -> Result<Obtained, NoFile> {
    let bounds = Bounds { allow_private: false, ..open() };
    let obtained = obtain(enclosure, async |_| sent, &bounds, HERE).await;
    if let Err(no) = &obtained {
        assert!(no.text.starts_with("the file at https://h ") && !no.text.contains(MARK), "{}", no.text);
    }
    obtained
}

/// Fetches from a server that answers every request with these bytes; gives what it was asked, too.
async fn fetched(host: &str, answer: &'static [u8], bounds: Bounds) -> (Result<Obtained, NoFile>, Option<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (ask, mut asked) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0);
        }
        ask.send(String::from_utf8(request).unwrap()).unwrap();
        // A client that has read enough hangs up; one that wants more waits in vain.
        let _ = stream.write_all(answer).await;
        std::future::pending::<()>().await;
    });
    let client = Client::new(KeepAlive::Brief).unwrap();
    let enclosure = at(&format!("http://u:{MARK}@{host}:{port}/{MARK}/%E5%8D%95.zip?sign={MARK}"));
    let obtained = obtain(&enclosure, |request| client.send(request), &bounds, HERE).await;
    if let Err(no) = &obtained {
        assert!(no.text.contains(&format!("http://{host}:{port} ")) && !no.text.contains(MARK), "{}", no.text);
    }
    (obtained, asked.try_recv().ok())
}

/// Bounds that keep nothing out.
fn open() -> Bounds {
    Bounds { timeout: LONG, allow_private: true, trust: Trust::default(), largest: SIZE as u64 }
}

/// A machine without an archive.
const HERE: Here<'_> = Here { archive: None, now: Utc(0) };

/// Name, media type and content.
async fn whole(obtained: Obtained) -> (String, String, Vec<u8>) {
    let Obtained { name, content_type, source } = obtained;
    let (attached, _) = source.attached(Slot { at: 0, written: Written::Plain }).await.unwrap();
    let content = (attached.content)().map_ok(|piece| piece.to_vec()).try_concat().await.unwrap();
    assert_eq!(attached.length, content.len() as u64);
    (name, content_type, content)
}

#[tokio::test]
async fn inline_file_is_decoded_without_a_request() {
    let inline =
        |base64: &str| Enclosure::Inline { name: "a.rar".to_owned(), content_type: None, base64: base64.to_owned() };
    let send = async |_| -> Sent { unreachable!("nothing is to be fetched") };
    let obtained = obtain(&inline("UEsDBAD/"), send, &open(), HERE).await.unwrap();
    let (name, content_type, bytes) = whole(obtained).await;
    assert_eq!((name.as_str(), content_type.as_str(), &bytes[..]), ("a.rar", "application/vnd.rar", PK));
    let no = obtain(&inline("@"), send, &open(), HERE).await.unwrap_err();
    assert!(no.text.starts_with("file.base64: ") && !no.worth_repeating, "{no:?}");
}

#[tokio::test]
async fn a_file_is_fetched_as_it_is() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: x/y\r\ncontent-length: 6\r\n\r\nPK\x03\x04\0\xff";
    let (obtained, asked) = fetched("127.0.0.1", answer, open()).await;
    let (name, content_type, bytes) = whole(obtained.unwrap()).await;
    assert_eq!((name.as_str(), content_type.as_str(), &bytes[..]), ("单.zip", "application/zip", PK));
    let asked = asked.unwrap();
    assert!(asked.starts_with(&format!("GET /{MARK}/%E5%8D%95.zip?sign={MARK} HTTP/1.1\r\n")), "{asked}");
}

#[tokio::test]
async fn a_private_address_is_not_asked_unless_it_may_be() {
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let (obtained, asked) = fetched(host, b"", Bounds { allow_private: false, ..open() }).await;
        let no = obtained.unwrap_err();
        assert!(no.text.contains("allow_private_files") && !no.worth_repeating && asked.is_none(), "{no:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let answer = b"HTTP/1.1 302 x\r\nlocation: http://169.254.169.254/hunter2.zip\r\ncontent-length: 0\r\n\r\n";
    let no = fetched("127.0.0.1", answer, open()).await.0.unwrap_err();
    assert!(no.text.contains("redirects; give the final one") && !no.worth_repeating, "{no:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_worth_another_attempt() {
    let hurried = || Bounds { timeout: Duration::from_millis(50), ..open() };
    let broken_off = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nPK\x03\x04";
    for answer in [&b""[..], broken_off] {
        let no = fetched("127.0.0.1", answer, hurried()).await.0.unwrap_err();
        assert!(no.text.ends_with("no answer in time") && no.worth_repeating, "{no:?}");
    }
    let no = fetched("127.0.0.1", b"220 smtp.example.com ESMTP\r\n", open()).await.0.unwrap_err();
    assert!(no.worth_repeating, "{no:?}");
}

#[tokio::test]
async fn a_file_without_end_is_given_up() {
    static ENDLESS: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\nPK\x03\x04".to_vec();
        answer.resize(answer.len() + SIZE, 0);
        answer
    });
    let no = fetched("127.0.0.1", &ENDLESS, open()).await.0.unwrap_err();
    assert!(no.text.ends_with("is larger than 3 MiB") && !no.worth_repeating, "{no:?}");
}

#[tokio::test]
async fn a_file_may_be_as_large_as_the_limit() {
    let mut body = PK.to_vec();
    body.resize(SIZE, 0);
    let obtained = given(&named("a.zip"), answered(200, None, &body)).await.unwrap();
    assert_eq!(obtained.source.length(), SIZE as u64);
    body.push(0);
    assert!(given(&named("a.zip"), answered(200, None, &body)).await.is_err());
}

#[tokio::test]
async fn temporary_failure_is_worth_another_attempt() {
    for status in [408, 425, 429, 500, 503, 599] {
        let no = given(&named("a.zip"), answered(status, None, PK)).await.unwrap_err();
        assert_eq!((no.worth_repeating, no.retry_after), (true, Some(Duration::from_secs(7))), "{status}");
    }
    for status in [201, 204, 206, 301, 304, 307, 400, 401, 403, 404, 410] {
        let no = given(&named("a.zip"), answered(status, None, PK)).await.unwrap_err();
        assert_eq!((no.worth_repeating, no.retry_after), (false, None), "{status}");
    }
    let failed = |kind| Sent::Failed { kind, text: "so it is".to_owned(), ms: 1 };
    for (kind, worth) in [
        (Kind::Unsendable, false),
        (Kind::Refused, false),
        (Kind::Resolve, true),
        (Kind::Connect, true),
        (Kind::Exhausted, true),
        (Kind::Timeout, true),
        (Kind::Broken, true),
    ] {
        assert_eq!(given(&named("a.zip"), failed(kind)).await.unwrap_err().worth_repeating, worth, "{kind:?}");
    }
    let no = obtain(&at("https://"), async |_| failed(Kind::Broken), &open(), HERE).await.unwrap_err();
    assert!(!no.worth_repeating);
}

#[tokio::test]
async fn an_error_page_is_not_a_file() {
    let pages: [(&str, Option<&str>, &[u8]); 10] = [
        ("a", Some("text/html; charset=utf-8"), b"gone"),
        ("a.zip", Some("Application/XHTML+XML"), PK),
        ("a", None, b"\xef\xbb\xbf\r\n <!DOCTYPE html><p>"),
        ("a.csv", Some("text/csv"), b"<Error><Code>NoSuchKey</Code></Error>"),
        ("a.xml", Some("application/xml"), b"<HTML><p>"),
        ("a.zip", Some("application/json"), b"{\"code\":404}"),
        ("a.zip", None, b"Rar!\x1a\x07\0"),
        ("a.pdf", None, PK),
        ("A.JPG", None, b"\x89PNG\r\n\x1a\n"),
        ("a.txt", None, b""),
    ];
    for (name, content_type, body) in pages {
        let no = given(&named(name), answered(200, content_type, body)).await.unwrap_err();
        assert!(!no.worth_repeating, "{name} {no:?}");
    }
    let no = given(&named("a.zip"), answered(200, Some("application/json"), b"{}")).await.unwrap_err();
    let told = "does not begin like a .zip file; its server says application/json";
    assert!(no.text.ends_with(told), "{no:?}");
}

#[tokio::test]
async fn a_file_is_what_it_begins_as_whatever_its_server_calls_it() {
    let files: [(&str, &[u8]); 9] = [
        ("a.zip", PK),
        ("a.xlsx", PK),
        ("a.RAR", b"Rar!\x1a\x07\x01\0"),
        ("a.pdf", b"\n%PDF-1.7"),
        ("a.jpeg", b"\xff\xd8\xff\xe0"),
        ("a.xml", b"<?xml version=\"1.0\"?><manifest/>"),
        ("a.xls", b"\xd0\xcf\x11\xe0"),
        ("a.txt", b"a < b"),
        ("a", b"whatever"),
    ];
    for (name, body) in files {
        let obtained = given(&named(name), answered(200, Some("application/octet-stream"), body)).await;
        assert_eq!(whole(obtained.unwrap()).await.2, body, "{name}");
    }
}

#[tokio::test]
async fn the_media_type_is_the_erps_then_the_names_then_the_servers() {
    let said = |name: &str, content_type: Option<&str>| Enclosure::At {
        name: Some(name.to_owned()),
        content_type: content_type.map(str::to_owned),
        url: "https://h/".to_owned(),
    };
    for (name, by_erp, by_server, expected) in [
        ("a.zip", Some("x/erp"), Some("x/server"), "x/erp"),
        ("a.zip", None, Some("x/server"), "application/zip"),
        ("a", None, Some(" x/server ; a=b"), "x/server"),
        ("a", None, Some(";"), "application/octet-stream"),
        ("a", None, None, "application/octet-stream"),
    ] {
        let obtained = given(&said(name, by_erp), answered(200, by_server, PK)).await.unwrap();
        assert_eq!(obtained.content_type, expected, "{name}");
    }
}
