//! Lists of alerts, failed mails, and the daily mail.

use super::Measured;
use crate::store::Dated;
use hansho::clock::WallTime;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// What can wait for the working day.
    Digest,
    /// Arrived late, resolved already.
    Late,
    /// Several of one system or site at once.
    Group,
    /// More than the ceiling of a receiver.
    Storm,
}

/// A list of alerts of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListNotice {
    /// Which.
    pub kind: ListKind,
    /// Customer as shown.
    pub customer: String,
    /// Customer's identity.
    pub customer_id: String,
    /// System, where it is of one.
    pub system: Option<String>,
    /// Team.
    pub team: Option<String>,
    /// From when.
    pub from: WallTime,
    /// To when.
    pub to: WallTime,
    /// The alerts, the worst first.
    pub rows: Vec<ListRow>,
    /// How many there are in all, those not listed included.
    pub total: u64,
}

/// An alert in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// Code.
    pub code: u16,
    /// Still fires.
    pub firing: bool,
    /// Nobody knows whether it still fires: its agent is silent.
    pub unknown: bool,
    /// System as shown.
    pub system: String,
    /// Host.
    pub host: String,
    /// Subject; empty for the host.
    pub subject: String,
    /// Since when.
    pub occurred: Option<Dated>,
    /// Until when.
    pub recovered: Option<Dated>,
    /// The value.
    pub value: Option<Measured>,
    /// Who took it.
    pub taken_by: Option<String>,
    /// Its page.
    pub link: Option<String>,
}

/// Mails to a receiver fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFailed {
    /// Who does not get them.
    pub receiver: String,
    /// Address.
    pub address: String,
    /// Since when.
    pub since: WallTime,
    /// Mails that were not delivered.
    pub undelivered: u64,
    /// What the server said last.
    pub says: String,
    /// Refused for good; else it is tried again.
    pub permanent: bool,
    /// What was in them: codes with how many.
    pub codes: Vec<(u16, u64)>,
    /// Who was told instead.
    pub instead: Vec<String>,
    /// Alert's identity.
    pub alert: String,
}

/// The collector about itself, once a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daily {
    /// Name of the collector's host.
    pub collector: String,
    /// Version.
    pub version: String,
    /// Runs since.
    pub running_since: WallTime,
    /// From when the figures are.
    pub from: WallTime,
    /// Agents.
    pub agents: u64,
    /// Of them silent.
    pub silent: u64,
    /// Alerts that fire.
    pub firing: u64,
    /// Alerts raised since `from`.
    pub raised: u64,
    /// Mails delivered since `from`.
    pub delivered: u64,
    /// Mails that wait.
    pub waiting: u64,
    /// Mails that failed for good since `from`.
    pub failed: u64,
    /// Frames stored since `from`.
    pub frames: u64,
    /// Frames lost since `from`.
    pub lost: u64,
    /// Room on the store's disk, KiB.
    pub disk_free_kib: Option<u64>,
    /// What the store takes of it, KiB.
    pub store_kib: Option<u64>,
    /// When the newest backup ended; `None` where there was none.
    pub backup: Option<WallTime>,
    /// Things that somebody should look at, in the receiver's language.
    pub remarks: Vec<String>,
}
