//! A file of blocks for `decode`: what a ring says of itself, its blocks, and the frames in them.

use super::decode::{Shown, stream_name};
use super::exit::Stop;
use super::file::File;
use core::cmp::Ordering;
use hansho::clock::Anchor;
use hansho::frame::Stream;
use hansho::limit::{BLOCK_BYTES, CHECKPOINT_BYTES, SPOOL_READ_ATTEMPTS};
use hansho::spool::block::{AreaKind, Block, BlockFault, Header, Word};
use hansho::spool::layout::Layout;
use hansho::spool::source::{OnDisk, RingState, Source as _, fits, newest_checkpoint};
use serde_json::{Value, json};

/// The block at a place. In a ring that is in use, a block may be changed under us: then it is read again.
pub(crate) fn block_at<'b>(
    source: &OnDisk<File>,
    place: u64,
    buffer: &'b mut [u8; BLOCK_BYTES],
) -> Result<(Word, Block<'b>), BlockFault> {
    let place = u32::try_from(place).map_err(|_| BlockFault::Place)?;
    for _ in 1..SPOOL_READ_ATTEMPTS {
        match source.block(place, buffer) {
            Err(BlockFault::Checksum) => {}
            _ => break,
        }
    }
    source.block(place, buffer)
}

/// A block that is whole and in its place.
struct Held {
    place: u64,
    header: Header,
    frames: u64,
}

/// A file of blocks.
pub(crate) struct Ring {
    source: OnDisk<File>,
    length: u64,
    layout: Option<Layout>,
    state: Option<RingState>,
    held: Vec<Held>,
    empty: u64,
    damaged: u64,
    foreign: u64,
}

impl Ring {
    /// Over a file of this length, with its newest superblock where one is whole.
    pub(crate) fn new(source: OnDisk<File>, length: u64, state: Option<RingState>) -> Self {
        Self {
            source,
            length,
            layout: Layout::for_size(length),
            state,
            held: Vec::new(),
            empty: 0,
            damaged: 0,
            foreign: 0,
        }
    }

    /// Prints all of it that was asked for.
    pub(crate) fn print(mut self, mut shown: Shown<'_>) -> Result<(), Stop> {
        let bad = self.look();
        self.head(&mut shown)?;
        if shown.options.blocks {
            for held in &self.held {
                block(held, &mut shown)?;
            }
            for (place, fault) in bad {
                shown.record(
                    "block",
                    json!({ "place": place, "fault": format!("{fault:?}") }),
                    || format!("block {place}: {fault:?}"),
                )?;
            }
        }
        self.frames(&mut shown)
    }

    /// Looks at every block once; gives back those that are bad.
    fn look(&mut self) -> Vec<(u64, BlockFault)> {
        let mut bad = Vec::new();
        let mut buffer = [0; BLOCK_BYTES];
        for place in 0..self.length.div_ceil(BLOCK_BYTES as u64) {
            let fault = match block_at(&self.source, place, &mut buffer) {
                Ok((_, block)) if self.belongs(&block.header, place) => {
                    let frames = match block.header.area {
                        AreaKind::Stream(_) => block.frames().count(),
                        AreaKind::Superblock | AreaKind::Checkpoint => 0,
                    };
                    self.held.push(Held {
                        place,
                        header: block.header,
                        frames: u64::try_from(frames).unwrap_or(0),
                    });
                    continue;
                }
                Ok(_) => BlockFault::Place,
                Err(fault) => fault,
            };
            let count = match fault {
                BlockFault::Empty => &mut self.empty,
                BlockFault::Place => &mut self.foreign,
                _ => &mut self.damaged,
            };
            *count = count.saturating_add(1);
            if fault != BlockFault::Empty {
                bad.push((place, fault));
            }
        }
        self.held.sort_by_key(|held| {
            let area = match held.header.area {
                AreaKind::Superblock => 0,
                AreaKind::Checkpoint => 1,
                AreaKind::Stream(stream) => stream.number().saturating_add(2),
            };
            (area, held.header.number, held.header.part)
        });
        bad
    }

    /// Whether a whole block belongs where it stands; in a cut copy its own word has to do.
    fn belongs(&self, header: &Header, place: u64) -> bool {
        let Some(state) = &self.state else {
            return true;
        };
        let same = header.ring == state.header.ring && header.agent == state.superblock.agent;
        match (header.area, &self.layout) {
            (AreaKind::Stream(stream), Some(layout)) => u32::try_from(place).is_ok_and(|place| {
                let (ring, agent) = (state.header.ring, state.superblock.agent);
                fits(header, layout, stream, place, ring, agent)
            }),
            _ => same,
        }
    }

    fn head(&self, shown: &mut Shown<'_>) -> Result<(), Stop> {
        let state = self.state.as_ref();
        let checkpoint = state.and_then(|state| {
            let mut into = vec![0; CHECKPOINT_BYTES];
            newest_checkpoint(
                &self.source,
                state.header.ring,
                &mut into,
                &mut [0; BLOCK_BYTES],
            )
        });
        let cursors: Vec<Value> = state
            .iter()
            .flat_map(|state| {
                Stream::SENT.map(|stream| (stream, state.superblock.cursors.get(stream)))
            })
            .filter_map(|(stream, cursor)| {
                let cursor = cursor?;
                Some(json!({
                    "stream": stream_name(stream), "run_number": cursor.run_number,
                    "run": cursor.run.to_string(), "next_sequence": cursor.next_sequence,
                }))
            })
            .collect();
        let superblock = state.map(|state| {
            json!({
                "medium": format!("{:?}", state.superblock.medium).to_lowercase(),
                "size_bytes": state.superblock.size,
                "generation": state.header.number,
                "ring": format!("{:016x}", state.header.ring),
                "agent": state.superblock.agent.to_string(),
                "run_counter": state.superblock.run_counter,
                "run": state.header.run.to_string(),
                "boot": state.header.boot.to_string(),
                "uptime_ms": state.header.uptime.as_millis(),
                "anchor": anchor(&state.header.anchor),
                "cursors": cursors,
            })
        });
        let checkpoint = checkpoint.map(|(bytes, mark)| {
            json!({
                "generation": mark.generation, "run_number": mark.run_number, "run": mark.run.to_string(),
                "uptime_ms": mark.uptime.as_millis(), "next_alert": mark.next_alert, "bytes": bytes,
            })
        });
        let fields = json!({
            "bytes": self.length,
            "whole_size": self.layout.is_some(),
            "superblock": superblock,
            "checkpoint": checkpoint,
            "blocks": {
                "whole": self.held.len(), "empty": self.empty, "damaged": self.damaged, "foreign": self.foreign,
            },
        });
        let name = shown.name.clone();
        shown.record("ring", fields.clone(), || ring_words(&name, &fields))
    }

    /// How many frames of a block the collector has acknowledged: the first ones, since it takes them in sequence.
    fn sent(&self, stream: Stream, held: &Held, buffer: &mut [u8; BLOCK_BYTES]) -> u64 {
        let state = self.state.as_ref();
        let Some(cursor) = state.and_then(|state| state.superblock.cursors.get(stream)) else {
            return 0;
        };
        match held.header.run_number.cmp(&cursor.run_number) {
            // An earlier run is closed before a later one goes on.
            Ordering::Less => held.frames,
            Ordering::Greater => 0,
            Ordering::Equal => {
                let Ok((_, block)) = block_at(&self.source, held.place, buffer) else {
                    return 0;
                };
                let sent = block
                    .frames()
                    .filter(|(sequence, _)| *sequence < cursor.next_sequence);
                u64::try_from(sent.count()).unwrap_or(0)
            }
        }
    }

    fn frames(&self, shown: &mut Shown<'_>) -> Result<(), Stop> {
        let mut buffer = [0; BLOCK_BYTES];
        for stream in Stream::ALL {
            let of_stream = || {
                let area = AreaKind::Stream(stream);
                self.held
                    .iter()
                    .filter(move |held| held.header.area == area)
            };
            let sent = |held: &Held| {
                if shown.options.sent {
                    self.sent(stream, held, &mut [0; BLOCK_BYTES])
                } else {
                    held.frames
                }
            };
            let total = of_stream().fold(0_u64, |sum, held| sum.saturating_add(sent(held)));
            let mut skip = total.saturating_sub(shown.options.last);
            for held in of_stream() {
                let frames = sent(held);
                if skip >= frames {
                    skip = skip.saturating_sub(frames);
                    continue;
                }
                // It may have been overwritten since it was looked at.
                let Ok((_, block)) = block_at(&self.source, held.place, &mut buffer) else {
                    continue;
                };
                let header = block.header;
                if header.number != held.header.number {
                    continue;
                }
                let skipped = usize::try_from(std::mem::take(&mut skip)).unwrap_or(usize::MAX);
                let left = usize::try_from(frames).unwrap_or(usize::MAX);
                for (sequence, frame) in block.frames().take(left).skip(skipped) {
                    shown.frame(
                        Some((stream, header.run, header.run_number, sequence)),
                        frame,
                    )?;
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn anchor(anchor: &Anchor) -> Value {
    json!({
        "uptime_ms": anchor.uptime.as_millis(),
        "wall_ms": anchor.wall.as_millis(),
        "quality": format!("{:?}", anchor.quality).to_lowercase(),
    })
}

/// The head of a ring in lines of `part: fields`.
fn ring_words(name: &str, fields: &Value) -> String {
    let part = |key: &str| match fields.get(key) {
        Some(Value::Object(part)) => part
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) => format!("{key} {text}"),
                value => format!("{key} {value}"),
            })
            .collect::<Vec<_>>()
            .join(", "),
        _ => "none that is whole".into(),
    };
    let bytes = fields.get("bytes").and_then(Value::as_u64).unwrap_or(0);
    let cut = if fields.get("whole_size") == Some(&Value::Bool(true)) {
        ""
    } else {
        ", which is no ring's size: cut?"
    };
    format!(
        "{name}: blocks of a ring, {bytes} bytes{cut}\n  superblock: {}\n  checkpoint: {}\n  blocks: {}",
        part("superblock"),
        part("checkpoint"),
        part("blocks")
    )
}

fn block(held: &Held, shown: &mut Shown<'_>) -> Result<(), Stop> {
    let header = &held.header;
    let area = match header.area {
        AreaKind::Stream(stream) => stream_name(stream),
        AreaKind::Superblock => "superblock",
        AreaKind::Checkpoint => "checkpoint",
    };
    let fields = json!({
        "place": held.place, "area": area, "number": header.number, "part": header.part, "parts": header.parts,
        "run": header.run.to_string(), "run_number": header.run_number, "boot": header.boot.to_string(),
        "first_sequence": header.first_sequence, "uptime_ms": header.uptime.as_millis(), "frames": held.frames,
        "anchor": anchor(&header.anchor),
    });
    shown.record("block", fields, || {
        format!(
            "block {}: {area} number {} run {} ({}) first sequence {} uptime {} ms, {} frames",
            held.place,
            header.number,
            header.run,
            header.run_number,
            header.first_sequence,
            header.uptime.as_millis(),
            held.frames
        )
    })
}
