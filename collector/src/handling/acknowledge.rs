//! Taking an alert and giving it back.

use super::audit::{self, Detail};
use super::{Fault, Refused, Who, own_alert, text};
use crate::limit::{ACKNOWLEDGEMENTS, PROMISE_MS, REMARK_CHARACTERS, REQUEST_CHARACTERS};
use crate::store::rows::AllRows;
use crate::store::{AckEnd, AckEnding, Acknowledgement, AlertId, EventKind};
use hansho::clock::WallTime;

/// Milliseconds of a day.
const DAY_MS: u64 = crate::clock::DAY_MS;

/// What somebody says when they take an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// When they expect it to be over.
    pub expected_recovery: Option<WallTime>,
    /// When they report next.
    pub next_report: Option<WallTime>,
    /// What they want to say; may be empty.
    pub text: String,
    /// Name of the request, if it has one: sent again it changes nothing, whatever happened between.
    pub request: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How.
    pub how: TakenHow,
    /// What holds now; of a request that came again what it made then, which may have ended since.
    pub acknowledgement: Acknowledgement,
}

/// How an alert was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenHow {
    /// Nobody had it.
    First,
    /// Somebody else had it.
    TookOver {
        /// Who.
        from: String,
    },
    /// The same person had it and says something new.
    Renewed,
    /// The same person had it and says the same: nothing changed.
    Same,
    /// The request was here before: nothing changed.
    Again,
}

impl TakenHow {
    /// Whether anything was changed.
    #[must_use]
    pub const fn changed(&self) -> bool {
        !matches!(self, Self::Same | Self::Again)
    }

    /// The word in JSON and in the audit.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::First => "first",
            Self::TookOver { .. } => "took_over",
            Self::Renewed => "renewed",
            Self::Same => "same",
            Self::Again => "again",
        }
    }
}

fn promised(
    what: &'static str,
    moment: Option<WallTime>,
    now: WallTime,
) -> Result<Option<WallTime>, Refused> {
    match moment {
        Some(moment) if moment <= now => Err(Refused::Past(what)),
        Some(moment) if moment.as_millis().saturating_sub(now.as_millis()) > PROMISE_MS => {
            Err(Refused::TooFar {
                what,
                days: PROMISE_MS / DAY_MS,
            })
        }
        moment => Ok(moment),
    }
}

/// Takes an alert: whoever had it has it no more, visibly. Of an alert that is over it says so (`over`).
///
/// # Errors
/// [`Fault`].
pub fn acknowledge(
    rows: &mut dyn AllRows,
    who: &Who,
    id: AlertId,
    ask: &Ask,
    now: WallTime,
) -> Result<Taken, Fault> {
    let by = text::name("the name", &who.name)?;
    let said = text::lines("the text", &ask.text, REMARK_CHARACTERS)?;
    let request = match &ask.request {
        Some(request) => Some(text::line("the request", request, REQUEST_CHARACTERS)?),
        None => None,
    };
    let (alert, owner) = own_alert(rows, who, id)?;
    let before = rows.acknowledgements(id)?;
    if let Some(request) = &request
        && let Some(made) = before
            .iter()
            .find(|row| row.request.as_ref() == Some(request))
    {
        return Ok(Taken {
            how: TakenHow::Again,
            acknowledgement: made.clone(),
        });
    }
    let holder = before.iter().find(|row| row.ended.is_none());
    // Before the times are judged: the same form sent twice may be late the second time.
    if let Some(holder) = holder
        && holder.by == by
        && holder.text == said
        && holder.expected_recovery == ask.expected_recovery
        && holder.next_report == ask.next_report
    {
        return Ok(Taken {
            how: TakenHow::Same,
            acknowledgement: holder.clone(),
        });
    }
    let expected_recovery = promised("the expected recovery", ask.expected_recovery, now)?;
    let next_report = promised("the next report", ask.next_report, now)?;
    let number = before
        .last()
        .map_or(1, |last| last.number.saturating_add(1));
    if number > ACKNOWLEDGEMENTS {
        return Err(Refused::TooMany {
            what: "acknowledgements of this alert",
            most: usize::try_from(ACKNOWLEDGEMENTS).unwrap_or(usize::MAX),
        }
        .into());
    }
    let how = match holder {
        None => TakenHow::First,
        Some(holder) if holder.by == by => TakenHow::Renewed,
        Some(holder) => TakenHow::TookOver {
            from: holder.by.clone(),
        },
    };
    if let Some(holder) = holder {
        let how = if how == TakenHow::Renewed {
            AckEnding::Renewed
        } else {
            AckEnding::TakenOver
        };
        end(rows, holder, &by, how, now)?;
    }
    let acknowledgement = Acknowledgement {
        alert: id,
        number,
        by,
        via: who.via,
        at: now,
        expected_recovery,
        next_report,
        text: said,
        over: !alert.firing,
        request,
        ended: None,
    };
    rows.put_acknowledgement(&acknowledgement)?;
    rows.append_event(id, EventKind::Acknowledged, now)?;
    let detail = detail(&how, &acknowledgement);
    audit::append(
        rows,
        who,
        audit::ACKNOWLEDGE,
        &id.to_string(),
        &owner.customer,
        &detail,
        now,
    )?;
    Ok(Taken {
        how,
        acknowledgement,
    })
}

fn detail(how: &TakenHow, row: &Acknowledgement) -> String {
    let mut detail = Detail::default();
    detail.put("how", how.word());
    if let TakenHow::TookOver { from } = how {
        detail.text("from", from);
    }
    if row.over {
        detail.put("over", "true");
    }
    detail.moment("recovery", row.expected_recovery);
    detail.moment("next_report", row.next_report);
    detail.text("text", &row.text);
    detail.as_str().to_owned()
}

pub(super) fn end(
    rows: &mut dyn AllRows,
    holder: &Acknowledgement,
    by: &str,
    how: AckEnding,
    now: WallTime,
) -> Result<Acknowledgement, Fault> {
    let ended = Acknowledgement {
        ended: Some(AckEnd {
            at: now,
            by: by.to_owned(),
            how,
        }),
        ..holder.clone()
    };
    rows.put_acknowledgement(&ended)?;
    Ok(ended)
}

/// Gives an alert back: nobody has it then, and whoever is next is told. Returns what held before.
///
/// # Errors
/// [`Fault`]; [`Refused::NotTaken`] where nobody has it, also because the request came twice.
pub fn release(
    rows: &mut dyn AllRows,
    who: &Who,
    id: AlertId,
    said: &str,
    now: WallTime,
) -> Result<Acknowledgement, Fault> {
    let by = text::name("the name", &who.name)?;
    let said = text::lines("the text", said, REMARK_CHARACTERS)?;
    let (_, owner) = own_alert(rows, who, id)?;
    let holder = rows.acknowledgement(id)?.ok_or(Refused::NotTaken)?;
    let ended = end(rows, &holder, &by, AckEnding::Released, now)?;
    rows.append_event(id, EventKind::Released, now)?;
    let mut detail = Detail::default();
    detail.text("from", &holder.by);
    detail.text("text", &said);
    audit::append(
        rows,
        who,
        audit::RELEASE,
        &id.to_string(),
        &owner.customer,
        detail.as_str(),
        now,
    )?;
    Ok(ended)
}
