//! What the benches of ingest share: agents that make batches as agents do, answers, and what the disk costs here.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark may stop at whatever surprises it; each uses a part of this"
)]

use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::answer::Answer;
use hansho::frame::batch::{BatchHeader, BatchWriter, SectionHeader};
use hansho::frame::packed::Packer;
use hansho::frame::seal::{AgentKey, derive};
use hansho::frame::{AgentId, BootId, Kind, RunId, Stream, body};
use hansho::limit::{BATCH_BYTES, FRAME_BYTES, MAC_BYTES};
use hansho::sample::{Field, Reading};
use hansho_collector::clock;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

pub const MASTER: [u8; 32] = [7; 32];
pub const EPOCH: u8 = 1;
const SYNCS: u64 = 200;

/// An agent, without its connection.
pub struct Sender {
    pub agent: AgentId,
    /// All frames below are sent.
    pub next: u64,
    key: AgentKey,
    uptime_ms: u64,
    buffer: Vec<u8>,
}

impl Sender {
    pub fn new(id: u64) -> Self {
        let agent = AgentId(id);
        Self {
            agent,
            next: 0,
            key: derive(&MASTER, agent, EPOCH),
            uptime_ms: 1_000_000,
            buffer: vec![0; BATCH_BYTES],
        }
    }

    /// Frames of stream 1 with one reading each, ten seconds apart, as the agent makes them.
    pub fn batch(&mut self, frames: u64) -> Vec<u8> {
        let now = clock::now();
        let header = BatchHeader {
            key_epoch: EPOCH,
            agent: self.agent,
            run: RunId(self.agent.0),
            boot: BootId(1),
            sent_uptime: Uptime::from_millis(self.uptime_ms + frames * 10_000),
            sent_wall: now,
        };
        let mut writer = BatchWriter::new(&mut self.buffer, BATCH_BYTES, &header).unwrap();
        let section = SectionHeader {
            run: header.run,
            stream: Stream::Readings,
            boot: header.boot,
            anchor: Anchor {
                uptime: Uptime::from_millis(self.uptime_ms),
                wall: now,
                quality: AnchorQuality::Confirmed,
            },
            first_sequence: self.next,
        };
        writer.section(&section).unwrap();
        for _ in 0..frames {
            self.uptime_ms += 10_000;
            self.next += 1;
            let mut frame = [0; FRAME_BYTES];
            writer.frame(reading(self.uptime_ms, &mut frame)).unwrap();
        }
        writer.seal(&self.key).unwrap().to_vec()
    }

    /// Opens the answer to a batch, which must acknowledge all that was sent.
    pub fn open(&self, batch: &[u8], answer: &[u8]) {
        let echo: [u8; MAC_BYTES] = batch[batch.len() - MAC_BYTES..].try_into().unwrap();
        let answer = Answer::open(answer, &self.key, &echo).unwrap();
        assert_eq!(answer.stored[0].next, self.next, "all of it is stored");
    }
}

/// A batch as a request that keeps the connection.
pub fn request(batch: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /v1/frames HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        batch.len()
    );
    let mut request = head.into_bytes();
    request.extend_from_slice(batch);
    request
}

/// The body of a response, once all of it is there.
pub fn body_of(response: &[u8]) -> Option<&[u8]> {
    let end = response.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(response[..end].to_vec())
        .unwrap()
        .to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap()
        .parse()
        .unwrap();
    response.get(end + 4..end + 4 + length)
}

/// A Readings frame with one reading of all fields; values move with time.
fn reading(uptime_ms: u64, buffer: &mut [u8; FRAME_BYTES]) -> &[u8] {
    let uptime = Uptime::from_millis(uptime_ms);
    let mut reading = Reading::empty(uptime, WallTime::default(), 9);
    for (place, field) in (0_u32..).zip(Field::ALL) {
        let moved = u32::try_from(uptime_ms / 10_000 % 100).unwrap();
        reading.set(field, Some(place * 37 + moved));
    }
    let mut packer = Packer::<512>::new(10_000);
    packer.push(&reading).unwrap();
    body::encode(Kind::Readings, uptime, &packer.body().unwrap(), buffer).unwrap()
}

/// What one durable write of a page costs here, sorted: pages of a new file, then the same pages again, for which the file
/// system has nothing of its own to write.
pub fn fdatasync(folder: &Path) -> [Vec<Duration>; 2] {
    let file = File::create(folder.join("sync")).unwrap();
    let round = || {
        let mut times: Vec<Duration> = (0..SYNCS)
            .map(|page| {
                file.write_all_at(&[1; 4096], page * 4096).unwrap();
                let begun = Instant::now();
                file.sync_data().unwrap();
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        times
    };
    [round(), round()]
}

pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a table for people")]
pub fn per(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}
