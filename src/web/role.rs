//! Who may what: a token of `look_token_file` looks, one of `operate_token_file` also gives orders,
//! approves and sets goals, and one of `token_file` also changes rules, notes, the model and the
//! program. Without any token everybody at the address may do everything.
//!
//! What must never be here: a way for a lesser role to a greater one.

use std::path::Path;

use axum::Json;
use axum::http::{HeaderMap, Method, header::AUTHORIZATION};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Shared, WebError, session};
use crate::config;
use crate::limits;
use crate::link::topics::CommandKind;

/// What a person or program may do; each may also what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// See everything.
    Look,
    /// Give orders, approve, set goals, ask the language model.
    Operate,
    /// Change rules and notes, take models and releases, start again.
    Change,
}

impl Role {
    /// The word for people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Role::Look => "look",
            Role::Operate => "operate",
            Role::Change => "change",
        }
    }

    /// What a request needs before anything is known of its body.
    pub(super) fn of_method(method: &Method) -> Role {
        if method == Method::GET || method == Method::HEAD { Role::Look } else { Role::Operate }
    }

    /// What a device command needs.
    pub(super) fn of_command(kind: CommandKind) -> Role {
        match kind {
            CommandKind::Set
            | CommandKind::Mode
            | CommandKind::Goal
            | CommandKind::Ask
            | CommandKind::Approve
            | CommandKind::Deny
            | CommandKind::Rate => Role::Operate,
            CommandKind::Rule
            | CommandKind::Note
            | CommandKind::Model
            | CommandKind::Update
            | CommandKind::Restart => Role::Change,
        }
    }
}

/// Hashes of the tokens, so that a comparison takes the same time whatever is sent.
#[derive(Debug)]
pub(super) struct Tokens(Vec<([u8; 32], Role)>);

impl Tokens {
    /// Those of the files that are named.
    ///
    /// # Errors
    /// A file that cannot be read, a token that is too short, or one that two roles have.
    pub(super) fn read(web: &config::Web) -> Result<Self, WebError> {
        let files = [
            ("token_file", &web.token_file, Role::Change),
            ("operate_token_file", &web.operate_token_file, Role::Operate),
            ("look_token_file", &web.look_token_file, Role::Look),
        ];
        let mut tokens = Vec::<([u8; 32], Role)>::new();
        for (key, path, role) in files {
            let Some(path) = path else { continue };
            let fault = |reason| WebError::Token { key, path: path.clone(), reason };
            let hash = token(path).map_err(fault)?;
            if tokens.iter().any(|(known, _)| *known == hash) {
                let reason = "found the token of another role, allowed is one of its own";
                return Err(fault(reason.into()));
            }
            tokens.push((hash, role));
        }
        Ok(Self(tokens))
    }

    /// Nobody is asked for one.
    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token it is.
    pub(super) fn role(&self, sent: &str) -> Option<Role> {
        let hash: [u8; 32] = Sha256::digest(sent.trim()).into();
        let found = self.0.iter().fold(
            None,
            |found, (known, role)| {
                if *known == hash { Some(*role) } else { found }
            },
        );
        if self.are_none() { Some(Role::Change) } else { found }
    }
}

/// Who sends a request; `None`: nobody that is known.
pub(super) fn of_request(shared: &Shared, headers: &HeaderMap) -> Option<Role> {
    if shared.tokens.are_none() {
        return Some(Role::Change);
    }
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
    let bearer = sent.and_then(|sent| shared.tokens.role(sent));
    bearer.or_else(|| session::role(shared, headers))
}

/// What who asks may do.
pub(super) async fn own(axum::Extension(role): axum::Extension<Role>) -> Json<Value> {
    Json(json!({ "role": role.word() }))
}

/// The hash of the token in a file.
fn token(path: &Path) -> Result<[u8; 32], String> {
    let text = config::secret(path).map_err(|error| error.to_string())?;
    let text = text.trim();
    let least = limits::WEB_TOKEN_BYTES_MIN;
    if text.len() < least {
        return Err(format!("{} characters, at least {least} are needed", text.len()));
    }
    Ok(Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greater_role_may_what_the_lesser_may() {
        assert!(Role::Look < Role::Operate && Role::Operate < Role::Change);
        let of = |method| Role::of_method(&method);
        assert_eq!((of(Method::GET), of(Method::POST)), (Role::Look, Role::Operate));
        let operated = CommandKind::ALL.map(|kind| Role::of_command(kind) == Role::Operate);
        assert_eq!(operated.iter().filter(|is| **is).count(), 7);
        let all = [("a".repeat(16), Role::Look), ("b".repeat(16), Role::Change)];
        let tokens = Tokens(all.map(|(text, role)| (Sha256::digest(text).into(), role)).to_vec());
        assert_eq!(tokens.role(&"a".repeat(16)), Some(Role::Look));
        assert_eq!(tokens.role(&format!("{}\n", "b".repeat(16))), Some(Role::Change));
        assert_eq!(tokens.role("a"), None);
        assert_eq!(Tokens(Vec::new()).role(""), Some(Role::Change));
    }
}
