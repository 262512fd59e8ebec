//! The form of a batch: golden bytes, every record comes back, damage is an error.

use proptest::prelude::*;

use super::*;
use crate::clock::{Now, Tick};
use crate::domain::{Entry, Severity, Value};
use crate::journal::Stamp;

fn made(seq: u64, boot: u64, mono_ms: u64, unix_ms: i64, entry: &Entry) -> Record {
    let now = Now { tick: Tick(mono_ms), unix_ms, trust: ClockTrust::Synced };
    Record::new(Stamp { seq, boot, now }, entry)
}

fn reading(sensor: &str, value: f64) -> Entry {
    Entry::Reading { sensor: sensor.into(), value: Value::Number(value) }
}

fn event(text: &str) -> Entry {
    Entry::Event { kind: "fault".into(), text: text.into(), severity: Severity::Alarm }
}

fn head() -> Head {
    let audit = Some(AuditHead { seq: 6, hash: [0xab; 32] });
    Head { after: 4, last: 7, boot: 9, cursor: 3, probe: 300, ahead: false, audit }
}

fn some() -> Vec<Record> {
    vec![
        made(5, 9, 100, 1_100, &reading("air", 21.5)),
        made(6, 9, 110, 1_110, &event("x")),
        made(7, 9, 120, 1_121, &reading("air", 21.37)),
    ]
}

fn raw(head: &Head, records: &[Record]) -> Vec<u8> {
    Packer { compressor: None }.pack(head, records)
}

fn records(batch: &Batch) -> Vec<Record> {
    batch.records.iter().filter_map(Received::record).collect()
}

#[test]
fn golden_bytes_of_a_raw_batch() {
    let bytes = raw(&head(), &some());
    let checksum = crc32fast::hash(&bytes[..bytes.len() - 4]);
    let hex = json::hex(&bytes[..bytes.len() - 4]);
    let audit = format!("0106{}", "ab".repeat(32));
    // Form; after, last, boot, cursor, probe, ahead; audit.
    let front = format!("01 04 07 09 03 ac02 00 {audit}");
    // Sequences, boots, monotonic times, offsets.
    let headers = "03050101 010009 03c8011414 02 00d00f 0202";
    let marks = "030a060a 03020902";
    // Names; sensors, decimals and steps of the numbers: 215 tenths, then 2137 hundredths.
    let numbers = "0103616972 020000 020102 02ae03b221";
    let payloads = "01 0b 01 08 05 6661756c74 01 78 02";
    let expected: String = [&front, headers, marks, numbers, payloads].concat().replace(' ', "");
    assert_eq!(hex, expected);
    assert_eq!(bytes[bytes.len() - 4..], checksum.to_le_bytes());
    let batch = decode(&bytes).unwrap();
    assert_eq!((batch.head, records(&batch)), (head(), some()));
}

#[test]
fn a_packed_batch_is_shorter_and_the_same() {
    let many: Vec<_> = (1..=1000)
        .map(|seq| {
            let value = 20.0 + (seq * 7919 % 100) as f64 / 100.0;
            made(seq, 9, 1000 * seq, 1_787_000_000_000 + 1000 * seq as i64, &reading("air", value))
        })
        .collect();
    let packed = Packer::default().pack(&head(), &many);
    assert!(packed.len() < raw(&head(), &many).len() / 2);
    assert!(packed.len() < 3 * many.len(), "{} bytes", packed.len());
    assert_eq!(packed[0], ZSTD);
    assert_eq!(records(&decode(&packed).unwrap()), many);
}

#[test]
fn a_repaired_time_goes_as_it_was_believed() {
    let mut record = made(1, 9, 100, 5_100, &reading("air", 1.0));
    record.trust = ClockTrust::Unset;
    let believed = record.clone();
    record.believed_ms = Some(record.unix_ms);
    record.unix_ms = 1_787_000_000_000;
    for bytes in [raw(&head(), &[record.clone()]), json::pack(&head(), &[record])] {
        let batch = decode(&bytes).unwrap();
        let received = &batch.records[0];
        assert_eq!((received.unix_ms, received.trust), (believed.unix_ms, ClockTrust::Unset));
        assert_eq!(received.mono_ms, 100);
    }
}

#[test]
fn json_says_the_same() {
    let bytes = json::pack(&head(), &some());
    let text = String::from_utf8(bytes.clone()).unwrap();
    let parts: serde_json::Value = serde_json::from_str(&text).unwrap();
    let hash = parts["audit"]["hash"].as_str().unwrap();
    assert!(parts["after"] == 4 && hash.starts_with("abab"), "{text}");
    let batch = decode(&bytes).unwrap();
    assert_eq!(batch.head, head());
    let headers: Vec<_> = batch.records.iter().map(|it| (it.seq, it.boot, it.unix_ms)).collect();
    assert_eq!(headers, [(5, 9, 1_100), (6, 9, 1_110), (7, 9, 1_121)]);
    assert_eq!(batch.records[0].body, Body::Json(r#"{"sensor":"air","value":21.5}"#.into()));
    assert_eq!(i64::from(batch.records[1].kind), Kind::Event.code());
    for bad in ["{", "{}", r#"{"after":1,"last":2,"boot":"9","cursor":0,"records":[{}]}"#] {
        assert!(matches!(decode(bad.as_bytes()), Err(BatchError::Body { .. })), "{bad}");
    }
}

#[test]
fn a_payload_that_is_damaged_or_of_a_newer_kind_arrives_as_it_is() {
    let mut damaged = made(5, 9, 1, 1, &reading("air", 1.0));
    damaged.payload.fill(0);
    assert_eq!(records(&decode(&raw(&head(), std::slice::from_ref(&damaged))).unwrap()), [damaged]);
    let mut bytes = raw(&head(), &[made(5, 9, 1, 1, &event("x"))]);
    let code = u8::try_from(Kind::Event.code()).unwrap();
    let at = bytes.iter().rposition(|byte| *byte == code).unwrap();
    bytes[at] = 200;
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    let batch = decode(&bytes).unwrap();
    assert_eq!((batch.records[0].kind, batch.records[0].record()), (200, None));
    assert!(matches!(&batch.records[0].body, Body::Payload(bytes) if bytes.len() > 4));
}

proptest! {
    #[test]
    fn any_records_come_back(
        steps in prop::collection::vec(
            (1..u64::MAX / 100, 0..3_u64, any::<u64>(), any::<i64>(), 0..4_u8, any::<f64>(),
             -100_000..100_000_i32),
            0..60),
    ) {
        let mut seq = 0;
        let records_in: Vec<_> = steps
            .into_iter()
            .map(|(step, boot, mono_ms, unix_ms, which, any, whole)| {
                seq += step;
                let entry = match which {
                    0 => reading("air", any),
                    1 => reading("soil", f64::from(whole) / 1000.0),
                    2 => reading("air", f64::from(whole) / 10.0),
                    _ => event("text"),
                };
                made(seq, boot, mono_ms, unix_ms, &entry)
            })
            .collect();
        for bytes in [raw(&head(), &records_in), Packer::default().pack(&head(), &records_in)] {
            let batch = decode(&bytes).unwrap();
            prop_assert_eq!(batch.head, head());
            prop_assert_eq!(records(&batch), records_in.clone());
        }
    }

    #[test]
    fn damage_is_an_error(at in any::<prop::sample::Index>(), bits in 1..=255_u8) {
        let mut bytes = Packer::default().pack(&head(), &some());
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_an_answer(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300), form in 0..4_u8,
    ) {
        bytes.insert(0, form);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        drop(decode(&bytes));
    }

    #[test]
    fn any_columns_are_an_answer(
        bytes in prop::collection::vec(0..12_u8, 0..200),
    ) {
        drop(columns::decode(&bytes));
    }
}
