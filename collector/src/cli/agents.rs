//! `agent rotate|revoke|retire|rename|move` and `join-token`: what people do with agents and their keys.

use super::{Arguments, configuration, name, one_agent, print, reader, store_failure};
use crate::api;
use crate::clock::{self, utc};
use crate::config::value::duration_text;
use crate::exit::{CONFIG, FAILURE, Failure, IO, USAGE};
use crate::handling::agents::{self, Goes, NewJoinToken};
use crate::handling::{Fault, Scope, Who, transact};
use crate::ingest::join::{token_hash, token_text};
use crate::keys::{self, Masters};
use crate::limit::{JOIN_TOKEN_DAYS, JOIN_TOKEN_MS, JOIN_TOKEN_USES, ROTATION_GRACE_MS};
use crate::store::agents::Rotated;
use crate::store::rows::AllRows;
use crate::store::{SqliteStore, Store as _, Via};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;

/// Whoever may write the store's directory: the audit has no better name.
pub(super) fn by() -> Who {
    Who {
        name: "command line".to_owned(),
        via: Via::Command,
        scope: Scope::All,
    }
}

/// A decision that the store or its rules refuse.
pub(super) fn failure(fault: &Fault) -> Failure {
    match fault {
        Fault::Refused(refused) => Failure::new(FAILURE, refused.to_string()),
        Fault::Store(error) => store_failure(error),
    }
}

/// Runs a decision about an agent, beside a running `serve`.
fn change<T>(
    arguments: &Arguments,
    selector: &str,
    mut decide: impl FnMut(&mut dyn AllRows, &Who, AgentId, WallTime) -> Result<T, Fault>,
) -> Result<T, Failure> {
    let config = configuration(arguments)?;
    let store =
        SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?;
    let agent = one_agent(&store, selector)?;
    transact(&store, |rows| decide(rows, &by(), agent.id, clock::now()))
        .map_err(|fault| failure(&fault))
}

/// `agent rotate NAME [--key-file PATH] [--grace TIME]`: a new key epoch.
pub(super) fn rotate(arguments: &Arguments, selector: &str) -> Result<(), Failure> {
    let config = configuration(arguments)?;
    let grace_ms = arguments.grace_ms.unwrap_or(ROTATION_GRACE_MS);
    let path = arguments.key_file.as_deref();
    if let Some(path) = path.filter(|path| path.exists()) {
        let message = format!("{} exists; a key is never overwritten", path.display());
        return Err(Failure::new(FAILURE, message));
    }
    let masters = Masters::read(&config.masters)?;
    let master = masters.newest();
    let (agent, rotated) = change(arguments, selector, |rows, who, id, now| {
        agents::rotate(rows, who, id, (master, grace_ms), now)
    })?;
    let Rotated::To(epoch) = rotated else {
        let message = format!("{} had 255 keys: retire it and add it anew", agent.path());
        return Err(Failure::new(FAILURE, message));
    };
    let key = masters
        .key(master, agent.id, epoch)
        .ok_or_else(|| Failure::new(CONFIG, "the masters file changed meanwhile"))?;
    let line = keys::key_line(agent.id, epoch, &key);
    let Some(path) = path else {
        return print(&line);
    };
    keys::write_secret(path, &line)
        .map_err(|error| Failure::new(IO, format!("{}: {error}", path.display())))?;
    print(&format!(
        "{}: key {epoch} is in {}; bring it to the host and restart the agent. The keys before it are taken until it is used, \
         {} at the longest\n",
        agent.path(),
        path.display(),
        duration_text(grace_ms)
    ))
}

/// `agent revoke NAME [--epoch N]`: refuses keys from now on.
pub(super) fn revoke(arguments: &Arguments, selector: &str) -> Result<(), Failure> {
    let (agent, revoked) = change(arguments, selector, |rows, who, id, now| {
        agents::revoke(rows, who, id, arguments.epoch, now)
    })?;
    if revoked == 0 {
        let message = format!("{}: no such key that is still good", agent.path());
        return Err(Failure::new(FAILURE, message));
    }
    print(&format!(
        "{}: {revoked} key(s) revoked; a running serve refuses them within a second\n",
        agent.path()
    ))
}

/// `agent retire NAME [--undo]`: nobody expects it any more, or again.
pub(super) fn retire(arguments: &Arguments, selector: &str) -> Result<(), Failure> {
    let undo = arguments.undo;
    let (agent, ended) = change(arguments, selector, |rows, who, id, now| {
        agents::retire(rows, who, id, undo, now)
    })?;
    let path = agent.path();
    let stopped = "retired; its posts are refused within a second, its silence is not judged";
    print(&match (undo, ended) {
        (false, None) => format!("{path}: was retired already\n"),
        (false, Some(0)) => format!("{path}: {stopped}\n"),
        (false, Some(ended)) => {
            format!("{path}: {stopped}; {ended} open alert(s) ended with that as the reason\n")
        }
        (true, Some(_)) => format!("{path}: expected again\n"),
        (true, None) => format!("{path}: was not retired\n"),
    })
}

/// `agent rename NAME NEW`.
pub(super) fn rename(arguments: &Arguments, selector: &str, new: &str) -> Result<(), Failure> {
    let new = name("NEW", new)?;
    let goes = Goes {
        system: None,
        name: Some(&new),
    };
    let agent = change(arguments, selector, |rows, who, id, now| {
        agents::place(rows, who, id, goes, now)
    })?;
    let (customer, system) = (&agent.customer, &agent.system);
    print(&format!(
        "{}: now {customer}/{system}/{new}\n",
        agent.path()
    ))
}

/// `agent move NAME --system CUSTOMER/SYSTEM`.
pub(super) fn move_to(arguments: &Arguments, selector: &str) -> Result<(), Failure> {
    let (customer, system) = system(arguments, "agent move")?;
    let goes = Goes {
        system: Some((&customer, &system)),
        name: None,
    };
    let agent = change(arguments, selector, |rows, who, id, now| {
        agents::place(rows, who, id, goes, now)
    })?;
    print(&format!(
        "{}: now {customer}/{system}/{}\n",
        agent.path(),
        agent.name
    ))
}

/// `--system CUSTOMER/SYSTEM`.
fn system(arguments: &Arguments, command: &str) -> Result<(String, String), Failure> {
    let (customer, system) = arguments
        .system
        .as_deref()
        .and_then(|system| system.split_once('/'))
        .ok_or_else(|| Failure::new(USAGE, format!("{command} needs --system CUSTOMER/SYSTEM")))?;
    Ok((name("CUSTOMER", customer)?, name("SYSTEM", system)?))
}

/// `join-token add --system C/S [--uses N] [--for TIME] [--file PATH]`.
pub(super) fn token_add(arguments: &Arguments) -> Result<(), Failure> {
    let (customer, system) = system(arguments, "join-token add")?;
    let uses = arguments.uses.unwrap_or(1);
    if !(1..=JOIN_TOKEN_USES).contains(&uses) {
        let message = format!("--uses {uses}: 1 to {JOIN_TOKEN_USES}");
        return Err(Failure::new(USAGE, message));
    }
    let for_ms = arguments.for_ms.unwrap_or(JOIN_TOKEN_MS);
    if for_ms == 0 || for_ms > JOIN_TOKEN_DAYS.saturating_mul(clock::DAY_MS) {
        let message = format!("--for: up to {JOIN_TOKEN_DAYS}d");
        return Err(Failure::new(USAGE, message));
    }
    let path = arguments.file.as_deref();
    if let Some(path) = path.filter(|path| path.exists()) {
        let message = format!("{} exists; it is not overwritten", path.display());
        return Err(Failure::new(FAILURE, message));
    }
    let config = configuration(arguments)?;
    let store =
        SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?;
    // Of hosts that join the masters make the keys: there must be one before the first does.
    Masters::read_or_create(&config.masters)?;
    let secret: [u8; 32] = keys::random()?;
    let new = NewJoinToken {
        customer: customer.clone(),
        system: system.clone(),
        uses,
        for_ms,
        hash: token_hash(&secret),
    };
    let made = transact(&store, |rows| {
        agents::add_token(rows, &by(), &new, clock::now())
    })
    .map_err(|fault| failure(&fault))?;
    let id = made.id;
    let line = format!("{}\n", token_text(id, &secret));
    let Some(path) = path else {
        return print(&line);
    };
    keys::write_secret(path, &line)
        .map_err(|error| Failure::new(IO, format!("{}: {error}", path.display())))?;
    print(&format!(
        "join token {id} for {customer}/{system}, {uses} host(s), {}: it is in {}\n",
        duration_text(for_ms),
        path.display()
    ))
}

/// `join-token list [--json]`.
pub(super) fn token_list(arguments: &Arguments) -> Result<(), Failure> {
    let mut tokens = Vec::new();
    reader(arguments)?
        .view(&mut |rows| {
            tokens = rows.join_tokens()?;
            Ok(())
        })
        .map_err(|error| store_failure(&error))?;
    let now = clock::now();
    let mut text = String::new();
    for token in &tokens {
        let state = token.end(now).map_or("good", |end| end.word());
        let ends_ms = token.ends.as_millis();
        if arguments.json {
            let token = api::keys::token(token, now);
            text.push_str(&token.to_string());
        } else {
            let (customer, system) = (&token.customer, &token.system);
            text.push_str(&format!(
                "{} {customer}/{system} {state} {} of {} used, until {}",
                token.id,
                token.used,
                token.uses,
                utc(ends_ms)
            ));
        }
        text.push('\n');
    }
    print(&text)
}

/// `join-token revoke ID`.
pub(super) fn token_revoke(arguments: &Arguments, id: &str) -> Result<(), Failure> {
    let number = id
        .parse()
        .map_err(|_| Failure::new(USAGE, format!("{id:?}: a number, as join-token list shows")))?;
    let config = configuration(arguments)?;
    let store =
        SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?;
    let (_, end) = transact(&store, |rows| {
        agents::revoke_token(rows, &by(), number, clock::now())
    })
    .map_err(|fault| failure(&fault))?;
    print(&match end {
        None => format!("join token {number} revoked\n"),
        Some(end) => format!("join token {number} was {} already\n", end.word()),
    })
}
