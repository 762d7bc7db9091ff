//! The gate: what pages and commands ask. Reads from one store, changes through another; hashes passwords outside of any
//! transaction, so that nothing stored waits for it.

use super::accounts::Rights;
use super::limiter::Limiter;
use super::secret::Secret;
use super::sessions::{self, Ended};
use super::tokens::{self, Invalid, NewToken};
use super::{Account, ApiToken, NotDone, Session, TrustedProxy, accounts, password, setup};
use crate::handling::{Who, audit};
use crate::limit::HASHES_AT_ONCE;
use crate::store::rows::{AllRows, PeopleRows};
use crate::store::{Store, StoreError, Via};
use core::net::IpAddr;
use hansho::clock::WallTime;
use hansho::code::Language;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What collector.toml says of how people come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Browsers reach the pages by https: cookies are `Secure` and named `__Host-`.
    pub https: bool,
    /// The single-sign-on proxy.
    pub proxy: Option<TrustedProxy>,
}

impl Settings {
    /// From `[pages] base_url` and `trusted_proxy`.
    #[must_use]
    pub fn new(base_url: Option<&str>, proxy: Option<TrustedProxy>) -> Self {
        Self {
            https: base_url.is_some_and(|url| url.starts_with("https://")),
            proxy,
        }
    }
}

/// The gate.
pub struct Gate {
    reading: Arc<dyn Store>,
    writing: Arc<dyn Store>,
    settings: Settings,
    limiter: Mutex<Limiter>,
    hashing: Hashing,
}

/// So many hashes at once; each takes its memory.
#[derive(Default)]
struct Hashing {
    running: Mutex<usize>,
    ended: Condvar,
}

impl Hashing {
    fn one<T>(&self, work: impl FnOnce() -> T) -> T {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = self
            .ended
            .wait_while(running, |running| *running >= HASHES_AT_ONCE)
            .unwrap_or_else(PoisonError::into_inner);
        *running = running.saturating_add(1);
        drop(running);
        let done = work();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = running.saturating_sub(1);
        drop(running);
        self.ended.notify_one();
        done
    }
}

/// Why a login was refused. The page says the same to the first three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginRefused {
    /// There is no such account, or it has no password.
    Unknown,
    /// The password is another.
    Wrong,
    /// The account is disabled; the password was right.
    Disabled,
    /// Too many failures; may be tried again from then on.
    TooOften(WallTime),
    /// The kernel or the store does not do it.
    Failed(NotDone),
}

impl core::fmt::Display for LoginRefused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unknown => write!(f, "no such account"),
            Self::Wrong => write!(f, "wrong password"),
            Self::Disabled => write!(f, "account disabled"),
            Self::TooOften(_) => write!(f, "failed too often"),
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

/// Reads `rows` as they stand now.
///
/// # Errors
/// [`StoreError`].
pub fn look<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn PeopleRows) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut found = None;
    store.view(&mut |rows| {
        found = Some(work(rows)?);
        Ok(())
    })?;
    found.ok_or_else(|| StoreError::Io("the store did not run the view".to_owned()))
}

/// Changes rows in one transaction; where the change is refused, nothing is changed.
///
/// # Errors
/// What the change says, or [`NotDone::Store`].
pub fn change<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn AllRows) -> Result<T, NotDone>,
) -> Result<T, NotDone> {
    let mut outcome = None;
    let committed = store.transact(&mut |rows| match work(rows) {
        Err(NotDone::Store(error)) => Err(error),
        Err(refused) => {
            // Rolled back with an error that is looked up below.
            outcome = Some(Err(refused));
            Err(StoreError::Io("refused".to_owned()))
        }
        done => {
            outcome = Some(done);
            Ok(())
        }
    });
    match (outcome, committed) {
        (Some(Err(refused)), _) => Err(refused),
        (_, Err(error)) => Err(NotDone::Store(error)),
        (Some(done), Ok(())) => done,
        (None, Ok(())) => Err(NotDone::System(
            "the store did not run the change".to_owned(),
        )),
    }
}

/// Words of the audit: an account was added,
pub const ACCOUNT_ADD: &str = "account_add";
/// its role, scope or whether it is disabled was changed,
pub const ACCOUNT_CHANGE: &str = "account_change";
/// its password was set;
pub const PASSWORD: &str = "account_password";
/// a token was made,
pub const TOKEN_ADD: &str = "token_add";
/// and revoked.
pub const TOKEN_REVOKE: &str = "token_revoke";

/// Somebody who changes what is their own.
fn own(name: &str) -> Who {
    Who {
        name: name.to_owned(),
        via: Via::Page,
        scope: super::Scope::Customers(std::collections::BTreeSet::new()),
    }
}

/// Says in the log where a use could not be noted.
fn noted(outcome: Result<(), NotDone>) {
    if let Err(error) = outcome {
        log::warn!("a use of a session or token cannot be noted: {error}");
    }
}

impl Gate {
    /// Reads from `reading`, changes through `writing`, which may be the same.
    #[must_use]
    pub fn new(reading: Arc<dyn Store>, writing: Arc<dyn Store>, settings: Settings) -> Self {
        Self {
            reading,
            writing,
            settings,
            limiter: Mutex::default(),
            hashing: Hashing::default(),
        }
    }

    /// What collector.toml says.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change and its entry in the audit, or neither. What it is done to is a name of ours (letters, digits, few signs).
    fn audited<T>(
        &self,
        by: &Who,
        (action, on, detail): (&str, &str, &str),
        now: WallTime,
        mut work: impl FnMut(&mut dyn AllRows) -> Result<T, NotDone>,
    ) -> Result<T, NotDone> {
        change(&*self.writing, |rows| {
            let done = work(rows)?;
            audit::append(rows, by, action, on, "", detail, now)?;
            Ok(done)
        })
    }

    /// The account of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        look(&*self.reading, |rows| rows.account(name))
    }

    /// All accounts and all tokens, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn everybody(&self) -> Result<(Vec<Account>, Vec<ApiToken>), StoreError> {
        look(&*self.reading, |rows| {
            Ok((rows.accounts()?, rows.tokens()?))
        })
    }

    /// Checks a password, by name and address, at most so often.
    fn check(
        &self,
        name: &str,
        given: &str,
        address: IpAddr,
        now: WallTime,
    ) -> Result<Account, LoginRefused> {
        self.limiter()
            .admit(name, address, now)
            .map_err(LoginRefused::TooOften)?;
        let account = self
            .account(name)
            .map_err(|error| LoginRefused::Failed(error.into()))?;
        let stored = account
            .as_ref()
            .and_then(|account| account.password.as_deref());
        let right = self.hashing.one(|| password::verify(given, stored));
        let account = match account {
            Some(account) if account.password.is_some() => account,
            _ => return Err(LoginRefused::Unknown),
        };
        match (right, account.disabled) {
            (false, _) => Err(LoginRefused::Wrong),
            (true, true) => Err(LoginRefused::Disabled),
            (true, false) => {
                self.limiter().right(name, address, now);
                Ok(account)
            }
        }
    }

    /// Logs in: a session of its own, whatever the browser had before.
    ///
    /// # Errors
    /// [`LoginRefused`].
    pub fn login(
        &self,
        name: &str,
        given: &str,
        address: IpAddr,
        now: WallTime,
    ) -> Result<Secret, LoginRefused> {
        let account = self.check(name, given, address, now)?;
        let secret = Secret::new().map_err(LoginRefused::Failed)?;
        let begun = change(&*self.writing, |rows| {
            // It may have been disabled, or its password changed, while the password was hashed.
            let unchanged = rows
                .account(name)?
                .is_some_and(|now| !now.disabled && now.password == account.password);
            if unchanged {
                sessions::begin(rows, name, secret.digest(), now)?;
            }
            Ok(unchanged)
        });
        match begun {
            Ok(true) => Ok(secret),
            Ok(false) => Err(LoginRefused::Wrong),
            Err(error) => Err(LoginRefused::Failed(error)),
        }
    }

    /// Whose session it is. A use is noted at most once a minute; where that cannot be stored, the session holds all the
    /// same: with a full disk people must see their pages.
    ///
    /// # Errors
    /// [`StoreError`]; within, why there is none.
    pub fn session(
        &self,
        secret: &Secret,
        now: WallTime,
    ) -> Result<Result<(Session, Account), Ended>, StoreError> {
        let digest = secret.digest();
        let found = self.find_session(secret, now)?;
        if let Ok((session, _)) = &found
            && sessions::worth_noting(Some(session.used), now)
        {
            noted(change(&*self.writing, |rows| {
                Ok(sessions::note_use(rows, &digest, now)?)
            }));
        }
        Ok(found)
    }

    /// The same without a use that would be noted.
    ///
    /// # Errors
    /// As [`Gate::session`].
    pub fn find_session(
        &self,
        secret: &Secret,
        now: WallTime,
    ) -> Result<Result<(Session, Account), Ended>, StoreError> {
        let digest = secret.digest();
        look(&*self.reading, |rows| sessions::find(rows, &digest, now))
    }

    /// Whose token it is; uses are noted as those of sessions.
    ///
    /// # Errors
    /// [`StoreError`]; within, why it does not let in.
    pub fn token(
        &self,
        secret: &Secret,
        now: WallTime,
    ) -> Result<Result<ApiToken, Invalid>, StoreError> {
        let digest = secret.digest();
        let found = self.find_token(secret, now)?;
        if let Ok(token) = &found
            && sessions::worth_noting(token.used, now)
        {
            noted(change(&*self.writing, |rows| {
                Ok(tokens::note_use(rows, &digest, now)?)
            }));
        }
        Ok(found)
    }

    /// The same without a use that would be noted.
    ///
    /// # Errors
    /// As [`Gate::token`].
    pub fn find_token(
        &self,
        secret: &Secret,
        now: WallTime,
    ) -> Result<Result<ApiToken, Invalid>, StoreError> {
        let digest = secret.digest();
        look(&*self.reading, |rows| tokens::find(rows, &digest, now))
    }

    /// Logs out.
    ///
    /// # Errors
    /// [`NotDone::Store`].
    pub fn logout(&self, secret: &Secret) -> Result<(), NotDone> {
        change(&*self.writing, |rows| {
            Ok(rows.delete_session(&secret.digest())?)
        })
    }

    /// Changes one's own password; the old one is asked for as at a login. Other sessions end.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn change_password(
        &self,
        name: &str,
        old: &str,
        new: &str,
        (address, session): (IpAddr, Option<&Secret>),
        now: WallTime,
    ) -> Result<(), NotDone> {
        password::does(new, name).map_err(NotDone::Password)?;
        self.check(name, old, address, now)
            .map_err(|refused| match refused {
                LoginRefused::TooOften(until) => NotDone::TooOften(until),
                LoginRefused::Failed(error) => error,
                _ => NotDone::WrongPassword,
            })?;
        let hash = self.hash(new, name)?;
        let session = session.map(Secret::digest);
        self.audited(&own(name), (PASSWORD, name, ""), now, |rows| {
            accounts::set_password(rows, name, hash.clone(), session.as_ref())
        })
    }

    fn hash(&self, given: &str, name: &str) -> Result<String, NotDone> {
        self.hashing.one(|| password::hash(given, name))
    }

    /// Changes the language of one's own pages.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn set_language(&self, name: &str, language: Option<Language>) -> Result<(), NotDone> {
        change(&*self.writing, |rows| {
            accounts::set_language(rows, name, language)
        })
    }

    /// Adds an account.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn add_account(
        &self,
        name: &str,
        given: Option<&str>,
        rights: &Rights,
        language: Option<Language>,
        by: &Who,
        now: WallTime,
    ) -> Result<(), NotDone> {
        if !accounts::is_name(name) {
            return Err(NotDone::Name);
        }
        let hash = given.map(|given| self.hash(given, name)).transpose()?;
        let detail = rights.detail();
        self.audited(by, (ACCOUNT_ADD, name, &detail), now, |rows| {
            accounts::add(rows, name, hash.clone(), rights, language, now)
        })
    }

    /// Changes what an account may do.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn change_account(
        &self,
        name: &str,
        rights: &Rights,
        by: &Who,
        now: WallTime,
    ) -> Result<(), NotDone> {
        let detail = rights.detail();
        self.audited(by, (ACCOUNT_CHANGE, name, &detail), now, |rows| {
            accounts::change(rows, name, rights)
        })
    }

    /// Disables an account, or lets it in again.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn disable_account(
        &self,
        name: &str,
        disabled: bool,
        by: &Who,
        now: WallTime,
    ) -> Result<(), NotDone> {
        let detail = format!("disabled={disabled}");
        self.audited(by, (ACCOUNT_CHANGE, name, &detail), now, |rows| {
            accounts::disable(rows, name, disabled)
        })
    }

    /// Sets somebody's password; all their sessions end.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn set_password(
        &self,
        name: &str,
        given: &str,
        by: &Who,
        now: WallTime,
    ) -> Result<(), NotDone> {
        let hash = self.hash(given, name)?;
        self.audited(by, (PASSWORD, name, ""), now, |rows| {
            accounts::set_password(rows, name, hash.clone(), None)
        })
    }

    /// Makes a token. It is told here and never again.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn add_token(&self, token: &NewToken, by: &Who, now: WallTime) -> Result<Secret, NotDone> {
        let secret = Secret::new()?;
        let detail = token.detail();
        self.audited(by, (TOKEN_ADD, &token.name, &detail), now, |rows| {
            tokens::add(rows, token, secret.digest(), &by.name, now)
        })?;
        Ok(secret)
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn revoke_token(&self, name: &str, by: &Who, now: WallTime) -> Result<(), NotDone> {
        self.audited(by, (TOKEN_REVOKE, name, ""), now, |rows| {
            tokens::revoke(rows, name)
        })
    }

    /// The key of a set-up link, where there is no account.
    ///
    /// # Errors
    /// [`NotDone::System`], [`NotDone::Store`].
    pub fn offer_setup(&self, now: WallTime) -> Result<Option<Secret>, NotDone> {
        let secret = Secret::new()?;
        let offered = change(&*self.writing, |rows| {
            Ok(setup::offer(rows, secret.digest(), now)?)
        })?;
        Ok(offered.then_some(secret))
    }

    /// Whether a set-up link is good.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn setup_is_good(&self, key: &Secret, now: WallTime) -> Result<bool, StoreError> {
        look(&*self.reading, |rows| {
            setup::is_good(rows, &key.digest(), now)
        })
    }

    /// Makes the first account under a set-up link.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn set_up(
        &self,
        key: &Secret,
        (name, given): (&str, &str),
        language: Option<Language>,
        now: WallTime,
    ) -> Result<(), NotDone> {
        // Nobody without the link makes us hash.
        if !self.setup_is_good(key, now)? {
            return Err(NotDone::Link);
        }
        if !accounts::is_name(name) {
            return Err(NotDone::Name);
        }
        let hash = self.hash(given, name)?;
        let detail = "role=admin customers=all first=true";
        self.audited(&own(name), (ACCOUNT_ADD, name, detail), now, |rows| {
            setup::first_account(rows, &key.digest(), name, hash.clone(), language, now)
        })
    }
}
