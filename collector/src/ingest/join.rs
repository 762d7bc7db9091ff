//! `POST /v1/join`: a host with a join token becomes an agent. JSON both ways; bounded in size and rate.
//!
//! ```text
//! {"token": "hansho-join-1-…", "name": "web03"}
//! 200 {"agent": "CUSTOMER/SYSTEM/NAME", "key": "hansho1 …"}
//! 4xx {"error": WORD, "message": TEXT}
//! ```

use super::peers::counted;
use crate::clock::Moment;
use crate::config::value::is_id;
use crate::limit::{JOIN_FAILURES, JOIN_NAME_BYTES, JOIN_WINDOW_MS, JOINS};
use hansho::frame::kind::AgentId;
use hansho::frame::seal::digest;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a token's text begins with: its format.
pub const TOKEN_PREFIX: &str = "hansho-join-1-";
/// Label under which secrets are hashed.
const TOKEN_LABEL: &str = "hansho join token";

/// The text of a token: number and secret.
#[must_use]
pub fn token_text(id: u32, secret: &[u8; 32]) -> String {
    let mut text = format!("{TOKEN_PREFIX}{id}-");
    for byte in secret {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// The hash of a secret, as it is stored.
#[must_use]
pub fn token_hash(secret: &[u8; 32]) -> [u8; 32] {
    digest(TOKEN_LABEL, secret)
}

/// Number and hash of a token's text.
fn token(text: &str) -> Option<(u32, [u8; 32])> {
    let (id, secret) = text.strip_prefix(TOKEN_PREFIX)?.split_once('-')?;
    let id = id.parse().ok()?;
    let secret = crate::keys::from_hex(secret)?;
    Some((id, token_hash(&secret)))
}

/// What a host asks, and who it would be.
#[derive(Clone, Debug)]
pub struct JoinAsk {
    /// The token's number.
    pub token: u32,
    /// Hash of its secret.
    pub hash: [u8; 32],
    /// How the agent will be called.
    pub name: String,
    /// Its identity, random.
    pub agent: AgentId,
    /// Master of its key.
    pub master: u32,
    /// Epoch of its key.
    pub epoch: u8,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It is an agent now.
    Added {
        /// Its customer.
        customer: String,
        /// Its system.
        system: String,
    },
    /// No such token, or another secret.
    NoToken,
    /// The token is not taken any more.
    TokenOver(TokenEnd),
    /// The system has an agent of this name.
    NameTaken {
        /// The customer.
        customer: String,
        /// The system.
        system: String,
    },
}

/// Why a join token is not taken although its secret is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEnd {
    /// Its time is over.
    Expired,
    /// As many joined as might.
    UsedUp,
    /// It was taken back.
    Revoked,
}

impl TokenEnd {
    /// Its word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::UsedUp => "used_up",
            Self::Revoked => "revoked",
        }
    }
}

/// Why a join is refused before the store is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinFault {
    /// No JSON, or without token and name.
    Shape,
    /// The token is none.
    Token,
    /// The name is none.
    Name,
}

/// Reads a request; the identity is filled in by the caller.
///
/// # Errors
/// [`JoinFault`].
pub fn parse(body: &[u8]) -> Result<(u32, [u8; 32], String), JoinFault> {
    let value: Value = serde_json::from_slice(body).map_err(|_| JoinFault::Shape)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let (given, name) = text("token").zip(text("name")).ok_or(JoinFault::Shape)?;
    if name.len() > JOIN_NAME_BYTES || !is_id(name) {
        return Err(JoinFault::Name);
    }
    let (id, hash) = token(given).ok_or(JoinFault::Token)?;
    Ok((id, hash, name.to_owned()))
}

/// An answer that is no success.
pub(super) fn refusal(status: StatusCode, error: &str, message: &str) -> (StatusCode, Value) {
    (status, json!({ "error": error, "message": message }))
}

impl JoinFault {
    pub(super) fn answer(self) -> (StatusCode, Value) {
        match self {
            Self::Shape => refusal(
                StatusCode::BAD_REQUEST,
                "shape",
                "expected JSON with token and name",
            ),
            // The words of a wrong secret: whoever guesses learns nothing.
            Self::Token => Joined::NoToken.answer("", ""),
            Self::Name => refusal(
                StatusCode::BAD_REQUEST,
                "name",
                "a name has 1 to 64 characters without /, control characters and spaces at its ends",
            ),
        }
    }
}

impl Joined {
    /// The answer; `key_line` is what the host is to keep.
    pub(super) fn answer(&self, name: &str, key_line: &str) -> (StatusCode, Value) {
        match self {
            Self::Added { customer, system } => (
                StatusCode::OK,
                json!({ "agent": format!("{customer}/{system}/{name}"), "key": key_line }),
            ),
            Self::NoToken => refusal(
                StatusCode::UNAUTHORIZED,
                "token",
                "not a join token of this collector",
            ),
            Self::TokenOver(end) => refusal(
                StatusCode::FORBIDDEN,
                end.word(),
                match end {
                    TokenEnd::Expired => "the time of the join token is over",
                    TokenEnd::UsedUp => "as many hosts joined with the token as might",
                    TokenEnd::Revoked => "the join token was revoked",
                },
            ),
            Self::NameTaken { customer, system } => refusal(
                StatusCode::CONFLICT,
                "name_taken",
                &format!(
                    "{customer}/{system} has an agent {name}: join with another --name, or have the collector's administrator run \
                     hansho-collector agent rotate"
                ),
            ),
        }
    }
}

/// Bounds how often may be asked: guesses by address, and everything together.
#[derive(Debug, Default)]
pub struct JoinGate(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Moment>,
    all: u32,
    failures: HashMap<IpAddr, u32>,
}

impl JoinGate {
    /// Whether a request of this address may be looked at now; it is counted.
    pub(super) fn enter(&self, address: Option<IpAddr>) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let span = Duration::from_millis(JOIN_WINDOW_MS);
        if window.began.is_none_or(|began| began.elapsed() >= span) {
            *window = Window {
                began: Some(Moment::now()),
                ..Window::default()
            };
        }
        let failures = address.and_then(|address| window.failures.get(&counted(address)).copied());
        if window.all >= JOINS || failures.unwrap_or(0) >= JOIN_FAILURES {
            return false;
        }
        window.all = window.all.saturating_add(1);
        true
    }

    /// That one had no token.
    pub(super) fn failed(&self, address: Option<IpAddr>) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = address {
            // No more entries than requests of the window, which are bounded.
            let count = window.failures.entry(counted(address)).or_default();
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is_one() {
        let text = token_text(7, &[0xab; 32]);
        assert_eq!(token(&text), Some((7, token_hash(&[0xab; 32]))));
        for wrong in [
            "",
            "hansho-join-1-7",
            "hansho-join-2-7-00",
            text.trim_end_matches(char::is_alphanumeric),
        ] {
            assert_eq!(token(wrong), None, "{wrong}");
        }
        assert_ne!(token_hash(&[0xab; 32]), [0xab; 32]);
    }

    #[test]
    fn requests_are_bounded_and_their_faults_told_apart() {
        let good = token_text(1, &[1; 32]);
        let ask = |token: &str, name: &str| {
            parse(
                json!({ "token": token, "name": name })
                    .to_string()
                    .as_bytes(),
            )
        };
        assert_eq!(ask(&good, "web03").unwrap().2, "web03");
        assert_eq!(ask(&good, "a/b"), Err(JoinFault::Name));
        assert_eq!(ask(&good, &"x".repeat(65)), Err(JoinFault::Name));
        assert_eq!(ask("x", "web03"), Err(JoinFault::Token));
        for shape in [&b""[..], b"[]", b"{\"token\":1,\"name\":\"x\"}", b"\xFF"] {
            assert_eq!(parse(shape), Err(JoinFault::Shape));
        }
    }

    #[test]
    fn who_guesses_too_often_waits_and_others_do_not() {
        let gate = JoinGate::default();
        let (bad, good) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        for _ in 0..JOIN_FAILURES {
            assert!(gate.enter(bad));
            gate.failed(bad);
        }
        assert!(!gate.enter(bad));
        let left = JOINS - JOIN_FAILURES;
        for _ in 0..left {
            assert!(gate.enter(good));
        }
        assert!(!gate.enter(good));
    }
}
