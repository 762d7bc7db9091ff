//! Whether a level should be another one, by what was seen: decided on values alone.
//!
//! A level is raised only where alarms go beyond the budget of the fleet, the loudest codes first. It is lowered only where it never
//! fired, the greatest value seen is below half of it, and the code is one that does not wake people: what wakes people says
//! where damage begins, not what is unusual. Nothing is proposed beyond what the catalogue means by a code: not below half
//! of its built-in level; of a share not nearer to the whole than half of what the built-in level leaves; else not above
//! four times it; and never at or above the level of a code that takes over from it.

use hansho::rule::{Level, Quantity, Rule, Unit};

/// History that is needed: a week has its working days and its nights.
pub(super) const ENOUGH_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// A share, in permille, moves in steps of one per cent.
const SHARE_STEP: u64 = 10;
const WHOLE: u64 = 1000;
/// In KiB.
const MIB: u64 = 1024;

/// What the numbers of a level count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Permille of the quantity's total, where the level has that: an absolute part of it stays as it is.
    Share,
    /// The unit of the quantity.
    Unit(Unit),
}

impl Scale {
    /// That of a rule judged by level; `None` where there is no level.
    pub(super) fn of(rule: &Rule) -> Option<Self> {
        let unit = rule.quantity()?.unit();
        match (unit, rule.raise.permille) {
            (Unit::Kib, Some(_)) => Some(Self::Share),
            _ => rule.raise.absolute.map(|_| Self::Unit(unit)),
        }
    }

    /// The unit in which its numbers are shown.
    pub(super) fn unit(self) -> Unit {
        match self {
            Self::Share => Unit::Permille,
            Self::Unit(unit) => unit,
        }
    }

    /// The number of a level on this scale.
    pub(super) fn number(self, level: Level) -> Option<u64> {
        match self {
            Self::Share => level.permille.map(u64::from),
            Self::Unit(_) => level.absolute,
        }
    }

    /// A level with this number.
    pub(super) fn with(self, level: Level, number: u64) -> Level {
        match self {
            Self::Share => Level {
                permille: u16::try_from(number).ok(),
                ..level
            },
            Self::Unit(_) => Level {
                absolute: Some(number),
                ..level
            },
        }
    }

    fn is_share(self) -> bool {
        matches!(self, Self::Share | Self::Unit(Unit::Permille))
    }

    /// The next round number at or above this one: people read levels.
    fn round(self, number: u64) -> u64 {
        match self {
            Self::Unit(Unit::Kib) => two_digits(number.div_ceil(MIB)).saturating_mul(MIB),
            _ if self.is_share() => number
                .checked_next_multiple_of(SHARE_STEP)
                .unwrap_or(number),
            Self::Share | Self::Unit(_) => two_digits(number),
        }
    }

    /// The next lower round number.
    fn below(self, number: u64) -> u64 {
        if self.is_share() {
            number.saturating_sub(SHARE_STEP)
        } else {
            number.saturating_sub((number / 10).max(1))
        }
    }
}

/// The next number at or above this one of which two digits count.
fn two_digits(number: u64) -> u64 {
    let digits = number.checked_ilog10().unwrap_or(0);
    let step = 10_u64.saturating_pow(digits.saturating_sub(1));
    number.checked_next_multiple_of(step).unwrap_or(number)
}

/// Raise and clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) raise: u64,
    pub(super) clear: u64,
}

/// What was seen of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) scale: Scale,
    pub(super) present: Levels,
    /// The raise level of the catalogue, on the same scale where it has one there.
    pub(super) built_in: u64,
    /// Level of the code that takes over from it, on the same scale.
    pub(super) takes_over: Option<u64>,
    /// It mails at once.
    pub(super) wakes_people: bool,
    /// Alarms go beyond the budget, and this is one of the loudest.
    pub(super) is_loud: bool,
    pub(super) fired: u64,
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) greatest: u64,
    /// For how long the quantity was there.
    pub(super) present_ms: u64,
    /// Suggest however short the history is.
    pub(super) anyway: bool,
}

/// What to do about a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The history is too short.
    TooShort,
    /// It fires, within the budget.
    Fits,
    /// It never fired, and what was seen comes near enough.
    NotFar,
    /// It never fired and is far away, and stays: it wakes people.
    WakesPeople,
    /// It never fired and is far away, and a lower level would say nothing.
    Lowest,
    /// It is too loud, and a higher level would say nothing.
    Highest,
    /// Too loud: the least of these at which it is quiet enough.
    Quieter(Vec<Levels>),
    /// Far from all that was seen: this one tells sooner.
    Sooner(Levels),
}

impl Facts {
    /// Least and greatest level that the catalogue's meaning of the code allows.
    pub(super) fn bounds(&self) -> (u64, u64) {
        let least = self.scale.round(self.built_in / 2).max(1);
        let greatest = if self.scale.is_share() {
            let left = WHOLE.saturating_sub(self.built_in);
            let greatest = WHOLE.saturating_sub(left.div_ceil(2));
            greatest.saturating_sub(greatest % SHARE_STEP)
        } else {
            self.built_in.saturating_mul(4)
        };
        let taken_over = self.takes_over.map(|level| self.scale.below(level));
        (
            least,
            taken_over.map_or(greatest, |level| level.min(greatest)),
        )
    }

    /// What to do.
    pub(super) fn verdict(&self) -> Verdict {
        if self.present_ms < ENOUGH_MS && !self.anyway {
            return Verdict::TooShort;
        }
        if self.is_loud {
            let candidates = self.quieter();
            return if candidates.is_empty() {
                Verdict::Highest
            } else {
                Verdict::Quieter(candidates)
            };
        }
        if self.fired > 0 {
            return Verdict::Fits;
        }
        if self.greatest.saturating_mul(2) >= self.present.raise {
            return Verdict::NotFar;
        }
        if self.wakes_people {
            return Verdict::WakesPeople;
        }
        self.sooner()
    }

    /// Levels above the present one, by what was seen: beyond 99 % of the time, 99.9 %, and all of it.
    fn quieter(&self) -> Vec<Levels> {
        let (_, greatest) = self.bounds();
        let mut levels: Vec<u64> = [self.p99, self.p999, self.greatest]
            .into_iter()
            .map(|seen| self.scale.round(seen.saturating_add(1)).min(greatest))
            .filter(|level| *level > self.present.raise)
            .collect();
        levels.dedup();
        levels
            .into_iter()
            .map(|raise| Levels {
                raise,
                clear: self.clear(raise, self.p50),
            })
            .collect()
    }

    /// Half way between what was seen and the present level.
    fn sooner(&self) -> Verdict {
        let half = self.present.raise.saturating_sub(self.greatest) / 2;
        let (least, greatest) = self.bounds();
        let raise = self
            .scale
            .round(self.greatest.saturating_add(half))
            .max(least)
            .min(greatest);
        // A tenth less is not worth a line.
        let worthwhile = raise.saturating_mul(10) <= self.present.raise.saturating_mul(9);
        if !worthwhile || raise <= self.greatest {
            return Verdict::Lowest;
        }
        Verdict::Sooner(Levels {
            raise,
            clear: self.clear(raise, self.p99),
        })
    }

    /// The clear level that goes with a raise level: as far below it as now, shares of a total in per cent of it and all else in
    /// proportion; above what is usual, or it would not clear.
    fn clear(&self, raise: u64, usual: u64) -> u64 {
        let Levels {
            raise: now,
            clear: clear_now,
        } = self.present;
        let kept = if self.scale == Scale::Share {
            raise.saturating_sub(now.saturating_sub(clear_now))
        } else {
            let clear = u128::from(raise)
                .saturating_mul(clear_now.into())
                .checked_div(now.into())
                .unwrap_or(0);
            u64::try_from(clear).unwrap_or(u64::MAX)
        };
        let usual = self.scale.round(usual.saturating_add(1));
        let clear = self.scale.round(kept).max(usual);
        if clear < raise {
            clear
        } else {
            self.scale.below(raise)
        }
    }
}

/// Whether a rule is judged by the level of something on the host; a time left is not, for its level says how much time people
/// need.
pub(super) fn is_time_left(rule: &Rule) -> bool {
    rule.quantity().is_some_and(Quantity::is_forecast)
}

#[cfg(test)]
mod tests {
    use super::{ENOUGH_MS, Facts, Levels, Scale, Verdict};
    use hansho::rule::Unit;

    /// 1001 on a host that never used more than 52 %.
    const MEMORY: Facts = Facts {
        scale: Scale::Share,
        present: Levels {
            raise: 800,
            clear: 750,
        },
        built_in: 800,
        takes_over: Some(950),
        wakes_people: false,
        is_loud: false,
        fired: 0,
        p50: 310,
        p99: 330,
        p999: 340,
        greatest: 342,
        present_ms: ENOUGH_MS,
        anyway: false,
    };

    const fn levels(raise: u64, clear: u64) -> Levels {
        Levels { raise, clear }
    }

    #[test]
    fn a_level_far_from_all_that_was_seen_is_lowered() {
        assert_eq!(MEMORY.verdict(), Verdict::Sooner(levels(580, 530)));
        // Not below half of the catalogue's.
        let idle = Facts {
            p50: 20,
            p99: 30,
            p999: 30,
            greatest: 30,
            ..MEMORY
        };
        assert_eq!(idle.verdict(), Verdict::Sooner(levels(420, 370)));
        let lower = Facts {
            present: levels(420, 370),
            ..idle
        };
        assert_eq!(lower.verdict(), Verdict::Lowest);
        assert_eq!(
            Facts {
                greatest: 400,
                ..MEMORY
            }
            .verdict(),
            Verdict::NotFar
        );
        let urgent = Facts {
            wakes_people: true,
            ..MEMORY
        };
        assert_eq!(urgent.verdict(), Verdict::WakesPeople);
        assert_eq!(Facts { fired: 1, ..MEMORY }.verdict(), Verdict::Fits);
    }

    #[test]
    fn less_than_a_week_is_not_enough() {
        let short = Facts {
            present_ms: ENOUGH_MS - 1,
            ..MEMORY
        };
        assert_eq!(short.verdict(), Verdict::TooShort);
        let anyway = Facts {
            anyway: true,
            ..short
        };
        assert_eq!(anyway.verdict(), MEMORY.verdict());
    }

    #[test]
    fn what_is_loud_is_raised_to_what_was_seen_and_no_further_than_makes_sense() {
        let loud = Facts {
            is_loud: true,
            fired: 400,
            p50: 700,
            p99: 823,
            p999: 851,
            greatest: 991,
            ..MEMORY
        };
        // 100 - (100 - 80) / 2 = 90 %.
        assert_eq!(
            loud.verdict(),
            Verdict::Quieter(vec![levels(830, 780), levels(860, 810), levels(900, 850)])
        );
        // Below the code that takes over.
        let near = Facts {
            takes_over: Some(850),
            ..loud
        };
        assert_eq!(
            near.verdict(),
            Verdict::Quieter(vec![levels(830, 780), levels(840, 790)])
        );
        let highest = Facts {
            present: levels(900, 850),
            ..loud
        };
        assert_eq!(highest.verdict(), Verdict::Highest);
        // It clears above what is usual.
        let usual = Facts { p50: 815, ..loud };
        let Verdict::Quieter(candidates) = usual.verdict() else {
            panic!("it is loud");
        };
        assert_eq!(candidates.first(), Some(&levels(830, 820)));
    }

    #[test]
    fn sizes_are_round_in_mib() {
        let scale = Scale::Unit(Unit::Kib);
        let size = Facts {
            scale,
            present: levels(8 << 20, 7 << 20),
            built_in: 8 << 20,
            takes_over: None,
            p99: 1 << 20,
            greatest: 3 << 20,
            ..MEMORY
        };
        // Half way between 3 and 8 GiB are 5632 MiB; seven eighths of what that is rounded to.
        let expected = levels(5700 * 1024, 5000 * 1024);
        assert_eq!(size.verdict(), Verdict::Sooner(expected));
    }

    #[test]
    fn rates_move_in_proportion() {
        let swap = Facts {
            scale: Scale::Unit(Unit::PerSecond),
            present: levels(1000, 200),
            built_in: 1000,
            takes_over: None,
            is_loud: true,
            fired: 9,
            p50: 0,
            p99: 1201,
            p999: 3333,
            greatest: 9000,
            ..MEMORY
        };
        assert_eq!(
            swap.verdict(),
            Verdict::Quieter(vec![
                levels(1300, 260),
                levels(3400, 680),
                levels(4000, 800)
            ])
        );
        let quiet = Facts {
            is_loud: false,
            fired: 0,
            p99: 0,
            greatest: 0,
            ..swap
        };
        assert_eq!(quiet.verdict(), Verdict::Sooner(levels(500, 100)));
    }
}
