//! Logins that hold: begun with a password, ended by their age, by idleness, by logging out, or with their account.

use super::{Account, Digest, Session};
use crate::limit::{SESSION_IDLE_MS, SESSION_MS, SESSIONS_PER_ACCOUNT, USED_STEP_MS};
use crate::store::StoreError;
use crate::store::rows::PeopleRows;
use hansho::clock::WallTime;

/// Why a session is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There is no such session: logged out, replaced by newer ones, or never there.
    Unknown,
    /// The password was given too long ago.
    Old,
    /// Not used for too long.
    Idle,
    /// The account is gone or disabled.
    Account,
}

impl Ended {
    /// For the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Old => "old",
            Self::Idle => "idle",
            Self::Account => "account disabled",
        }
    }
}

fn since(then: WallTime, now: WallTime) -> u64 {
    now.as_millis().saturating_sub(then.as_millis())
}

/// Whether it has ended by itself.
const fn ended(age_ms: u64, idle_ms: u64) -> Option<Ended> {
    if age_ms >= SESSION_MS {
        Some(Ended::Old)
    } else if idle_ms >= SESSION_IDLE_MS {
        Some(Ended::Idle)
    } else {
        None
    }
}

fn ended_at(session: &Session, now: WallTime) -> Option<Ended> {
    // Begun by a clock that was ahead by more than a session holds: else it would hold until that time.
    if since(now, session.created) > SESSION_MS {
        return Some(Ended::Old);
    }
    ended(since(session.created, now), since(session.used, now))
}

/// Begins a session. Those of the account that have ended go, and the ones used longest ago where there would be too many.
///
/// # Errors
/// [`StoreError`].
pub fn begin(
    rows: &mut dyn PeopleRows,
    account: &str,
    digest: Digest,
    now: WallTime,
) -> Result<(), StoreError> {
    let mut held = Vec::new();
    for session in rows.sessions_of(account)? {
        if ended_at(&session, now).is_some() {
            rows.delete_session(&session.digest)?;
        } else {
            held.push(session);
        }
    }
    let surplus = (held.len().saturating_add(1)).saturating_sub(SESSIONS_PER_ACCOUNT);
    for session in held.iter().take(surplus) {
        rows.delete_session(&session.digest)?;
    }
    rows.put_session(&Session {
        digest,
        account: account.to_owned(),
        created: now,
        used: now,
    })
}

/// The session with its account as it stands now.
///
/// # Errors
/// [`StoreError`]; within, why there is none.
pub fn find(
    rows: &mut dyn PeopleRows,
    digest: &Digest,
    now: WallTime,
) -> Result<Result<(Session, Account), Ended>, StoreError> {
    let Some(session) = rows.session(digest)? else {
        return Ok(Err(Ended::Unknown));
    };
    if let Some(ended) = ended_at(&session, now) {
        return Ok(Err(ended));
    }
    let account = rows.account(&session.account)?;
    Ok(account
        .filter(|account| !account.disabled)
        .map(|account| (session, account))
        .ok_or(Ended::Account))
}

/// Whether the use now is worth a write.
#[must_use]
pub fn worth_noting(used: Option<WallTime>, now: WallTime) -> bool {
    used.is_none_or(|used| since(used, now) >= USED_STEP_MS)
}

/// Notes a use. A session that has gone meanwhile is not revived.
///
/// # Errors
/// [`StoreError`].
pub fn note_use(
    rows: &mut dyn PeopleRows,
    digest: &Digest,
    now: WallTime,
) -> Result<(), StoreError> {
    match rows.session(digest)? {
        Some(session) if worth_noting(Some(session.used), now) => rows.put_session(&Session {
            used: now,
            ..session
        }),
        _ => Ok(()),
    }
}

/// Ends all sessions of an account but one; says how many.
///
/// # Errors
/// [`StoreError`].
pub fn end_all(
    rows: &mut dyn PeopleRows,
    account: &str,
    but: Option<&Digest>,
) -> Result<usize, StoreError> {
    let mut count: usize = 0;
    for session in rows.sessions_of(account)? {
        if Some(&session.digest) != but {
            rows.delete_session(&session.digest)?;
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}
