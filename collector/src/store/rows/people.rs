//! Rows of who may come in.

use super::super::StoreError;
use super::super::types::people::{Account, ApiToken, Digest, Session, SetupLink};

/// Accounts, sessions, tokens and the set-up link, within one open transaction. Every method may fail with [`StoreError`].
pub trait PeopleRows {
    /// The account of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn account(&mut self, name: &str) -> Result<Option<Account>, StoreError>;
    /// All, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn accounts(&mut self) -> Result<Vec<Account>, StoreError>;
    /// Stores an account; one of the same name is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_account(&mut self, account: &Account) -> Result<(), StoreError>;
    /// The session with this digest.
    ///
    /// # Errors
    /// [`StoreError`].
    fn session(&mut self, digest: &Digest) -> Result<Option<Session>, StoreError>;
    /// The account's sessions, the one that was used longest ago first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sessions_of(&mut self, account: &str) -> Result<Vec<Session>, StoreError>;
    /// Stores a session; one with the same digest is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_session(&mut self, session: &Session) -> Result<(), StoreError>;
    /// Deletes a session, where there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete_session(&mut self, digest: &Digest) -> Result<(), StoreError>;
    /// The token with this digest.
    ///
    /// # Errors
    /// [`StoreError`].
    fn token(&mut self, digest: &Digest) -> Result<Option<ApiToken>, StoreError>;
    /// All, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tokens(&mut self) -> Result<Vec<ApiToken>, StoreError>;
    /// Stores a token; one of the same name is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_token(&mut self, token: &ApiToken) -> Result<(), StoreError>;
    /// Deletes the token of this name, where there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete_token(&mut self, name: &str) -> Result<(), StoreError>;
    /// The set-up link.
    ///
    /// # Errors
    /// [`StoreError`].
    fn setup_link(&mut self) -> Result<Option<SetupLink>, StoreError>;
    /// Replaces the set-up link; `None` deletes it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_setup_link(&mut self, link: Option<SetupLink>) -> Result<(), StoreError>;
}
