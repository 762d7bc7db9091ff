//! Programs: tokens that are shown once, with a role, a scope and an end of their own.

use super::accounts::{is_name, is_scope, scope_detail};
use super::{ApiToken, Digest, NotDone, Role, Scope, sessions};
use crate::limit::ACCOUNTS;
use crate::store::StoreError;
use crate::store::rows::PeopleRows;
use hansho::clock::WallTime;

/// Why a token does not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// There is none: revoked, or never there.
    Unknown,
    /// Its time is over.
    Expired,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose systems it sees.
    pub scope: Scope,
    /// From when on it is refused; `None` for never.
    pub expires: Option<WallTime>,
}

impl NewToken {
    /// For the audit.
    pub(super) fn detail(&self) -> String {
        let scope = scope_detail(&self.scope);
        let end = self.expires.map_or_else(String::new, |end| {
            format!(" expires_ms={}", end.as_millis())
        });
        format!("role={} customers={scope}{end}", self.role.word())
    }
}

/// Adds a token.
///
/// # Errors
/// [`NotDone::Name`], [`NotDone::Customer`], [`NotDone::Taken`], [`NotDone::TooMany`], [`NotDone::Store`].
pub fn add(
    rows: &mut dyn PeopleRows,
    token: &NewToken,
    digest: Digest,
    by: &str,
    now: WallTime,
) -> Result<(), NotDone> {
    if !is_name(&token.name) {
        return Err(NotDone::Name);
    }
    if !is_scope(&token.scope) {
        return Err(NotDone::Customer);
    }
    let tokens = rows.tokens()?;
    if tokens.iter().any(|known| known.name == token.name) {
        return Err(NotDone::Taken);
    }
    if tokens.len() >= ACCOUNTS {
        return Err(NotDone::TooMany);
    }
    Ok(rows.put_token(&ApiToken {
        name: token.name.clone(),
        digest,
        role: token.role,
        scope: token.scope.clone(),
        created: now,
        created_by: by.to_owned(),
        expires: token.expires,
        used: None,
    })?)
}

/// The token with this digest, where it lets in.
///
/// # Errors
/// [`StoreError`]; within, why it does not.
pub fn find(
    rows: &mut dyn PeopleRows,
    digest: &Digest,
    now: WallTime,
) -> Result<Result<ApiToken, Invalid>, StoreError> {
    Ok(match rows.token(digest)? {
        None => Err(Invalid::Unknown),
        Some(token) if token.expires.is_some_and(|end| end <= now) => Err(Invalid::Expired),
        Some(token) => Ok(token),
    })
}

/// Notes a use. A token that was revoked meanwhile is not revived.
///
/// # Errors
/// [`StoreError`].
pub fn note_use(
    rows: &mut dyn PeopleRows,
    digest: &Digest,
    now: WallTime,
) -> Result<(), StoreError> {
    match rows.token(digest)? {
        Some(token) if sessions::worth_noting(token.used, now) => rows.put_token(&ApiToken {
            used: Some(now),
            ..token
        }),
        _ => Ok(()),
    }
}

/// Revokes a token: from now on it is unknown.
///
/// # Errors
/// [`NotDone::Missing`], [`NotDone::Store`].
pub fn revoke(rows: &mut dyn PeopleRows, name: &str) -> Result<(), NotDone> {
    if !rows.tokens()?.iter().any(|token| token.name == name) {
        return Err(NotDone::Missing);
    }
    Ok(rows.delete_token(name)?)
}
