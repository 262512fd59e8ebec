//! One value out of a JSON text, by a JSON pointer (RFC 6901), without building the rest: a payload
//! of a megabyte must not cost the agent the tree of it. Pure.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

/// What stands where a pointer leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// A text, a number, true, false or null.
    Scalar(Json),
    /// An object or an array.
    Compound,
    /// Nothing.
    Missing,
}

/// Looks at `pointer` in `text`; empty: the whole. Of a key that is there twice the last counts.
///
/// # Errors
/// Where the text is no JSON.
pub(super) fn look(text: &str, pointer: &str) -> Result<Found, serde_json::Error> {
    let steps = pointer.split('/').skip(1);
    let steps: Vec<String> = steps.map(|one| one.replace("~1", "/").replace("~0", "~")).collect();
    let mut source = serde_json::Deserializer::from_str(text);
    let found = At(&steps).deserialize(&mut source)?;
    source.end()?;
    Ok(found)
}

/// The steps that are left.
#[derive(Clone, Copy)]
struct At<'p>(&'p [String]);

impl At<'_> {
    fn scalar<E>(self, value: impl Into<Json>) -> Result<Found, E> {
        Ok(if self.0.is_empty() { Found::Scalar(value.into()) } else { Found::Missing })
    }

    /// What stands here if it is a whole object or array.
    fn whole(self) -> Found {
        if self.0.is_empty() { Found::Compound } else { Found::Missing }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Found, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        self.scalar(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Found, E> {
        self.scalar(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Found, E> {
        self.scalar(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Found, E> {
        self.scalar(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Found, E> {
        self.scalar(value)
    }

    fn visit_str<E>(self, value: &str) -> Result<Found, E> {
        self.scalar(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = self.whole();
        while let Some(key) = map.next_key::<String>()? {
            match self.0.split_first() {
                Some((first, rest)) if *first == key => found = map.next_value_seed(At(rest))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Found, A::Error> {
        let wanted = self.0.split_first().and_then(|(first, rest)| Some((index(first)?, rest)));
        let mut found = self.whole();
        for at in 0usize.. {
            let more = match wanted {
                Some((index, rest)) if index == at => match list.next_element_seed(At(rest))? {
                    Some(value) => {
                        found = value;
                        true
                    }
                    None => false,
                },
                _ => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(found)
    }
}

/// A place in an array: digits without leading zeros.
fn index(step: &str) -> Option<usize> {
    let digits = step.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_serde_json_finds() {
        let text = r#" {"a":{"b":[1,-2,3.5,{"c":"x\ny"}],"a/b":true,"m~n":null},"":4,"a2":[[]],
            "twice":1,"twice":2,"e":{}} "#;
        let pointers = [
            "",
            "/a",
            "/a/b",
            "/a/b/0",
            "/a/b/1",
            "/a/b/2",
            "/a/b/3/c",
            "/a/b/4",
            "/a/b/01",
            "/a/b/x",
            "/a/a~1b",
            "/a/m~0n",
            "/",
            "/a2/0",
            "/a2/0/0",
            "/twice",
            "/e/x",
            "/nothing",
            "/a/b/0/deeper",
        ];
        let json: Json = serde_json::from_str(text).expect("JSON");
        for pointer in pointers {
            let wanted = match json.pointer(pointer) {
                None => Found::Missing,
                Some(Json::Object(_) | Json::Array(_)) => Found::Compound,
                Some(scalar) => Found::Scalar(scalar.clone()),
            };
            assert_eq!(look(text, pointer).expect("JSON"), wanted, "{pointer}");
        }
    }

    #[test]
    fn what_is_no_json_is_an_error_wherever_it_stands() {
        for text in ["", "x", "{", r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a":1,"b":}"#, "[1,]", "NaN"] {
            look(text, "/a").expect_err(text);
        }
    }
}
