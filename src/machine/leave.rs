//! An announced absence: said at once, and once more with what is left of it when the agent stops.

use super::{Journal, Machine};
use crate::clock::Uptime;
use crate::frame::body::{self, Body, LeaveWhat, StopReason};
use crate::limit::LEAVE_TEXT_BYTES;

/// What was announced and is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// When it is over, in this boot.
    pub until: Uptime,
    /// Words of whoever announced it.
    pub text: heapless::String<LEAVE_TEXT_BYTES>,
}

impl Announced {
    /// What a Leave frame says; `None` where it ends an announcement, or is no Leave. Inner `None`: nothing is announced
    /// any more.
    #[must_use]
    pub fn from_frame(frame: &[u8]) -> Option<Option<Self>> {
        let Ok((at, Body::Leave(leave))) = body::decode(frame) else {
            return None;
        };
        match LeaveWhat::from_u8(leave.what) {
            LeaveWhat::Announced => Some(Some(Self {
                until: at.plus(leave.planned_ms),
                text: bounded(leave.text),
            })),
            LeaveWhat::Ended => Some(None),
            LeaveWhat::Unknown => None,
        }
    }
}

/// Cut at a character boundary.
fn bounded(text: &str) -> heapless::String<LEAVE_TEXT_BYTES> {
    let end = text.floor_char_boundary(LEAVE_TEXT_BYTES);
    let mut kept = heapless::String::new();
    // What was cut to its capacity fits.
    let _whole = kept.push_str(text.get(..end).unwrap_or_default());
    kept
}

impl Machine {
    /// What a run before this one announced, in the same boot. To be called before the first step.
    pub fn take_announced(&mut self, announced: Option<Announced>) {
        self.announced = announced;
    }

    /// What is announced and not over at `now`.
    #[must_use]
    pub fn announced(&self, now: Uptime) -> Option<&Announced> {
        self.announced
            .as_ref()
            .filter(|announced| announced.until > now)
    }

    pub(super) fn leave(
        &mut self,
        now: Uptime,
        planned_ms: u64,
        text: &str,
        out: &mut impl Journal,
    ) {
        let announced = Announced {
            until: now.plus(planned_ms),
            text: bounded(text),
        };
        self.writer(now, out)
            .leave(LeaveWhat::Announced, planned_ms, &announced.text);
        self.announced = Some(announced);
    }

    pub(super) fn leave_ended(&mut self, now: Uptime, out: &mut impl Journal) {
        // Said also where nothing is known to be announced: a reboot forgets, the collector does not.
        self.announced = None;
        self.writer(now, out).leave(LeaveWhat::Ended, 0, "");
    }

    pub(super) fn stop(&mut self, now: Uptime, reason: StopReason, out: &mut impl Journal) {
        self.flush(now, out);
        let announced = self.announced(now).cloned();
        let (planned_ms, text) = announced.as_ref().map_or((0, ""), |announced| {
            (announced.until.since(now), announced.text.as_str())
        });
        self.writer(now, out).goodbye(reason, planned_ms, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(bounded("あ").as_str(), "あ");
        let cut = bounded(&"あ".repeat(LEAVE_TEXT_BYTES));
        assert_eq!(cut.len(), LEAVE_TEXT_BYTES / 3 * 3);
    }
}
