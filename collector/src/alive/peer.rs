//! Another collector's answers, as `hansho-collector watch` judges them: told after some misses in a row, and when it is back.

/// What to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// Nothing new.
    Nothing,
    /// It did not answer so many times in a row.
    Down {
        /// Milliseconds since the first miss.
        for_ms: u64,
        /// Answers missed.
        missed: u32,
    },
    /// It answers again, after somebody was told of the misses.
    Back {
        /// Milliseconds since the first miss.
        after_ms: u64,
        /// Answers missed.
        missed: u32,
    },
}

/// What is known of it.
#[derive(Clone, Debug)]
pub struct Peer {
    after: u32,
    missed: u32,
    since_ms: u64,
    told: bool,
}

impl Peer {
    /// Tells after so many misses in a row, at least one.
    #[must_use]
    pub fn new(after: u32) -> Self {
        Self {
            after: after.max(1),
            missed: 0,
            since_ms: 0,
            told: false,
        }
    }

    /// An answer came, or did not.
    pub const fn heard(&mut self, answered: bool, now_ms: u64) -> Say {
        if answered {
            let (missed, told) = (self.missed, self.told);
            self.missed = 0;
            self.told = false;
            return if told {
                Say::Back {
                    after_ms: now_ms.saturating_sub(self.since_ms),
                    missed,
                }
            } else {
                Say::Nothing
            };
        }
        if self.missed == 0 {
            self.since_ms = now_ms;
        }
        self.missed = self.missed.saturating_add(1);
        if self.told || self.missed < self.after {
            return Say::Nothing;
        }
        self.told = true;
        Say::Down {
            for_ms: now_ms.saturating_sub(self.since_ms),
            missed: self.missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_in_a_row_are_told_once_and_so_is_the_return() {
        let mut peer = Peer::new(3);
        let heard = [
            false, false, true, false, false, false, false, false, true, true, false,
        ];
        let said: Vec<Say> = heard
            .into_iter()
            .zip(1..)
            .map(|(answered, minute)| peer.heard(answered, minute * 60_000))
            .collect();
        let mut expected = vec![Say::Nothing; heard.len()];
        expected[5] = Say::Down {
            for_ms: 120_000,
            missed: 3,
        };
        expected[8] = Say::Back {
            after_ms: 300_000,
            missed: 5,
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn one_miss_may_suffice() {
        let mut peer = Peer::new(0);
        assert_eq!(
            peer.heard(false, 7),
            Say::Down {
                for_ms: 0,
                missed: 1
            }
        );
    }
}
