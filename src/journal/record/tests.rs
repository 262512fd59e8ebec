//! Golden bytes of every kind, round trips, and decoding of anything.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Candidate, CommandState, Decider, Decision, Escalated, FaultKind, Learned, Memory, ModelVoice,
    Setting, Severity, StepState, Value,
};

fn decision() -> Decision {
    Decision {
        id: "0000abcd-7".into(),
        cause: "goal climate: air_temperature 29.1 above 26".into(),
        facts: vec!["air temperature 29.1 °C".into()],
        notes: vec!["quiet at night".into()],
        candidates: vec![Candidate {
            set: vec![("fan".into(), Setting::On), ("vent".into(), Setting::Level(0.5))],
            text: "fan on".into(),
            predicted: vec![("air_temperature".into(), 25.5)],
            cost: 0.25,
            utility: 0.5,
            probability: Some(0.75),
        }],
        chosen: 0,
        by: Decider::Mind,
        guard: "passed".into(),
        model: Some(ModelVoice {
            id: "m".into(),
            sha256: "ff".into(),
            adapter: "none".into(),
            prompt_tokens: 300,
            ms: 48.5,
            cost: None,
        }),
    }
}

/// The payload of that decision in version 1.
const DECISION_BYTES: &str = concat!(
    "01030a30303030616263642d372b676f616c20636c696d6174653a206169725f74656d70",
    "657261747572652032392e312061626f766520323601186169722074656d706572617475",
    "72652032392e3120c2b043010e7175696574206174206e6967687401020366616e000476",
    "656e7402000000000000e03f0666616e206f6e010f6169725f74656d7065726174757265",
    "0000000000803940000000000000d03f000000000000e03f01000000000000e83f000206",
    "70617373656401016d026666046e6f6e65ac020000000000404840b49de31a",
);

/// One entry of each kind with the payload that version 1 has given it since its first day.
fn golden() -> Vec<(Entry, &'static str)> {
    vec![
        (
            Entry::Boot { version: "0.1.0".into(), mode: "act".into() },
            "010005302e312e30036163746c001f14",
        ),
        (
            Entry::Reading { sensor: "air".into(), value: Value::Number(21.5) },
            "0101036169720000000000008035406e10e711",
        ),
        (
            Entry::Faults {
                source: "air".into(),
                kind: FaultKind::OutOfRange,
                count: 300,
                found: "999".into(),
            },
            "01020361697205ac0203393939d47003a9",
        ),
        (Entry::Decision(Box::new(decision())), DECISION_BYTES),
        (
            Entry::Step {
                actuator: "valve".into(),
                setting: Setting::Choice("open".into()),
                state: StepState::Confirmed,
                by: Decider::Rule,
                cause: "fire".into(),
                off_after_ms: Some(60_000),
            },
            "01040576616c766503046f70656e0200046669726501e0d403b8c1841f",
        ),
        (
            Entry::Command {
                kind: "set".into(),
                id: "a1".into(),
                state: CommandState::Rejected,
                reason: "dry pump".into(),
            },
            "01050373657402613104086472792070756d70a4c2cb3d",
        ),
        (Entry::Hold { actuator: "fan".into(), for_ms: 1_800_000 }, "01060366616ec0ee6dba74a2c5"),
        (
            Entry::Mode { actuator: String::new(), mode: "observe".into() },
            "010700076f627365727665a68490db",
        ),
        (
            Entry::Event {
                kind: "sensor-fault".into(),
                text: "air: out of range".into(),
                severity: Severity::Warning,
            },
            concat!(
                "01080c73656e736f722d6661756c74116169723a206f7574206f662072616e6765019d1a",
                "d60b",
            ),
        ),
        (
            Entry::Dropped { first: 1, last: 70_000, reason: "quota".into() },
            "010901f0a2040571756f746180b1dd04",
        ),
    ]
}

/// The same of the kinds that came with version 2.
fn golden_of_version_2() -> Vec<(Entry, &'static str)> {
    vec![
        (Entry::Goal { name: "c".into(), put: Some("{}".into()) }, "0200016301027b7d9b188e6b"),
        (
            Entry::Learned(Box::new(Learned {
                sensor: "air".into(),
                form: 1,
                middle: 20.0,
                scale: 10.0,
                inputs: vec!["1".into(), "fan".into()],
                weights: vec![0.5, -0.25],
                covariance: vec![1.0, 0.5, 2.0],
                profile: vec![Some(21.5), None],
                steps: 300,
                judged: 100,
                error_square: 0.25,
                stays_square: 1.0,
            })),
            concat!(
                "02010361697201000000000000344000000000000024400201310366616e0200",
                "0000000000e03f000000000000d0bf030000803f0000003f0000004002010000",
                "ac4100ac0264000000000000d03f000000000000f03ff786c4d0",
            ),
        ),
    ]
}

/// The same of what came with version 3.
fn golden_of_version_3() -> Vec<(Entry, &'static str)> {
    let mut dear = decision();
    if let Some(model) = &mut dear.model {
        model.cost = Some(0.25);
    }
    vec![
        (
            Entry::Escalated(Box::new(Escalated {
                decision: "1-2".into(),
                why: "unsure".into(),
                state: "asked".into(),
                model: "m".into(),
                prompt_tokens: 200,
                answer_tokens: 1,
                ms: 500.0,
                cost: 0.5,
                text: String::new(),
                day: 20_000,
                calls: 3,
                spent: 1.5,
            })),
            concat!(
                "030003312d3206756e737572650561736b6564016dc801010000000000407f40",
                "000000000000e03f00c0b80203000000000000f83f2bed5826",
            ),
        ),
        (
            Entry::Memory(Memory {
                sensor: "litres".into(),
                of: "today".into(),
                form: 7,
                numbers: vec![Some(20_000.0), None],
            }),
            "0302066c697472657305746f646179070201000000000088d34000306d72b8",
        ),
        (
            Entry::Decision(Box::new(dear)),
            concat!(
                "03010a30303030616263642d372b676f616c20636c696d6174653a206169725f",
                "74656d70657261747572652032392e312061626f766520323601186169722074",
                "656d70657261747572652032392e3120c2b043010e7175696574206174206e69",
                "67687401020366616e000476656e7402000000000000e03f0666616e206f6e01",
                "0f6169725f74656d70657261747572650000000000803940000000000000d03f",
                "000000000000e03f01000000000000e83f00020670617373656401016d026666",
                "046e6f6e65ac020000000000404840000000000000d03f78ecd63a",
            ),
        ),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn stored_bytes_of_every_kind_never_change() {
    let golden = [golden(), golden_of_version_2(), golden_of_version_3()].concat();
    // A decision has two: what its model cost is of version 3.
    assert_eq!(golden.len(), Kind::all().count() + 1, "a kind without golden bytes");
    for (entry, bytes) in golden {
        assert_eq!(hex(&encode(&entry)), bytes, "{entry:?}");
        assert_eq!(decode(&encode(&entry)).unwrap(), entry);
    }
}

#[test]
fn codes_and_words_of_kinds_lead_back_to_them() {
    for (place, kind) in Kind::all().enumerate() {
        assert_eq!(kind.code(), i64::try_from(place).unwrap() + 1);
        assert_eq!(Kind::from_code(kind.code()), Some(kind));
        assert_eq!(Kind::from_word(kind.word()), Some(kind));
    }
    assert_eq!(Kind::from_code(0), None);
    assert_eq!(Kind::from_word(""), None);
    for trust in [ClockTrust::Unset, ClockTrust::Restored, ClockTrust::Synced] {
        assert_eq!(trust_from_code(trust_code(trust)), trust);
    }
}

fn stamp() -> Stamp {
    let now = Now { tick: Tick(5), unix_ms: 1_700_000_000_123, trust: ClockTrust::Synced };
    Stamp { seq: 9, boot: 0xabcd, now }
}

#[test]
fn each_kind_of_damage_has_its_own_error() {
    let whole = encode(&Entry::Hold { actuator: "fan".into(), for_ms: 1 });
    assert_eq!(decode(&[]), Err(DecodeError::TooShort { bytes: 0 }));
    assert_eq!(decode(&whole[..4]), Err(DecodeError::TooShort { bytes: 4 }));
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        assert!(matches!(decode(&flipped), Err(DecodeError::Checksum { .. })), "byte {at}");
    }
    let sealed = |bytes: &[u8]| {
        let mut payload = bytes.to_vec();
        payload.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        decode(&payload)
    };
    let checked = &whole[..whole.len() - CHECKSUM_BYTES];
    let mut newer = checked.to_vec();
    newer[0] = VERSION + 1;
    let found = VERSION + 1;
    assert_eq!(sealed(&newer), Err(DecodeError::Version { found }));
    let mut longer = checked.to_vec();
    longer.push(0);
    assert_eq!(sealed(&longer), Err(DecodeError::Trailing { bytes: 1 }));
    assert!(matches!(sealed(&checked[..3]), Err(DecodeError::Body { version: 1, .. })));

    let mut record = Record::new(stamp(), &Entry::Hold { actuator: "fan".into(), for_ms: 1 });
    record.kind = Kind::Mode;
    let differs = DecodeError::KindDiffers { header: Kind::Mode, body: Kind::Hold };
    assert_eq!(record.entry(), Err(differs));
}

#[test]
fn a_decision_is_published_as_design_6_says() {
    let expected = serde_json::json!({
        "id": "0000abcd-7", "at": "2023-11-14T22:13:20.123Z", "boot": "000000000000abcd", "seq": 9,
        "cause": "goal climate: air_temperature 29.1 above 26",
        "facts": ["air temperature 29.1 °C"], "notes": ["quiet at night"],
        "candidates": [{
            "set": {"fan": "on", "vent": 0.5}, "text": "fan on",
            "predicted": {"air_temperature": 25.5},
            "cost": 0.25, "utility": 0.5, "p": 0.75,
        }],
        "chosen": 0, "by": "mind", "guard": "passed", "outcome": null,
        "model": {"id": "m", "sha256": "ff", "adapter": "none", "prompt_tokens": 300, "ms": 48.5,
                  "cost": null, "remembered": false},
    });
    let mut decision = decision();
    assert_eq!(crate::journal::decision_json(&decision, stamp()), expected);
    decision.model = None;
    decision.candidates[0].probability = None;
    let silent = crate::journal::decision_json(&decision, stamp());
    assert!(silent["model"].is_null() && silent.get("model").is_some());
    assert!(silent["candidates"][0].get("p").is_some_and(serde_json::Value::is_null));
}

#[test]
fn moments_beyond_the_calendar_are_clamped() {
    assert_eq!(crate::journal::rfc3339(0), "1970-01-01T00:00:00.000Z");
    assert!(crate::journal::rfc3339(i64::MAX).starts_with("9999-12-30"));
    assert!(crate::journal::rfc3339(i64::MIN).starts_with("-009999-01-02"));
}

fn any_setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        Just(Setting::On),
        Just(Setting::Off),
        any::<f64>().prop_filter("NaN is no level", |n| !n.is_nan()).prop_map(Setting::Level),
        ".{0,20}".prop_map(Setting::Choice),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_filter("NaN is no value", |n| !n.is_nan()).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Bool),
        ".{0,40}".prop_map(Value::Text),
    ]
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let set = prop::collection::vec((".{0,10}", any_setting()), 0..4);
    let predicted = prop::collection::vec((".{0,10}", -1e9..1e9f64), 0..4);
    (set, ".{0,30}", predicted, 0.0..9.0f64, 0.0..1.0f64, prop::option::of(0.0..1.0f64)).prop_map(
        |(set, text, predicted, cost, utility, probability)| Candidate {
            set,
            text,
            predicted,
            cost,
            utility,
            probability,
        },
    )
}

fn any_decision() -> impl Strategy<Value = Decision> {
    let words = || prop::collection::vec(".{0,30}", 0..4);
    let cost = prop::option::of(0.0..9f64);
    let voice = (".{0,9}", ".{0,9}", ".{0,9}", any::<u32>(), 0.0..1e6f64, cost).prop_map(
        |(id, sha256, adapter, prompt_tokens, ms, cost)| ModelVoice {
            id,
            sha256,
            adapter,
            prompt_tokens,
            ms,
            cost,
        },
    );
    let candidates = prop::collection::vec(any_candidate(), 0..4);
    let decider = prop::sample::select(vec![Decider::Rule, Decider::Mind, Decider::Command]);
    let texts = (".{0,20}", ".{0,40}", ".{0,20}");
    (texts, words(), words(), candidates, any::<u32>(), decider, prop::option::of(voice)).prop_map(
        |((id, cause, guard), facts, notes, candidates, chosen, by, model)| Decision {
            id,
            cause,
            facts,
            notes,
            candidates,
            chosen: chosen as usize,
            by,
            guard,
            model,
        },
    )
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let step = (".{0,10}", any_setting(), ".{0,20}", prop::option::of(any::<u64>()));
    prop_oneof![
        (".{0,10}", ".{0,10}").prop_map(|(version, mode)| Entry::Boot { version, mode }),
        (".{0,10}", any_value()).prop_map(|(sensor, value)| Entry::Reading { sensor, value }),
        (".{0,10}", any::<u64>(), ".{0,10}").prop_map(|(source, count, found)| Entry::Faults {
            source,
            kind: FaultKind::TooLong,
            count,
            found
        }),
        any_decision().prop_map(|decision| Entry::Decision(Box::new(decision))),
        step.prop_map(|(actuator, setting, cause, off_after_ms)| Entry::Step {
            actuator,
            setting,
            state: StepState::Sent,
            by: Decider::Planner,
            cause,
            off_after_ms
        }),
        (".{0,10}", ".{0,10}", ".{0,40}").prop_map(|(kind, id, reason)| Entry::Command {
            kind,
            id,
            state: CommandState::Expired,
            reason
        }),
        (".{0,10}", any::<u64>()).prop_map(|(actuator, for_ms)| Entry::Hold { actuator, for_ms }),
        (".{0,10}", ".{0,10}").prop_map(|(actuator, mode)| Entry::Mode { actuator, mode }),
        (".{0,10}", ".{0,60}").prop_map(|(kind, text)| Entry::Event {
            kind,
            text,
            severity: Severity::Alarm
        }),
        (".{0,10}", prop::option::of(".{0,60}")).prop_map(|(name, put)| Entry::Goal { name, put }),
        (".{0,10}", prop::collection::vec(-1e6..1e6f64, 0..9), any::<u64>()).prop_map(
            |(sensor, weights, steps)| Entry::Learned(Box::new(Learned {
                sensor,
                form: 1,
                middle: 0.5,
                scale: 2.0,
                inputs: weights.iter().map(|one| format!("{one}")).collect(),
                covariance: weights.iter().map(|one| *one as f32).collect(),
                profile: vec![Some(0.5); 3],
                weights,
                steps,
                judged: steps / 2,
                error_square: 0.25,
                stays_square: 1.0,
            }))
        ),
        (".{0,10}", ".{0,10}", any::<u64>()).prop_map(|(decision, text, calls)| {
            let (why, spent) = ("unsure".into(), 0.5);
            let one = Escalated { decision, text, calls, why, spent, ..Escalated::default() };
            Entry::Escalated(Box::new(one))
        }),
        (".{0,10}", any::<u32>(), prop::collection::vec(prop::option::of(-1e6..1e6f64), 0..4))
            .prop_map(|(sensor, form, numbers)| {
                Entry::Memory(Memory { sensor, of: "today".into(), form, numbers })
            }),
        (any::<u64>(), any::<u64>(), ".{0,10}").prop_map(|(first, last, reason)| Entry::Dropped {
            first,
            last,
            reason
        }),
    ]
}

proptest! {
    #[test]
    fn every_entry_comes_back_as_it_went_in(entry in any_entry()) {
        let record = Record::new(stamp(), &entry);
        prop_assert_eq!(record.entry().unwrap(), entry);
        prop_assert_eq!(record.stamp(), stamp());
    }

    #[test]
    fn any_bytes_give_an_entry_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err(), "a checksum hit by chance once in 4 billion");
        // With a right version and checksum the body itself is what is tried.
        let version = 1 + bytes.first().copied().unwrap_or_default() % VERSION;
        let mut payload = vec![version];
        payload.extend_from_slice(&bytes);
        payload.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        if let Ok(entry) = decode(&payload) {
            // NaN aside, what was understood is written the same way again or shorter:
            // postcard reads a number that is longer than it needs to be.
            prop_assert!(encode(&entry).len() <= payload.len());
        }
    }
}
