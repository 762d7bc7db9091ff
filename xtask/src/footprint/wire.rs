//! Bytes on the wire: the kernel's own counters of each connection of the collector's ingest port, as `ss -ti` prints
//! them (tcp_info in linux/tcp.h). Both ways; each segment is charged the headers of IPv4 and TCP. What the link adds
//! (14 bytes of Ethernet) is not in it.

use crate::process::{Failure, output};
use std::collections::BTreeMap;
use std::process::Command;

/// IPv4 20, TCP 20 (RFC 791, RFC 9293).
const HEADER_BYTES: u64 = 40;
/// The timestamps option, padded (RFC 7323).
const TIMESTAMP_BYTES: u64 = 12;

/// What one connection carried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Carried {
    bytes: u64,
    segments: u64,
}

/// What all connections carried since the start of the counting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// Payload and headers.
    pub(super) bytes: u64,
    /// Segments.
    pub(super) segments: u64,
    /// Connections, those from before included.
    pub(super) connections: usize,
}

/// Looks at the connections again and again: one that has ended keeps what was seen last.
#[derive(Debug)]
pub(super) struct Counter {
    port: u16,
    before: BTreeMap<String, Carried>,
    now: BTreeMap<String, Carried>,
}

impl Counter {
    /// Begins to count.
    ///
    /// # Errors
    /// ss is missing or failed.
    pub(super) fn start(port: u16) -> Result<Self, Failure> {
        let before = connections(port)?;
        Ok(Self {
            port,
            now: before.clone(),
            before,
        })
    }

    /// Looks.
    ///
    /// # Errors
    /// As [`Counter::start`].
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        self.now.extend(connections(self.port)?);
        Ok(())
    }

    /// What was carried since the start.
    pub(super) fn counted(&self) -> Counted {
        let mut counted = Counted {
            bytes: 0,
            segments: 0,
            connections: self.now.len(),
        };
        for (peer, now) in &self.now {
            let before = self.before.get(peer).copied().unwrap_or_default();
            counted.bytes = counted
                .bytes
                .saturating_add(now.bytes.saturating_sub(before.bytes));
            counted.segments = counted
                .segments
                .saturating_add(now.segments.saturating_sub(before.segments));
        }
        counted
    }
}

fn connections(port: u16) -> Result<BTreeMap<String, Carried>, Failure> {
    let text = output(Command::new("ss").args([
        "-tinHO",
        "state",
        "connected",
        &format!("( sport = :{port} )"),
    ]))?;
    Ok(text.lines().filter_map(connection).collect())
}

/// One line of `ss -tinHO`: state where several are asked for, queues, local, peer, then what tcp_info says.
fn connection(line: &str) -> Option<(String, Carried)> {
    let peer = line
        .split_ascii_whitespace()
        .filter(|word| {
            word.rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
        })
        .filter(|word| word.contains(['.', '[']))
        .nth(1)?;
    let number = |name: &str| {
        line.split_ascii_whitespace()
            .find_map(|word| {
                word.strip_prefix(name)?
                    .strip_prefix(':')?
                    .parse::<u64>()
                    .ok()
            })
            .unwrap_or(0)
    };
    let timestamps = line.split_ascii_whitespace().any(|word| word == "ts");
    let header = HEADER_BYTES.saturating_add(if timestamps { TIMESTAMP_BYTES } else { 0 });
    let segments = number("segs_out").saturating_add(number("segs_in"));
    let carried = Carried {
        bytes: number("bytes_sent")
            .saturating_add(number("bytes_received"))
            .saturating_add(segments.saturating_mul(header)),
        segments,
    };
    Some((peer.to_owned(), carried))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ss_is_read() {
        let line = "ESTAB 0 0 127.0.0.1:7443 127.0.0.1:51234 ts sack cubic wscale:7,7 rto:204 rtt:0.03/0.01 mss:32768 \
                    bytes_sent:1000 bytes_acked:1000 bytes_received:300 segs_out:10 segs_in:12 data_segs_out:4";
        let (peer, carried) = connection(line).unwrap();
        assert_eq!(peer, "127.0.0.1:51234");
        assert_eq!(carried.segments, 22);
        assert_eq!(carried.bytes, 1300 + 22 * 52);
        assert_eq!(connection(""), None);
    }

    #[test]
    fn what_was_before_is_not_counted_and_what_ended_is() {
        let carried = |bytes| Carried { bytes, segments: 1 };
        let counter = Counter {
            port: 1,
            before: BTreeMap::from([("old".to_owned(), carried(70))]),
            now: BTreeMap::from([
                ("old".to_owned(), carried(100)),
                ("new".to_owned(), carried(5)),
            ]),
        };
        let counted = counter.counted();
        assert_eq!(
            (counted.bytes, counted.segments, counted.connections),
            (35, 1, 2)
        );
    }
}
