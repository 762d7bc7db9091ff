//! The link under which the first account is made: while there is no account, `serve` prints it.

use super::accounts::{self, Rights};
use super::{Digest, NotDone, Role, Scope, SetupLink, secret};
use crate::limit::SETUP_MS;
use crate::store::StoreError;
use crate::store::rows::PeopleRows;
use hansho::clock::WallTime;
use hansho::code::Language;

/// Offers a link where there is no account; one from an earlier start is good no more. Says whether it was offered.
///
/// # Errors
/// [`StoreError`].
pub fn offer(rows: &mut dyn PeopleRows, digest: Digest, now: WallTime) -> Result<bool, StoreError> {
    if !rows.accounts()?.is_empty() {
        return Ok(false);
    }
    let expires = WallTime::from_millis(now.as_millis().saturating_add(SETUP_MS));
    rows.put_setup_link(Some(SetupLink { digest, expires }))?;
    Ok(true)
}

/// Whether the link is good now.
///
/// # Errors
/// [`StoreError`].
pub fn is_good(
    rows: &mut dyn PeopleRows,
    digest: &Digest,
    now: WallTime,
) -> Result<bool, StoreError> {
    let link = rows.setup_link()?;
    let good = link.is_some_and(|link| secret::same(&link.digest, digest) && now < link.expires);
    Ok(good && rows.accounts()?.is_empty())
}

/// Makes the first account, an admin who sees all, and uses the link up.
///
/// # Errors
/// [`NotDone::Link`], and those of [`accounts::add`].
pub fn first_account(
    rows: &mut dyn PeopleRows,
    digest: &Digest,
    name: &str,
    hash: String,
    language: Option<Language>,
    now: WallTime,
) -> Result<(), NotDone> {
    if !is_good(rows, digest, now)? {
        return Err(NotDone::Link);
    }
    let rights = Rights {
        role: Role::Admin,
        scope: Scope::All,
        disabled: false,
    };
    accounts::add(rows, name, Some(hash), &rights, language, now)
}
