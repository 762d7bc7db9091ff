//! `hansho decode`: rings, batches and frames for people.

use super::Command;
use super::args::Args;
use super::content::content;
use super::exit::{Exit, Outcome, Stop};
use super::file;
use super::output::{Output, say, shown};
use super::plan::plan;
use super::ring::{Ring, anchor, block_at};
use super::status::memory_path;
use hansho::config::key_file;
use hansho::frame::batch::{self, BatchFault, inspect, open_batch};
use hansho::frame::seal::AgentKey;
use hansho::frame::{RunId, Stream};
use hansho::limit::{BLOCK_BYTES, DECODE_FILE_BYTES, DISK_RING_BYTES};
use hansho::spool::Disk as _;
use hansho::spool::source::{OnDisk, newest_superblock};
use lexopt::Arg;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) const COMMAND: Command = Command {
    name: "decode",
    summary: "print what stands in rings, batches and frames, live or copied",
    help: "\
Prints what stands in files of hansho: rings (of memory or disk, in use or copied, whole or cut), a batch as it was
posted, or a single frame. Nothing is changed, and blocks that are damaged are counted and passed over.

Usage: hansho decode [--json] [--blocks] [--readings] [--last N] [--key-file FILE] FILE...
       hansho decode --last-sent [--json] [--readings] [--last N] [--config FILE]

  --json           one object a line: record (ring, block, batch, section, frame, bad_frame) and what belongs to it
  --blocks         also the header of every block of a ring
  --readings       unpack readings; else only their number is shown
  --last N         only the last N frames of each stream
  --last-sent      what left this host: of the memory ring those frames that the collector has acknowledged, the last 20 of
                   each stream unless --last says otherwise. docs/DATA.md has the meaning of each field
  --config FILE    with --last-sent, the configuration that says where the ring is. Default: /etc/hansho/agent.toml where
                   there is one, else the usual places
  --key-file FILE  check the mac of batches with this key; else it is not checked

Exit codes: 0 done, 64 wrong command line, 66 a file is missing, 74 reading failed, 76 a file is no ring, batch or frame
(or the mac does not fit), 77 not allowed to read, 78 faults in the key file.

Example: hansho decode --last 20 /run/hansho/memory.ring
",
    run,
};

/// Frames of each stream that `--last-sent` shows.
const LAST_SENT: u64 = 20;

/// What was asked for.
pub(crate) struct Options {
    json: bool,
    pub(crate) blocks: bool,
    readings: bool,
    pub(crate) last: u64,
    /// Only what the collector has acknowledged.
    pub(crate) sent: bool,
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
                say(&format!("hansho: {}", shown(&message)));
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
        sent: false,
        key: None,
        files: Vec::new(),
    };
    let (mut last, mut config) = (None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("json") => options.json = true,
            Arg::Long("blocks") => options.blocks = true,
            Arg::Long("readings") => options.readings = true,
            Arg::Long("last") => last = Some(args.number()?),
            Arg::Long("last-sent") => options.sent = true,
            Arg::Long("config") => config = Some(args.path()?),
            Arg::Long("key-file") => {
                let key = key_file::read(&args.path()?)?;
                options.key = Some(AgentKey(key.key));
            }
            Arg::Value(path) => options.files.push(path.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    if options.sent {
        if !options.files.is_empty() {
            return Err(Stop::usage(
                "--last-sent is of the agent's own ring: without FILE",
            ));
        }
        options.last = last.unwrap_or(LAST_SENT);
        options.files = vec![memory_path(&plan(config.as_deref())?)];
        return Ok(options);
    }
    if config.is_some() {
        return Err(Stop::usage("--config goes with --last-sent"));
    }
    options.last = last.unwrap_or(u64::MAX);
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

/// Where things are shown, and how.
pub(crate) struct Shown<'s> {
    pub(crate) name: String,
    pub(crate) options: &'s Options,
    out: &'s mut Output,
}

impl Shown<'_> {
    /// One thing: an object with `record`, or a line of words.
    pub(crate) fn record(
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

    /// One frame, where it stands (stream, run, run number or 0, sequence) and what it says.
    pub(crate) fn frame(
        &mut self,
        of: Option<(Stream, RunId, u64, u64)>,
        frame: &[u8],
    ) -> Result<(), Stop> {
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

/// The name of a stream.
pub(crate) fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Alerts => "alerts",
        Stream::Readings => "readings",
        Stream::Evidence => "evidence",
        Stream::History => "history",
    }
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
