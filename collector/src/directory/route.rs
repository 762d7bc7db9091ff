//! Who is told of an alert, how, and why.

use super::{Directory, Duty};
use crate::config::{Deliver, Route, RouteTo};
use hansho::clock::WallTime;
use hansho::code::{self, Severity, Urgency};

/// Mail that does not arrive: its subject is the receiver, and another one is told.
const MAIL_NOT_DELIVERED: u16 = 9008;

/// What routing looks at. Of an alert that the collector raised itself some parts are empty: of a silent site system and
/// host, of a receiver all but the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'f> {
    /// Customer.
    pub customer: &'f str,
    /// System of the customer.
    pub system: &'f str,
    /// The agent's name.
    pub host: &'f str,
    /// Id of the site that an alert of a whole site is about.
    pub site: Option<&'f str>,
    /// Code.
    pub code: u16,
    /// Subject.
    pub subject: &'f str,
}

/// Why a receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A route names it.
    Route {
        /// Line of the route.
        line: usize,
    },
    /// It is on duty for a team.
    OnDuty {
        /// The team.
        team: String,
        /// Line in the team's roster.
        line: usize,
    },
    /// The team has it always told.
    Always {
        /// The team.
        team: String,
    },
    /// The team has it in Cc.
    Copy {
        /// The team.
        team: String,
    },
    /// `[notify] fallback`: nobody else could be told, or the alert is about one who could not.
    Fallback,
}

impl Why {
    /// The word in JSON.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Route { .. } => "route",
            Self::OnDuty { .. } => "on_duty",
            Self::Always { .. } => "always",
            Self::Copy { .. } => "copy",
            Self::Fallback => "fallback",
        }
    }
}

impl core::fmt::Display for Why {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Route { line } => write!(out, "the route in line {line} names it"),
            Self::OnDuty { team, line } => {
                write!(
                    out,
                    "first on duty for team {team}, line {line} of its roster"
                )
            }
            Self::Always { team } => write!(out, "always told by team {team}"),
            Self::Copy { team } => write!(out, "in Cc of team {team}"),
            Self::Fallback => out.write_str("[notify] fallback"),
        }
    }
}

/// A receiver that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Id of the receiver.
    pub receiver: String,
    /// In Cc.
    pub copy: bool,
    /// Why.
    pub why: Why,
}

/// What happens while nobody acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Time since the first was told.
    pub after_ms: u64,
    /// 2 for the second on duty, 3 for the third.
    pub rank: u8,
    /// Id of the receiver.
    pub receiver: String,
    /// The team on whose roster it stands.
    pub team: String,
}

/// Why it is told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliverWhy {
    /// A route says so.
    Route {
        /// Line of the route.
        line: usize,
    },
    /// The code's urgency.
    Urgency(Urgency),
    /// The code is of a newer version of hansho: in the digest, so that somebody sees it.
    UnknownCode,
    /// A test: told at once whatever its code is, since it proves the way.
    Drill,
}

impl core::fmt::Display for DeliverWhy {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Route { line } => write!(out, "the route in line {line} says so"),
            Self::Urgency(urgency) => {
                write!(out, "the urgency of the code is {}", urgency.as_str())
            }
            Self::UnknownCode => out.write_str("the code is of a newer version"),
            Self::Drill => out.write_str("a test is told at once"),
        }
    }
}

/// What is wrong with who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No team owns it.
    NoTeam,
    /// The roster of a team has no row for this moment.
    RosterGap {
        /// The team.
        team: String,
    },
    /// A receiver cannot be told: it has mail only, and no mail is sent.
    Unreachable {
        /// Its id.
        receiver: String,
    },
    /// None of those who would be told first can be: the next on duty are, in their place.
    PassedOver {
        /// Their rank.
        rank: u8,
        /// Their ids.
        receivers: Vec<String>,
    },
    /// Nobody on duty and none of the team can be told: `[notify] fallback` is.
    ToFallback {
        /// Ids of those of it who can be told.
        receivers: Vec<String>,
    },
    /// Nobody at all is told.
    Nobody,
}

impl core::fmt::Display for Problem {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoTeam => out.write_str("no team owns it"),
            Self::RosterGap { team } => {
                write!(out, "nobody stands on the roster of team {team} then")
            }
            Self::Unreachable { receiver } => write!(
                out,
                "{receiver} has mail only, and [mail] is not configured: not told"
            ),
            Self::PassedOver { rank, receivers } => write!(
                out,
                "none of those can be told: number {rank} on duty is told in their place, at once: {}",
                receivers.join(", ")
            ),
            Self::ToFallback { receivers } => write!(
                out,
                "none of those can be told: [notify] fallback is told in their place: {}",
                receivers.join(", ")
            ),
            Self::Nobody => out.write_str("nobody is told"),
        }
    }
}

/// Who is told, how, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// Line of the route that decided; `None` where none fits.
    pub route: Option<usize>,
    /// The teams, by id: one, but for an alert of a whole site or customer.
    pub teams: Vec<String>,
    /// How.
    pub deliver: Deliver,
    /// Why so.
    pub deliver_why: DeliverWhy,
    /// When the digest is due.
    pub digest_at: Option<WallTime>,
    /// Who, each once; empty where it stays on the page.
    pub told: Vec<Told>,
    /// Whom next, where it is told at once.
    pub escalation: Vec<Step>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Routed {
    fn tell(&mut self, receiver: &str, copy: bool, why: Why) {
        if !self.told.iter().any(|told| told.receiver == receiver) {
            self.told.push(Told {
                receiver: receiver.to_owned(),
                copy,
                why,
            });
        }
    }
}

impl Directory {
    /// Who is told of an alert. The first route that fits decides whom or how; what it does not say, the owner's team and the
    /// code's urgency do: *now* at once, *working hours* in the digest, *record* on the page only.
    #[must_use]
    pub fn route(&self, facts: &Facts<'_>, now: WallTime) -> Routed {
        let route = self.tables.routes.iter().find(|route| fits(route, facts));
        self.routed(facts, route, deliver(route, facts.code), now)
    }

    /// Who is told of a test: whom its code's route names, at once, also where the code itself goes into the digest or stays on
    /// the page.
    #[must_use]
    pub fn route_drill(&self, facts: &Facts<'_>, now: WallTime) -> Routed {
        let route = self.tables.routes.iter().find(|route| fits(route, facts));
        self.routed(facts, route, (Deliver::Now, DeliverWhy::Drill), now)
    }

    fn routed(
        &self,
        facts: &Facts<'_>,
        route: Option<&Route>,
        (deliver, deliver_why): (Deliver, DeliverWhy),
        now: WallTime,
    ) -> Routed {
        let mut routed = Routed {
            route: route.map(|route| route.line),
            teams: Vec::new(),
            deliver,
            deliver_why,
            digest_at: match deliver {
                Deliver::Digest => self.next_digest(facts.customer, now),
                Deliver::Now | Deliver::Record => None,
            },
            told: Vec::new(),
            escalation: Vec::new(),
            problems: Vec::new(),
        };
        let owner = RouteTo::Owner;
        match route.map_or(&owner, |route| &route.to) {
            RouteTo::Team(team) => routed.teams.push(team.clone()),
            RouteTo::Receivers(receivers) => {
                let line = routed.route.unwrap_or_default();
                for receiver in receivers {
                    routed.tell(receiver, false, Why::Route { line });
                }
            }
            RouteTo::Owner if facts.code == MAIL_NOT_DELIVERED => {
                self.tell_fallback(facts, &mut routed)
            }
            RouteTo::Owner => {
                routed.teams = self.owning(facts);
                if routed.teams.is_empty() {
                    routed.problems.push(Problem::NoTeam);
                }
            }
        }
        // A digest is for those who are on duty when it comes.
        let at = routed.digest_at.unwrap_or(now);
        for team in routed.teams.clone() {
            self.tell_team(&team, at, &mut routed);
        }
        if routed.told.is_empty() {
            self.tell_fallback(facts, &mut routed);
        }
        match deliver {
            Deliver::Now => {}
            Deliver::Digest => routed.escalation.clear(),
            Deliver::Record => {
                routed.escalation.clear();
                routed.told.clear();
            }
        }
        if routed.told.is_empty() && deliver != Deliver::Record {
            routed.problems.push(Problem::Nobody);
        } else {
            self.mark_unreachable(facts, &mut routed);
        }
        routed
    }

    /// Says of whom is named that they cannot be told, and who is in their place.
    fn mark_unreachable(&self, facts: &Facts<'_>, routed: &mut Routed) {
        let told = routed.told.iter().map(|told| &told.receiver);
        let named = told.chain(routed.escalation.iter().map(|step| &step.receiver));
        let mut unreachable: Vec<String> = Vec::new();
        for receiver in named {
            if !self.reaches(receiver) && !unreachable.contains(receiver) {
                unreachable.push(receiver.clone());
            }
        }
        let problems = unreachable.into_iter();
        let problems = problems.map(|receiver| Problem::Unreachable { receiver });
        routed.problems.extend(problems);
        if routed.told.is_empty() || routed.told.iter().any(|told| self.reaches(&told.receiver)) {
            return;
        }
        let steps = || {
            let steps = routed.escalation.iter();
            steps.filter(|step| self.reaches(&step.receiver))
        };
        if let Some(rank) = steps().map(|step| step.rank).min() {
            let next = steps().filter(|step| step.rank == rank);
            let receivers = next.map(|step| step.receiver.clone()).collect();
            routed
                .problems
                .push(Problem::PassedOver { rank, receivers });
            return;
        }
        let fallback = self.notify.fallback.iter().filter(|id| {
            self.reaches(id) && (facts.code != MAIL_NOT_DELIVERED || *id != facts.subject)
        });
        let receivers: Vec<String> = fallback.cloned().collect();
        routed.problems.push(if receivers.is_empty() {
            Problem::Nobody
        } else {
            Problem::ToFallback { receivers }
        });
    }

    /// Those who are on duty first, those who are always told, those in Cc; then the next on duty.
    fn tell_team(&self, id: &str, now: WallTime, routed: &mut Routed) {
        let Some(team) = self.team(id) else {
            return;
        };
        match self.on_duty(team, now) {
            Duty::OnDuty(duty) => {
                let mut after_ms = 0_u64;
                for (receiver, rank) in duty.receivers.iter().zip(1_u8..) {
                    if rank == 1 {
                        let why = Why::OnDuty {
                            team: id.to_owned(),
                            line: duty.line,
                        };
                        routed.tell(receiver, false, why);
                    } else {
                        after_ms = after_ms.saturating_add(team.escalate_after_ms);
                        routed.escalation.push(Step {
                            after_ms,
                            rank,
                            receiver: receiver.clone(),
                            team: id.to_owned(),
                        });
                    }
                }
            }
            Duty::Gap => routed.problems.push(Problem::RosterGap {
                team: id.to_owned(),
            }),
            Duty::NoRoster => {}
        }
        for receiver in &team.receivers {
            routed.tell(
                receiver,
                false,
                Why::Always {
                    team: id.to_owned(),
                },
            );
        }
        for receiver in &team.copy {
            routed.tell(
                receiver,
                true,
                Why::Copy {
                    team: id.to_owned(),
                },
            );
        }
    }

    fn tell_fallback(&self, facts: &Facts<'_>, routed: &mut Routed) {
        for receiver in &self.notify.fallback {
            // Nobody is told by mail that mail does not reach them.
            if facts.code != MAIL_NOT_DELIVERED || receiver != facts.subject {
                routed.tell(receiver, false, Why::Fallback);
            }
        }
    }

    fn owning(&self, facts: &Facts<'_>) -> Vec<String> {
        if facts.system.is_empty() {
            return self.teams_at(facts.customer, facts.site);
        }
        let owner = self.owner(facts.customer, facts.system, facts.host);
        owner.team.map(|team| team.id).into_iter().collect()
    }
}

fn deliver(route: Option<&Route>, code: u16) -> (Deliver, DeliverWhy) {
    if let Some(route) = route
        && let Some(deliver) = route.deliver
    {
        return (deliver, DeliverWhy::Route { line: route.line });
    }
    match code::entry(code) {
        None => (Deliver::Digest, DeliverWhy::UnknownCode),
        Some(entry) => {
            let deliver = match entry.urgency {
                Urgency::Now => Deliver::Now,
                Urgency::WorkingHours => Deliver::Digest,
                Urgency::Record => Deliver::Record,
            };
            (deliver, DeliverWhy::Urgency(entry.urgency))
        }
    }
}

fn fits(route: &Route, facts: &Facts<'_>) -> bool {
    let named = |name: &Option<String>, here: &str| name.as_deref().is_none_or(|name| name == here);
    let entry = code::entry(facts.code);
    // As `code::display` and `deliver` take codes that this version does not know.
    let severity = entry.map_or(Severity::Warning, |entry| entry.severity);
    let urgency = entry.map_or(Urgency::WorkingHours, |entry| entry.urgency);
    named(&route.customer, facts.customer)
        && named(&route.system, facts.system)
        && (route.severity.is_empty() || route.severity.contains(&severity))
        && (route.urgency.is_empty() || route.urgency.contains(&urgency))
        && (route.code.is_empty() || route.code.contains(&facts.code))
        && route
            .subject
            .as_ref()
            .is_none_or(|glob| glob.matches(facts.subject))
}
