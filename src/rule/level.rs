//! Comparing a value with a level. All in integers: no rounding can move a value across a level.

use super::definition::{Direction, Kind, Level};
use super::quantity::{Unit, Value};

/// On which side of a level a value must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// At or above.
    AtOrAbove,
    /// At or below.
    AtOrBelow,
    /// Below, not at.
    Below,
}

impl Side {
    /// The side on which a value is raised.
    pub(super) const fn raised(direction: Direction) -> Self {
        match direction {
            Direction::Above => Self::AtOrAbove,
            Direction::Below => Self::AtOrBelow,
        }
    }

    /// The side on which a value is clear.
    pub(super) const fn clear(direction: Direction) -> Self {
        match direction {
            Direction::Above => Self::AtOrBelow,
            Direction::Below => Self::AtOrAbove,
        }
    }

    fn holds(self, value: u128, level: u128) -> bool {
        match self {
            Self::AtOrAbove => value >= level,
            Self::AtOrBelow => value <= level,
            Self::Below => value < level,
        }
    }
}

impl Level {
    /// Whether per cent counts: it needs a quantity that has a total, and an event is absolute.
    pub(super) fn has_shares(kind: Kind, unit: Unit) -> bool {
        kind == Kind::Level && unit.has_shares()
    }

    /// What of the level counts.
    pub(super) fn used(self, shares: bool) -> Self {
        Self {
            permille: self.permille.filter(|_| shares),
            absolute: self.absolute,
        }
    }

    /// True where neither level is given: nothing could be compared.
    pub(super) const fn is_empty(self) -> bool {
        self.permille.is_none() && self.absolute.is_none()
    }

    /// True where the value has all that the level asks for: a per cent level needs a total, and not of 0.
    pub(super) fn can_judge(self, value: Value) -> bool {
        self.permille.is_none() || value.total.is_some_and(|total| total > 0)
    }

    /// Whether the value stands on that side of each level given; a per cent level without a total does not hold.
    pub(super) fn holds(self, side: Side, value: Value) -> bool {
        let absolute = self
            .absolute
            .is_none_or(|level| side.holds(value.value.into(), level.into()));
        let permille = self.permille.is_none_or(|level| {
            value.total.is_some_and(|total| {
                total > 0
                    && side.holds(
                        u128::from(value.value).saturating_mul(1000),
                        u128::from(total).saturating_mul(level.into()),
                    )
            })
        });
        absolute && permille
    }

    /// The one number that a value had to reach: the per cent level made absolute, and of two levels the one
    /// farther away.
    pub(super) fn decisive(self, side: Side, total: Option<u64>) -> Option<u64> {
        let above = side == Side::AtOrAbove;
        let permille = self.permille.zip(total).map(|(level, total)| {
            let exact = u128::from(total).saturating_mul(level.into());
            let round = if above { 999 } else { 0 };
            u64::try_from(exact.saturating_add(round) / 1000).unwrap_or(u64::MAX)
        });
        match (self.absolute, permille) {
            (Some(one), Some(other)) if above => Some(one.max(other)),
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn level(permille: Option<u16>, absolute: Option<u64>) -> Level {
        Level { permille, absolute }
    }

    const fn of(value: u64, total: u64) -> Value {
        Value {
            value,
            total: Some(total),
        }
    }

    #[test]
    fn per_cent_is_exact_at_the_edge() {
        let raise = level(Some(950), None);
        // 95 % of 1001 is 950.95: 950 is short of it, 951 beyond.
        assert!(!raise.holds(Side::AtOrAbove, of(950, 1001)));
        assert!(raise.holds(Side::AtOrAbove, of(951, 1001)));
        assert_eq!(raise.decisive(Side::AtOrAbove, Some(1001)), Some(951));
        assert!(raise.holds(Side::AtOrBelow, of(950, 1001)));
        assert!(!raise.holds(Side::AtOrBelow, of(951, 1001)));
        assert_eq!(raise.decisive(Side::AtOrBelow, Some(1001)), Some(950));
        assert!(raise.holds(Side::AtOrAbove, of(950, 1000)));
        assert!(raise.holds(Side::AtOrBelow, of(950, 1000)));
        assert!(!raise.holds(Side::Below, of(950, 1000)));
    }

    #[test]
    fn both_levels_must_hold_and_the_farther_decides() {
        let raise = level(Some(500), Some(600));
        assert!(!raise.holds(Side::AtOrAbove, of(550, 1000)));
        assert!(raise.holds(Side::AtOrAbove, of(600, 1000)));
        assert!(!raise.holds(Side::AtOrAbove, of(600, 1201)));
        assert_eq!(raise.decisive(Side::AtOrAbove, Some(1000)), Some(600));
        assert_eq!(raise.decisive(Side::AtOrBelow, Some(1000)), Some(500));
    }

    #[test]
    fn greatest_numbers_do_not_overflow() {
        let raise = level(Some(u16::MAX), Some(u64::MAX));
        assert!(!raise.holds(Side::AtOrAbove, of(u64::MAX, u64::MAX)));
        assert_eq!(
            raise.decisive(Side::AtOrAbove, Some(u64::MAX)),
            Some(u64::MAX)
        );
    }

    #[test]
    fn a_total_of_zero_is_no_total() {
        assert!(!level(Some(1), None).can_judge(of(1, 0)));
        assert!(!level(Some(1), None).holds(Side::AtOrBelow, of(1, 0)));
        assert!(level(None, Some(1)).can_judge(of(1, 0)));
    }

    #[test]
    fn per_cent_counts_only_where_there_is_a_total_and_no_event() {
        let both = level(Some(1), Some(2));
        assert_eq!(both.used(true), both);
        assert_eq!(both.used(false), level(None, Some(2)));
        assert!(level(Some(1), None).used(false).is_empty());
        assert!(Level::has_shares(Kind::Level, Unit::Kib));
        assert!(Level::has_shares(Kind::Level, Unit::Items));
        assert!(!Level::has_shares(Kind::Level, Unit::Permille));
        assert!(!Level::has_shares(Kind::Level, Unit::Count));
        assert!(!Level::has_shares(Kind::Event, Unit::Kib));
    }
}
