//! What was measured, as a table and as JSON.

use super::memory::Memory;
use super::ring::History;
use serde_json::{Value, json};
use std::time::Duration;

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Its memory at the end.
    pub(super) memory: Memory,
    /// Microseconds of a processor in each second.
    pub(super) cpu_us_per_s: f64,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) target: String,
    pub(super) seconds: f64,
    pub(super) post: Duration,
    pub(super) watcher: Cost,
    pub(super) keeper: Cost,
    pub(super) forwarder: Cost,
    pub(super) collector: Cost,
    /// Name and bytes of each program of the agent.
    pub(super) binaries: Vec<(String, u64)>,
    pub(super) floor_us_per_s: f64,
    pub(super) wire_bytes_per_s: f64,
    pub(super) connections: usize,
    pub(super) segments: u64,
    pub(super) readings: History,
}

impl Report {
    fn agent(&self) -> [(&'static str, &Cost); 3] {
        [
            ("watcher", &self.watcher),
            ("keeper", &self.keeper),
            ("forwarder", &self.forwarder),
        ]
    }

    fn agent_pss_kib(&self) -> u64 {
        let shares = self.agent().map(|(_, cost)| cost.memory.whole_pss_kib);
        shares.into_iter().fold(0, u64::saturating_add)
    }

    fn agent_cpu_us_per_s(&self) -> f64 {
        self.agent()
            .map(|(_, cost)| cost.cpu_us_per_s)
            .into_iter()
            .sum()
    }

    fn binary_bytes(&self) -> u64 {
        self.binaries
            .iter()
            .fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// One object.
    pub(super) fn json(&self) -> Value {
        let process = |cost: &Cost| {
            json!({
                "rss_kib": cost.memory.rss_kib,
                "pss_kib": cost.memory.pss_kib,
                "anonymous_kib": cost.memory.anonymous_kib,
                "ring_kib": cost.memory.ring_kib,
                "cpu_us_per_s": rounded(cost.cpu_us_per_s),
            })
        };
        let binaries: serde_json::Map<_, _> = self
            .binaries
            .iter()
            .map(|(name, bytes)| (name.clone(), json!(bytes)))
            .collect();
        json!({
            "target": self.target,
            "seconds": rounded(self.seconds),
            "post_interval_ms": u64::try_from(self.post.as_millis()).unwrap_or(u64::MAX),
            "watcher": process(&self.watcher),
            "keeper": process(&self.keeper),
            "forwarder": process(&self.forwarder),
            "collector": process(&self.collector),
            "agent_pss_kib": self.agent_pss_kib(),
            "binary_bytes": self.binary_bytes(),
            "binaries": binaries,
            "cpu_us_per_s": rounded(self.agent_cpu_us_per_s()),
            "floor_us_per_s": rounded(self.floor_us_per_s),
            "wire_bytes_per_s": rounded(self.wire_bytes_per_s),
            "wire_segments": self.segments,
            "wire_connections": self.connections,
            "readings": self.readings.readings,
            "changed_values": self.readings.changed_values,
            "bytes_per_reading": rounded(share(self.readings.bytes, self.readings.readings)),
            "bytes_per_changed_value": rounded(share(self.readings.bytes, self.readings.changed_values)),
        })
    }

    /// For people, in Markdown, so that it can be put into docs/FOOTPRINT.md as it is.
    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "Agent for {}, {:.0} s, posts each {} s.\n\n\
             | process | rss KiB | pss KiB | anonymous KiB | ring KiB | CPU us/s |\n|---|---:|---:|---:|---:|---:|\n",
            self.target,
            self.seconds,
            self.post.as_secs(),
        );
        let rows = self
            .agent()
            .into_iter()
            .chain([("collector", &self.collector)]);
        for (name, cost) in rows {
            let memory = &cost.memory;
            line(
                &mut text,
                format_args!(
                    "| {name} | {} | {} | {} | {} | {:.0} |",
                    memory.rss_kib,
                    memory.pss_kib,
                    memory.anonymous_kib,
                    memory.ring_kib,
                    cost.cpu_us_per_s
                ),
            );
        }
        let sizes: Vec<String> = self
            .binaries
            .iter()
            .map(|(name, bytes)| format!("{name} {bytes}"))
            .collect();
        let readings = &self.readings;
        text.push_str("\n| the agent as a whole | |\n|---|---:|\n");
        for (name, value) in [
            (
                "PSS of all three, with the ring, KiB".to_owned(),
                self.agent_pss_kib().to_string(),
            ),
            (
                format!("programs on disk, bytes ({})", sizes.join(", ")),
                self.binary_bytes().to_string(),
            ),
            (
                "CPU, us a second".to_owned(),
                format!("{:.0}", self.agent_cpu_us_per_s()),
            ),
            (
                "CPU of a bare reader of the same files in the same minute, us a second".to_owned(),
                format!("{:.0}", self.floor_us_per_s),
            ),
            (
                format!(
                    "on the wire, bytes a second ({} segments, {} connections)",
                    self.segments, self.connections
                ),
                format!("{:.1}", self.wire_bytes_per_s),
            ),
            (
                format!(
                    "bytes a reading ({} readings in {} frames)",
                    readings.readings, readings.frames
                ),
                format!("{:.2}", share(readings.bytes, readings.readings)),
            ),
            (
                format!(
                    "bytes a changed value ({} of them)",
                    readings.changed_values
                ),
                format!("{:.2}", share(readings.bytes, readings.changed_values)),
            ),
        ] {
            line(&mut text, format_args!("| {name} | {value} |"));
        }
        text
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.push_str(&what.to_string());
    text.push('\n');
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of an hour are far below 2^52"
)]
fn share(bytes: u64, of: u64) -> f64 {
    bytes as f64 / of.max(1) as f64
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let cost = |whole_pss_kib, cpu_us_per_s| Cost {
            memory: Memory {
                rss_kib: 300,
                pss_kib: 200,
                anonymous_kib: 40,
                ring_kib: 256,
                whole_pss_kib,
            },
            cpu_us_per_s,
        };
        Report {
            target: "x".to_owned(),
            seconds: 60.0,
            post: Duration::from_secs(30),
            watcher: cost(400, 100.0),
            keeper: cost(100, 10.5),
            forwarder: cost(900, 20.0),
            collector: cost(9000, 1.0),
            binaries: vec![("hansho".to_owned(), 1000), ("hanshod".to_owned(), 500)],
            floor_us_per_s: 90.0,
            wire_bytes_per_s: 40.25,
            connections: 1,
            segments: 8,
            readings: History {
                frames: 1,
                readings: 60,
                changed_values: 500,
                bytes: 480,
            },
        }
    }

    #[test]
    fn sums_are_of_the_agent_alone() {
        let json = report().json();
        assert_eq!(json["agent_pss_kib"], 1400);
        assert_eq!(json["binary_bytes"], 1500);
        assert_eq!(json["cpu_us_per_s"], 130.5);
        assert_eq!(json["bytes_per_reading"], 8.0);
        assert_eq!(json["bytes_per_changed_value"], 0.96);
        assert_eq!(json["watcher"]["ring_kib"], 256);
    }

    #[test]
    fn the_table_names_every_process() {
        let table = report().table();
        for name in ["watcher", "keeper", "forwarder", "collector"] {
            assert!(table.contains(&format!("| {name} |")), "{table}");
        }
    }
}
