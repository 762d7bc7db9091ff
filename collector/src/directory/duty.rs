//! Who is on duty.

use super::Directory;
use crate::config::Team;
use hansho::clock::WallTime;

const MINUTE_MS: u64 = 60_000;

/// Who is on duty for a team at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Its roster says who.
    OnDuty(OnDuty),
    /// Its roster has no row for that moment.
    Gap,
    /// It has no roster.
    NoRoster,
}

/// A row of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDuty {
    /// One to three receivers, by id, in the order in which they are told.
    pub receivers: Vec<String>,
    /// When the row ends.
    pub until: WallTime,
    /// Its line in the roster.
    pub line: usize,
}

impl Directory {
    /// Who is on duty for a team. The roster's times are those of the team's zone; a row holds from its first minute to before
    /// its last.
    #[must_use]
    pub fn on_duty(&self, team: &Team, now: WallTime) -> Duty {
        let Some(roster) = &team.roster else {
            return Duty::NoRoster;
        };
        let zone = self.zone_of_team(team);
        match roster.at(zone.local_ms(now) / MINUTE_MS) {
            Some(shift) => Duty::OnDuty(OnDuty {
                receivers: shift.on_duty.clone(),
                until: zone.moment(shift.to.saturating_mul(MINUTE_MS)),
                line: shift.line,
            }),
            None => Duty::Gap,
        }
    }
}
