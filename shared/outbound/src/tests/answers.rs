//! Answers as partners and ERPs really send them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// The whole answer that a server gives: its text, or nothing where it cannot be read.
async fn read(answer: Vec<u8>) -> (Option<u16>, Option<String>, Sent) {
    let server = Server::answering(answer.leak()).await;
    let sent = client().send(request(server.url())).await.into_text(RECEIPT);
    let text = match &sent {
        Sent::Answered { unreadable: None, body, .. } => Some(String::from_utf8(body.to_vec()).unwrap()),
        Sent::Answered { .. } | Sent::Failed { .. } => None,
    };
    (sent.status(), text, sent)
}

/// An answer of these header lines and that body.
fn answer(status: u16, lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} x\r\n{lines}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Regression: an answer with an odd header beside what it says was none.
#[tokio::test]
async fn odd_headers_do_not_hide_an_answer() {
    for lines in [
        "x-a : b\r\n",
        "content-type : application/json\r\n",
        "x-a: b\r\n  folded\r\n\tand again\r\n",
        "set-cookie: a=\u{1}b\u{7f}\r\n",
        "set-cookie: 名=值\r\n",
        "x a: b\r\n",
        "no colon\r\n",
        ": no name\r\n",
        "名: b\r\n",
        "x-a: \r\n",
    ] {
        let (status, text, sent) = read(answer(200, lines, br#"{"code":200}"#)).await;
        assert_eq!((status, text.as_deref()), (Some(200), Some(r#"{"code":200}"#)), "{lines:?} {sent:?}");
    }
    let many = "set-cookie: a=b\r\n".repeat(200);
    assert_eq!(read(answer(200, &many, b"ok")).await.1.as_deref(), Some("ok"));
    let bare = b"HTTP/1.0 200\ncontent-length: 2\n\nok".to_vec();
    assert_eq!(read(bare).await.1.as_deref(), Some("ok"));
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nx: y\r\n\r\n".to_vec();
    assert_eq!(read(chunked).await.1.as_deref(), Some("ok"));
}

/// Regression: what came compressed or in GBK though it was not asked for was taken for no JSON.
#[tokio::test]
async fn unasked_codings_and_charsets_are_read() {
    let text = r#"{"state":false,"msg":"订单不存在"}"#;
    let (gbk, _, _) = encoding_rs::GBK.encode(text);
    for (lines, body) in [
        ("content-encoding: gzip\r\n", gzip(text.as_bytes())),
        ("content-encoding: x-gzip\r\n", gzip(&gbk)),
        ("content-encoding : gzip\r\n", gzip(text.as_bytes())),
        ("", gzip(text.as_bytes())),
        ("content-type: application/json; charset=gbk\r\n", gbk.to_vec()),
        ("", gbk.to_vec()),
        ("content-encoding: utf-8\r\n", text.as_bytes().to_vec()),
    ] {
        let (status, read, sent) = read(answer(200, lines, &body)).await;
        assert_eq!((status, read.as_deref()), (Some(200), Some(text)), "{lines:?} {sent:?}");
    }
}

#[tokio::test]
async fn unreadable_answer_keeps_its_status_and_says_why() {
    let cut = gzip(br#"{"state":true}"#)[..20].to_vec();
    for (lines, body, why) in [
        ("content-encoding: gzip\r\n", cut.clone(), "end is missing"),
        ("", cut, "gzip"),
        ("content-encoding: br\r\n", b"\x8b\x07\x80{\"state\":true}\x03".to_vec(), "br"),
        ("", b"\x89PNG\r\n\x1a\n\0\0".to_vec(), "charset"),
    ] {
        for status in [200, 503] {
            let (got, text, sent) = read(answer(status, lines, &body)).await;
            assert_eq!((got, text), (Some(status), None), "{lines:?}");
            assert!(sent.detail(512).contains(why), "{}", sent.detail(512));
        }
    }
}

#[tokio::test]
async fn inflated_answer_is_bounded() {
    let (_, text, _) = read(answer(200, "content-encoding: gzip\r\n", &gzip(&vec![b'x'; 5_000_000]))).await;
    assert_eq!(text.map(|text| text.len()), Some(RECEIPT));
}

/// Regression: an answer that said 503 and then broke off was none, so that nobody knew whether a command had been done.
#[tokio::test]
async fn refusal_that_breaks_off_is_still_a_refusal() {
    for (status, answered) in [(200, None), (503, Some(503)), (404, Some(404))] {
        let server = Server::raw(match status {
            200 => |stream, _| cut_off(stream, 200),
            404 => |stream, _| cut_off(stream, 404),
            _ => |stream, _| cut_off(stream, 503),
        })
        .await;
        let sent = client().send(request(server.url())).await;
        assert_eq!(sent.status(), answered, "{sent:?}");
        assert!(answered.is_none() || sent.detail(100).contains("cannot be read"), "{sent:?}");
    }
}

async fn cut_off(mut stream: TcpStream, status: u16) {
    let _ = stream.read(&mut [0; 1024]).await;
    let _ = stream.write_all(format!("HTTP/1.1 {status} x\r\ncontent-length: 99\r\n\r\n{{\"code\"").as_bytes()).await;
}

#[tokio::test]
async fn redirect_is_an_answer_with_its_target() {
    let target = Server::mirror().await;
    let location = format!("HTTP/1.1 307 x\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url());
    let server = Server::answering(location.leak().as_bytes()).await;
    let sent = client().send(request(server.url())).await;
    assert_eq!((sent.status(), target.connections()), (Some(307), 0));
    let told = format!("http://{}/{MARK}", target.address);
    assert_eq!(sent.redirected(), Some(told.clone()), "without the query");
    assert!(sent.detail(512).contains(&told), "{}", sent.detail(512));
}

#[tokio::test]
async fn retry_after_is_read_from_any_status() {
    for date in ["Fri, 06 Nov 1998 08:49:37 GMT", "Friday, 06-Nov-98 08:49:37 GMT", "Fri Nov  6 08:49:37 1998"] {
        let (_, _, sent) = read(answer(503, &format!("retry-after: {date}\r\n"), b"")).await;
        assert!(matches!(sent, Sent::Answered { status: 503, retry_after: Some(Duration::ZERO), .. }), "{sent:?}");
    }
}
