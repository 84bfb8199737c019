//! Answers of the functions that the ERP asks, as Lambda takes them.

use std::time::Duration;

use lambda_http::{Body, Response};
use serde_json::Value;

#[tokio::test]
async fn an_api_that_panics_answers() {
    let response = lambda::answer_api(Duration::MAX, lambda::Accepts::default(), async { panic!("a defect") }).await;
    assert_eq!(response.status(), 500);
    let fine = lambda::answer_api(Duration::MAX, lambda::Accepts::default(), async {
        Response::new(bytes::Bytes::from_static(b"{}"))
    })
    .await;
    assert_eq!(fine.body(), &Body::Text("{}".to_owned()));
}

/// The payload of a large push, printed as an event, is more than Lambda takes as text: the gateway answered 502. The largest push is
/// 4.5 MB, which fits in base64; the rest compressed.
#[tokio::test]
async fn answer_over_lambdas_limit_goes_as_bytes_or_compressed() {
    let accepts = |headers: &[(&str, &str)]| {
        let request =
            headers.iter().fold(http::Request::get("/"), |request, (name, value)| request.header(*name, *value));
        lambda::Accepts::of(&request.body(()).unwrap())
    };
    let (nothing, bytes) = (accepts(&[("accept-encoding", "gzip")]), accepts(&[("accept", "*/*")]));
    let gzip = accepts(&[("accept", "*/*"), ("accept-encoding", "br, gzip;q=0.5")]);
    let no_gzip = accepts(&[("accept", "*/*"), ("accept-encoding", "gzip;q=0, br")]);
    let answer = |accepts, count: usize| {
        let body = bytes::Bytes::from("\"".repeat(count));
        lambda::answer_api(Duration::MAX, accepts, async move { Response::new(body) })
    };
    for accepts in [nothing, bytes, gzip] {
        assert!(matches!(answer(accepts, 3_000_000).await.body(), Body::Text(_)), "as long as it fits");
    }
    let whole = answer(bytes, 4_600_000).await;
    assert!(whole.status() == 200 && !whole.headers().contains_key("content-encoding"));
    assert!(matches!(whole.body(), Body::Binary(bytes) if bytes.len() == 4_600_000));
    let compressed = answer(gzip, 9_000_000).await;
    assert_eq!(
        (compressed.status().as_u16(), &compressed.headers()["content-encoding"]),
        (200, &"gzip".parse().unwrap())
    );
    let Body::Binary(compressed) = compressed.body() else { panic!("bytes") };
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(compressed.as_slice()), &mut unpacked).unwrap();
    assert_eq!(unpacked.len(), 9_000_000);
    for (accepts, count) in [(nothing, 4_000_000), (bytes, 4_800_000), (no_gzip, 4_800_000)] {
        let response = answer(accepts, count).await;
        let Body::Text(body) = response.body() else { panic!("the answer is no text") };
        let problem: Value = serde_json::from_str(body).unwrap();
        let expected = (500, "urn:tongguan:problem:answer-too-large".into());
        assert_eq!((response.status().as_u16(), problem["type"].clone()), expected);
        assert!(problem["detail"].as_str().unwrap().contains("Accept-Encoding: gzip"), "{problem}");
    }
}

/// A request whose handler was not done when Lambda ended the function got a 502 of the gateway's, which says nothing.
#[tokio::test(start_paused = true)]
async fn an_api_that_is_not_done_in_its_time_says_so() {
    let response =
        lambda::answer_api(Duration::from_secs(28), lambda::Accepts::default(), std::future::pending()).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let Body::Text(body) = response.body() else { panic!("the answer is no text") };
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&problem["type"], &problem["status"]), (&"urn:tongguan:problem:unavailable".into(), &503.into()));
}
