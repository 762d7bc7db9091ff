//! What is right, and should not stay so.

use super::Directory;
use crate::clock::{DAY_MS, Date};
use hansho::clock::WallTime;
use std::path::PathBuf;

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u64 = 24 * 60;
/// A roster that ends within this is to be continued: a week, so that a working day lies in it.
const ROSTER_ENDS_MINUTES: u64 = 7 * DAY_MINUTES;

/// A warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Nobody is on duty for some time to come.
    RosterGap {
        /// The roster.
        file: PathBuf,
        /// The line before the gap.
        line: usize,
        /// First and last minute, local: minutes since 1970.
        minutes: (u64, u64),
    },
    /// A roster has ended or ends soon.
    RosterEnds {
        /// The roster.
        file: PathBuf,
        /// Its end, local; `None` where it has no row.
        minute: Option<u64>,
    },
    /// A roster's times are those of another zone than those of a customer that its team works for.
    RosterZone {
        /// The team.
        team: String,
        /// The customer.
        customer: String,
    },
    /// The file of the holidays ends before this year.
    HolidaysEnd {
        /// The file.
        file: PathBuf,
        /// The last one in it.
        last: Date,
    },
    /// A system has no team, and there is no default one.
    NoTeam {
        /// `CUSTOMER/SYSTEM`.
        system: String,
    },
}

impl core::fmt::Display for Warning {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::RosterGap {
                file,
                line,
                minutes,
            } => write!(
                out,
                "{}:{line}: after this row nobody is on duty from {} to {}",
                file.display(),
                local(minutes.0),
                local(minutes.1)
            ),
            Self::RosterEnds {
                file,
                minute: Some(minute),
            } => {
                write!(
                    out,
                    "{}: the roster ends at {}",
                    file.display(),
                    local(*minute)
                )
            }
            Self::RosterEnds { file, minute: None } => {
                write!(out, "{}: the roster has no row", file.display())
            }
            Self::RosterZone { team, customer } => write!(
                out,
                "[[team]] {team}: its roster is read in another time zone than that of its customer {customer}; \
                 time_zone_offset of the team says which is meant"
            ),
            Self::HolidaysEnd { file, last } => write!(
                out,
                "{}: the holidays end with {last}; the Cabinet Office publishes those of the next year each February",
                file.display()
            ),
            Self::NoTeam { system } => {
                write!(
                    out,
                    "[[system]] {system}: no team, and no [notify] default_team: nobody is told"
                )
            }
        }
    }
}

/// `2026-11-24 09:00`.
fn local(minute: u64) -> String {
    let of_day = minute % DAY_MINUTES;
    let date = Date::from_days(minute / DAY_MINUTES);
    format!("{date} {:02}:{:02}", of_day / 60, of_day % 60)
}

impl Directory {
    /// What should not stay as it is.
    #[must_use]
    pub fn warnings(&self, now: WallTime) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for team in self.tables.teams.values() {
            let Some(roster) = &team.roster else {
                continue;
            };
            let minute = self.zone_of_team(team).local_ms(now) / MINUTE_MS;
            let gaps = roster.gaps().into_iter().filter(|gap| gap.to > minute);
            warnings.extend(gaps.map(|gap| Warning::RosterGap {
                file: roster.file.clone(),
                line: gap.after_line,
                minutes: (gap.from, gap.to),
            }));
            let end = roster.shifts.last().map(|shift| shift.to);
            if end.is_none_or(|end| end <= minute.saturating_add(ROSTER_ENDS_MINUTES)) {
                warnings.push(Warning::RosterEnds {
                    file: roster.file.clone(),
                    minute: end,
                });
            }
        }
        self.systems_warned(&mut warnings);
        if let Some(holidays) = &self.tables.holidays
            && let Some(last) = holidays.last()
            && last.year < Date::from_days(self.zone.local_ms(now) / DAY_MS).year
        {
            warnings.push(Warning::HolidaysEnd {
                file: holidays.file.clone(),
                last,
            });
        }
        warnings
    }

    fn systems_warned(&self, warnings: &mut Vec<Warning>) {
        for customer in self.tables.customers.values() {
            let zone = self.zone_of(&customer.id);
            for team in self.teams_at(&customer.id, None) {
                let Some(team) = self.team(&team) else {
                    continue;
                };
                if team.roster.is_some() && self.zone_of_team(team) != zone {
                    warnings.push(Warning::RosterZone {
                        team: team.id.clone(),
                        customer: customer.id.clone(),
                    });
                }
            }
            for system in customer.systems.values() {
                if system.place.team.is_none() && self.notify.default_team.is_none() {
                    warnings.push(Warning::NoTeam {
                        system: format!("{}/{}", customer.id, system.id),
                    });
                }
            }
        }
    }
}
