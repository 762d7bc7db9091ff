//! Rows of accounts, sessions, tokens.

use super::super::StoreError;
use super::super::rows::PeopleRows;
use super::super::types::people::{Account, ApiToken, Digest, Role, Scope, Session, SetupLink};
use super::super::types::signed;
use super::rows::{SqlRows, wall};
use hansho::clock::WallTime;
use hansho::code::Language;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;

const ACCOUNT: &str = "name, password, role, sees_all, language, disabled, created_ms";
const SESSION: &str = "digest, account, created_ms, used_ms";
const TOKEN: &str = "name, digest, role, sees_all, created_ms, created_by, expires_ms, used_ms";

/// Whose scope.
#[derive(Clone, Copy)]
enum Owner {
    Account,
    Token,
}

impl Owner {
    const fn select(self) -> &'static str {
        match self {
            Self::Account => "SELECT customer FROM account_customers WHERE account = ?1",
            Self::Token => "SELECT customer FROM token_customers WHERE token = ?1",
        }
    }

    const fn delete(self) -> &'static str {
        match self {
            Self::Account => "DELETE FROM account_customers WHERE account = ?1",
            Self::Token => "DELETE FROM token_customers WHERE token = ?1",
        }
    }

    const fn insert(self) -> &'static str {
        match self {
            Self::Account => "INSERT INTO account_customers (account, customer) VALUES (?1, ?2)",
            Self::Token => "INSERT INTO token_customers (token, customer) VALUES (?1, ?2)",
        }
    }
}

fn scope(main: &Connection, owner: Owner, name: &str, sees_all: bool) -> Result<Scope, StoreError> {
    if sees_all {
        return Ok(Scope::All);
    }
    let mut statement = main.prepare_cached(owner.select())?;
    let customers = statement.query_map(params![name], |row| row.get(0))?;
    Ok(Scope::Customers(
        customers.collect::<Result<BTreeSet<String>, _>>()?,
    ))
}

fn put_scope(main: &Connection, owner: Owner, name: &str, scope: &Scope) -> Result<(), StoreError> {
    main.prepare_cached(owner.delete())?
        .execute(params![name])?;
    if let Scope::Customers(customers) = scope {
        let mut statement = main.prepare_cached(owner.insert())?;
        for customer in customers {
            statement.execute(params![name, customer])?;
        }
    }
    Ok(())
}

/// A value that nothing of ours writes: the file was changed by somebody else, and who may come in is no guess.
fn strange(column: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, "not a value of ours".into())
}

fn role(row: &Row<'_>, column: usize) -> rusqlite::Result<Role> {
    Role::from_word(row.get_ref(column)?.as_str()?).ok_or_else(|| strange(column))
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get(column).map(Digest)
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<WallTime>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(wall))
}

fn ms(time: WallTime) -> i64 {
    signed(time.as_millis())
}

/// An account without its scope, and whether it sees all.
fn account_from(row: &Row<'_>) -> rusqlite::Result<(Account, bool)> {
    let language: Option<String> = row.get(4)?;
    let language = match language {
        Some(tag) => Some(Language::from_tag(&tag).ok_or_else(|| strange(4))?),
        None => None,
    };
    let account = Account {
        name: row.get(0)?,
        password: row.get(1)?,
        role: role(row, 2)?,
        scope: Scope::All,
        language,
        disabled: row.get(5)?,
        created: wall(row.get(6)?),
    };
    Ok((account, row.get(3)?))
}

fn whole_account(
    main: &Connection,
    (mut account, sees_all): (Account, bool),
) -> Result<Account, StoreError> {
    account.scope = scope(main, Owner::Account, &account.name, sees_all)?;
    Ok(account)
}

fn session_from(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        digest: digest(row, 0)?,
        account: row.get(1)?,
        created: wall(row.get(2)?),
        used: wall(row.get(3)?),
    })
}

/// A token without its scope, and whether it sees all.
fn token_from(row: &Row<'_>) -> rusqlite::Result<(ApiToken, bool)> {
    let token = ApiToken {
        name: row.get(0)?,
        digest: digest(row, 1)?,
        role: role(row, 2)?,
        scope: Scope::All,
        created: wall(row.get(4)?),
        created_by: row.get(5)?,
        expires: time(row, 6)?,
        used: time(row, 7)?,
    };
    Ok((token, row.get(3)?))
}

fn whole_token(
    main: &Connection,
    (mut token, sees_all): (ApiToken, bool),
) -> Result<ApiToken, StoreError> {
    token.scope = scope(main, Owner::Token, &token.name, sees_all)?;
    Ok(token)
}

impl PeopleRows for SqlRows<'_> {
    fn account(&mut self, name: &str) -> Result<Option<Account>, StoreError> {
        let sql = format!("SELECT {ACCOUNT} FROM accounts WHERE name = ?1");
        let mut statement = self.main.prepare_cached(&sql)?;
        let found = statement
            .query_row(params![name], account_from)
            .optional()?;
        found
            .map(|found| whole_account(self.main, found))
            .transpose()
    }

    fn accounts(&mut self) -> Result<Vec<Account>, StoreError> {
        let sql = format!("SELECT {ACCOUNT} FROM accounts ORDER BY name");
        let mut statement = self.main.prepare_cached(&sql)?;
        let found: Vec<_> = statement
            .query_map([], account_from)?
            .collect::<Result<_, _>>()?;
        found
            .into_iter()
            .map(|found| whole_account(self.main, found))
            .collect()
    }

    fn put_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT OR REPLACE INTO accounts ({ACCOUNT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        );
        self.main.prepare_cached(&sql)?.execute(params![
            account.name,
            account.password,
            account.role.word(),
            account.scope == Scope::All,
            account.language.map(Language::tag),
            account.disabled,
            ms(account.created),
        ])?;
        put_scope(self.main, Owner::Account, &account.name, &account.scope)
    }

    fn session(&mut self, digest: &Digest) -> Result<Option<Session>, StoreError> {
        let sql = format!("SELECT {SESSION} FROM sessions WHERE digest = ?1");
        let mut statement = self.main.prepare_cached(&sql)?;
        Ok(statement
            .query_row(params![digest.0], session_from)
            .optional()?)
    }

    fn sessions_of(&mut self, account: &str) -> Result<Vec<Session>, StoreError> {
        let sql =
            format!("SELECT {SESSION} FROM sessions WHERE account = ?1 ORDER BY used_ms, digest");
        let mut statement = self.main.prepare_cached(&sql)?;
        let found = statement.query_map(params![account], session_from)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn put_session(&mut self, session: &Session) -> Result<(), StoreError> {
        let sql = format!("INSERT OR REPLACE INTO sessions ({SESSION}) VALUES (?1, ?2, ?3, ?4)");
        self.main.prepare_cached(&sql)?.execute(params![
            session.digest.0,
            session.account,
            ms(session.created),
            ms(session.used),
        ])?;
        Ok(())
    }

    fn delete_session(&mut self, digest: &Digest) -> Result<(), StoreError> {
        self.main
            .prepare_cached("DELETE FROM sessions WHERE digest = ?1")?
            .execute(params![digest.0])?;
        Ok(())
    }

    fn token(&mut self, digest: &Digest) -> Result<Option<ApiToken>, StoreError> {
        let sql = format!("SELECT {TOKEN} FROM api_tokens WHERE digest = ?1");
        let mut statement = self.main.prepare_cached(&sql)?;
        let found = statement
            .query_row(params![digest.0], token_from)
            .optional()?;
        found.map(|found| whole_token(self.main, found)).transpose()
    }

    fn tokens(&mut self) -> Result<Vec<ApiToken>, StoreError> {
        let sql = format!("SELECT {TOKEN} FROM api_tokens ORDER BY name");
        let mut statement = self.main.prepare_cached(&sql)?;
        let found: Vec<_> = statement
            .query_map([], token_from)?
            .collect::<Result<_, _>>()?;
        found
            .into_iter()
            .map(|found| whole_token(self.main, found))
            .collect()
    }

    fn put_token(&mut self, token: &ApiToken) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT OR REPLACE INTO api_tokens ({TOKEN}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        );
        self.main.prepare_cached(&sql)?.execute(params![
            token.name,
            token.digest.0,
            token.role.word(),
            token.scope == Scope::All,
            ms(token.created),
            token.created_by,
            token.expires.map(ms),
            token.used.map(ms),
        ])?;
        put_scope(self.main, Owner::Token, &token.name, &token.scope)
    }

    fn delete_token(&mut self, name: &str) -> Result<(), StoreError> {
        self.main
            .prepare_cached("DELETE FROM api_tokens WHERE name = ?1")?
            .execute(params![name])?;
        put_scope(self.main, Owner::Token, name, &Scope::All)
    }

    fn setup_link(&mut self) -> Result<Option<SetupLink>, StoreError> {
        let mut statement = self
            .main
            .prepare_cached("SELECT digest, expires_ms FROM setup_link")?;
        Ok(statement
            .query_row([], |row| {
                Ok(SetupLink {
                    digest: digest(row, 0)?,
                    expires: wall(row.get(1)?),
                })
            })
            .optional()?)
    }

    fn put_setup_link(&mut self, link: Option<SetupLink>) -> Result<(), StoreError> {
        match link {
            Some(link) => self
                .main
                .prepare_cached(
                    "INSERT OR REPLACE INTO setup_link (one, digest, expires_ms) VALUES (1, ?1, ?2)",
                )?
                .execute(params![link.digest.0, ms(link.expires)])?,
            None => self
                .main
                .prepare_cached("DELETE FROM setup_link")?
                .execute([])?,
        };
        Ok(())
    }
}
