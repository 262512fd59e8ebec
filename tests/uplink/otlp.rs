//! What a collector may answer, by a server that answers so. A real one is in `tests/cloud`.

use std::collections::VecDeque;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use outpost::domain::Severity;
use prost::Message;

use crate::common::eventually;
use crate::site::{Board, SOON};

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Taken,
    /// 400 where one of these records is in it.
    Bad(&'static [u64]),
    /// 400 whatever it is.
    Nothing,
    /// Accepted, but for this record.
    But(u64),
    /// 429, and when to come again.
    Later(u64),
    /// 401 without this token.
    Only(&'static str),
}

#[derive(Default)]
struct Seen {
    answers: VecDeque<Answer>,
    requests: Vec<Instant>,
    /// Sequences of accepted batches.
    taken: Vec<u64>,
}

struct Collector {
    addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _runtime: tokio::runtime::Runtime,
}

impl Collector {
    /// Answers one after the other; the last one for ever.
    fn start(answers: &[Answer]) -> Collector {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let seen = Seen { answers: answers.iter().copied().collect(), ..Seen::default() };
        let seen = Arc::new(Mutex::new(seen));
        let app = Router::new().route("/v1/logs", post(take)).with_state(Arc::clone(&seen));
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let addr = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Collector { addr, seen, _runtime: runtime }
    }

    fn board(&self, keys: &str) -> Board {
        let keys = format!("signals = [\"logs\"]\nbatch = 16\ndelay = \"0s\"\n{keys}");
        Board::start_at(&format!("http://{}", self.addr), &keys)
    }

    /// Waits until the last record was accepted; all that were.
    fn wait(&self, last: u64) -> Vec<u64> {
        eventually("the last record", SOON, || {
            let seen = self.seen.lock().unwrap();
            seen.taken.contains(&last).then(|| seen.taken.clone())
        })
    }
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["content-encoding"], "gzip");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut bytes).unwrap();
    let seqs = sequences(&ExportLogsServiceRequest::decode(&bytes[..]).unwrap());
    let mut seen = seen.lock().unwrap();
    seen.requests.push(Instant::now());
    let answer = seen.answers[0];
    if seen.answers.len() > 1 {
        seen.answers.pop_front();
    }
    match answer {
        Answer::Bad(bad) if seqs.iter().any(|seq| bad.contains(seq)) => {
            return (StatusCode::BAD_REQUEST, "a field is of no use").into_response();
        }
        Answer::Nothing => return StatusCode::BAD_REQUEST.into_response(),
        Answer::Later(seconds) => {
            let wait = [("retry-after", seconds.to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, wait).into_response();
        }
        Answer::Only(token) if headers.get("authorization").is_none_or(|it| it != token) => {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        Answer::But(seq) if seqs.contains(&seq) => {
            let error_message = "too old".into();
            let part = ExportLogsPartialSuccess { rejected_log_records: 1, error_message };
            let body = ExportLogsServiceResponse { partial_success: Some(part) };
            seen.taken.extend(seqs.into_iter().filter(|it| *it != seq));
            return body.encode_to_vec().into_response();
        }
        _ => {}
    }
    seen.taken.extend(seqs);
    StatusCode::OK.into_response()
}

fn sequences(request: &ExportLogsServiceRequest) -> Vec<u64> {
    let scopes = request.resource_logs.iter().flat_map(|logs| &logs.scope_logs);
    let attributes = scopes.flat_map(|logs| &logs.log_records).map(|log| &log.attributes);
    let seqs = attributes.map(|attributes| {
        let seq = attributes.iter().find(|it| it.key == "outpost.seq").unwrap();
        match seq.value.as_ref().unwrap().value {
            Some(Any::IntValue(seq)) => seq.cast_unsigned(),
            ref other => panic!("{other:?}"),
        }
    });
    seqs.collect()
}

#[test]
fn a_record_that_is_never_taken_is_found_named_and_left_out() {
    for answer in [Answer::Bad(&[21]), Answer::But(21)] {
        let collector = Collector::start(&[answer]);
        let mut board = collector.board("");
        board.readings(40);
        board.wait_stored();
        let mut there = collector.wait(40);
        there.sort_unstable();
        there.dedup();
        let wanted: Vec<_> = (1..=40).filter(|seq| *seq != 21).collect();
        assert_eq!(there, wanted, "{answer:?}");
        let notice = board.news.as_mut().unwrap().notices.try_recv().unwrap();
        assert_eq!(notice.severity, Severity::Warning);
        assert!(notice.text.contains("record 21 (reading)"), "{}", notice.text);
        board.stop();
        assert_eq!(board.cursor(), 40, "it blocks nothing");
    }
}

#[test]
fn two_in_a_row_that_are_never_taken_are_both_found() {
    let collector = Collector::start(&[Answer::Bad(&[21, 22])]);
    let mut board = collector.board("");
    board.readings(40);
    board.wait_stored();
    let there = collector.wait(40);
    assert!(!there.contains(&21) && !there.contains(&22), "{there:?}");
    board.stop();
    assert_eq!(board.cursor(), 40);
}

#[test]
fn a_collector_that_takes_nothing_costs_no_record() {
    let mut answers = vec![Answer::Nothing; 12];
    answers.push(Answer::Taken);
    let collector = Collector::start(&answers);
    let mut board = collector.board("");
    board.readings(5);
    board.wait_stored();
    let mut there = collector.wait(5);
    // The first of them may have been a copy.
    eventually("the first record", SOON, || {
        there = collector.seen.lock().unwrap().taken.clone();
        there.contains(&1).then_some(())
    });
    there.sort_unstable();
    there.dedup();
    assert_eq!(there, [1, 2, 3, 4, 5], "none went into quarantine");
    let notice = board.news.as_mut().unwrap().notices.try_recv().unwrap();
    assert!(notice.text.contains("no record is taken"), "{}", notice.text);
    let more = board.news.as_mut().unwrap().notices.try_recv();
    assert!(more.is_err(), "said once: {more:?}");
}

#[test]
fn a_collector_that_says_slow_down_is_given_the_time_that_it_asks_for() {
    let collector = Collector::start(&[Answer::Later(3), Answer::Taken]);
    let mut board = collector.board("");
    board.readings(10);
    board.wait_stored();
    assert_eq!(collector.wait(10), (1..=10).collect::<Vec<_>>());
    let seen = collector.seen.lock().unwrap();
    let waited = seen.requests[1] - seen.requests[0];
    assert!(waited >= Duration::from_secs(3), "{waited:?}");
}

#[test]
fn a_wrong_token_is_said_once_and_a_right_one_is_taken_up() {
    let collector = Collector::start(&[Answer::Only("Bearer right")]);
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "wrong-secret\n").unwrap();
    let mut board = collector.board(&format!("password_file = \"{}\"", token.path().display()));
    board.readings(10);
    board.wait_stored();
    let news = board.news.as_mut().unwrap();
    let notice = eventually("a word about it", SOON, || news.notices.try_recv().ok());
    assert!(notice.text.contains("401") && !notice.text.contains("secret"), "{}", notice.text);
    std::fs::write(token.path(), "right\n").unwrap();
    assert_eq!(collector.wait(10), (1..=10).collect::<Vec<_>>());
    let more = board.news.as_mut().unwrap().notices.try_recv();
    assert!(more.is_err(), "said once: {more:?}");
}

/// A server over TLS that takes everything: the certificate of its authority, and its address.
fn over_tls(runtime: &tokio::runtime::Runtime) -> (String, SocketAddr) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio_rustls::rustls::{ServerConfig, crypto};

    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let addr = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // Who does not believe the certificate ends here.
            let Ok(mut line) = acceptor.accept(socket).await else { continue };
            let mut request = [0; 4096];
            assert!(line.read(&mut request).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            line.write_all(answer).await.unwrap();
            line.shutdown().await.ok();
        }
    });
    (own.cert.pem(), addr)
}

#[test]
fn over_tls_only_a_known_authority_gets_the_records() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (pem, addr) = over_tls(&runtime);
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), pem).unwrap();
    let url = format!("https://{addr}");
    let plain = "signals = [\"logs\"]\ndelay = \"0s\"";
    let mut stranger = Board::start_at(&url, plain);
    let mut known = Board::start_at(&url, &format!("{plain}\nca_file = {:?}", ca.path()));
    for board in [&mut stranger, &mut known] {
        board.readings(5);
        board.wait_stored();
    }
    let backlog = |board: &Board| *board.news.as_ref().unwrap().backlog.borrow();
    eventually("the batch's end", SOON, || {
        known.restart();
        (known.cursor() == 5).then_some(())
    });
    assert_eq!(backlog(&known), 0);
    stranger.stop();
    assert_eq!(stranger.cursor(), 0, "a certificate that nobody knows");
}
