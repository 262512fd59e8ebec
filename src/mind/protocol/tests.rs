//! The bytes are frozen: a change here needs a new `PROTOCOL_VERSION`.

use super::*;
use proptest::prelude::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_one<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<Option<T>, ProtocolError> {
    read(&mut bytes)
}

fn decide() -> Decide {
    Decide {
        id: 300,
        prefix: "p".to_owned(),
        state: "s".to_owned(),
        candidates: vec!["a".to_owned(), "b".to_owned()],
        by_notes: None,
        priority: 9,
        within_ms: 2000,
        questions: Vec::new(),
        adapter: None,
    }
}

#[test]
fn requests_have_their_golden_bytes() {
    let load = Load {
        id: 1,
        path: "/m.gguf".to_owned(),
        sha256: Some("ab".to_owned()),
        context_tokens: 2048,
        ubatch_tokens: 64,
        threads_decode: 2,
        threads_prefill: 4,
        prefixes: "/k".to_owned(),
        repack: true,
        temperature_percent: 610,
        adapter: "/a".to_owned(),
        merged: "/c".to_owned(),
    };
    let write = Write {
        id: 6,
        prompt: Prompt::Chat(vec![Speech { role: "user".to_owned(), text: "x".to_owned() }]),
        form: Form::Regex("a".to_owned()),
        sampling: Sampling { temperature: 1.0, seed: 2, ..Sampling::default() },
        stop: vec!["z".to_owned()],
        tokens_max: 300,
        priority: 1,
        within_ms: 1000,
        adapter: None,
    };
    for (request, golden) in [
        (
            Request::Load(load),
            "1f000000 00 01 072f6d2e67677566 01026162 8010 40 02 04 022f6b 01 e204 022f61 \
             022f63",
        ),
        (Request::Decide(decide()), "12000000 01 ac02 0170 0173 0201610162 00 09 d00f 00 00"),
        (
            Request::Decide(Decide { adapter: Some("/b".to_owned()), ..decide() }),
            "15000000 01 ac02 0170 0173 0201610162 00 09 d00f 00 01 022f62",
        ),
        (Request::Memory { id: 7 }, "02000000 02 07"),
        (Request::Stop, "01000000 03"),
        (Request::Cancel { id: 7 }, "02000000 04 07"),
        (Request::Embed(Embed { id: 7, text: "x".to_owned() }), "04000000 06 07 0178"),
        (
            Request::Write(write.clone()),
            "2d000000 05 06 0101 0475736572 0178 02 0161 0000803f 0000803f 00 00000000 00000000 \
             00000000 02 01 017a ac02 01 e807 00",
        ),
        (
            Request::Write(Write { adapter: Some("/b".to_owned()), ..write }),
            "30000000 05 06 0101 0475736572 0178 02 0161 0000803f 0000803f 00 00000000 00000000 \
             00000000 02 01 017a ac02 01 e807 01 022f62",
        ),
    ] {
        let frame = encode(&request).expect("short");
        assert_eq!(hex(&frame), golden.replace(' ', ""), "{request:?}");
        assert_eq!(read_one(&frame).expect("whole"), Some(request));
    }
}

#[test]
fn replies_have_their_golden_bytes() {
    let model = ModelFacts {
        description: "d".to_owned(),
        quantization: "q".to_owned(),
        sha256: "h".to_owned(),
        vocabulary: 49_152,
        context_tokens: 2048,
        size_bytes: 1,
        load_ms: 2,
    };
    let decided = Decided {
        id: 5,
        candidates: vec![CandidateScore { logprob: -1.5, tokens: 3 }],
        p: vec![1.0],
        mass: 0.25,
        tokens_read: 61,
        ms: 48.5,
        remembered: true,
        answers: Vec::new(),
    };
    let report = MemoryReport {
        pss_bytes: 1,
        anonymous_bytes: 2,
        file_bytes: 3,
        swap_bytes: 4,
        kv_bytes: 5,
        weights_bytes: 6,
    };
    let written = Written {
        id: 2,
        finish: Finish::Length,
        prompt_tokens: 7,
        kept_tokens: 3,
        tokens: 9,
        forced_tokens: 4,
        guessed_tokens: 2,
        first_ms: 48.0,
        ms: 65.0,
    };
    let text = "no".to_owned();
    let kernels = "FMA".to_owned();
    for (reply, golden) in [
        (Reply::Hello { version: 1, kernels }, "06000000 00 01 03464d41"),
        (Reply::Changed { model: model.clone() }, "0e000000 08 0164 0171 0168 808003 8010 01 02"),
        (Reply::Loaded { id: 1, model }, "0f000000 01 01 0164 0171 0168 808003 8010 01 02"),
        (
            Reply::Decided(decided),
            "1c000000 02 05 01 0000c0bf 03 01 0000803f 0000803e 3d 0000000000404840 01 00",
        ),
        (Reply::Memory { id: 9, report }, "08000000 03 09 01 02 03 04 05 06"),
        (Reply::Failed { id: 2, kind: FailureKind::TooLong, text }, "06000000 04 02 03 026e6f"),
        (Reply::Piece { id: 2, text: "°".to_owned() }, "05000000 05 02 02c2b0"),
        (
            Reply::Written(written),
            "18000000 06 02 01 07 03 09 04 02 0000000000004840 0000000000405040",
        ),
        (
            Reply::Embedded(Embedded { id: 3, vector: vec![1.0], tokens: 2 }),
            "08000000 07 03 01 0000803f 02",
        ),
    ] {
        let frame = encode(&reply).expect("short");
        assert_eq!(hex(&frame), golden.replace(' ', ""), "{reply:?}");
        assert_eq!(read_one(&frame).expect("whole"), Some(reply));
    }
}

#[test]
fn the_end_between_frames_is_an_end_and_within_one_a_fault() {
    assert_eq!(read_one::<Request>(&[]).expect("an end"), None);
    let frame = encode(&Request::Memory { id: 7 }).expect("short");
    for bytes in 1..frame.len() {
        let error = read_one::<Request>(&frame[..bytes]).expect_err("torn");
        assert!(matches!(error, ProtocolError::Torn), "{bytes}: {error}");
    }
}

#[test]
fn a_frame_beyond_the_bound_is_refused_on_both_ends_before_it_takes_memory() {
    let state = "x".repeat(FRAME_BYTES_MAX as usize);
    let decide = Decide { state, ..decide() };
    let error = encode(&Request::Decide(decide)).expect_err("too large");
    assert!(matches!(error, ProtocolError::TooLarge { .. }), "{error}");
    let error = read_one::<Request>(&u32::MAX.to_le_bytes()).expect_err("too large");
    assert!(matches!(error, ProtocolError::TooLarge { .. }), "{error}");
}

#[test]
fn a_body_with_something_behind_it_is_malformed() {
    let error = read_one::<Request>(&[2, 0, 0, 0, 3, 0]).expect_err("a byte too many");
    assert!(matches!(error, ProtocolError::Malformed(_)), "{error}");
    let error = read_one::<Request>(&[1, 0, 0, 0, 99]).expect_err("no such request");
    assert!(matches!(error, ProtocolError::Malformed(_)), "{error}");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again_by_both_readers(
        id: u64,
        prefix in ".{0,80}",
        state in ".{0,80}",
        candidates in prop::collection::vec(".{0,20}", 0..9),
    ) {
        let question = Question { text: state.clone(), candidates: candidates.clone() };
        let decide = Decide {
            id,
            adapter: Some(prefix.clone()),
            prefix,
            state,
            candidates,
            questions: vec![question],
            within_ms: 70_000,
            ..Decide::default()
        };
        let request = Request::Decide(decide);
        let mut frames = encode(&request).expect("short");
        frames.extend(encode(&Request::Stop).expect("short"));
        let mut stream = frames.as_slice();
        prop_assert_eq!(read(&mut stream).expect("whole"), Some(request.clone()));
        prop_assert_eq!(read(&mut stream).expect("whole"), Some(Request::Stop));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut stream = frames.as_slice();
        let first = runtime.block_on(read_async(&mut stream)).expect("whole");
        prop_assert_eq!(first, Some(request));
        let second = runtime.block_on(read_async(&mut stream)).expect("whole");
        prop_assert_eq!(second, Some(Request::Stop));
        let end = runtime.block_on(read_async::<Request>(&mut stream)).expect("an end");
        prop_assert_eq!(end, None);
    }

    #[test]
    fn foreign_bytes_are_an_error_or_a_message_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut frame = (bytes.len() as u32).to_le_bytes().to_vec();
        frame.extend(&bytes);
        if let Ok(Some(reply)) = read_one::<Reply>(&frame) {
            // Varints may be padded, so the bytes need not come back; the message must.
            let again = encode(&reply).expect("short");
            prop_assert_eq!(format!("{:?}", read_one::<Reply>(&again).expect("whole")),
                format!("{:?}", Some(reply)));
        }
        if let Ok(Some(request)) = read_one::<Request>(&frame) {
            let again = encode(&request).expect("short");
            prop_assert_eq!(format!("{:?}", read_one::<Request>(&again).expect("whole")),
                format!("{:?}", Some(request)));
        }
    }
}
