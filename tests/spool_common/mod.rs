//! What the tests of the spool share: identities, frames, a disk that loses power.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "shared by several tests, each of which uses a part; a test that fails may panic"
)]

use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::spool::reader::SpoolReader;
use hansho::spool::{Disk, Identity, Memory, MemoryRing, Recovered};
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Mutex;

pub const KIB: usize = 1024;
pub const AGENT: AgentId = AgentId(0xA6E7);

pub fn identity(run: u64) -> Identity {
    Identity {
        agent: AGENT,
        run: RunId(run),
        boot: BootId(0xB007),
        ring: 0x1000 + run,
        run_number_floor: 0,
    }
}

pub fn at(millis: u64) -> Uptime {
    Uptime::from_millis(millis)
}

pub fn anchor(uptime: u64, wall: u64) -> Anchor {
    Anchor {
        uptime: at(uptime),
        wall: WallTime::from_millis(wall),
        quality: AnchorQuality::Host,
    }
}

pub fn open<M: Memory>(memory: M, run: u64) -> (MemoryRing<M>, Recovered) {
    MemoryRing::open(memory, identity(run), at(0), anchor(0, 1_000_000)).unwrap()
}

/// A frame that tells by itself where it belongs.
pub fn frame(run: u64, stream: Stream, sequence: u64, length: usize) -> Vec<u8> {
    let seed = format!("{run}/{}/{sequence}/", stream.number());
    let mut bytes: Vec<u8> = seed.bytes().cycle().take(length.max(seed.len())).collect();
    bytes[0] = 16;
    bytes[1] = 5;
    bytes
}

pub type Frames = BTreeMap<(u64, u8, u64), Vec<u8>>;

/// Everything that a reader finds.
pub fn everything<M: Memory, D: Disk>(reader: &mut SpoolReader<M, D>) -> Frames {
    reader.refresh();
    let mut found = Frames::new();
    for held in reader.runs().to_vec() {
        let mut last = None;
        reader.read(held.run, held.stream, 0, &mut |sequence, bytes| {
            assert!(last.is_none_or(|last| sequence > last), "in order, once");
            last = Some(sequence);
            found.insert((held.run.0, held.stream.number(), sequence), bytes.to_vec());
            ControlFlow::Continue(())
        });
        assert!(last.is_none_or(|last| last < held.next_sequence));
    }
    found
}

pub fn in_memory<M: Memory>(memory: M) -> Frames {
    everything(&mut SpoolReader::<M, PowerDisk>::new(Some(memory), None))
}

pub fn on_disk<D: Disk>(disk: D) -> Frames {
    everything(&mut SpoolReader::<hansho::spool::heap::HeapMemory, D>::new(
        None,
        Some(disk),
    ))
}

/// A seeded sequence of numbers (splitmix64).
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    Nothing,
    /// The Nth write or sync, once.
    Once(u64),
    /// It and all after it.
    From(u64),
    /// Every write to the block at this offset: a sector that cannot be written any more.
    Place(u64),
}

#[derive(Default)]
struct State {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors of 512 bytes written since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
    operations: u64,
}

/// A disk that keeps what was synced, and of the rest any subset of sectors.
pub struct PowerDisk {
    state: Mutex<State>,
    failing: Mutex<Failing>,
}

const SECTOR: usize = 512;

impl PowerDisk {
    pub fn new(length: usize) -> Self {
        Self::with(vec![0; length])
    }

    pub fn with(bytes: Vec<u8>) -> Self {
        Self {
            state: Mutex::new(State {
                seen: bytes.clone(),
                durable: bytes,
                ..State::default()
            }),
            failing: Mutex::new(Failing::Nothing),
        }
    }

    pub fn set_failing(&self, failing: Failing) {
        *self.failing.lock().unwrap() = failing;
    }

    pub fn operations(&self) -> u64 {
        self.state.lock().unwrap().operations
    }

    pub fn seen(&self) -> Vec<u8> {
        self.state.lock().unwrap().seen.clone()
    }

    /// What stands after a power cut.
    pub fn after_power_cut(&self, seed: u64) -> Vec<u8> {
        let state = self.state.lock().unwrap();
        let mut bytes = state.durable.clone();
        let mut seeded = Seeded(seed);
        // Seeds 0 to 3 keep nothing, all, the earlier half and the later half of it, the others any subset.
        let half = state.pending.len() / 2;
        for (index, (offset, sector)) in state.pending.iter().enumerate() {
            let keep = match seed {
                0 => false,
                1 => true,
                2 => index < half,
                3 => index >= half,
                _ => seeded.next() & 1 == 0,
            };
            if keep {
                bytes[*offset..*offset + sector.len()].copy_from_slice(sector);
            }
        }
        bytes
    }

    fn operation(&self, state: &mut State, at: Option<u64>) -> io::Result<()> {
        state.operations += 1;
        let fails = match *self.failing.lock().unwrap() {
            Failing::Nothing => false,
            Failing::Once(nth) => state.operations == nth,
            Failing::From(nth) => state.operations >= nth,
            Failing::Place(offset) => at == Some(offset),
        };
        if fails {
            return Err(io::Error::from_raw_os_error(28));
        }
        Ok(())
    }
}

impl Disk for PowerDisk {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let state = self.state.lock().unwrap();
        let offset = offset as usize;
        let from = state
            .seen
            .get(offset..offset + into.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(from);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let failed = self.operation(&mut state, Some(offset));
        // A write that fails may have written some of it.
        let count = if failed.is_err() {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        let offset = offset as usize;
        state.seen[offset..offset + count].copy_from_slice(&bytes[..count]);
        for (index, sector) in bytes[..count].chunks(SECTOR).enumerate() {
            state
                .pending
                .push((offset + index * SECTOR, sector.to_vec()));
        }
        failed
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        self.operation(&mut state, None)?;
        state.durable = state.seen.clone();
        state.pending.clear();
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.state.lock().unwrap().seen.len() as u64)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        self.operation(&mut state, None)?;
        state.seen.resize(length as usize, 0);
        state.durable.resize(length as usize, 0);
        Ok(())
    }
}
