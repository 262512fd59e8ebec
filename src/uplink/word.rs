//! What a receiver says on `log-ack`. No I/O.

use serde::Deserialize;
use serde_json::json;

use super::flow::Place;
use crate::journal::boot_hex;

/// A receiver's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// It has stored everything up to here.
    pub place: Place,
    /// The last probe that it has seen; `None` from a receiver that does not say so.
    pub probe: Option<u32>,
    /// A record that it will never take, and why.
    pub reject: Option<(u64, String)>,
}

#[derive(Deserialize)]
struct Raw {
    boot: String,
    seq: u64,
    probe: Option<u32>,
    reject: Option<Reject>,
}

#[derive(Deserialize)]
struct Reject {
    seq: u64,
    #[serde(default)]
    reason: String,
}

impl Word {
    /// Reads a payload of `log-ack`; none where it is none.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Word> {
        let raw: Raw = serde_json::from_slice(payload).ok()?;
        let boot = u64::from_str_radix(&raw.boot, 16).ok()?;
        Some(Word {
            place: Place { seq: raw.seq, boot },
            probe: raw.probe,
            reject: raw.reject.map(|reject| (reject.seq, reject.reason)),
        })
    }

    /// The payload of `log-ack`.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let mut word = json!({ "boot": boot_hex(self.place.boot), "seq": self.place.seq });
        if let Some(probe) = self.probe {
            word["probe"] = json!(probe);
        }
        if let Some((seq, reason)) = &self.reject {
            word["reject"] = json!({ "seq": seq, "reason": reason });
        }
        word.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_round_and_a_plain_one_is_enough() {
        let plain = Word::parse(br#"{"boot":"00000000000000ff","seq":7}"#).unwrap();
        assert_eq!(plain.place, Place { seq: 7, boot: 255 });
        assert_eq!((plain.probe, &plain.reject), (None, &None));
        assert_eq!(Word::parse(&plain.payload()), Some(plain.clone()));
        let full = Word { probe: Some(3), reject: Some((9, "why".into())), ..plain };
        assert_eq!(Word::parse(&full.payload()), Some(full));
        for bad in [&b""[..], b"{}", b"[]", br#"{"boot":"x","seq":7}"#, br#"{"boot":"1","seq":-7}"#]
        {
            assert_eq!(Word::parse(bad), None);
        }
    }
}
