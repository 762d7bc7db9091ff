//! Who uses it, as far as evidence has come until the message is written: no message waits for it, and the next one of the thread has
//! what came meanwhile.

use super::super::notice::{Suspect, SuspectBy, Suspects, Victim};
use crate::limit::{MAIL_SUSPECTS, MAIL_VICTIMS};
use crate::store::evidence::{self, List};
use crate::store::rows::AllRows;
use crate::store::{StoreError, StoredAlert, victims as killed};
use hansho::frame::evidence::{FLAG_CUT, FLAG_HIDDEN};

/// An OOM kill.
const OOM_KILL: u16 = 1010;

/// The first of the lists that the code is about; `None` where no evidence lists a process.
pub(super) fn suspects(
    rows: &mut dyn AllRows,
    alert: &StoredAlert,
) -> Result<Option<Suspects>, StoreError> {
    let all = evidence::of_alert(rows, alert)?;
    let main = evidence::main(&all).and_then(|main| all.get(main));
    let Some(stored) = main.map(|one| &one.evidence) else {
        return Ok(None);
    };
    let suspects = stored.suspects();
    let lists = List::of_code(alert.identity.code);
    let first = first_of(&suspects, lists);
    if first.is_empty() {
        return Ok(None);
    }
    let head = &stored.head;
    let taken = head.walk_ended.map(|ended| evidence::dated(stored, ended));
    Ok(Some(Suspects {
        taken: taken.unwrap_or(head.at).wall,
        seen: head.read,
        all: head.seen,
        partial: head.flags & (FLAG_HIDDEN | FLAG_CUT) != 0 || !stored.missing().is_empty(),
        by: match lists.first() {
            Some(List::Cpu) => SuspectBy::Cpu,
            Some(List::Swap) => SuspectBy::Swap,
            _ => SuspectBy::Memory,
        },
        rows: first.into_iter().map(row).collect(),
    }))
}

/// Whom the kernel killed in the episode of an OOM kill; none of other codes.
pub(super) fn victims(
    rows: &mut dyn AllRows,
    alert: &StoredAlert,
) -> Result<Vec<Victim>, StoreError> {
    if alert.identity.code != OOM_KILL {
        return Ok(Vec::new());
    }
    let found = killed::of_alert(rows, alert, MAIL_VICTIMS)?.into_iter();
    let told = found.map(|one| Victim {
        at: one.at.wall,
        name: one.name,
        pid: one.pid,
        unit: one.unit.or(one.container),
        anonymous_kib: one.anonymous_kib,
    });
    Ok(told.collect())
}

/// The first of each list, the second of each, and so on, each process once: the one that grows is among them however many
/// are larger.
fn first_of<'s>(suspects: &'s [evidence::Suspect], lists: &[List]) -> Vec<&'s evidence::Suspect> {
    let tops: Vec<Vec<&evidence::Suspect>> = lists.iter().map(|list| list.top(suspects)).collect();
    let mut first: Vec<&evidence::Suspect> = Vec::new();
    for place in 0..suspects.len() {
        for one in tops.iter().filter_map(|top| top.get(place).copied()) {
            let known = first
                .iter()
                .any(|known| (known.pid, known.start_ticks) == (one.pid, one.start_ticks));
            if !known && first.len() < MAIL_SUSPECTS {
                first.push(one);
            }
        }
    }
    first
}

fn row(one: &evidence::Suspect) -> Suspect {
    Suspect {
        name: one.name.clone(),
        pid: one.pid,
        unit: one.unit.clone().or_else(|| one.container.clone()),
        resident_kib: one.memory_kib,
        change: one.growth_short.map(|grown| (grown.kib, grown.over_ms)),
        swap_kib: one.swap_kib,
        cpu_permille: one.cpu_permille,
    }
}
