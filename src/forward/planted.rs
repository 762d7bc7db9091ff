//! A planted bug: proof that the kill test would notice it. Compiled in only with the cargo feature `planted`, which
//! nothing turns on by default; without it everything here does nothing.

use super::cursors::Cursors;
#[cfg(feature = "planted")]
use crate::frame::{RunId, Stream};

/// The variable that chooses the bug, and its one value that concerns the forwarder.
#[cfg(feature = "planted")]
const CHOSEN: (&str, &str) = ("HANSHO_PLANT", "cursor-before-answer");

/// `cursor-before-answer`: the cursor moves as soon as a batch is handed to the client, and no answer brings it back.
#[derive(Debug, Default)]
pub struct Planted {
    #[cfg(feature = "planted")]
    assumed: std::collections::BTreeMap<(RunId, Stream), u64>,
}

#[cfg(feature = "planted")]
impl Planted {
    /// A batch with everything that is unsent up to `reached` is about to be posted. True where cursors moved.
    pub fn handed_over(&mut self, reached: &[(RunId, Stream, u64)], cursors: &mut Cursors) -> bool {
        if std::env::var_os(CHOSEN.0).is_none_or(|value| value != CHOSEN.1) {
            return false;
        }
        for (run, stream, next) in reached {
            let assumed = self.assumed.entry((*run, *stream)).or_default();
            *assumed = (*assumed).max(*next);
        }
        self.insist(cursors);
        true
    }

    /// Takes back what an answer said.
    pub fn insist(&self, cursors: &mut Cursors) {
        for ((run, stream), next) in &self.assumed {
            cursors.assume(*run, *stream, *next);
        }
    }
}

#[cfg(not(feature = "planted"))]
impl Planted {
    /// Nothing.
    pub fn handed_over(
        &mut self,
        _: &[(crate::frame::RunId, crate::frame::Stream, u64)],
        _: &mut Cursors,
    ) -> bool {
        false
    }

    /// Nothing.
    pub fn insist(&self, _: &mut Cursors) {}
}
