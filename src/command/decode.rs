//! `hansho decode`: rings, batches and frames for people.

use super::Command;
use super::args::Args;
use super::content::content;
use super::exit::{Exit, Outcome, Stop};
use super::file;
use super::output::{Output, say, shown};
use hansho::clock::Anchor;
use hansho::config::key_file;
use hansho::frame::batch::{self, BatchFault, inspect, open_batch};
use hansho::frame::seal::AgentKey;
use hansho::frame::{RunId, Stream};
use hansho::limit::{
    BLOCK_BYTES, CHECKPOINT_BYTES, DECODE_FILE_BYTES, DISK_RING_BYTES, SPOOL_READ_ATTEMPTS,
};
use hansho::spool::Disk as _;
use hansho::spool::block::{AreaKind, Block, BlockFault, Header, Word};
use hansho::spool::layout::Layout;
use hansho::spool::source::{
    OnDisk, RingState, Source as _, fits, newest_checkpoint, newest_superblock,
};
use lexopt::Arg;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};

pub(crate) const COMMAND: Command = Command {
    name: "decode",
    summary: "print what stands in rings, batches and frames, live or copied",
    help: "\
Prints what stands in files of hansho: rings (of memory or disk, in use or copied, whole or cut), a batch as it was
posted, or a single frame. Nothing is changed, and blocks that are damaged are counted and passed over.

Usage: hansho decode [--json] [--blocks] [--readings] [--last N] [--key-file FILE] FILE...

  --json           one object a line: record (ring, block, batch, section, frame, bad_frame) and what belongs to it
  --blocks         also the header of every block of a ring
  --readings       unpack readings; else only their number is shown
  --last N         only the last N frames of each stream
  --key-file FILE  check the mac of batches with this key; else it is not checked

Exit codes: 0 done, 64 wrong command line, 66 a file is missing, 74 reading failed, 76 a file is no ring, batch or frame
(or the mac does not fit), 77 not allowed to read, 78 faults in the key file.

Example: hansho decode --last 20 /run/hansho/memory.ring
",
    run,
};

struct Options {
    json: bool,
    blocks: bool,
    readings: bool,
    last: u64,
    key: Option<AgentKey>,
    files: Vec<PathBuf>,
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let options = options(args)?;
    let mut worst = Exit::Done;
    for path in &options.files {
        match one(path, &options, out) {
            Ok(()) => {}
            // One bad file is no reason to leave the others out.
            Err(Stop::Failed { exit, message }) if exit != Exit::Internal => {
                out.flush()?;
                say(&format!("hansho: {message}"));
                if worst == Exit::Done {
                    worst = exit;
                }
            }
            Err(stop) => return Err(stop),
        }
    }
    Ok(worst)
}

fn options(args: &mut Args) -> Result<Options, Stop> {
    let mut options = Options {
        json: false,
        blocks: false,
        readings: false,
        last: u64::MAX,
        key: None,
        files: Vec::new(),
    };
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("json") => options.json = true,
            Arg::Long("blocks") => options.blocks = true,
            Arg::Long("readings") => options.readings = true,
            Arg::Long("last") => options.last = args.number()?,
            Arg::Long("key-file") => {
                let key = key_file::read(&args.path()?)
                    .map_err(|error| Stop::failed(Exit::Configuration, error.to_string()))?;
                options.key = Some(AgentKey(key.key));
            }
            Arg::Value(path) => options.files.push(path.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    if options.files.is_empty() {
        return Err(Stop::usage("which files?"));
    }
    Ok(options)
}

fn one(path: &Path, options: &Options, out: &mut Output) -> Result<(), Stop> {
    let file = file::open(path)?;
    let name = path.display().to_string();
    let length = file
        .length()
        .map_err(|error| Stop::unreadable(&name, &error))?;
    let shown = Shown {
        name: shown(&name),
        options,
        out,
    };
    let source = OnDisk(file);
    if length > *DISK_RING_BYTES.end() {
        let message = format!("{}: larger than any ring", shown.name);
        return Err(Stop::failed(Exit::Format, message));
    }
    let mut buffer = [0; BLOCK_BYTES];
    let ring = newest_superblock(&source, &mut buffer);
    let blocks = length.div_ceil(BLOCK_BYTES as u64);
    let any_block =
        || (0..blocks).any(|place| block_at(&source, place, &mut [0; BLOCK_BYTES]).is_ok());
    if ring.is_ok() || any_block() {
        return Ring::new(source, length, ring.ok()).print(shown);
    }
    let most = u64::try_from(DECODE_FILE_BYTES).unwrap_or(u64::MAX);
    if length > most {
        let message = format!(
            "{}: no whole block in it, and too long for a batch or frame",
            shown.name
        );
        return Err(Stop::failed(Exit::Format, message));
    }
    let bytes =
        file::read_at_most(&source.0, most).map_err(|error| Stop::unreadable(&name, &error))?;
    if bytes.starts_with(batch::MAGIC) {
        print_batch(&bytes, shown)
    } else {
        print_frame(&bytes, shown)
    }
}

/// Where things are shown.
struct Shown<'s> {
    name: String,
    options: &'s Options,
    out: &'s mut Output,
}

impl Shown<'_> {
    /// One thing: an object with `record`, or a line of words.
    fn record(
        &mut self,
        record: &str,
        fields: Value,
        words: impl FnOnce() -> String,
    ) -> Result<(), Stop> {
        if self.options.json {
            let mut object = json!({ "file": self.name, "record": record });
            if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
                object.extend(fields);
            }
            self.out.json(&object)
        } else {
            self.out.line(&words())
        }
    }

    fn frame(&mut self, of: Option<(Stream, RunId, u64, u64)>, frame: &[u8]) -> Result<(), Stop> {
        let (mut place, mut prefix) = (json!({}), String::new());
        if let Some((stream, run, run_number, sequence)) = of {
            place = json!({
                "stream": stream_name(stream),
                "run": run.to_string(),
                "run_number": (run_number > 0).then_some(run_number),
                "sequence": sequence,
            });
            prefix = format!(
                "{:<8} run {run} sequence {sequence:<6} ",
                stream_name(stream)
            );
        }
        match content(frame, self.options.readings) {
            Ok(content) => {
                if let Value::Object(place) = &mut place {
                    place.insert("uptime_ms".into(), content.uptime.as_millis().into());
                    place.insert("kind".into(), content.kind.clone().into());
                    place.insert("content".into(), content.fields.clone());
                }
                self.record("frame", place, || {
                    let gap = if content.words.is_empty() { "" } else { " " };
                    format!(
                        "{prefix}uptime {} ms {}{gap}{} {}",
                        content.uptime.as_millis(),
                        content.kind,
                        content.words,
                        shown(&content.fields.to_string())
                    )
                })
            }
            Err(fault) => {
                if let Value::Object(place) = &mut place {
                    place.insert("fault".into(), fault.to_string().into());
                    place.insert("bytes".into(), frame.len().into());
                }
                self.record("bad_frame", place, || {
                    format!("{prefix}bad frame of {} bytes: {fault}", frame.len())
                })
            }
        }
    }
}

fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Alerts => "alerts",
        Stream::Readings => "readings",
        Stream::Evidence => "evidence",
        Stream::History => "history",
    }
}

/// The block at a place. In a ring that is in use, a block may be changed under us: then it is read again.
fn block_at<'b>(
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
struct Ring {
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
    fn new(source: OnDisk<File>, length: u64, state: Option<RingState>) -> Self {
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

    fn print(mut self, mut shown: Shown<'_>) -> Result<(), Stop> {
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

    fn frames(&self, shown: &mut Shown<'_>) -> Result<(), Stop> {
        let mut buffer = [0; BLOCK_BYTES];
        for stream in Stream::ALL {
            let of_stream = || {
                let area = AreaKind::Stream(stream);
                self.held
                    .iter()
                    .filter(move |held| held.header.area == area)
            };
            let total = of_stream().fold(0_u64, |sum, held| sum.saturating_add(held.frames));
            let mut skip = total.saturating_sub(shown.options.last);
            for held in of_stream() {
                if skip >= held.frames {
                    skip = skip.saturating_sub(held.frames);
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
                for (sequence, frame) in block.frames().skip(skipped) {
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

fn anchor(anchor: &Anchor) -> Value {
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

fn print_batch(bytes: &[u8], mut shown: Shown<'_>) -> Result<(), Stop> {
    let name = shown.name.clone();
    let bad = |fault: BatchFault| Stop::failed(Exit::Format, format!("{name}: {fault}"));
    let (batch, mac) = match &shown.options.key {
        Some(key) => (open_batch(bytes, key).map_err(bad)?, "fits"),
        None => (inspect(bytes).map_err(bad)?, "not checked"),
    };
    let header = batch.header;
    let fields = json!({
        "bytes": bytes.len(), "mac": mac, "key_epoch": header.key_epoch, "agent": header.agent.to_string(),
        "run": header.run.to_string(), "boot": header.boot.to_string(),
        "sent_uptime_ms": header.sent_uptime.as_millis(), "sent_wall_ms": header.sent_wall.as_millis(),
    });
    shown.record("batch", fields.clone(), || {
        format!("{name}: batch {fields}")
    })?;
    for section in batch.sections() {
        let header = section.header;
        let fields = json!({
            "stream": stream_name(header.stream), "run": header.run.to_string(), "boot": header.boot.to_string(),
            "first_sequence": header.first_sequence, "count": section.count, "anchor": anchor(&header.anchor),
        });
        shown.record("section", fields.clone(), || format!("section {fields}"))?;
        let skip = u64::try_from(section.count)
            .unwrap_or(u64::MAX)
            .saturating_sub(shown.options.last);
        for numbered in section
            .frames()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
        {
            let of = (header.stream, header.run, 0, numbered.sequence);
            shown.frame(Some(of), numbered.frame)?;
        }
    }
    Ok(())
}

fn print_frame(bytes: &[u8], mut shown: Shown<'_>) -> Result<(), Stop> {
    match content(bytes, false) {
        Ok(content) if content.kind != "Unknown" => shown.frame(None, bytes),
        Ok(_) => {
            let message = format!(
                "{}: no ring, batch or frame that this version knows",
                shown.name
            );
            Err(Stop::failed(Exit::Format, message))
        }
        Err(fault) => {
            let message = format!("{}: no ring or batch, and no frame: {fault}", shown.name);
            Err(Stop::failed(Exit::Format, message))
        }
    }
}
