//! What people do about alerts: take them, silence them, announce work, write notes; and the audit of it all.
//!
//! Each decision is a function on the rows of an open transaction, with who acts and the time given; pages, API, signed links
//! and commands use the same ones. [`acknowledge`] taking an alert and giving it back; [`agents`] agents, their keys and join tokens; [`silence`] and [`window`] quiet and
//! announced times; [`note`] notes; [`audit`] who did what, and its export; [`link`] signed links; [`moment`] how people write
//! times; [`text`] what they may write. Whether a window covers a moment is in `store::types::window`, because presence asks too.

pub mod acknowledge;
pub mod agents;
pub mod audit;
pub mod link;
pub mod moment;
pub mod note;
pub mod silence;
pub mod text;
pub mod window;

pub use acknowledge::{Ask, Taken, acknowledge, release};
pub use link::{LinkRefused, LinkTarget, by_link};
pub use silence::silenced;

pub use crate::store::types::people::Scope;

use crate::store::rows::AllRows;
use crate::store::{AlertId, Store, StoreError, StoredAlert, Via};
use hansho::clock::WallTime;

/// Who acts. That the role allows it was checked before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Name, as pages, mails and the audit show it.
    pub name: String,
    /// By which way.
    pub via: Via,
    /// Whose systems.
    pub scope: Scope,
}

/// Why it was not done. Nothing was changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such alert, or not for this person.
    NoAlert,
    /// There is no such agent, or not for this person.
    NoAgent,
    /// There is no such system, or not for this person.
    NoSystem,
    /// No agent is of this customer: a mistyped name would silence nothing, unnoticed.
    NoCustomer(String),
    /// There is no such silence, or not for this person.
    NoSilence(u64),
    /// There is no such window, or not for this person.
    NoWindow(u64),
    /// There is no such join token, or not for this person.
    NoToken(u32),
    /// It concerns a customer beyond this person's scope; empty is all customers.
    Beyond(String),
    /// It ended before.
    Ended(WallTime),
    /// A weekly window does not hold now: there is no occurrence to end.
    NotNow,
    /// Nobody has taken the alert.
    NotTaken,
    /// A text is empty that must not be.
    Empty(&'static str),
    /// A text has more characters than allowed.
    TooLong {
        /// Which.
        what: &'static str,
        /// Characters allowed.
        most: usize,
    },
    /// A text has characters that could deceive whoever reads it: control characters, or such that turn the direction.
    Hostile(&'static str),
    /// A time is past.
    Past(&'static str),
    /// A time is too far ahead.
    TooFar {
        /// Which.
        what: &'static str,
        /// Days allowed.
        days: u64,
    },
    /// It would last too long.
    TooLasting {
        /// Which.
        what: &'static str,
        /// Days allowed.
        days: u64,
    },
    /// It ends before it begins.
    Backwards,
    /// A silence that says nothing of what it silences.
    Everything,
    /// A narrower place is given without the wider one.
    Needs {
        /// What is given.
        narrower: &'static str,
        /// What is missing.
        wider: &'static str,
    },
    /// A weekly window without a day.
    NoDays,
    /// A minute of the day or a distance of a zone is out of range.
    BadClock,
    /// There are too many already.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        most: usize,
    },
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoAlert => write!(f, "there is no such alert"),
            Self::NoAgent => write!(f, "there is no such agent"),
            Self::NoSystem => write!(f, "there is no such system"),
            Self::NoCustomer(customer) => write!(f, "there is no customer {customer:?}"),
            Self::NoSilence(id) => write!(f, "there is no silence {id}"),
            Self::NoWindow(id) => write!(f, "there is no window {id}"),
            Self::NoToken(id) => write!(f, "there is no join token {id}"),
            Self::Beyond(customer) if customer.is_empty() => {
                write!(f, "that concerns all customers, which is not yours to do")
            }
            Self::Beyond(customer) => write!(f, "customer {customer:?} is not among yours"),
            Self::Ended(at) => {
                write!(f, "it ended at {}", crate::clock::utc(at.as_millis()))
            }
            Self::NotNow => write!(
                f,
                "the window does not hold now; to end the whole series, say so"
            ),
            Self::NotTaken => write!(f, "nobody has taken the alert"),
            Self::Empty(what) => write!(f, "{what} is empty"),
            Self::TooLong { what, most } => {
                write!(f, "{what} is too long: allowed are {most} characters")
            }
            Self::Hostile(what) => write!(
                f,
                "{what} has control characters or such that turn the direction of text"
            ),
            Self::Past(what) => write!(f, "{what} is past"),
            Self::TooFar { what, days } => {
                write!(f, "{what} is too far ahead: allowed are {days} days")
            }
            Self::TooLasting { what, days } => {
                write!(f, "{what} lasts too long: allowed are {days} days")
            }
            Self::Backwards => write!(f, "it ends before it begins"),
            Self::Everything => write!(
                f,
                "a silence needs a customer, a system, an agent, a code or a subject"
            ),
            Self::Needs { narrower, wider } => write!(f, "{narrower} needs {wider} beside it"),
            Self::NoDays => write!(f, "a weekly window needs a day"),
            Self::BadClock => write!(
                f,
                "allowed are 00:00 to 23:59 and distances from UTC up to 14:00"
            ),
            Self::TooMany { what, most } => {
                write!(f, "there are too many {what}: allowed are {most}")
            }
        }
    }
}

impl std::error::Error for Refused {}

/// Why it was not done: refused, or the store failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused: nothing was changed.
    Refused(Refused),
    /// The store failed: everything was rolled back.
    Store(StoreError),
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

/// Runs a decision as one transaction.
///
/// # Errors
/// [`Fault`]; nothing was changed then.
pub fn transact<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn AllRows) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut outcome = None;
    let committed = store.transact(&mut |rows| match work(rows) {
        Ok(done) => {
            outcome = Some(Ok(done));
            Ok(())
        }
        Err(Fault::Refused(refused)) => {
            outcome = Some(Err(Fault::Refused(refused)));
            // Rolls back whatever was written before it was refused; the reason above is what is told.
            Err(StoreError::Io("refused".to_owned()))
        }
        Err(Fault::Store(error)) => Err(error),
    });
    match (outcome, committed) {
        (Some(Ok(done)), Ok(())) => Ok(done),
        (Some(Err(fault)), _) => Err(fault),
        (_, Err(error)) => Err(Fault::Store(error)),
        // A store that ran nothing and says that it did.
        (None, Ok(())) => Err(Fault::Store(StoreError::Io(
            "the decision was not run".to_owned(),
        ))),
    }
}

/// Reads rows as they stood at one moment.
///
/// # Errors
/// [`Fault`].
pub fn view<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn AllRows) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut outcome = None;
    store.view(&mut |rows| {
        outcome = Some(work(rows));
        Ok(())
    })?;
    // A store that ran nothing and says that it did.
    let idle = || StoreError::Io("the query was not run".to_owned());
    outcome.unwrap_or_else(|| Err(idle().into()))
}

/// Whose an alert is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Customer; empty where it concerns no single one.
    pub customer: String,
    /// System; empty for a site.
    pub system: String,
    /// Name of the agent; empty for a site.
    pub agent: String,
}

/// Whose an alert is. An alert of a site, raised by the collector, has no agent and the subject `CUSTOMER/SITE`.
///
/// # Errors
/// [`StoreError`].
pub fn owner(rows: &mut dyn AllRows, alert: &StoredAlert) -> Result<Owner, StoreError> {
    if let Some(agent) = rows.agent(alert.agent)? {
        return Ok(Owner {
            customer: agent.customer,
            system: agent.system,
            agent: agent.name,
        });
    }
    Ok(owner_of_site(alert))
}

/// Whose an alert without an agent is.
#[must_use]
pub fn owner_of_site(alert: &StoredAlert) -> Owner {
    let site = alert.of_site();
    Owner {
        customer: site.map_or_else(String::new, |(customer, _)| customer.to_owned()),
        ..Owner::default()
    }
}

/// An alert that this person may act on, and whose it is.
fn own_alert(
    rows: &mut dyn AllRows,
    who: &Who,
    id: AlertId,
) -> Result<(StoredAlert, Owner), Fault> {
    let alert = rows.alert(id)?.ok_or(Refused::NoAlert)?;
    let owner = owner(rows, &alert)?;
    if who.scope.has(&owner.customer) {
        Ok((alert, owner))
    } else {
        Err(Refused::NoAlert.into())
    }
}

/// A customer within a person's scope; `None` is all of them.
fn own_customer(who: &Who, customer: Option<&str>) -> Result<(), Refused> {
    let own = match customer {
        Some(customer) => who.scope.has(customer),
        None => who.scope == Scope::All,
    };
    if own {
        Ok(())
    } else {
        Err(Refused::Beyond(customer.unwrap_or_default().to_owned()))
    }
}

/// That agents are there for what is named, so that a mistyped name is seen.
fn known_place(
    rows: &mut dyn AllRows,
    customer: Option<&str>,
    system: Option<&str>,
    name: Option<&str>,
) -> Result<(), Fault> {
    let Some(customer) = customer else {
        return Ok(());
    };
    let mut agents = rows.all_agents()?;
    agents.retain(|agent| agent.customer == customer);
    if agents.is_empty() {
        return Err(Refused::NoCustomer(customer.to_owned()).into());
    }
    agents.retain(|agent| system.is_none_or(|system| agent.system == system));
    if agents.is_empty() {
        return Err(Refused::NoSystem.into());
    }
    agents.retain(|agent| name.is_none_or(|name| agent.name == name));
    if agents.is_empty() {
        return Err(Refused::NoAgent.into());
    }
    Ok(())
}
