//! What is news of an agent: the questions that [`super::apply`] and the pages ask alike.

use super::StoreError;
use super::rows::Rows;
use super::types::Agent;
use crate::limit::NUMBER_LIMIT;
use hansho::clock::Uptime;
use hansho::frame::batch::BatchHeader;

/// Whether a batch with this header would move last-seen: what a page may believe of a sign of life that is not stored
/// yet. Nothing is changed.
///
/// # Errors
/// [`StoreError`].
pub fn is_news<R: Rows + ?Sized>(rows: &mut R, header: &BatchHeader) -> Result<bool, StoreError> {
    let Some(agent) = rows.agent(header.agent)? else {
        return Ok(false);
    };
    let known = rows.run(header.agent, header.run)?;
    let current = agent.current_run == Some(header.run);
    match known {
        Some(run) => {
            let newer = run
                .last_sent
                .is_none_or(|last| bounded(header.sent_uptime) > last);
            Ok(current && newer && run.boot == header.boot)
        }
        None => follows(rows, &agent, header),
    }
}

/// Whether a run that never was heard of follows the current one.
pub(super) fn follows<R: Rows + ?Sized>(
    rows: &mut R,
    agent: &Agent,
    header: &BatchHeader,
) -> Result<bool, StoreError> {
    let Some(current) = agent.current_run else {
        return Ok(true);
    };
    let Some(current) = rows.run(agent.id, current)? else {
        return Ok(true);
    };
    if current.boot == header.boot {
        return Ok(current
            .last_sent
            .is_none_or(|last| header.sent_uptime > last));
    }
    let boot = rows.boot(agent.id, header.boot)?;
    Ok(boot.is_none_or(|boot| boot.offsets.is_empty()))
}

/// Uptimes beyond what the store holds are nonsense; they stay in order.
pub(super) fn bounded(uptime: Uptime) -> Uptime {
    Uptime::from_millis(uptime.as_millis().min(NUMBER_LIMIT))
}
