//! What is right, and should not stay so.

use super::Directory;
use crate::clock::{DAY_MS, Date};
use crate::config::Team;
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
    /// Somebody on duty cannot be told: others of the team are, or the next rank that can be.
    DutyUnreachable {
        /// The roster.
        file: PathBuf,
        /// The first line with one from now on.
        line: usize,
        /// Rank: 1 is the first on duty.
        rank: usize,
        /// Id of the receiver.
        receiver: String,
    },
    /// Nobody of a team can be told.
    TeamUnreachable {
        /// The team.
        team: String,
        /// Whether `[notify] fallback` can be told in its place.
        fallback: bool,
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
            Self::DutyUnreachable {
                file,
                line,
                rank,
                receiver,
            } => write!(
                out,
                "{}:{line}: number {rank} on duty, {receiver}, has mail only, and [mail] is not configured: {}",
                file.display(),
                if *rank == 1 {
                    "the others of the team who can be told are told alone, or else the next on duty who can be, at once"
                } else {
                    "when it is their turn, the next on duty who can be told is told in their place, if there is one"
                }
            ),
            Self::TeamUnreachable { team, fallback } => write!(
                out,
                "[[team]] {team}: all its receivers have mail only, and [mail] is not configured: {} told",
                if *fallback {
                    "[notify] fallback is"
                } else {
                    "nobody is"
                }
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
            self.team_warned(team, now, &mut warnings);
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

    fn team_warned(&self, team: &Team, now: WallTime, warnings: &mut Vec<Warning>) {
        let minute = self.zone_of_team(team).local_ms(now) / MINUTE_MS;
        let roster = team.roster.as_ref();
        let shifts = roster.map_or(&[][..], |roster| &roster.shifts);
        let ahead = || shifts.iter().filter(|shift| shift.to > minute);
        let always = || team.receivers.iter().chain(&team.copy);
        let on_duty = || ahead().flat_map(|shift| &shift.on_duty);
        if !always().chain(on_duty()).any(|id| self.reaches(id)) {
            // That a roster ends, or a team has nobody, is said elsewhere.
            if always().chain(on_duty()).next().is_some() {
                warnings.push(Warning::TeamUnreachable {
                    team: team.id.clone(),
                    fallback: self.notify.fallback.iter().any(|id| self.reaches(id)),
                });
            }
            return;
        }
        let first = ahead().find_map(|shift| {
            let mut ranks = shift.on_duty.iter().zip(1_usize..);
            let (receiver, rank) = ranks.find(|(id, _)| !self.reaches(id))?;
            Some((shift.line, rank, receiver.clone()))
        });
        if let (Some((line, rank, receiver)), Some(roster)) = (first, roster) {
            warnings.push(Warning::DutyUnreachable {
                file: roster.file.clone(),
                line,
                rank,
                receiver,
            });
        }
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
