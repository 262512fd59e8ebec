//! Who is at the page: a token becomes a cookie that scripts cannot read and other sites cannot
//! send. Sessions are in memory: a restart asks for the token again.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Shared;
use super::error::ApiError;
use super::role::Role;
use crate::limits::{WEB_SESSION_MS_MAX, WEB_SESSIONS_MAX};

const NAME: &str = "outpost";

/// Hashes of the cookies that are let in, since when and as whom; the oldest goes at the bound.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Vec<([u8; 32], Instant, Role)>>);

impl Sessions {
    fn begin(&self, role: Role) -> String {
        let secret = format!("{:032x}", rand::random::<u128>());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= WEB_SESSIONS_MAX {
            all.remove(0);
        }
        all.push((Sha256::digest(&secret).into(), Instant::now(), role));
        secret
    }

    fn role(&self, secret: &str) -> Option<Role> {
        let hash: [u8; 32] = Sha256::digest(secret).into();
        let longest = Duration::from_millis(WEB_SESSION_MS_MAX);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, since, _)| since.elapsed() < longest);
        all.iter().find(|(known, ..)| *known == hash).map(|(.., role)| *role)
    }
}

/// As whom the cookie of a request was let in; `None`: it is none of ours.
pub(super) fn role(shared: &Shared, headers: &HeaderMap) -> Option<Role> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut ours = cookies.flat_map(|value| value.split(';')).filter_map(|pair| {
        let (name, secret) = pair.trim().split_once('=')?;
        (name == NAME).then_some(secret)
    });
    ours.find_map(|secret| shared.sessions.role(secret))
}

/// A browser says which site a request comes from: what changes something must come from ours. A
/// program that is no browser says nothing.
pub(super) fn is_foreign(method: &Method, headers: &HeaderMap) -> bool {
    if method == Method::GET || method == Method::HEAD {
        return false;
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(axum::http::HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let (Some(origin), Some(host)) = (text(ORIGIN), text(HOST)) else { return false };
    origin.split_once("://").is_none_or(|(_, from)| from != host)
}

/// A request names a host that is not this board's. A site whose name is made to mean our address
/// would pass for our own page otherwise, and without a token nothing else would keep it out. Only
/// names that no stranger can register are ours.
pub(super) fn is_elsewhere(headers: &HeaderMap) -> bool {
    // A browser always sends it.
    let Some(host) = headers.get(HOST) else { return false };
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let Some(authority) = authority else { return true };
    let name = authority.host();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_err() && name.contains('.')
}

/// What somebody says to be let in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    token: String,
}

/// A cookie for the token.
pub(super) async fn login(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Login>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(Login { token }) = body?;
    let Some(role) = shared.tokens.role(&token) else {
        let Ok(_place) = shared.guesses.try_acquire() else {
            return Err(ApiError::busy("too many wrong tokens wait"));
        };
        // One at a time and slowly: guessing is of no use.
        let _turn = shared.logins.lock().await;
        tokio::time::sleep(Duration::from_millis(crate::limits::WEB_LOGIN_MS)).await;
        return Err(ApiError::unauthorised());
    };
    let secret = shared.sessions.begin(role);
    let age_s = WEB_SESSION_MS_MAX / 1000;
    let cookie = format!("{NAME}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age_s}");
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_comes_from_our_own_page() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            headers
        };
        let foreign =
            |pairs: &[(&'static str, &'static str)]| is_foreign(&Method::POST, &with(pairs));
        assert!(!foreign(&[("host", "board:8080")]), "a program");
        assert!(!foreign(&[("host", "board:8080"), ("origin", "http://board:8080")]));
        assert!(foreign(&[("host", "board:8080"), ("origin", "http://elsewhere")]));
        assert!(foreign(&[("host", "board:8080"), ("origin", "null")]));
        assert!(foreign(&[("host", "board:8080"), ("sec-fetch-site", "cross-site")]));
        assert!(!is_foreign(&Method::GET, &with(&[("sec-fetch-site", "cross-site")])));
    }

    #[test]
    fn a_name_that_a_stranger_can_register_is_not_ours() {
        let elsewhere = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            is_elsewhere(&headers)
        };
        for host in ["127.0.0.1:8080", "127.0.0.1", "[::1]:8080", "localhost:8080", "board"] {
            assert!(!elsewhere(host), "{host}");
        }
        for host in ["evil.example:8080", "127.0.0.1.evil.example", "localhost.", "a b", ""] {
            assert!(elsewhere(host), "{host}");
        }
        assert!(!is_elsewhere(&HeaderMap::new()), "a program that says nothing");
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::default();
        let first = sessions.begin(Role::Look);
        assert_eq!((sessions.role(&first), sessions.role("guessed")), (Some(Role::Look), None));
        for _ in 0..WEB_SESSIONS_MAX {
            sessions.begin(Role::Change);
        }
        assert_eq!(sessions.role(&first), None);
    }
}
