//! `agent rotate|revoke|retire|rename|move` and `join-token`: what people do with agents and their keys.

use super::{Arguments, configuration, name, one_agent, print, reader, store_failure};
use crate::clock::{self, utc};
use crate::config::value::duration_text;
use crate::exit::{CONFIG, FAILURE, Failure, IO, USAGE};
use crate::ingest::join::{token_hash, token_text};
use crate::keys::{self, Masters};
use crate::limit::{JOIN_TOKEN_DAYS, JOIN_TOKEN_MS, JOIN_TOKEN_USES, ROTATION_GRACE_MS};
use crate::store::agents::{self, Rotated};
use crate::store::rows::AllRows;
use crate::store::{Agent, JoinToken, SqliteStore, Store as _, StoreError};
use hansho::clock::WallTime;
use serde_json::json;

/// Runs a decision on the store, beside a running `serve`.
fn change<T>(
    arguments: &Arguments,
    selector: &str,
    mut decide: impl FnMut(&mut dyn AllRows, &Agent, WallTime) -> Result<T, StoreError>,
) -> Result<(Agent, T), Failure> {
    let config = configuration(arguments)?;
    let store =
        SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?;
    let agent = one_agent(&store, selector)?;
    let mut outcome = None;
    store
        .transact(&mut |rows| {
            let agent = agents::demand(rows, agent.id)?;
            outcome = Some(decide(rows, &agent, clock::now())?);
            Ok(())
        })
        .map_err(|error| store_failure(&error))?;
    let outcome = outcome.ok_or_else(|| Failure::new(IO, "the store did nothing"))?;
    Ok((agent, outcome))
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
    let (agent, rotated) = change(arguments, selector, |rows, agent, now| {
        agents::rotate(rows, agent.id, master, grace_ms, now)
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
    let (agent, revoked) = change(arguments, selector, |rows, agent, now| {
        agents::revoke(rows, agent.id, arguments.epoch, now)
    })?;
    if revoked == 0 {
        let message = format!("{}: no such key that is still good", agent.path());
        return Err(Failure::new(FAILURE, message));
    }
    print(&format!(
        "{}: {revoked} key(s) revoked; a running serve refuses them within a minute\n",
        agent.path()
    ))
}

/// `agent retire NAME [--undo]`: nobody expects it any more, or again.
pub(super) fn retire(arguments: &Arguments, selector: &str) -> Result<(), Failure> {
    let undo = arguments.undo;
    let (agent, changed) = change(arguments, selector, |rows, agent, now| {
        let changed = agent.retired.is_some() == undo;
        if changed {
            rows.put_retired(agent.id, (!undo).then_some(now))?;
        }
        Ok(changed)
    })?;
    let path = agent.path();
    print(&match (undo, changed) {
        (false, true) => format!("{path}: retired; its posts are refused within a minute\n"),
        (false, false) => format!("{path}: was retired already\n"),
        (true, true) => format!("{path}: expected again\n"),
        (true, false) => format!("{path}: was not retired\n"),
    })
}

/// `agent rename NAME NEW`.
pub(super) fn rename(arguments: &Arguments, selector: &str, new: &str) -> Result<(), Failure> {
    let new = name("NEW", new)?;
    let (agent, ()) = change(arguments, selector, |rows, agent, _| {
        rows.put_place(agent.id, &agent.customer, &agent.system, &new)
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
    let (agent, ()) = change(arguments, selector, |rows, agent, _| {
        rows.put_place(agent.id, &customer, &system, &agent.name)
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
    let created = clock::now();
    let mut id = 0;
    store
        .transact(&mut |rows| {
            let newest = rows.join_tokens()?.last().map_or(0, |token| token.id);
            id = newest.saturating_add(1);
            rows.put_join_token(&JoinToken {
                id,
                hash: token_hash(&secret),
                customer: customer.clone(),
                system: system.clone(),
                uses,
                used: 0,
                created,
                ends: WallTime::from_millis(created.as_millis().saturating_add(for_ms)),
                revoked: None,
            })
        })
        .map_err(|error| store_failure(&error))?;
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
            let token = json!({
                "id": token.id,
                "customer": token.customer,
                "system": token.system,
                "state": state,
                "uses": token.uses,
                "used": token.used,
                "created_ms": token.created.as_millis(),
                "ends_ms": ends_ms,
            });
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
    let mut found = None;
    store
        .transact(&mut |rows| {
            found = agents::revoke_token(rows, number, clock::now())?;
            Ok(())
        })
        .map_err(|error| store_failure(&error))?;
    match found {
        None => Err(Failure::new(FAILURE, format!("no join token {number}"))),
        Some(None) => print(&format!("join token {number} revoked\n")),
        Some(Some(end)) => print(&format!("join token {number} was {} already\n", end.word())),
    }
}
