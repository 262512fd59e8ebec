//! The process without a model, over a real socket pair; `tests/mind` starts the real child.

#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

use super::*;
use crate::mind::protocol::Decide;
use std::fs;
use std::time::Duration;

/// A served socket and the thread that serves it.
fn served() -> (UnixStream, std::thread::JoinHandle<Result<(), ProtocolError>>) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    ours.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let server = std::thread::spawn(move || serve(theirs));
    (ours, server)
}

fn ask(stream: &mut UnixStream, request: &Request) -> Reply {
    let frame = protocol::encode(request).expect("short");
    stream.write_all(&frame).expect("served");
    protocol::read(stream).expect("a frame").expect("an answer")
}

fn load(path: &Path) -> Load {
    Load {
        id: 1,
        path: path.to_str().expect("UTF-8").to_owned(),
        sha256: None,
        context_tokens: 512,
        ubatch_tokens: 64,
        threads_decode: 1,
        threads_prefill: 1,
        prefixes: String::new(),
        repack: true,
        temperature_percent: 100,
        adapter: String::new(),
        merged: String::new(),
    }
}

fn failure(reply: Reply) -> (u64, FailureKind, String) {
    match reply {
        Reply::Failed { id, kind, text } => (id, kind, text),
        other => panic!("not a failure: {other:?}"),
    }
}

#[test]
fn it_says_its_version_first_and_ends_with_the_socket() {
    let (mut stream, server) = served();
    match protocol::read::<Reply>(&mut stream).expect("a frame").expect("a greeting") {
        Reply::Hello { version, kernels } => {
            assert_eq!(version, PROTOCOL_VERSION);
            assert!(kernels.contains("REPACK"), "{kernels}");
        }
        other => panic!("not a greeting: {other:?}"),
    }
    drop(stream);
    server.join().expect("no panic").expect("a clean end");
}

#[test]
fn a_file_that_cannot_be_a_model_is_refused_by_kind_and_the_next_request_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut stream, server) = served();
    protocol::read::<Reply>(&mut stream).expect("a frame").expect("a greeting");

    let absent = folder.path().join("absent.gguf");
    let (id, kind, text) = failure(ask(&mut stream, &Request::Load(load(&absent))));
    assert_eq!((id, kind), (1, FailureKind::Absent), "{text}");

    let path = folder.path().join("foreign.gguf");
    for bytes in [&b""[..], b"GG", b"GGUF", b"PK\x03\x04 and more"] {
        fs::write(&path, bytes).expect("written");
        let (_, kind, text) = failure(ask(&mut stream, &Request::Load(load(&path))));
        assert_eq!(kind, FailureKind::Corrupt, "{text}");
        assert!(text.contains("foreign.gguf"), "{text}");
    }

    let decide = Decide {
        id: 7,
        prefix: "p".to_owned(),
        state: "s".to_owned(),
        candidates: vec!["a".to_owned()],
        by_notes: None,
        questions: Vec::new(),
        priority: 1,
        within_ms: 0,
        adapter: None,
    };
    let (id, kind, text) = failure(ask(&mut stream, &Request::Decide(decide)));
    assert_eq!((id, kind), (7, FailureKind::Refused), "{text}");

    match ask(&mut stream, &Request::Memory { id: 9 }) {
        Reply::Memory { id: 9, report } => {
            assert!(report.pss_bytes >= report.anonymous_bytes + report.file_bytes);
            assert!(report.anonymous_bytes > 0);
        }
        other => panic!("not a report: {other:?}"),
    }
    stream.write_all(&protocol::encode(&Request::Stop).expect("short")).expect("served");
    server.join().expect("no panic").expect("a clean end");
}

#[test]
fn sizes_that_make_no_sense_are_refused_by_name() {
    let mut request = load(Path::new("/m.gguf"));
    request.context_tokens = 1;
    let failure = check_load(&request).expect_err("too small");
    assert_eq!(failure.text, "context_tokens: found 1, allowed 256 to 32768");
    request = load(Path::new("/m.gguf"));
    request.threads_prefill = 0;
    let failure = check_load(&request).expect_err("no threads");
    assert_eq!(failure.text, "threads_prefill: found 0, allowed 1 to 64");
}

#[test]
fn a_checksum_is_that_of_the_whole_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("abc");
    fs::write(&path, b"abc").expect("written");
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sha256_of(&path).expect("readable"), known); // FIPS 180-2, appendix B.1
}

#[test]
fn foreign_bytes_end_the_process_and_do_not_hang_it() {
    let (mut stream, server) = served();
    stream.write_all(b"GET / HTTP/1.1\r\n").expect("served");
    let error = server.join().expect("no panic").expect_err("not ours");
    assert!(matches!(error, ProtocolError::TooLarge { .. }), "{error}");
}

#[test]
fn memory_is_read_from_the_kernels_table() {
    let rollup = "00400000-7fff [rollup]\nRss:  9 kB\nPss:  8 kB\nPss_Anon:  5 kB\n\
                  Pss_File:  3 kB\nSwapPss:  1 kB\n";
    let report = memory_of(rollup);
    assert_eq!((report.pss_bytes, report.anonymous_bytes), (8192, 5120));
    assert_eq!((report.file_bytes, report.swap_bytes), (3072, 1024));
    assert_eq!(memory_of(""), MemoryReport::default());
}
