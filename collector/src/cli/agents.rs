//! `agent` and `join-token`: what people do with agents and their keys.

use super::line::{Command, Line, flag, path, text};
use super::{by, fault_failure, json, name, one_agent, print, reader, store_failure};
use crate::api;
use crate::clock::{self, utc};
use crate::config::value::duration_text;
use crate::exit::{CONFIG, FAILURE, Failure, IO, USAGE};
use crate::handling::agents::{self, Goes, NewJoinToken};
use crate::handling::{Fault, Who, transact};
use crate::ingest::join::{token_hash, token_text};
use crate::keys::{self, Masters};
use crate::limit::{JOIN_TOKEN_DAYS, JOIN_TOKEN_MS, JOIN_TOKEN_USES, ROTATION_GRACE_MS};
use crate::store::agents::Rotated;
use crate::store::rows::AllRows;
use crate::store::{NewAgent, SqliteStore, Store as _, StoreError};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::path::Path;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "agent add NAME",
        options: &[text("system"), path("key-file")],
        run: add,
    },
    Command {
        words: "agent list",
        options: &[flag("json")],
        run: list,
    },
    Command {
        words: "agent rotate AGENT",
        options: &[path("key-file"), text("grace")],
        run: rotate,
    },
    Command {
        words: "agent revoke AGENT",
        options: &[text("epoch")],
        run: revoke,
    },
    Command {
        words: "agent retire AGENT",
        options: &[flag("undo")],
        run: retire,
    },
    Command {
        words: "agent rename AGENT NEW",
        options: &[],
        run: rename,
    },
    Command {
        words: "agent move AGENT",
        options: &[text("system")],
        run: move_to,
    },
    Command {
        words: "join-token add",
        options: &[text("system"), text("uses"), text("for"), path("file")],
        run: token_add,
    },
    Command {
        words: "join-token list",
        options: &[flag("json")],
        run: token_list,
    },
    Command {
        words: "join-token revoke ID",
        options: &[],
        run: token_revoke,
    },
];

/// `agent add NAME --system CUSTOMER/SYSTEM [--key-file PATH]`.
fn add(line: &Line) -> Result<(), Failure> {
    let agent_name = name("NAME", line.need("NAME")?)?;
    let (customer, system) = system(line)?;
    let config = line.configuration()?;
    let path = line.path("key-file");
    is_new(path, "a key is never overwritten")?;
    let store =
        SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?;
    let masters = Masters::read_or_create(&config.masters)?;
    let master_id = masters.newest();
    let key_epoch = 1;
    let id = loop {
        let id = AgentId(u64::from_le_bytes(keys::random()?));
        let new = NewAgent {
            id,
            customer: customer.clone(),
            system: system.clone(),
            name: agent_name.clone(),
            key_epoch,
            master_id,
        };
        match transact(&store, |rows| agents::add(rows, &by(), &new, clock::now())) {
            Ok(()) => break id,
            Err(Fault::Store(StoreError::IdTaken)) => {}
            Err(fault) => return Err(fault_failure(&fault)),
        }
    };
    let key = masters
        .key(master_id, id, key_epoch)
        .ok_or_else(|| Failure::new(CONFIG, "the masters file changed meanwhile"))?;
    hand_over(path, &keys::key_line(id, key_epoch, &key), |path| {
        format!("agent {id} {customer}/{system}/{agent_name} added; its key is in {path}\n")
    })
}

/// A secret is never written over a file.
fn is_new(path: Option<&Path>, why: &str) -> Result<(), Failure> {
    match path.filter(|path| path.exists()) {
        None => Ok(()),
        Some(path) => {
            let message = format!("{} exists; {why}", path.display());
            Err(Failure::new(FAILURE, message))
        }
    }
}

/// Writes a secret to a file that only its owner reads, and says `told` of it; without one it goes to stdout, alone.
fn hand_over(
    path: Option<&Path>,
    secret: &str,
    told: impl FnOnce(core::fmt::Arguments<'_>) -> String,
) -> Result<(), Failure> {
    let Some(path) = path else {
        return print(secret);
    };
    keys::write_secret(path, secret)
        .map_err(|error| Failure::new(IO, format!("{}: {error}", path.display())))?;
    print(&told(format_args!("{}", path.display())))
}

/// `agent list [--json]`.
fn list(line: &Line) -> Result<(), Failure> {
    let agents = reader(line)?
        .agents()
        .map_err(|error| store_failure(&error))?;
    let mut text = String::new();
    for agent in &agents {
        if line.flag("json") {
            text.push_str(&json::agent(agent));
        } else {
            let seen = agent
                .last_seen
                .map_or_else(|| "never heard".to_owned(), |seen| utc(seen.as_millis()));
            text.push_str(&format!("{} {} {seen}", agent.id, agent.path()));
        }
        text.push('\n');
    }
    print(&text)
}

/// Runs a decision about an agent, beside a running `serve`.
fn change<T>(
    line: &Line,
    mut decide: impl FnMut(&mut dyn AllRows, &Who, AgentId, WallTime) -> Result<T, Fault>,
) -> Result<T, Failure> {
    let config = line.configuration()?;
    let store =
        SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?;
    let agent = one_agent(&store, line.need("AGENT")?)?;
    transact(&store, |rows| decide(rows, &by(), agent.id, clock::now()))
        .map_err(|fault| fault_failure(&fault))
}

/// `agent rotate NAME [--key-file PATH] [--grace TIME]`: a new key epoch.
fn rotate(line: &Line) -> Result<(), Failure> {
    let config = line.configuration()?;
    let grace_ms = line.span_ms("grace")?.unwrap_or(ROTATION_GRACE_MS);
    let path = line.path("key-file");
    is_new(path, "a key is never overwritten")?;
    let masters = Masters::read(&config.masters)?;
    let master = masters.newest();
    let (agent, rotated) = change(line, |rows, who, id, now| {
        agents::rotate(rows, who, id, (master, grace_ms), now)
    })?;
    let Rotated::To(epoch) = rotated else {
        let message = format!("{} had 255 keys: retire it and add it anew", agent.path());
        return Err(Failure::new(FAILURE, message));
    };
    let key = masters
        .key(master, agent.id, epoch)
        .ok_or_else(|| Failure::new(CONFIG, "the masters file changed meanwhile"))?;
    hand_over(path, &keys::key_line(agent.id, epoch, &key), |path| {
        format!(
            "{}: key {epoch} is in {path}; bring it to the host and restart the agent. The keys before it are taken until it is \
             used, {} at the longest\n",
            agent.path(),
            duration_text(grace_ms)
        )
    })
}

/// `agent revoke NAME [--epoch N]`: refuses keys from now on.
fn revoke(line: &Line) -> Result<(), Failure> {
    let epoch = line.parsed("epoch", "is a number from 0 to 255", |text| {
        text.parse().ok()
    })?;
    let (agent, revoked) = change(line, |rows, who, id, now| {
        agents::revoke(rows, who, id, epoch, now)
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
fn retire(line: &Line) -> Result<(), Failure> {
    let undo = line.flag("undo");
    let (agent, ended) = change(line, |rows, who, id, now| {
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
fn rename(line: &Line) -> Result<(), Failure> {
    let new = name("NEW", line.need("NEW")?)?;
    let goes = Goes {
        system: None,
        name: Some(&new),
    };
    let agent = change(line, |rows, who, id, now| {
        agents::place(rows, who, id, goes, now)
    })?;
    let (customer, system) = (&agent.customer, &agent.system);
    print(&format!(
        "{}: now {customer}/{system}/{new}\n",
        agent.path()
    ))
}

/// `agent move NAME --system CUSTOMER/SYSTEM`.
fn move_to(line: &Line) -> Result<(), Failure> {
    let (customer, system) = system(line)?;
    let goes = Goes {
        system: Some((&customer, &system)),
        name: None,
    };
    let agent = change(line, |rows, who, id, now| {
        agents::place(rows, who, id, goes, now)
    })?;
    print(&format!(
        "{}: now {customer}/{system}/{}\n",
        agent.path(),
        agent.name
    ))
}

/// `--system CUSTOMER/SYSTEM`.
fn system(line: &Line) -> Result<(String, String), Failure> {
    let given = line.get("system");
    let (customer, system) = given
        .and_then(|system| system.split_once('/'))
        .ok_or_else(|| Failure::new(USAGE, "--system CUSTOMER/SYSTEM is needed"))?;
    Ok((name("CUSTOMER", customer)?, name("SYSTEM", system)?))
}

/// `join-token add --system C/S [--uses N] [--for TIME] [--file PATH]`.
fn token_add(line: &Line) -> Result<(), Failure> {
    let (customer, system) = system(line)?;
    let allowed = format!("are 1 to {JOIN_TOKEN_USES}");
    let uses = line.parsed("uses", &allowed, |text| {
        let uses = text.parse().ok();
        uses.filter(|uses| (1..=JOIN_TOKEN_USES).contains(uses))
    })?;
    let uses = uses.unwrap_or(1);
    let for_ms = line.span_ms("for")?.unwrap_or(JOIN_TOKEN_MS);
    if for_ms == 0 || for_ms > JOIN_TOKEN_DAYS.saturating_mul(clock::DAY_MS) {
        let message = format!("--for: up to {JOIN_TOKEN_DAYS}d");
        return Err(Failure::new(USAGE, message));
    }
    let path = line.path("file");
    is_new(path, "it is not overwritten")?;
    let config = line.configuration()?;
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
    .map_err(|fault| fault_failure(&fault))?;
    let id = made.id;
    let secret = format!("{}\n", token_text(id, &secret));
    hand_over(path, &secret, |path| {
        let span = duration_text(for_ms);
        format!(
            "join token {id} for {customer}/{system}, {uses} host(s), {span}: it is in {path}\n"
        )
    })
}

/// `join-token list [--json]`.
fn token_list(line: &Line) -> Result<(), Failure> {
    let mut tokens = Vec::new();
    reader(line)?
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
        if line.flag("json") {
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
fn token_revoke(line: &Line) -> Result<(), Failure> {
    let id = line.need("ID")?;
    let number = id
        .parse()
        .map_err(|_| Failure::new(USAGE, format!("{id:?}: a number, as join-token list shows")))?;
    let config = line.configuration()?;
    let store =
        SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?;
    let (_, end) = transact(&store, |rows| {
        agents::revoke_token(rows, &by(), number, clock::now())
    })
    .map_err(|fault| fault_failure(&fault))?;
    print(&match end {
        None => format!("join token {number} revoked\n"),
        Some(end) => format!("join token {number} was {} already\n", end.word()),
    })
}
