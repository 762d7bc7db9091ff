//! An agent goes to another customer: whoever was told of it until then hears nothing more of it, from this very transaction on.
//! Or to another place of the same: then Alertmanagers alone are to hear of it.

use super::StoreError;
use super::rows::AllRows;
use super::types::{Agent, ListOf, Reason, Sending, Waiting};
use hansho::clock::WallTime;

/// What stands in a message that is not sent any more.
const SAID: &str = "not sent: the agent went to another customer";

/// Notes it on all threads of an agent, given as it was before; the notifier tells both sides. Messages that wait are not sent, and
/// no list of the customer before names its alerts: what is over goes on the new customer's, what is open is decided on anew.
///
/// # Errors
/// [`StoreError`].
pub fn away<R: AllRows + ?Sized>(
    rows: &mut R,
    agent: &Agent,
    (customer, system): (&str, &str),
    now: WallTime,
) -> Result<(), StoreError> {
    let newest = rows.numbers()?.outgoing;
    for mut thread in rows.threads_of(agent.id)? {
        for mut message in rows.outgoing_of_thread(thread.root)? {
            if !message.state.is_final() && message.reason != Reason::MovedAway {
                // The claim of one that a worker has in hand stays on it: it may still arrive.
                message.state = Sending::GivenUp;
                message.done = Some(now);
                SAID.clone_into(&mut message.said);
                rows.put_outgoing(&message)?;
            }
        }
        if thread.ended.is_none() {
            thread.moved_from.get_or_insert_with(|| agent.path());
            thread.moved_within = false;
        }
        thread.told_from = newest;
        rows.put_thread(&thread)?;
    }
    for (list, key) in rows.lists()? {
        for waiting in rows.waiting(list, &key)? {
            let alert = rows.alert(waiting.alert)?;
            let Some(alert) = alert.filter(|alert| alert.agent == agent.id) else {
                continue;
            };
            rows.delete_waiting(list, &key, waiting.alert)?;
            let key = match list {
                ListOf::Digest | ListOf::Late => customer.to_owned(),
                ListOf::Group => format!("{customer}/{system}"),
                // A receiver's: of those before.
                ListOf::Storm => continue,
            };
            if !alert.firing {
                rows.put_waiting(&Waiting { key, ..waiting })?;
            }
        }
    }
    Ok(())
}

/// Notes on the open threads of an agent, given as it was before, that it has another name or system: Alertmanagers know it by its
/// place.
///
/// # Errors
/// [`StoreError`].
pub fn within<R: AllRows + ?Sized>(rows: &mut R, agent: &Agent) -> Result<(), StoreError> {
    for mut thread in rows.threads_of(agent.id)? {
        if thread.ended.is_none() && thread.moved_from.is_none() {
            thread.moved_from = Some(agent.path());
            thread.moved_within = true;
            rows.put_thread(&thread)?;
        }
    }
    Ok(())
}
