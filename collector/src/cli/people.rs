//! `account` and `token`: who may come in, from the command line of the collector's own user.

use super::{Arguments, configuration, print, store_failure};
use crate::api;
use crate::clock::{self, DAY_MS, utc};
use crate::exit::{FAILURE, Failure, IO, USAGE};
use crate::handling::Who;
use crate::limit::{PASSWORD_BYTES, TOKEN_DAYS};
use crate::people::accounts::Rights;
use crate::people::tokens::NewToken;
use crate::people::{Gate, NotDone, Role, Scope, Settings};
use crate::store::{SqliteStore, Store, StoreError, Via};
use hansho::clock::WallTime;
use hansho::code::Language;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;

/// Options of these commands.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) role: Option<String>,
    pub(super) customers: Vec<String>,
    pub(super) language: Option<String>,
    pub(super) no_password: bool,
    pub(super) days: Option<String>,
}

impl Options {
    /// Each with whether it was given, for the check that it belongs to the command.
    pub(super) fn given(&self, words: &[&str]) -> [(&'static str, bool); 5] {
        let account = matches!(words, ["account", "add", ..]);
        let token = matches!(words, ["token", "add", ..]);
        let either = account || token;
        [
            ("--role", self.role.is_some() && !either),
            ("--customer", !self.customers.is_empty() && !either),
            ("--language", self.language.is_some() && !account),
            ("--no-password", self.no_password && !account),
            ("--days", self.days.is_some() && !token),
        ]
    }

    fn rights(&self) -> Result<Rights, Failure> {
        let words = Role::ALL.map(Role::word).join(", ");
        let role = self.role.as_deref().and_then(Role::from_word);
        let role = role.ok_or_else(|| Failure::new(USAGE, format!("--role is needed: {words}")))?;
        let scope = if self.customers.is_empty() {
            Scope::All
        } else {
            Scope::Customers(self.customers.iter().cloned().collect())
        };
        Ok(Rights {
            role,
            scope,
            disabled: false,
        })
    }

    fn language(&self) -> Result<Option<Language>, Failure> {
        let Some(tag) = &self.language else {
            return Ok(None);
        };
        Language::from_tag(tag)
            .map(Some)
            .ok_or_else(|| Failure::new(USAGE, format!("--language {tag:?}: allowed are ja, en")))
    }

    fn expires(&self, now: WallTime) -> Result<Option<WallTime>, Failure> {
        let Some(text) = &self.days else {
            return Ok(None);
        };
        let days = text.parse::<u64>().ok();
        let days = days.filter(|days| (1..=TOKEN_DAYS).contains(days));
        let days = days.ok_or_else(|| {
            Failure::new(
                USAGE,
                format!("--days {text:?}: allowed are 1 to {TOKEN_DAYS}"),
            )
        })?;
        let end = now.as_millis().saturating_add(days.saturating_mul(DAY_MS));
        Ok(Some(WallTime::from_millis(end)))
    }
}

/// The exit code of what was not done.
fn failure(name: &str, why: &NotDone) -> Failure {
    match why {
        NotDone::Store(error) => store_failure(error),
        NotDone::System(said) => Failure::new(IO, said.clone()),
        NotDone::Name | NotDone::Customer | NotDone::Password(_) => {
            Failure::new(USAGE, format!("{name:?}: {why}"))
        }
        _ => Failure::new(FAILURE, format!("{name:?}: {why}")),
    }
}

fn gate(store: SqliteStore) -> Gate {
    let store: Arc<dyn Store> = Arc::new(store);
    Gate::new(Arc::clone(&store), store, Settings::default())
}

/// Whoever may write the store's directory: the audit has no better name.
fn by() -> Who {
    Who {
        name: "command line".to_owned(),
        via: Via::Command,
        scope: Scope::All,
    }
}

fn writing(arguments: &Arguments) -> Result<Gate, Failure> {
    let config = configuration(arguments)?;
    SqliteStore::open_beside(&config.directory)
        .map(gate)
        .map_err(|error| store_failure(&error))
}

/// Runs `account …`; `None` where there is no such command.
pub(super) fn account(arguments: &Arguments, words: &[&str]) -> Option<Result<(), Failure>> {
    Some(match words {
        ["add", name] => account_add(arguments, name),
        ["list"] => account_list(arguments),
        ["disable", name] => account_disable(arguments, name, true),
        ["enable", name] => account_disable(arguments, name, false),
        ["password", name] => account_password(arguments, name),
        _ => return None,
    })
}

/// Runs `token …`; `None` where there is no such command.
pub(super) fn token(arguments: &Arguments, words: &[&str]) -> Option<Result<(), Failure>> {
    Some(match words {
        ["add", name] => token_add(arguments, name),
        ["list"] => token_list(arguments),
        ["revoke", name] => token_revoke(arguments, name),
        _ => return None,
    })
}

/// The first line of stdin; typed at a terminal it is not shown.
fn password(name: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::new(IO, format!("stdin: {error}"));
    let stdin = std::io::stdin();
    let hidden = if stdin.is_terminal() {
        let mut stderr = std::io::stderr();
        write!(stderr, "password of {name}: ")
            .and_then(|()| stderr.flush())
            .map_err(failed)?;
        Some(Hidden::new().map_err(failed)?)
    } else {
        None
    };
    // Longer ones are refused; nobody makes us read more.
    let most = u64::try_from(PASSWORD_BYTES).map_or(u64::MAX, |bytes| bytes.saturating_add(3));
    let mut line = String::new();
    std::io::BufReader::new(stdin.lock().take(most))
        .read_line(&mut line)
        .map_err(failed)?;
    if hidden.is_some() {
        // The new line that was typed was not shown either.
        writeln!(std::io::stderr()).map_err(failed)?;
    }
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// A terminal that does not show what is typed (termios(3)), until this is dropped.
struct Hidden(rustix::termios::Termios);

impl Hidden {
    fn new() -> std::io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // A terminal that has gone shows nothing anyway.
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0).ok();
    }
}

fn scope(scope: &Scope) -> String {
    match scope {
        Scope::All => "all customers".to_owned(),
        Scope::Customers(customers) => {
            let names: Vec<&str> = customers.iter().map(String::as_str).collect();
            names.join(", ")
        }
    }
}

/// A moment for people.
fn moment(time: Option<WallTime>, none: &str) -> String {
    time.map_or_else(|| none.to_owned(), |time| utc(time.as_millis()))
}

fn account_add(arguments: &Arguments, name: &str) -> Result<(), Failure> {
    let options = &arguments.people;
    let (rights, language) = (options.rights()?, options.language()?);
    let gate = writing(arguments)?;
    let given = if options.no_password {
        None
    } else {
        Some(password(name)?)
    };
    gate.add_account(
        name,
        given.as_deref(),
        &rights,
        language,
        &by(),
        clock::now(),
    )
    .map_err(|why| failure(name, &why))?;
    print(&format!(
        "account {name} added: {}, {}\n",
        rights.role.word(),
        scope(&rights.scope)
    ))
}

fn account_disable(arguments: &Arguments, name: &str, disabled: bool) -> Result<(), Failure> {
    writing(arguments)?
        .disable_account(name, disabled, &by(), clock::now())
        .map_err(|why| failure(name, &why))?;
    print(&format!(
        "account {name} {}\n",
        if disabled {
            "disabled; its logins have ended"
        } else {
            "enabled"
        }
    ))
}

fn account_password(arguments: &Arguments, name: &str) -> Result<(), Failure> {
    let gate = writing(arguments)?;
    let known = gate.account(name).map_err(|error| store_failure(&error))?;
    if known.is_none() {
        return Err(failure(name, &NotDone::Missing));
    }
    gate.set_password(name, &password(name)?, &by(), clock::now())
        .map_err(|why| failure(name, &why))?;
    print(&format!("password of {name} set; its logins have ended\n"))
}

fn everybody(
    arguments: &Arguments,
) -> Result<(Vec<crate::people::Account>, Vec<crate::people::ApiToken>), Failure> {
    let config = configuration(arguments)?;
    SqliteStore::open_reader(&config.directory)
        .and_then(|store| gate(store).everybody())
        .map_err(|error: StoreError| store_failure(&error))
}

fn account_list(arguments: &Arguments) -> Result<(), Failure> {
    let mut text = String::new();
    for account in everybody(arguments)?.0 {
        let line = if arguments.json {
            api::accounts::account(&account).to_string()
        } else {
            let state = match (account.disabled, account.password.is_some()) {
                (true, _) => "disabled",
                (false, true) => "enabled",
                (false, false) => "enabled, no password",
            };
            format!(
                "{} {} ({}) {state}",
                account.name,
                account.role.word(),
                scope(&account.scope)
            )
        };
        text.push_str(&line);
        text.push('\n');
    }
    print(&text)
}

fn token_add(arguments: &Arguments, name: &str) -> Result<(), Failure> {
    let (options, now) = (&arguments.people, clock::now());
    let rights = options.rights()?;
    let token = NewToken {
        name: name.to_owned(),
        role: rights.role,
        scope: rights.scope,
        expires: options.expires(now)?,
    };
    let secret = writing(arguments)?
        .add_token(&token, &by(), now)
        .map_err(|why| failure(name, &why))?;
    print(&format!("{}\n", secret.token()))
}

fn token_list(arguments: &Arguments) -> Result<(), Failure> {
    let mut text = String::new();
    for token in everybody(arguments)?.1 {
        let line = if arguments.json {
            api::accounts::token(&token).to_string()
        } else {
            format!(
                "{} {} ({}) ends: {}; last used: {}",
                token.name,
                token.role.word(),
                scope(&token.scope),
                moment(token.expires, "never"),
                moment(token.used, "never")
            )
        };
        text.push_str(&line);
        text.push('\n');
    }
    print(&text)
}

fn token_revoke(arguments: &Arguments, name: &str) -> Result<(), Failure> {
    writing(arguments)?
        .revoke_token(name, &by(), clock::now())
        .map_err(|why| failure(name, &why))?;
    print(&format!("token {name} revoked\n"))
}
