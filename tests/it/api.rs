//! The HTTP transport against a socket that behaves in every way a node might.

use futures::StreamExt;
use lockin::api::reqwest::StreamError;
use lockin::api::{
    Accept, ApiError, Client, ContentType, Event, Health, HttpTransport, Request, Transport, TransportErrorKind,
};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that gives every connection the same bytes, then keeps it open for `linger`; it tells what it was asked.
struct Server {
    url: String,
    asked: tokio::sync::mpsc::UnboundedReceiver<String>,
}

async fn serve(answer: impl Into<Vec<u8>>, linger: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = tokio::sync::mpsc::unbounded_channel();
    let answer = answer.into();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (answer, tell) = (answer.clone(), tell.clone());
            tokio::spawn(async move {
                let mut request = vec![0; 64 << 10];
                let length = socket.read(&mut request).await.unwrap_or(0);
                let _ = tell.send(String::from_utf8_lossy(&request[..length]).into_owned());
                let _ = socket.write_all(&answer).await;
                tokio::time::sleep(linger).await;
            });
        }
    });
    Server { url, asked }
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

fn json(status: &str, body: &str) -> String {
    http(status, "Content-Type: application/json; charset=utf-8\r\n", body)
}

fn transport(url: &str) -> HttpTransport {
    HttpTransport::with_limits(url, Duration::from_millis(500), 1000).unwrap()
}

fn client(url: &str) -> Client {
    Client::new(Arc::new(transport(url)))
}

async fn kind_of(answer: impl Into<Vec<u8>>, linger: Duration) -> TransportErrorKind {
    let server = serve(answer, linger).await;
    let error = transport(&server.url).send(Request::get("/eth/v1/node/version")).await.unwrap_err();
    assert!(error.to_string().contains(&server.url), "{error}");
    assert!(error.to_string().contains("GET /eth/v1/node/version"), "{error}");
    error.kind
}

#[tokio::test]
async fn an_answer_that_is_zipped_unasked_is_unzipped_within_the_limit() {
    let zipped = |content: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        let body = encoder.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Encoding: gzip\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    };
    let server = serve(zipped(br#"{"data":{"version":"a node"}}"#), Duration::ZERO).await;
    assert_eq!(client(&server.url).node_version().await.unwrap(), "a node");
    assert_eq!(kind_of(zipped(&[b' '; 2000]), Duration::ZERO).await, TransportErrorKind::TooLarge);
    let broken = http("200 OK", "Content-Encoding: gzip\r\n", "plain");
    assert_eq!(kind_of(broken, Duration::ZERO).await, TransportErrorKind::Broken);
}

#[tokio::test]
async fn a_plain_answer_and_what_was_sent_for_it() {
    let answer = http(
        "200 OK",
        "Content-Type: application/octet-stream\r\nEth-Consensus-Version: altair\r\neth-execution-payload-blinded: false\r\n",
        "xyz",
    );
    let mut server = serve(answer, Duration::ZERO).await;
    let request = Request::post("/eth/v2/x").with_query("a", "b c").with_ssz("altair", vec![1, 2]).accepting_ssz();
    let response = transport(&format!("{}/", server.url)).send(request).await.unwrap();
    assert_eq!((response.status, response.content_type, &response.body[..]), (200, ContentType::Ssz, &b"xyz"[..]));
    assert_eq!(response.consensus_version.as_deref(), Some("altair"));
    assert_eq!(response.header("Eth-Execution-Payload-Blinded"), Some("false"));
    let asked = server.asked.recv().await.unwrap().to_ascii_lowercase();
    for expected in [
        "post /eth/v2/x?a=b%20c http/1.1",
        "accept-encoding: identity",
        "accept: application/octet-stream",
        "content-type: application/octet-stream",
        "eth-consensus-version: altair",
        "user-agent: lockin/",
    ] {
        assert!(asked.contains(expected), "{expected} in {asked}");
    }
}

#[tokio::test]
async fn every_kind_of_silence_is_told_apart() {
    let second = Duration::from_secs(1);
    assert_eq!(kind_of("", second).await, TransportErrorKind::Timeout);
    assert_eq!(kind_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", second).await, TransportErrorKind::Timeout);
    assert_eq!(kind_of("", Duration::ZERO).await, TransportErrorKind::Broken);
    assert_eq!(kind_of("SSH-2.0-OpenSSH_9.6\r\n", Duration::ZERO).await, TransportErrorKind::Broken);
    let announced = json("200 OK", &"x".repeat(1001));
    assert_eq!(kind_of(announced, Duration::ZERO).await, TransportErrorKind::TooLarge);
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "100\r\n".to_owned() + &"x".repeat(256));
    let chunked = format!("{chunked}\r\n{}", ("100\r\n".to_owned() + &"x".repeat(256) + "\r\n").repeat(4));
    assert_eq!(kind_of(chunked, second).await, TransportErrorKind::TooLarge);

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = transport(&format!("http://{free}")).send(Request::get("/")).await.unwrap_err();
    assert_eq!(refused.kind, TransportErrorKind::Refused, "{refused}");
    for url in ["localhost", "https://localhost:1", "http://", "http://x/?a=b", "file:///etc/passwd"] {
        let error = HttpTransport::new(url).unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::BadUrl, "{url}");
        assert!(error.to_string().contains("http://HOST:PORT"), "{error}");
    }
}

#[tokio::test]
async fn the_nodes_own_words_reach_the_caller() {
    let server = serve(json("404 Not Found", r#"{"code":404,"message":"State not found"}"#), Duration::ZERO).await;
    let error = client(&server.url).state_root("head").await.unwrap_err();
    assert!(error.is_not_found());
    let expected =
        "GET /eth/v1/beacon/states/head/root: the beacon node answered with HTTP status 404: State not found";
    assert_eq!(error.to_string(), expected);

    let server = serve(http("502 Bad Gateway", "Content-Type: text/html\r\n", "<h1>proxy</h1>"), Duration::ZERO).await;
    let error = client(&server.url).genesis().await.unwrap_err();
    assert!(error.to_string().ends_with("HTTP status 502: <h1>proxy</h1>"), "{error}");
    assert_eq!(client(&server.url).health().await, Ok(Health::NotReady(502)));

    let server = serve(http("307 Temporary Redirect", "Location: http://127.0.0.1:1/\r\n", ""), Duration::ZERO).await;
    assert_eq!(client(&server.url).genesis().await.unwrap_err().status(), Some(307), "redirects are not followed");
}

#[tokio::test]
async fn answers_of_the_wrong_form_are_errors_that_quote_them() {
    for body in ["", "null", "[]", "{}", r#"{"data":{}}"#, r#"{"data":{"version":7}}"#, "\u{fffd}\u{0}"] {
        let server = serve(json("200 OK", body), Duration::ZERO).await;
        let error = client(&server.url).node_version().await.unwrap_err();
        assert!(matches!(error, ApiError::Malformed { .. }), "{body}: {error}");
    }
    let server =
        serve(json("200 OK", r#"{"data":{"version":"Other/v1","more":[1]},"odd":true}"#), Duration::ZERO).await;
    assert_eq!(client(&server.url).node_version().await.unwrap(), "Other/v1");
}

#[tokio::test]
async fn older_nodes_are_asked_for_validators_by_a_repeated_parameter() {
    let mut server = serve(http("404 Not Found", "", ""), Duration::ZERO).await;
    let ids = ["1".to_owned(), "2".to_owned()];
    assert_eq!(client(&server.url).validators("head", &ids).await.unwrap_err().status(), Some(404));
    assert!(server.asked.recv().await.unwrap().starts_with("POST /eth/v1/beacon/states/head/validators HTTP"));
    // Lodestar 1.5.1 takes `1,2` for one id that nobody has
    let second = server.asked.recv().await.unwrap();
    assert!(second.starts_with("GET /eth/v1/beacon/states/head/validators?id=1&id=2 HTTP"), "{second}");
}

#[tokio::test]
async fn events_stream_until_the_node_ends_it() {
    let head = r#"{"slot":"3","block":"0x0101010101010101010101010101010101010101010101010101010101010101","state":"0x0101010101010101010101010101010101010101010101010101010101010101"}"#;
    let body =
        format!(": hello\n\nevent: head\ndata: {head}\n\nevent: head\ndata: nonsense\n\nevent: odd\ndata: 1\n\n");
    let mut server = serve(http("200 OK", "Content-Type: text/event-stream\r\n", &body), Duration::ZERO).await;
    let events: Vec<_> = transport(&server.url).events(&["head", "block"]).await.unwrap().collect().await;
    assert_eq!(events.len(), 3);
    assert!(matches!(&events[0], Ok(Event::Head(head)) if head.slot == 3));
    assert!(matches!(&events[1], Err(StreamError::Event(_))));
    assert!(matches!(&events[2], Ok(Event::Other { topic, .. }) if topic == "odd"));
    assert!(server.asked.recv().await.unwrap().starts_with("GET /eth/v1/events?topics=head&topics=block HTTP/1.1"));

    // a stream outlives the time that an ordinary answer may take, and its end in the middle is an error
    let open = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nevent: odd\ndata: 1\n\n";
    let server = serve(open, Duration::from_millis(900)).await;
    let events: Vec<_> = transport(&server.url).events(&["head"]).await.unwrap().collect().await;
    assert!(
        matches!(&events[..], [Ok(Event::Other { .. }), Err(StreamError::Transport(error))]
        if error.kind == TransportErrorKind::Broken),
        "{events:?}"
    );

    // Lodestar says nothing, not even 200, before the first event.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut socket = listener.accept().await.unwrap().0;
        let _ = socket.read(&mut [0; 1024]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(900)).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nevent: odd\ndata: 1\n\n").await.unwrap();
    });
    let events: Vec<_> = transport(&url).events(&["head"]).await.unwrap().collect().await;
    assert!(matches!(&events[..], [Ok(Event::Other { .. })]), "{events:?}");
    silent.await.unwrap();

    let server = serve(json("400 Bad Request", r#"{"code":400,"message":"unknown topic"}"#), Duration::ZERO).await;
    let Err(error) = transport(&server.url).events(&["x"]).await.map(drop) else { panic!("refused") };
    assert!(matches!(error, StreamError::Refused { status: 400, .. }) && error.to_string().contains("unknown topic"));
}

#[test]
fn requests_prefer_json_unless_told() {
    assert_eq!(Request::get("/").accept, Accept::Json);
    assert_eq!(Request::get("/").accepting_ssz().accept, Accept::Ssz);
}
