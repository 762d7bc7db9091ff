//! Rows of accounts, sessions, tokens.

use super::super::StoreError;
use super::super::rows::PeopleRows;
use super::super::types::people::{Account, ApiToken, Digest, Session, SetupLink};
use super::Tables;
use std::collections::BTreeMap;

/// Who may come in.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    accounts: BTreeMap<String, Account>,
    sessions: BTreeMap<Digest, Session>,
    tokens: BTreeMap<String, ApiToken>,
    setup_link: Option<SetupLink>,
}

impl PeopleRows for Tables {
    fn account(&mut self, name: &str) -> Result<Option<Account>, StoreError> {
        Ok(self.people.accounts.get(name).cloned())
    }

    fn accounts(&mut self) -> Result<Vec<Account>, StoreError> {
        Ok(self.people.accounts.values().cloned().collect())
    }

    fn put_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let name = account.name.clone();
        self.people.accounts.insert(name, account.clone());
        Ok(())
    }

    fn session(&mut self, digest: &Digest) -> Result<Option<Session>, StoreError> {
        Ok(self.people.sessions.get(digest).cloned())
    }

    fn sessions_of(&mut self, account: &str) -> Result<Vec<Session>, StoreError> {
        let mut sessions: Vec<Session> = self
            .people
            .sessions
            .values()
            .filter(|session| session.account == account)
            .cloned()
            .collect();
        sessions.sort_by_key(|session| (session.used, session.digest));
        Ok(sessions)
    }

    fn put_session(&mut self, session: &Session) -> Result<(), StoreError> {
        self.people.sessions.insert(session.digest, session.clone());
        Ok(())
    }

    fn delete_session(&mut self, digest: &Digest) -> Result<(), StoreError> {
        self.people.sessions.remove(digest);
        Ok(())
    }

    fn token(&mut self, digest: &Digest) -> Result<Option<ApiToken>, StoreError> {
        let mut tokens = self.people.tokens.values();
        Ok(tokens.find(|token| token.digest == *digest).cloned())
    }

    fn tokens(&mut self) -> Result<Vec<ApiToken>, StoreError> {
        Ok(self.people.tokens.values().cloned().collect())
    }

    fn put_token(&mut self, token: &ApiToken) -> Result<(), StoreError> {
        self.people.tokens.insert(token.name.clone(), token.clone());
        Ok(())
    }

    fn delete_token(&mut self, name: &str) -> Result<(), StoreError> {
        self.people.tokens.remove(name);
        Ok(())
    }

    fn setup_link(&mut self) -> Result<Option<SetupLink>, StoreError> {
        Ok(self.people.setup_link)
    }

    fn put_setup_link(&mut self, link: Option<SetupLink>) -> Result<(), StoreError> {
        self.people.setup_link = link;
        Ok(())
    }
}
