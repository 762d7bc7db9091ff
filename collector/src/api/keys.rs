//! Agents as people manage them: added, retired, renamed, moved; their keys; the tokens with which hosts join.

use super::agents::{self, AGENT, ONE};
use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get, post};
use super::value::{Field, Form, Kind, NUMBER, Shape, may, must};
use super::{AGENT_FIELD, Desk, Input, Outcome, done};
use crate::clock::DAY_MS;
use crate::config::value::is_id;
use crate::handling::agents::{self as decide, Goes, NewJoinToken};
use crate::handling::{Fault, transact};
use crate::ingest::join::{token_hash, token_text};
use crate::keys;
use crate::limit::{
    JOIN_TOKEN_DAYS, JOIN_TOKEN_MS, JOIN_TOKEN_USES, ROTATION_GRACE_DAYS, ROTATION_GRACE_MS,
};
use crate::people::Action;
use crate::store::agents::Rotated;
use crate::store::{JoinToken, KeyEpoch, NewAgent, StoreError};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use serde_json::{Value as Json, json};

/// A name of a customer, system or agent.
const NAME: Form = Form {
    pattern: "^[^/\\u0000-\\u001f\\u007f-\\u009f]{1,64}$",
    fits: is_id,
    allowed: "1 to 64 characters without `/`, control characters and spaces at the ends",
};

const NEW_AGENT: Shape = Shape {
    name: "NewAgent",
    says: "An agent to be added.",
    fields: &[
        must("customer", Kind::Form(&NAME), "Customer."),
        must("system", Kind::Form(&NAME), "System of the customer."),
        must("name", Kind::Form(&NAME), "Name; unique within the system."),
    ],
};

const KEY: Shape = Shape {
    name: "NewKey",
    says: "A key of an agent. It is told here and never again: bring the line to the host as its key file (mode 0600).",
    fields: &[
        must("agent", Kind::Text(16), "Identity of the agent."),
        must("epoch", Kind::Integer(1, 255), "Which of its keys."),
        must(
            "key_file",
            Kind::Text(200),
            "The content of the key file, one line.",
        ),
    ],
};

const EPOCH: Shape = Shape {
    name: "KeyEpoch",
    says: "A key of an agent, without the key.",
    fields: &[
        must(
            "epoch",
            Kind::Integer(0, 255),
            "Which: rises with each rotation.",
        ),
        must("good", Kind::Flag, "It is taken now."),
        must("created", Kind::Moment, "When it was made."),
        may(
            "used",
            Kind::Moment,
            "When the first batch with it was stored.",
        ),
        may("ends", Kind::Moment, "It is refused from then on."),
    ],
};

const ROTATE: Shape = Shape {
    name: "RotateKey",
    says: "A new key for an agent.",
    fields: &[may(
        "grace_ms",
        Kind::Integer(0, ROTATION_GRACE_DAYS * DAY_MS),
        "How long the keys before are taken while the new one is not used, milliseconds; 7 days where it is not given.",
    )],
};

const REVOKE: Shape = Shape {
    name: "RevokeKeys",
    says: "Which keys are refused from now on.",
    fields: &[may(
        "epoch",
        Kind::Integer(0, 255),
        "This one only; all where it is not given.",
    )],
};

const REVOKED: Shape = Shape {
    name: "RevokedKeys",
    says: "What was revoked. A running collector refuses it within a minute.",
    fields: &[
        must("agent", Kind::Text(16), "Identity of the agent."),
        must("revoked", NUMBER, "How many keys."),
    ],
};

const RENAME: Shape = Shape {
    name: "RenameAgent",
    says: "Another name.",
    fields: &[must(
        "name",
        Kind::Form(&NAME),
        "Name; unique within the system.",
    )],
};

const MOVE: Shape = Shape {
    name: "MoveAgent",
    says: "Another system.",
    fields: &[
        must("customer", Kind::Form(&NAME), "Customer."),
        must("system", Kind::Form(&NAME), "System of the customer."),
    ],
};

const TOKEN_FIELDS: &[Field] = &[
    must("id", NUMBER, "Its number."),
    must(
        "customer",
        Kind::Text(64),
        "Customer of the agents that join with it.",
    ),
    must("system", Kind::Text(64), "Their system."),
    must(
        "state",
        Kind::Word(&["good", "expired", "used_up", "revoked"]),
        "Whether it is taken.",
    ),
    must("uses", NUMBER, "How many hosts may join."),
    must("used", NUMBER, "How many did."),
    must("created", Kind::Moment, "When it was made."),
    must("ends", Kind::Moment, "Good until then."),
];

const TOKEN: Shape = Shape {
    name: "JoinToken",
    says: "A token with which hosts join, without its secret.",
    fields: TOKEN_FIELDS,
};

const MADE: Shape = Shape {
    name: "MadeJoinToken",
    says: "A join token that was made. Its secret is told here and never again.",
    fields: &[
        must("id", NUMBER, "Its number."),
        must(
            "token_file",
            Kind::Text(200),
            "The content of the token file, one line.",
        ),
        must("ends", Kind::Moment, "Good until then."),
    ],
};

const NEW_TOKEN: Shape = Shape {
    name: "NewJoinToken",
    says: "A join token to be made.",
    fields: &[
        must(
            "customer",
            Kind::Form(&NAME),
            "Customer of the agents that join with it.",
        ),
        must("system", Kind::Form(&NAME), "Their system."),
        may(
            "uses",
            Kind::Integer(1, JOIN_TOKEN_USES as u64),
            "How many hosts may join; one where it is not given.",
        ),
        may(
            "for_ms",
            Kind::Integer(1, JOIN_TOKEN_DAYS * DAY_MS),
            "How long it is good, milliseconds; 7 days where it is not given.",
        ),
    ],
};

const TOKEN_FIELD: Field = must("id", Kind::Integer(0, u32::MAX as u64), "The join token.");

const CHANGED: &[Sort] = &[Sort::NotFound, Sort::Conflict];

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    post(
        "/api/v1/agents",
        "add_agent",
        "Agents",
        "Adds an agent and makes its key.",
        Answer::Made(&KEY),
        add,
    )
    .needs(Action::ManageAgents)
    .takes(&NEW_AGENT)
    .or(&[Sort::Conflict]),
    get(
        "/api/v1/agents/{agent}/keys",
        "keys",
        "Agents",
        "Keys of an agent, by epoch; not the keys themselves.",
        Answer::Page(&EPOCH),
        epochs,
    )
    .needs(Action::ManageAgents)
    .with(&[AGENT_FIELD])
    .or(ONE),
    post(
        "/api/v1/agents/{agent}/rotate",
        "rotate_key",
        "Agents",
        "Makes a new key for an agent. Those before are taken until it is used, or its grace ends.",
        Answer::Made(&KEY),
        rotate,
    )
    .needs(Action::ManageAgents)
    .with(&[AGENT_FIELD])
    .takes(&ROTATE)
    .or(CHANGED),
    post(
        "/api/v1/agents/{agent}/revoke",
        "revoke_keys",
        "Agents",
        "Refuses keys of an agent from now on.",
        Answer::One(&REVOKED),
        revoke,
    )
    .needs(Action::ManageAgents)
    .with(&[AGENT_FIELD])
    .takes(&REVOKE)
    .or(CHANGED),
    post(
        "/api/v1/agents/{agent}/retire",
        "retire_agent",
        "Agents",
        "Retires an agent. Nobody expects it any more, and its posts are refused within a minute.",
        Answer::One(&AGENT),
        retire,
    )
    .needs(Action::ManageAgents)
    .with(&[AGENT_FIELD])
    .or(CHANGED),
    post(
        "/api/v1/agents/{agent}/restore",
        "restore_agent",
        "Agents",
        "Expects an agent again that was retired.",
        Answer::One(&AGENT),
        restore,
    )
    .needs(Action::ManageAgents)
    .with(&[AGENT_FIELD])
    .or(CHANGED),
    post(
        "/api/v1/agents/{agent}/rename",
        "rename_agent",
        "Agents",
        "Gives an agent another name.",
        Answer::One(&AGENT),
        rename,
    )
    .needs(Action::ManageAgents)
    .with(&[AGENT_FIELD])
    .takes(&RENAME)
    .or(CHANGED),
    post(
        "/api/v1/agents/{agent}/move",
        "move_agent",
        "Agents",
        "Moves an agent to another system.",
        Answer::One(&AGENT),
        move_to,
    )
    .needs(Action::ManageAgents)
    .with(&[AGENT_FIELD])
    .takes(&MOVE)
    .or(CHANGED),
    get(
        "/api/v1/join-tokens",
        "join_tokens",
        "Agents",
        "Join tokens, by number.",
        Answer::Page(&TOKEN),
        tokens,
    )
    .needs(Action::ManageAgents)
    .with(&[CURSOR_FIELD, LIMIT_FIELD]),
    post(
        "/api/v1/join-tokens",
        "add_join_token",
        "Agents",
        "Makes a join token.",
        Answer::Made(&MADE),
        add_token,
    )
    .needs(Action::ManageAgents)
    .takes(&NEW_TOKEN),
    post(
        "/api/v1/join-tokens/{id}/revoke",
        "revoke_join_token",
        "Agents",
        "Takes a join token back.",
        Answer::One(&TOKEN),
        revoke_token,
    )
    .needs(Action::ManageAgents)
    .with(&[TOKEN_FIELD])
    .or(&[Sort::NotFound]),
];

/// The key file of an epoch.
fn key(desk: &Desk<'_>, master: u32, agent: AgentId, epoch: u8) -> Outcome {
    let key = desk.masters.key(master, agent, epoch);
    let key = key.ok_or_else(|| Problem::new(Sort::Failed, "there is no such master"))?;
    done(json!({
        "agent": agent.to_string(),
        "epoch": epoch,
        "key_file": keys::key_line(agent, epoch, &key),
    }))
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    keys::random().map_err(|failure| {
        log::error!("a request to the API was not done: {}", failure.message);
        Problem::new(Sort::Failed, "the collector's log says why")
    })
}

fn add(desk: &Desk<'_>, input: &Input) -> Outcome {
    let master = desk.masters.newest();
    loop {
        let new = NewAgent {
            id: AgentId(u64::from_le_bytes(random()?)),
            customer: input.text("customer").to_owned(),
            system: input.text("system").to_owned(),
            name: input.text("name").to_owned(),
            key_epoch: 1,
            master_id: master,
        };
        match transact(desk.writing, |rows| {
            decide::add(rows, &desk.who, &new, desk.now)
        }) {
            Ok(()) => return key(desk, master, new.id, 1),
            // One in 2^64: another one then.
            Err(Fault::Store(StoreError::IdTaken)) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
}

fn epoch(key: &KeyEpoch, now: WallTime) -> Json {
    let mut json = object(json!({ "epoch": key.epoch, "good": key.is_good(now) }));
    json.moment("created", Some(key.created));
    json.moment("used", key.used);
    json.moment("ends", key.ends);
    json.json()
}

fn epochs(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let keys = desk.look(|rows| Ok(rows.key_epochs(agent.id)?))?;
    let keys = keys.iter().map(|key| epoch(key, desk.now));
    Ok(page::page(keys.collect(), None))
}

fn rotate(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let master = desk.masters.newest();
    let grace_ms = input.integer("grace_ms").unwrap_or(ROTATION_GRACE_MS);
    let (_, rotated) = desk
        .decide(|rows| decide::rotate(rows, &desk.who, agent.id, (master, grace_ms), desk.now))?;
    match rotated {
        Rotated::To(epoch) => key(desk, master, agent.id, epoch),
        Rotated::NoEpochLeft => Err(Problem::new(
            Sort::Conflict,
            "it had 255 keys: retire it and add it anew",
        )),
    }
}

fn revoke(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let epoch = input
        .integer("epoch")
        .and_then(|epoch| u8::try_from(epoch).ok());
    let (_, revoked) =
        desk.decide(|rows| decide::revoke(rows, &desk.who, agent.id, epoch, desk.now))?;
    if revoked == 0 {
        return Err(Problem::new(
            Sort::Conflict,
            "there is no such key that is still good",
        ));
    }
    done(json!({ "agent": agent.id.to_string(), "revoked": revoked }))
}

fn retired(desk: &Desk<'_>, input: &Input, undo: bool) -> Outcome {
    let id = desk.agent(input.text("agent"))?.id;
    desk.decide(|rows| decide::retire(rows, &desk.who, id, undo, desk.now))?;
    agents::shown(desk, &desk.agent(&id.to_string())?)
}

fn retire(desk: &Desk<'_>, input: &Input) -> Outcome {
    retired(desk, input, false)
}

fn restore(desk: &Desk<'_>, input: &Input) -> Outcome {
    retired(desk, input, true)
}

fn placed(desk: &Desk<'_>, input: &Input, goes: Goes<'_>) -> Outcome {
    let id = desk.agent(input.text("agent"))?.id;
    desk.decide(|rows| decide::place(rows, &desk.who, id, goes, desk.now))?;
    agents::shown(desk, &desk.agent(&id.to_string())?)
}

fn rename(desk: &Desk<'_>, input: &Input) -> Outcome {
    let goes = Goes {
        system: None,
        name: input.given("name"),
    };
    placed(desk, input, goes)
}

fn move_to(desk: &Desk<'_>, input: &Input) -> Outcome {
    let goes = Goes {
        system: Some((input.text("customer"), input.text("system"))),
        name: None,
    };
    placed(desk, input, goes)
}

/// A join token, with the names of `hansho-collector join-token list --json`.
#[must_use]
pub fn token(token: &JoinToken, now: WallTime) -> Json {
    let mut json = object(json!({
        "id": token.id,
        "customer": token.customer,
        "system": token.system,
        "state": token.end(now).map_or("good", |end| end.word()),
        "uses": token.uses,
        "used": token.used,
    }));
    json.moment("created", Some(token.created));
    json.moment("ends", Some(token.ends));
    json.json()
}

fn tokens(desk: &Desk<'_>, input: &Input) -> Outcome {
    let tokens = desk.look(|rows| decide::tokens(rows, &desk.who))?;
    let asked = Asked::new(input);
    let after = asked.numbers::<1>()?.map(|[id]| id);
    Ok(page::of(
        &tokens,
        &asked,
        after.as_ref(),
        |token| u64::from(token.id),
        u64::to_string,
        |found| token(found, desk.now),
    ))
}

fn add_token(desk: &Desk<'_>, input: &Input) -> Outcome {
    let secret: [u8; 32] = random()?;
    let uses = input
        .integer("uses")
        .and_then(|uses| u32::try_from(uses).ok());
    let new = NewJoinToken {
        customer: input.text("customer").to_owned(),
        system: input.text("system").to_owned(),
        uses: uses.unwrap_or(1),
        for_ms: input.integer("for_ms").unwrap_or(JOIN_TOKEN_MS),
        hash: token_hash(&secret),
    };
    let made = desk.decide(|rows| decide::add_token(rows, &desk.who, &new, desk.now))?;
    let line = format!("{}\n", token_text(made.id, &secret));
    let mut json = object(json!({ "id": made.id, "token_file": line }));
    json.moment("ends", Some(made.ends));
    done(json.json())
}

fn revoke_token(desk: &Desk<'_>, input: &Input) -> Outcome {
    let id = input.integer("id").and_then(|id| u32::try_from(id).ok());
    let id = id.unwrap_or(0);
    let (revoked, _) = desk.decide(|rows| decide::revoke_token(rows, &desk.who, id, desk.now))?;
    done(token(&revoked, desk.now))
}
