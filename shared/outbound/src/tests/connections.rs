//! Choice between a kept connection and a new one.

use super::*;

#[tokio::test]
async fn connections_are_kept_where_the_process_stays_awake() {
    const POSTS: usize = 20;
    for (keep_alive, kept) in [(KeepAlive::Brief, true), (KeepAlive::Never, false)] {
        let server = Server::mirror().await;
        let client = Client::new(keep_alive).unwrap();
        for _ in 0..POSTS {
            assert_eq!(client.send(request(server.url())).await.status(), Some(200));
        }
        // A connection becomes free a moment after its answer is read, so a second one may be opened; never one each.
        assert_eq!(server.connections() < POSTS, kept, "{keep_alive:?} {}", server.connections());
        assert_eq!(server.seen.requests.load(Ordering::SeqCst), POSTS);
    }
}

/// Answers the first request of each connection, and hangs up on every other once it has been read.
async fn hangs_up() -> Server {
    Server::raw(|mut stream, seen| async move {
        for request in 0_u32.. {
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"{}\xff") {
                match stream.read_buf(&mut bytes).await {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return,
                }
            }
            seen.requests.fetch_add(1, Ordering::SeqCst);
            if request > 0 {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    })
    .await
}

/// Sends until a request went over a connection that another one had left, which may take a moment to become free.
async fn meets_a_used_connection(server: &Server, client: &Client, request: &Request) -> Sent {
    for sent_before in 1.. {
        let sent = client.send(request.clone()).await;
        if sent.status().is_none() || server.seen.requests.load(Ordering::SeqCst) > sent_before {
            return sent;
        }
    }
    unreachable!()
}

/// Regression: a query on a connection that the partner had just closed had no answer.
#[tokio::test]
async fn ended_connection_is_replaced_where_repeating_is_safe() {
    let server = hangs_up().await;
    let sent = meets_a_used_connection(&server, &client(), &request(server.url())).await;
    assert_eq!(sent.status(), Some(200), "{sent:?}");
    assert_eq!(server.seen.requests.load(Ordering::SeqCst), server.connections() + 1, "once more, and no oftener");
}

#[tokio::test]
async fn new_connection_that_ends_is_not_tried_again() {
    let server = Server::raw(|mut stream, seen| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        seen.requests.fetch_add(1, Ordering::SeqCst);
    })
    .await;
    assert_eq!(kind(&client().send(request(server.url())).await), Kind::Broken);
    assert_eq!(server.connections(), 1);
}

/// Regression: a command went out on a connection that the partner was closing, and nobody knew whether it was done.
#[tokio::test]
async fn unrepeatable_request_goes_over_a_new_connection() {
    let server = hangs_up().await;
    let client = client();
    for repeatable in [true, false, false, true] {
        let sent = client.send(Request { repeatable, ..request(server.url()) }).await;
        assert_eq!(sent.status(), Some(200), "{sent:?}");
    }
    assert!(server.connections() >= 3, "none of the commands met a used connection");
}
