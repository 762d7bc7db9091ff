//! The rings that hold the history: opened, looked through once, and read block by block. Whole blocks of a ring that is cut
//! or has lost its superblocks are read all the same.

use super::super::exit::{Exit, Stop};
use super::super::file::{self, File};
use super::super::ring::block_at;
use super::super::status::memory_path;
use hansho::clock::Uptime;
use hansho::config::Plan;
use hansho::frame::{BootId, RunId, Stream};
use hansho::limit::{BLOCK_BYTES, DISK_RING_BYTES};
use hansho::spool::Disk as _;
use hansho::spool::block::{AreaKind, Block, BlockFault, Header, MAGIC, VERSION};
use hansho::spool::files::{DISK_FILE, FileFault, open_for_reading};
use hansho::spool::layout::Layout;
use hansho::spool::source::{OnDisk, RingState, fits, newest_superblock};
use std::io::ErrorKind;
use std::path::Path;

/// A block of readings, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    /// Place of its ring among the [`Rings`].
    ring: usize,
    place: u64,
    number: u64,
    pub(super) is_history: bool,
    pub(super) boot: BootId,
    pub(super) run: RunId,
    pub(super) run_number: u64,
    pub(super) first_sequence: u64,
    pub(super) uptime: Uptime,
}

/// Rings that are read together.
#[derive(Default)]
pub(super) struct Rings {
    rings: Vec<OnDisk<File>>,
    /// How they are named, for people.
    pub(super) names: Vec<String>,
    pub(super) blocks: Vec<Located>,
    /// What is not as it should be, for people.
    pub(super) notes: Vec<String>,
    /// The boot of the memory ring: it is the newest one.
    pub(super) newest_boot: Option<BootId>,
}

impl Rings {
    /// Both rings of a configuration; one of them will do.
    ///
    /// # Errors
    /// Both are missing, or none can be read.
    pub(super) fn of_plan(plan: &Plan) -> Result<Self, Stop> {
        let mut paths = vec![("memory ring", memory_path(plan))];
        if plan.spool.disk {
            paths.push(("disk ring", plan.spool.directory.join(DISK_FILE)));
        }
        let mut rings = Self::default();
        let mut faults: Vec<(Exit, String)> = Vec::new();
        for (what, path) in paths {
            let name = path.display().to_string();
            let taken = open(&path).and_then(|file| rings.take(file, &name, what));
            match taken {
                Ok(state) if what == "memory ring" => {
                    rings.newest_boot = state.map(|state| state.header.boot);
                }
                Ok(_) => {}
                Err(Stop::Failed { exit, message }) => faults.push((exit, message)),
                Err(stop) => return Err(stop),
            }
        }
        let words = |faults: &[(Exit, String)]| {
            let words: Vec<&str> = faults.iter().map(|(_, message)| message.as_str()).collect();
            words.join("\n")
        };
        if rings.rings.is_empty() {
            // Something that is there and cannot be read says more than something that is not there.
            let worst = faults
                .iter()
                .map(|(exit, _)| *exit)
                .find(|exit| *exit != Exit::NoInput);
            let message = format!(
                "{}\nno history to play; a recording is named with --input",
                words(&faults)
            );
            return Err(Stop::failed(worst.unwrap_or(Exit::NoInput), message));
        }
        rings
            .notes
            .extend(faults.into_iter().map(|(_, message)| message));
        Ok(rings)
    }

    /// A copied ring; `None` where the file is none.
    ///
    /// # Errors
    /// It cannot be read, or it is a ring of which nothing can be.
    pub(super) fn of_file(path: &Path) -> Result<Option<Self>, Stop> {
        let file = file::open(path)?;
        let name = path.display().to_string();
        if !is_ring(&file) {
            return Ok(None);
        }
        let mut rings = Self::default();
        rings.take(file, &name, "ring")?;
        Ok(Some(rings))
    }

    /// Looks through a ring once.
    fn take(&mut self, file: File, name: &str, what: &str) -> Result<Option<RingState>, Stop> {
        let length = file
            .length()
            .map_err(|error| Stop::unreadable(name, &error))?;
        if length > *DISK_RING_BYTES.end() {
            let message = format!("{name}: larger than any ring");
            return Err(Stop::failed(Exit::Format, message));
        }
        let source = OnDisk(file);
        let mut buffer = [0; BLOCK_BYTES];
        let state = newest_superblock(&source, &mut buffer).ok();
        let layout = Layout::for_size(length);
        let ring = self.rings.len();
        let (mut whole, mut version, mut damaged) = (0_u64, None, 0_u64);
        for place in 0..length.div_ceil(BLOCK_BYTES as u64) {
            match block_at(&source, place, &mut buffer) {
                // A block of a disk ring that was never used.
                Ok((_, block)) if block.header.number == 0 => whole = whole.saturating_add(1),
                Ok((_, block))
                    if belongs(&block.header, state.as_ref(), layout.as_ref(), place) =>
                {
                    whole = whole.saturating_add(1);
                    self.blocks.extend(located(ring, place, &block.header));
                }
                Err(BlockFault::Empty) => {}
                Err(BlockFault::Version(found)) => {
                    version = Some(found);
                    damaged = damaged.saturating_add(1);
                }
                Ok(_) | Err(_) => damaged = damaged.saturating_add(1),
            }
        }
        if whole == 0 {
            let why = match version {
                Some(found) => format!(
                    "{name}: a ring in version {found} of the format; this program reads version {VERSION}"
                ),
                None => format!("{name}: no whole block of a ring in it"),
            };
            return Err(Stop::failed(Exit::Format, why));
        }
        if layout.is_none() {
            self.notes.push(format!(
                "{name}: {length} bytes are no ring's size: it is cut, and what is whole of it is played"
            ));
        } else if state.is_none() {
            self.notes.push(format!(
                "{name}: no superblock is whole; what blocks say themselves is played"
            ));
        }
        if damaged > 0 {
            self.notes.push(format!(
                "{name}: {damaged} blocks are damaged or do not belong there, and are passed over"
            ));
        }
        self.names.push(format!("{what} {name}"));
        self.rings.push(source);
        Ok(state)
    }

    /// Reads a block once more; `None` where it has been overwritten or damaged meanwhile.
    pub(super) fn read<'b>(
        &self,
        located: &Located,
        buffer: &'b mut [u8; BLOCK_BYTES],
    ) -> Option<Block<'b>> {
        let source = self.rings.get(located.ring)?;
        let (_, block) = block_at(source, located.place, buffer).ok()?;
        let header = &block.header;
        let same = header.number == located.number && header.run == located.run;
        (same && is_readings(header.area).is_some()).then_some(block)
    }
}

fn open(path: &Path) -> Result<File, Stop> {
    let name = path.display().to_string();
    // /dev/shm is writable for everybody: no link is followed, and no pipe waited for.
    open_for_reading(path).map_err(|fault| match fault {
        FileFault::Io(error) => Stop::unreadable(&name, &error),
        _ => Stop::unreadable(&name, &ErrorKind::InvalidInput.into()),
    })
}

/// Whether a file looks like a ring: one of its blocks begins as one, and it does not begin as JSON does. Only the beginning of
/// what is no plain file would tell, and that cannot be read twice.
fn is_ring(file: &File) -> bool {
    let length = match file.metadata() {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => return false,
    };
    let mut first = [0; 1];
    if file.read_at(0, &mut first).is_ok() && matches!(first, [b'{' | b' ' | b'\n' | b'\r' | b'\t'])
    {
        return false;
    }
    let blocks = length
        .min(*DISK_RING_BYTES.end())
        .div_ceil(BLOCK_BYTES as u64);
    (0..blocks).any(|place| {
        let mut magic = [0; MAGIC.len()];
        file.read_at(place.saturating_mul(BLOCK_BYTES as u64), &mut magic)
            .is_ok()
            && magic == *MAGIC
    })
}

/// Whether a whole block belongs where it stands, as far as the ring tells what it is.
fn belongs(
    header: &Header,
    state: Option<&RingState>,
    layout: Option<&Layout>,
    place: u64,
) -> bool {
    let Some(state) = state else {
        return true;
    };
    let (ring, agent) = (state.header.ring, state.superblock.agent);
    match (header.area, layout) {
        (AreaKind::Stream(stream), Some(layout)) => {
            u32::try_from(place).is_ok_and(|place| fits(header, layout, stream, place, ring, agent))
        }
        _ => header.ring == ring && header.agent == agent,
    }
}

/// Whether an area holds readings, and then whether they are those of every sample.
fn is_readings(area: AreaKind) -> Option<bool> {
    match area {
        AreaKind::Stream(Stream::History) => Some(true),
        AreaKind::Stream(Stream::Readings) => Some(false),
        AreaKind::Stream(Stream::Alerts | Stream::Evidence)
        | AreaKind::Superblock
        | AreaKind::Checkpoint => None,
    }
}

fn located(ring: usize, place: u64, header: &Header) -> Option<Located> {
    Some(Located {
        ring,
        place,
        number: header.number,
        is_history: is_readings(header.area)?,
        boot: header.boot,
        run: header.run,
        run_number: header.run_number,
        first_sequence: header.first_sequence,
        uptime: header.uptime,
    })
}
