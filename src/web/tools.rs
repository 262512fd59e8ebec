//! Tools of a chat: how they are told to the model, what its answer must then look like, and the
//! call in an answer. The words are ours; names, descriptions and schemas are the caller's.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::limits;
use crate::mind::protocol::Form;

/// A function that the model may ask to be called.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Tool {
    function: Function,
}

#[derive(Clone, Debug, Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    description: String,
    parameters: Option<Value>,
}

/// Whether a tool must be called.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Choice {
    /// None may be.
    None,
    /// The model chooses.
    Auto,
    /// One must be; this one, where it is named.
    Required(Option<String>),
}

impl Choice {
    /// Reads `tool_choice`.
    pub(super) fn of(value: Option<&Value>, tools: &[Tool]) -> Result<Self, ApiError> {
        let named = |value: &Value| value["function"]["name"].as_str().map(str::to_owned);
        match value {
            _ if tools.is_empty() => Ok(Self::None),
            None | Some(Value::Null) => Ok(Self::Auto),
            Some(Value::String(word)) => match word.as_str() {
                "none" => Ok(Self::None),
                "auto" => Ok(Self::Auto),
                "required" => Ok(Self::Required(None)),
                other => Err(ApiError::bad(format!(
                    "tool_choice: found \"{other}\", allowed none, auto, required or a function"
                ))),
            },
            Some(value) => match named(value) {
                Some(name) if tools.iter().any(|tool| tool.function.name == name) => {
                    Ok(Self::Required(Some(name)))
                }
                _ => Err(ApiError::bad("tool_choice names none of the tools")),
            },
        }
    }
}

/// Refuses more tools than a small model can choose among.
pub(super) fn check(tools: &[Tool]) -> Result<(), ApiError> {
    let most = limits::WEB_TOOLS_MAX;
    match tools.len() > most {
        true => Err(ApiError::bad(format!("tools: found {}, allowed {most}", tools.len()))),
        false => Ok(()),
    }
}

/// What the model is told of its tools.
pub(super) fn told(tools: &[Tool], choice: &Choice) -> Option<String> {
    if *choice == Choice::None {
        return None;
    }
    let lines = tools.iter().map(|Tool { function }| {
        json!({"name": function.name, "description": function.description,
            "parameters": function.parameters})
        .to_string()
    });
    let lines: Vec<String> = lines.collect();
    let when = match choice {
        Choice::Required(_) => "Answer with a call",
        _ => "Where one helps, answer with a call and nothing else",
    };
    Some(format!(
        "You have these tools:\n{}\n{when}: {{\"name\": its name, \"arguments\": {{…}}}}",
        lines.join("\n")
    ))
}

/// What the answer must look like; `None`: as the caller's own form says.
pub(super) fn form(tools: &[Tool], choice: &Choice) -> Option<Form> {
    let named = match choice {
        Choice::None => return None,
        Choice::Auto | Choice::Required(None) => None,
        Choice::Required(Some(name)) => Some(name),
    };
    let calls: Vec<Value> = tools
        .iter()
        .filter(|tool| named.is_none_or(|name| tool.function.name == *name))
        .map(call_schema)
        .collect();
    let mut schema = match <[Value; 1]>::try_from(calls) {
        Ok([one]) => one,
        Err(calls) => json!({"anyOf": calls}),
    };
    if let Choice::Required(_) = choice {
        return Some(Form::JsonSchema(schema.to_string()));
    }
    // Inside a grammar the one way to put blanks is named by hand.
    schema["x-guidance"] =
        json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
    // A text that begins as a call does is one.
    Some(Form::Lark(format!("start: call | text\ncall: %json {schema}\ntext: /[^{{](.|\\n)*/\n")))
}

fn call_schema(tool: &Tool) -> Value {
    let Function { name, parameters, .. } = &tool.function;
    let parameters = parameters.clone().unwrap_or_else(|| json!({"type": "object"}));
    json!({"type": "object",
        "properties": {"name": {"const": name}, "arguments": parameters},
        "required": ["name", "arguments"], "additionalProperties": false})
}

/// The call in an answer: name, and arguments as a JSON text.
pub(super) fn call(answer: &str, tools: &[Tool]) -> Option<(String, String)> {
    let value: Value = serde_json::from_str(answer).ok()?;
    let name = value["name"].as_str()?;
    let known = tools.iter().any(|tool| tool.function.name == name);
    known.then(|| (name.to_owned(), value["arguments"].to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> Vec<Tool> {
        let json = json!([
            {"type": "function", "function": {"name": "fan", "parameters": {"type": "object"}}},
            {"type": "function", "function": {"name": "heater", "description": "warms"}},
        ]);
        serde_json::from_value(json).expect("tools")
    }

    #[test]
    fn a_choice_names_a_tool_that_is_there() {
        let of = |value: Value| Choice::of(Some(&value), &tools());
        assert_eq!(of(json!("required")).expect("known"), Choice::Required(None));
        let named = json!({"type": "function", "function": {"name": "fan"}});
        assert_eq!(of(named).expect("known"), Choice::Required(Some("fan".to_owned())));
        assert!(of(json!({"function": {"name": "pump"}})).is_err());
        assert!(of(json!("perhaps")).is_err());
        assert_eq!(Choice::of(Some(&json!("required")), &[]).expect("none"), Choice::None);
    }

    #[test]
    fn a_call_is_found_in_an_answer_and_nothing_else_is_one() {
        let found = call(r#"{"name": "fan", "arguments": {"state": "on"}}"#, &tools());
        assert_eq!(found, Some(("fan".to_owned(), r#"{"state":"on"}"#.to_owned())));
        assert_eq!(call(r#"{"name": "pump", "arguments": {}}"#, &tools()), None);
        assert_eq!(call("The fan.", &tools()), None);
    }

    #[test]
    fn only_a_named_tool_stays_in_the_form() {
        let only = form(&tools(), &Choice::Required(Some("heater".to_owned())));
        let Some(Form::JsonSchema(schema)) = only else { panic!("no schema") };
        assert!(schema.contains("heater") && !schema.contains("fan"), "{schema}");
        assert!(matches!(form(&tools(), &Choice::Auto), Some(Form::Lark(_))));
        assert_eq!(form(&tools(), &Choice::None), None);
    }
}
