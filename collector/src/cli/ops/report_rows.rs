//! What was tested: gathered from the store, as plain values.

use crate::store::rows::AllRows;
use crate::store::{
    Acknowledgement, Agent, AgentRule, AlertFilter, NoteOn, Sending, Store, StoreError, StoredAlert,
};
use hansho::clock::WallTime;
use hansho::code::builtin_rules;
use std::collections::BTreeSet;

/// A message about a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) receiver: String,
    pub(super) channel: &'static str,
    pub(super) state: Sending,
    pub(super) at: Option<WallTime>,
}

/// Whether people were told of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// These messages were decided.
    Messages(Vec<Message>),
    /// It waits for a list: a digest, a group.
    Listed,
    /// Nobody is told, for this reason.
    Nobody(&'static str),
    /// Nothing was decided yet.
    Undecided,
}

/// The newest test of a code on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tested {
    pub(super) alert: String,
    /// When the agent raised it, or, where that has no date, when it was stored.
    pub(super) at: WallTime,
    pub(super) stored: WallTime,
    pub(super) ended: Option<WallTime>,
    pub(super) told: Told,
    /// Who took it, or wrote a note, with what they said.
    pub(super) by: Vec<(String, WallTime, String)>,
}

/// A code on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) host: String,
    pub(super) code: u16,
    /// `None`: never tested.
    pub(super) tested: Option<Tested>,
}

/// All of a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) rows: Vec<Row>,
    /// Hosts that have not told their rules yet: the built-in ones are taken.
    pub(super) presumed: Vec<String>,
}

/// The codes that an agent can raise, by the rules that it told; `None` where it told none.
fn codes(rules: &[AgentRule]) -> Option<BTreeSet<u16>> {
    let enabled = rules.iter().filter(|rule| rule.enabled);
    (!rules.is_empty()).then(|| enabled.map(|rule| rule.code).collect())
}

/// Gathers the sheet of these agents.
pub(super) fn sheet(store: &dyn Store, agents: &[Agent]) -> Result<Sheet, StoreError> {
    let mut sheet = Sheet::default();
    for agent in agents {
        let told = codes(&store.rules(agent.id)?);
        if told.is_none() {
            sheet.presumed.push(agent.name.clone());
        }
        let alerts = store.alerts(&AlertFilter {
            agent: Some(agent.id),
            ..AlertFilter::default()
        })?;
        let tests: Vec<&StoredAlert> = alerts.iter().filter(|alert| alert.identity.test).collect();
        let mut all = told.unwrap_or_else(|| {
            let enabled = builtin_rules();
            let enabled = enabled.iter().filter(|rule| rule.enabled);
            enabled.map(|rule| rule.code).collect()
        });
        // What was tested counts, also where its rule is gone.
        all.extend(tests.iter().map(|alert| alert.identity.code));
        for code in all {
            let newest = tests
                .iter()
                .filter(|alert| alert.identity.code == code)
                .max_by_key(|alert| (alert.stored, alert.episode));
            let mut tested = None;
            if let Some(alert) = newest {
                store.view(&mut |rows| {
                    tested = Some(about(rows, alert)?);
                    Ok(())
                })?;
            }
            sheet.rows.push(Row {
                host: agent.name.clone(),
                code,
                tested,
            });
        }
    }
    Ok(sheet)
}

fn about(rows: &mut dyn AllRows, alert: &StoredAlert) -> Result<Tested, StoreError> {
    let mut by: Vec<(String, WallTime, String)> = Vec::new();
    for Acknowledgement {
        by: name, at, text, ..
    } in rows.acknowledgements(alert.id)?
    {
        by.push((name, at, text));
    }
    for note in rows.notes(&NoteOn::Alert(alert.id))? {
        by.push((note.by, note.at, note.text));
    }
    by.sort_by_key(|(_, at, _)| *at);
    Ok(Tested {
        alert: alert.id.to_string(),
        at: alert
            .detected
            .map_or(alert.stored, |detected| detected.wall),
        stored: alert.stored,
        ended: alert.resolved.map(|resolved| resolved.wall),
        told: told(rows, alert)?,
        by,
    })
}

fn told(rows: &mut dyn AllRows, alert: &StoredAlert) -> Result<Told, StoreError> {
    let mut messages = Vec::new();
    let decisions = rows.decisions_of(alert.id)?;
    if let Some(thread) = decisions.iter().find_map(|decision| decision.thread) {
        messages.extend(rows.outgoing_of_thread(thread)?);
    }
    messages.extend(rows.listings_of(alert.id)?);
    // Those about itself; else those of its thread, in which another of the family stood for it.
    if messages
        .iter()
        .any(|message| message.alert == Some(alert.id))
    {
        messages.retain(|message| message.alert == Some(alert.id));
    }
    // The first to each receiver is the one that told of it; what follows in the thread proves no more.
    let mut first: Vec<Message> = Vec::new();
    for message in messages {
        if !first.iter().any(|known| known.receiver == message.receiver) {
            first.push(Message {
                receiver: message.receiver,
                channel: message.channel.word(),
                state: message.state,
                at: message.done,
            });
        }
    }
    if !first.is_empty() {
        return Ok(Told::Messages(first));
    }
    if !rows.waits(alert.id)?.is_empty() {
        return Ok(Told::Listed);
    }
    Ok(decisions.last().map_or(Told::Undecided, |decision| {
        Told::Nobody(decision.reason.word())
    }))
}
