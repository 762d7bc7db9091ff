//! People: added, changed, disabled; what they log in with.

use super::{Account, Digest, NotDone, Role, Scope, sessions};
use crate::limit::{ACCOUNTS, NAME_CHARACTERS, SCOPE_CUSTOMERS};
use crate::store::rows::PeopleRows;
use hansho::clock::WallTime;
use hansho::code::Language;

/// A name of an account or token: letters and digits of any script and `._@+-`, so that it looks like what it is in a log, a
/// header and a form.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=NAME_CHARACTERS).contains(&name.chars().count())
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "._@+-".contains(c))
}

/// Whether every customer in the scope could be one, as `agent add` takes them.
#[must_use]
pub fn is_scope(scope: &Scope) -> bool {
    match scope {
        Scope::All => true,
        Scope::Customers(customers) => {
            customers.len() <= SCOPE_CUSTOMERS
                && customers.iter().all(|name| {
                    (1..=NAME_CHARACTERS).contains(&name.chars().count())
                        && !name.chars().any(|c| c.is_control() || c == '/')
                        && name.trim() == name
                })
        }
    }
}

/// What an admin decides about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// What it may do.
    pub role: Role,
    /// Whose systems it sees.
    pub scope: Scope,
    /// It cannot come in.
    pub disabled: bool,
}

impl Rights {
    /// For the audit.
    pub(super) fn detail(&self) -> String {
        let scope = scope_detail(&self.scope);
        format!(
            "role={} customers={scope} disabled={}",
            self.role.word(),
            self.disabled
        )
    }
}

/// A scope for the audit: `all`, or names in quotes, so that none can pass for something else.
pub(super) fn scope_detail(scope: &Scope) -> String {
    match scope {
        Scope::All => "all".to_owned(),
        Scope::Customers(customers) => serde_json::json!(customers).to_string(),
    }
}

/// Adds an account; `password` is the hash, `None` where only the single-sign-on proxy lets the person in.
///
/// # Errors
/// [`NotDone::Name`], [`NotDone::Customer`], [`NotDone::Taken`], [`NotDone::TooMany`], [`NotDone::Store`].
pub fn add(
    rows: &mut dyn PeopleRows,
    name: &str,
    password: Option<String>,
    rights: &Rights,
    language: Option<Language>,
    now: WallTime,
) -> Result<(), NotDone> {
    if !is_name(name) {
        return Err(NotDone::Name);
    }
    if !is_scope(&rights.scope) {
        return Err(NotDone::Customer);
    }
    if rows.account(name)?.is_some() {
        return Err(NotDone::Taken);
    }
    if rows.accounts()?.len() >= ACCOUNTS {
        return Err(NotDone::TooMany);
    }
    rows.put_account(&Account {
        name: name.to_owned(),
        password,
        role: rights.role,
        scope: rights.scope.clone(),
        language,
        disabled: rights.disabled,
        created: now,
    })?;
    // Whoever has an account needs no link to make the first one.
    Ok(rows.put_setup_link(None)?)
}

/// Whether the account can log in and manage accounts.
fn manages(account: &Account) -> bool {
    account.role == Role::Admin
        && account.scope == Scope::All
        && !account.disabled
        && account.password.is_some()
}

/// Changes what an account may do; disabling it ends its sessions. The last account that can manage accounts keeps that.
///
/// # Errors
/// [`NotDone::Missing`], [`NotDone::Customer`], [`NotDone::LastAdmin`], [`NotDone::Store`].
pub fn change(rows: &mut dyn PeopleRows, name: &str, rights: &Rights) -> Result<(), NotDone> {
    if !is_scope(&rights.scope) {
        return Err(NotDone::Customer);
    }
    let account = rows.account(name)?.ok_or(NotDone::Missing)?;
    let changed = Account {
        role: rights.role,
        scope: rights.scope.clone(),
        disabled: rights.disabled,
        ..account.clone()
    };
    if manages(&account) && !manages(&changed) {
        let others = rows.accounts()?;
        if !others
            .iter()
            .any(|other| other.name != name && manages(other))
        {
            return Err(NotDone::LastAdmin);
        }
    }
    rows.put_account(&changed)?;
    if rights.disabled {
        sessions::end_all(rows, name, None)?;
    }
    Ok(())
}

/// Disables an account, or lets it in again.
///
/// # Errors
/// As [`change`].
pub fn disable(rows: &mut dyn PeopleRows, name: &str, disabled: bool) -> Result<(), NotDone> {
    let account = rows.account(name)?.ok_or(NotDone::Missing)?;
    let rights = Rights {
        role: account.role,
        scope: account.scope,
        disabled,
    };
    change(rows, name, &rights)
}

/// Replaces the hash of the password; ends all sessions of the account but `but`, so that whoever knew the old one is out.
///
/// # Errors
/// [`NotDone::Missing`], [`NotDone::Store`].
pub fn set_password(
    rows: &mut dyn PeopleRows,
    name: &str,
    hash: String,
    but: Option<&Digest>,
) -> Result<(), NotDone> {
    let account = rows.account(name)?.ok_or(NotDone::Missing)?;
    rows.put_account(&Account {
        password: Some(hash),
        ..account
    })?;
    sessions::end_all(rows, name, but)?;
    Ok(())
}

/// Replaces the language of the pages.
///
/// # Errors
/// [`NotDone::Missing`], [`NotDone::Store`].
pub fn set_language(
    rows: &mut dyn PeopleRows,
    name: &str,
    language: Option<Language>,
) -> Result<(), NotDone> {
    let account = rows.account(name)?.ok_or(NotDone::Missing)?;
    Ok(rows.put_account(&Account {
        language,
        ..account
    })?)
}
