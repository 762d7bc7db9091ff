//! How forwarding goes, for `hansho status`.

use super::pace::Outcome;
use super::trust::LastAnswer;

/// How forwarding goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last authenticated answer of this process.
    pub last_answer: Option<LastAnswer>,
    /// HTTP status of the last post that brought one; 0 where none did.
    pub last_status: u16,
    /// How the last post ended; see [`outcome_name`].
    pub last_outcome: u8,
    /// Posts that failed since the last one that did not.
    pub failed_in_row: u32,
    /// Readings that the collector recorded as lost because they were overwritten.
    pub lost_readings: u64,
    /// Records of the alert stream, likewise.
    pub lost_alerts: u64,
    /// Frames that the collector refused.
    pub refused_frames: u64,
}

/// The number of an outcome in [`Progress`].
#[must_use]
pub const fn outcome_number(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::More | Outcome::Waits | Outcome::WentBack => 1,
        Outcome::Done { .. } => 2,
        Outcome::Retry { .. } => 3,
        Outcome::Configuration => 4,
        Outcome::Unauthentic => 5,
        Outcome::TooLarge => 6,
        Outcome::Stuck => 7,
        Outcome::Empty => 0,
    }
}

/// The word of an outcome's number.
#[must_use]
pub const fn outcome_name(number: u8) -> &'static str {
    match number {
        1 => "more",
        2 => "done",
        3 => "retry",
        4 => "refused",
        5 => "unauthentic",
        6 => "too_large",
        7 => "stuck",
        _ => "-",
    }
}
