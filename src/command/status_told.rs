//! What the keeper of a running agent says of the path to the collector: its answer to `status`.

use serde::Serialize;

/// Longest outcome that is repeated; the known ones are far shorter.
const OUTCOME_BYTES: usize = 32;

/// The keeper's answer; whatever it does not say, and all of it where no agent answers, is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    /// When the last authenticated answer came.
    pub(crate) last_answer_uptime_ms: Option<u64>,
    /// What the collector's clock said then.
    pub(crate) last_answer_wall_ms: Option<u64>,
    /// HTTP status of the last post that brought one; 0 where none did.
    pub(crate) last_status: Option<u64>,
    /// How the last post ended: done, more, retry, refused, unauthentic, too_large,
    /// stuck.
    pub(crate) last_outcome: Option<String>,
    /// Posts without an authenticated answer since the last one with.
    pub(crate) posts_failed_in_row: Option<u64>,
    /// Readings that the collector recorded as lost.
    pub(crate) lost_readings: Option<u64>,
    /// Records of the alert stream that the collector recorded as lost.
    pub(crate) lost_alerts: Option<u64>,
    /// Frames that the collector refused by name.
    pub(crate) refused_frames: Option<u64>,
    /// Frames that the memory ring did not take.
    pub(crate) ring_refused: Option<u64>,
    /// Last error of the disk ring (errno(3)); 0 where it has none.
    pub(crate) disk_fault_errno: Option<u64>,
    /// Failures of the disk ring.
    pub(crate) disk_faults: Option<u64>,
    /// Lines of the log that could not be written.
    pub(crate) lines_dropped: Option<u64>,
    /// Starts of the watcher after the first.
    pub(crate) restarts_watcher: Option<u64>,
    /// Starts of the forwarder after the first.
    pub(crate) restarts_forwarder: Option<u64>,
    /// Starts of the scout after the first.
    pub(crate) restarts_scout: Option<u64>,
    /// Until when an absence is announced.
    pub(crate) leave_until_uptime_ms: Option<u64>,
    /// Announcements of absences, and of their ends, in the ring since the keeper started.
    pub(crate) leaves_recorded: Option<u64>,
    /// Of them those that the collector has.
    pub(crate) leaves_acknowledged: Option<u64>,
}

impl Told {
    /// Reads `ok key=value key=value …`; `-` is absent. Keys that this version does not know are left out, and an answer
    /// that does not begin with `ok` says nothing.
    pub(crate) fn parse(answer: &str) -> Self {
        let mut told = Self::default();
        let mut words = answer.split_ascii_whitespace();
        if words.next() != Some("ok") {
            return told;
        }
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            if key == "last_outcome" {
                let is_word = value.len() <= OUTCOME_BYTES
                    && value
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                told.last_outcome = (is_word && !value.is_empty()).then(|| value.to_owned());
                continue;
            }
            if let Some(field) = told.number(key) {
                *field = value.parse().ok();
            }
        }
        told
    }

    /// Whether any of it is known: an agent answered.
    pub(crate) fn is_known(&self) -> bool {
        *self != Self::default()
    }

    fn number(&mut self, key: &str) -> Option<&mut Option<u64>> {
        Some(match key {
            "last_answer_uptime_ms" => &mut self.last_answer_uptime_ms,
            "last_answer_wall_ms" => &mut self.last_answer_wall_ms,
            "last_status" => &mut self.last_status,
            "posts_failed_in_row" => &mut self.posts_failed_in_row,
            "lost_readings" => &mut self.lost_readings,
            "lost_alerts" => &mut self.lost_alerts,
            "refused_frames" => &mut self.refused_frames,
            "ring_refused" => &mut self.ring_refused,
            "disk_fault_errno" => &mut self.disk_fault_errno,
            "disk_faults" => &mut self.disk_faults,
            "lines_dropped" => &mut self.lines_dropped,
            "restarts_watcher" => &mut self.restarts_watcher,
            "restarts_forwarder" => &mut self.restarts_forwarder,
            "restarts_scout" => &mut self.restarts_scout,
            "leave_until_uptime_ms" => &mut self.leave_until_uptime_ms,
            "leaves_recorded" => &mut self.leaves_recorded,
            "leaves_acknowledged" => &mut self.leaves_acknowledged,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Told;

    #[test]
    fn the_answer_is_read_and_what_is_not_said_is_absent() {
        let told = Told::parse(
            "ok last_answer_uptime_ms=5 last_answer_wall_ms=- last_status=401 last_outcome=refused \
             posts_failed_in_row=3 lost_readings=0 disk_fault_errno=28 new_key=7 restarts_watcher=x",
        );
        let wanted = Told {
            last_answer_uptime_ms: Some(5),
            last_status: Some(401),
            last_outcome: Some("refused".into()),
            posts_failed_in_row: Some(3),
            lost_readings: Some(0),
            disk_fault_errno: Some(28),
            ..Told::default()
        };
        assert_eq!(told, wanted);
        assert!(told.is_known());
        let nothing = [
            "",
            "error expected: ping, or test CODE",
            "ok",
            "ok last_outcome=- last_status=-",
            "ok last_outcome=\u{1b}[31m",
            "okay last_status=200",
        ];
        for answer in nothing {
            assert!(!Told::parse(answer).is_known(), "{answer}");
        }
    }
}
