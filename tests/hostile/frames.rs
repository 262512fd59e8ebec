//! Requests that the agent would never send: one of every kind, with bytes changed.

use outpost::mind::notes::ByNotes;
use outpost::mind::protocol::{
    self, Decide, Embed, Form, Load, Prompt, Request, Sampling, Speech, Write,
};
use outpost::mind::score::Question;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Bytes at which something ends: of numbers of several bytes, of kinds, of lengths.
const BYTES: [u8; 10] = [0, 1, 2, 7, 9, 0x40, 0x7f, 0x80, 0xfe, 0xff];

/// A frame that goes out as it is.
pub struct Frame {
    pub bytes: Vec<u8>,
    /// Its length is not that of its body, so the peer waits for more or reads into the next.
    pub torn: bool,
    /// It is a load, after which nothing is known of the model.
    pub loads: bool,
    pub what: String,
}

/// The kind of a request; a new one must be named here.
fn kind(request: &Request) -> &'static str {
    match request {
        Request::Load(_) => KINDS[0],
        Request::Decide(_) => KINDS[1],
        Request::Memory { .. } => KINDS[2],
        Request::Stop => KINDS[3],
        Request::Cancel { .. } => KINDS[4],
        Request::Write(_) => KINDS[5],
        Request::Embed(_) => KINDS[6],
    }
}

/// All kinds of requests.
const KINDS: [&str; 7] = ["load", "decide", "memory", "stop", "cancel", "write", "embed"];

/// The load of a model of these tests.
pub fn load(path: &str) -> Request {
    Request::Load(Load {
        id: 1,
        path: path.to_owned(),
        sha256: None,
        context_tokens: 256,
        ubatch_tokens: 32,
        threads_decode: 1,
        threads_prefill: 1,
        prefixes: String::new(),
        repack: true,
        temperature_percent: 100,
        adapter: String::new(),
        merged: String::new(),
    })
}

/// A text of some words.
pub fn write(prompt: Prompt, form: Form, adapter: Option<String>) -> Request {
    Request::Write(Write {
        id: 3,
        prompt,
        form,
        sampling: Sampling::default(),
        stop: vec!["xx".to_owned()],
        tokens_max: 6,
        priority: 0,
        within_ms: 30_000,
        adapter,
    })
}

/// One of each kind and more of those that have several forms, with nothing wrong.
pub fn right(model: &str, adapter: &str) -> Vec<Request> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (prefix, state) = ("Keep it cool.\n".to_owned(), "It is hot. Do:".to_owned());
    let candidates = texts(&["fan on", "fan off"]);
    let decide = Decide { id: 2, prefix, state, candidates, priority: 1, ..Decide::default() };
    let notes = texts(&["At night take the fan; otherwise the vent."]);
    let by_notes = ByNotes::new(&notes, &texts(&["it is night"]), &[(0, "fan"), (1, "vent")]);
    assert!(by_notes.is_some());
    let question = Question { text: "Hot:".to_owned(), candidates: texts(&["yes", "no"]) };
    let questions = vec![question.clone(), question];
    let text = || Prompt::Text("It is".to_owned());
    let speech = Speech { role: "user".to_owned(), text: "Is it hot?".to_owned() };
    let schema = r#"{"type":"object","properties":{"a":{"enum":["b"]}}}"#.to_owned();
    let adapter = Some(adapter.to_owned());
    let requests = vec![
        load(model),
        Request::Decide(decide.clone()),
        Request::Decide(Decide { by_notes, ..decide.clone() }),
        Request::Decide(Decide { questions, ..decide.clone() }),
        Request::Decide(Decide { adapter: adapter.clone(), within_ms: 9_000, ..decide }),
        Request::Memory { id: 7 },
        Request::Stop,
        Request::Cancel { id: 2 },
        write(text(), Form::Free, adapter),
        write(text(), Form::Regex("[a-z ]{4}".to_owned()), None),
        write(text(), Form::JsonSchema(schema), None),
        write(text(), Form::Lark("start: \"a\" | \"b\"".to_owned()), None),
        write(Prompt::Chat(vec![speech]), Form::Free, None),
        Request::Embed(Embed { id: 4, text: "a fan".to_owned() }),
    ];
    for name in KINDS {
        assert!(requests.iter().any(|request| kind(request) == name), "{name}");
    }
    requests
}

/// With something wrong, most often; the same for the same seed.
pub fn wrong(right: &[Request], seed: u64) -> Frame {
    let mut random = StdRng::seed_from_u64(seed);
    let request = right.choose(&mut random).unwrap();
    let mut body = protocol::encode(request).unwrap().split_off(4);
    for _ in 0..random.random_range(1..=2) {
        spoil(&mut body, &mut random);
    }
    let torn = random.random_bool(0.05);
    let length = match torn {
        true => *[0, 1, 1 << 16, 1 << 24, u32::MAX].choose(&mut random).unwrap(),
        false => body.len() as u32,
    };
    let what = format!("{}: {length} {body:02x?}", kind(request));
    let bytes = [length.to_le_bytes().to_vec(), body].concat();
    Frame { loads: bytes.get(4) == Some(&0), bytes, torn, what }
}

fn spoil(body: &mut Vec<u8>, random: &mut StdRng) {
    let at = random.random_range(0..body.len().max(1));
    let byte = *BYTES.choose(random).unwrap();
    match random.random_range(0..9) {
        0..=2 if at < body.len() => body[at] = random.random_range(0..=u8::MAX),
        3..=5 if at < body.len() => body[at] = byte,
        6 => body.insert(at.min(body.len()), byte),
        7 if at < body.len() => drop(body.remove(at)),
        8 if random.random_bool(0.2) => body.truncate(at),
        _ => body.extend_from_within(at.min(body.len())..),
    }
}
