//! Notes on alerts, agents and systems.

use super::audit::{self, Detail};
use super::{Fault, Refused, Who, own_alert, text};
use crate::limit::{NOTE_CHARACTERS, NOTES};
use crate::store::rows::AllRows;
use crate::store::{EventKind, Note, NoteOn};
use hansho::clock::WallTime;

/// Writes a note.
///
/// # Errors
/// [`Fault`].
pub fn add(
    rows: &mut dyn AllRows,
    who: &Who,
    on: &NoteOn,
    written: &str,
    now: WallTime,
) -> Result<Note, Fault> {
    let by = text::name("the name", &who.name)?;
    let written = text::lines("the note", written, NOTE_CHARACTERS)?;
    if written.is_empty() {
        return Err(Refused::Empty("the note").into());
    }
    let (customer, target) = target(rows, who, on)?;
    if rows.count_notes(on)? >= NOTES {
        return Err(Refused::TooMany {
            what: "notes on it",
            most: NOTES,
        }
        .into());
    }
    let mut note = Note {
        number: 0,
        on: on.clone(),
        by,
        via: who.via,
        at: now,
        text: written,
    };
    note.number = rows.append_note(&note)?;
    if let NoteOn::Alert(alert) = on {
        rows.append_event(*alert, EventKind::Noted, now)?;
    }
    let mut detail = Detail::default();
    detail.put("note", &note.number.to_string());
    detail.text("text", &note.text);
    audit::append(
        rows,
        who,
        audit::NOTE,
        &target,
        &customer,
        detail.as_str(),
        now,
    )?;
    Ok(note)
}

/// Notes on one thing, in order.
///
/// # Errors
/// [`Fault`].
pub fn list(rows: &mut dyn AllRows, who: &Who, on: &NoteOn) -> Result<Vec<Note>, Fault> {
    target(rows, who, on)?;
    Ok(rows.notes(on)?)
}

/// Whose it is, and what it is called; refused where there is no such thing, or not for this person.
fn target(rows: &mut dyn AllRows, who: &Who, on: &NoteOn) -> Result<(String, String), Fault> {
    match on {
        NoteOn::Alert(id) => {
            let (_, owner) = own_alert(rows, who, *id)?;
            Ok((owner.customer, id.to_string()))
        }
        NoteOn::Agent(id) => {
            let agent = rows.agent(*id)?;
            let agent = agent.filter(|agent| who.scope.has(&agent.customer));
            let agent = agent.ok_or(Refused::NoAgent)?;
            Ok((agent.customer.clone(), agent.path()))
        }
        NoteOn::System { customer, system } => {
            let agents = rows.all_agents()?;
            let mut agents = agents.iter();
            let known = agents.any(|agent| agent.customer == *customer && agent.system == *system);
            if known && who.scope.has(customer) {
                Ok((customer.clone(), format!("{customer}/{system}")))
            } else {
                Err(Refused::NoSystem.into())
            }
        }
    }
}
