//! `account` and `token`: who may come in, from the command line of the collector's own user.

use super::line::{Command, Line, flag, text, texts};
use super::{by, print, store_failure};
use crate::api;
use crate::clock::{self, DAY_MS, utc};
use crate::exit::{FAILURE, Failure, IO, USAGE};
use crate::limit::{PASSWORD_BYTES, TOKEN_DAYS};
use crate::people::accounts::Rights;
use crate::people::tokens::NewToken;
use crate::people::{Gate, NotDone, Role, Scope, Settings};
use crate::store::{SqliteStore, Store, StoreError};
use hansho::clock::WallTime;
use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "account add NAME",
        options: &[
            text("role"),
            texts("customer"),
            text("language"),
            flag("no-password"),
        ],
        run: account_add,
    },
    Command {
        words: "account list",
        options: &[flag("json")],
        run: account_list,
    },
    Command {
        words: "account disable NAME",
        options: &[],
        run: |line| account_disable(line, true),
    },
    Command {
        words: "account enable NAME",
        options: &[],
        run: |line| account_disable(line, false),
    },
    Command {
        words: "account password NAME",
        options: &[],
        run: account_password,
    },
    Command {
        words: "token add NAME",
        options: &[text("role"), texts("customer"), text("days")],
        run: token_add,
    },
    Command {
        words: "token list",
        options: &[flag("json")],
        run: token_list,
    },
    Command {
        words: "token revoke NAME",
        options: &[],
        run: token_revoke,
    },
];

/// What `--role` and `--customer` give.
fn rights(line: &Line) -> Result<Rights, Failure> {
    let words = Role::ALL.map(Role::word).join(", ");
    let role = line.get("role").and_then(Role::from_word);
    let role = role.ok_or_else(|| Failure::new(USAGE, format!("--role is needed: {words}")))?;
    let customers: BTreeSet<String> = line.all("customer").map(str::to_owned).collect();
    let scope = if customers.is_empty() {
        Scope::All
    } else {
        Scope::Customers(customers)
    };
    Ok(Rights {
        role,
        scope,
        disabled: false,
    })
}

/// What `--days` gives.
fn expires(line: &Line, now: WallTime) -> Result<Option<WallTime>, Failure> {
    let allowed = format!("are 1 to {TOKEN_DAYS}");
    let days = line.parsed("days", &allowed, |text| {
        let days = text.parse::<u64>().ok();
        days.filter(|days| (1..=TOKEN_DAYS).contains(days))
    })?;
    Ok(days.map(|days| {
        let end = now.as_millis().saturating_add(days.saturating_mul(DAY_MS));
        WallTime::from_millis(end)
    }))
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

fn writing(line: &Line) -> Result<Gate, Failure> {
    let config = line.configuration()?;
    SqliteStore::open_beside(&config.directory)
        .map(gate)
        .map_err(|error| store_failure(&error))
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

fn account_add(line: &Line) -> Result<(), Failure> {
    let name = line.need("NAME")?;
    let (rights, language) = (rights(line)?, line.language("language")?);
    let gate = writing(line)?;
    let given = if line.flag("no-password") {
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

fn account_disable(line: &Line, disabled: bool) -> Result<(), Failure> {
    let name = line.need("NAME")?;
    writing(line)?
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

fn account_password(line: &Line) -> Result<(), Failure> {
    let name = line.need("NAME")?;
    let gate = writing(line)?;
    let known = gate.account(name).map_err(|error| store_failure(&error))?;
    if known.is_none() {
        return Err(failure(name, &NotDone::Missing));
    }
    gate.set_password(name, &password(name)?, &by(), clock::now())
        .map_err(|why| failure(name, &why))?;
    print(&format!("password of {name} set; its logins have ended\n"))
}

fn everybody(
    line: &Line,
) -> Result<(Vec<crate::people::Account>, Vec<crate::people::ApiToken>), Failure> {
    let config = line.configuration()?;
    SqliteStore::open_reader(&config.directory)
        .and_then(|store| gate(store).everybody())
        .map_err(|error: StoreError| store_failure(&error))
}

fn account_list(line: &Line) -> Result<(), Failure> {
    let mut text = String::new();
    for account in everybody(line)?.0 {
        let told = if line.flag("json") {
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
        text.push_str(&told);
        text.push('\n');
    }
    print(&text)
}

fn token_add(line: &Line) -> Result<(), Failure> {
    let (name, now) = (line.need("NAME")?, clock::now());
    let rights = rights(line)?;
    let token = NewToken {
        name: name.to_owned(),
        role: rights.role,
        scope: rights.scope,
        expires: expires(line, now)?,
    };
    let secret = writing(line)?
        .add_token(&token, &by(), now)
        .map_err(|why| failure(name, &why))?;
    print(&format!("{}\n", secret.token()))
}

fn token_list(line: &Line) -> Result<(), Failure> {
    let mut text = String::new();
    for token in everybody(line)?.1 {
        let told = if line.flag("json") {
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
        text.push_str(&told);
        text.push('\n');
    }
    print(&text)
}

fn token_revoke(line: &Line) -> Result<(), Failure> {
    let name = line.need("NAME")?;
    writing(line)?
        .revoke_token(name, &by(), clock::now())
        .map_err(|why| failure(name, &why))?;
    print(&format!("token {name} revoked\n"))
}
