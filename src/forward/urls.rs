//! Which of the collector's addresses is used. Decides and does no I/O.

/// How long another address than the first is used before the first is tried again.
const FIRST_AGAIN_MS: u64 = 10 * 60 * 1000;

/// The choice among a list of addresses: the first while it answers, the next after a failure, the first again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urls {
    count: usize,
    current: usize,
    left_first_ms: u64,
}

impl Urls {
    /// Begins with the first of `count`.
    #[must_use]
    pub const fn new(count: usize) -> Self {
        Self {
            count,
            current: 0,
            left_first_ms: 0,
        }
    }

    /// The place in the list that is used now.
    #[must_use]
    pub const fn current(&self) -> usize {
        self.current
    }

    /// The current one failed: the next is used.
    pub fn failed(&mut self, now_ms: u64) {
        if self.current == 0 {
            self.left_first_ms = now_ms;
        }
        self.current = self
            .current
            .saturating_add(1)
            .checked_rem(self.count)
            .unwrap_or(0);
    }

    /// A post is about to be built: the first address gets its turn again.
    pub fn turn(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.left_first_ms) >= FIRST_AGAIN_MS {
            self.current = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_gets_its_turn_again() {
        let mut urls = Urls::new(3);
        urls.turn(FIRST_AGAIN_MS * 5);
        urls.failed(1000);
        assert_eq!(urls.current(), 1);
        urls.failed(2000);
        urls.turn(3000);
        assert_eq!(urls.current(), 2);
        urls.turn(1000 + FIRST_AGAIN_MS);
        assert_eq!(urls.current(), 0);
        for expected in [1, 2, 0, 1] {
            urls.failed(2000 + FIRST_AGAIN_MS);
            assert_eq!(urls.current(), expected);
        }
    }

    #[test]
    fn one_stays_one_and_none_is_no_panic() {
        for count in [0, 1] {
            let mut urls = Urls::new(count);
            urls.failed(5);
            urls.turn(6);
            assert_eq!(urls.current(), 0);
        }
    }
}
