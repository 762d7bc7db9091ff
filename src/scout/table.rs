//! Who has a seat in the table of processes, and what is remembered of them. Plain values, the time given.
//!
//! # Who stays when there are more processes than seats
//!
//! - **The largest** by memory and swap together: whoever comes and is clearly larger than the smallest of the table takes its
//!   seat.
//! - **Those that a list has or nearly has**: the first 64 by CPU, by growth over ten minutes, by growth over a day and by swap
//!   keep their seats however small they are.
//! - **Who runs**: a process cannot be told from one look to use CPU, so one that runs when it is seen, or has used a twentieth of
//!   a processor over its life, gets one of 64 seats *on trial* until its second look, in place of the smallest.
//!
//! Many small processes at once (a fork bomb) neither are larger than anybody nor get more than the seats on trial.
//!
//! What this misses, on a host with more processes than seats: one that is small and grows, until it is as large as the
//! smallest of the table (from then on its growth is seen); a CPU eater that happens to sleep whenever it is passed, that burns in
//! another than its first thread (only that one's state is told) and did little before; and any process that lives shorter than the walk
//! through `/proc` takes. On a host with fewer processes than seats every one that lives as long has a seat.

use super::process::{Growth, Identity, Process, Text};
use crate::clock::Uptime;
use crate::limit::{
    PROCESS_CPU_MIN_MS, PROCESS_GROWTH_LONG_MS, PROCESS_GROWTH_SHORT_MS, PROCESS_MARKS,
    PROCESS_NAME_BYTES, PROCESS_SEATS_ON_TRIAL, PROCESS_SEATS_PER_LIST, PROCESS_TABLE_BYTES,
    PROCESS_UNIT_BYTES, PROCESSES,
};
use crate::sample::process_group::CONTAINER_DIGITS;

/// Whoever replaces another must be larger by this and an eighth, lest two of a size take each other's seat, and history, in
/// turn.
const LARGER_BY_KIB: u64 = 256;
/// CPU from which a process is busy, permille of one processor: over its whole life it is then worth a seat on trial, and over
/// the trial it keeps the seat.
const BUSY_PERMILLE: u64 = 50;

/// One look at a process: what its `stat`, `statm` and `status` say now.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When.
    pub at: Uptime,
    /// Which process.
    pub id: Identity,
    /// Its parent's process id.
    pub parent: u32,
    /// Its threads.
    pub threads: u32,
    /// Its name.
    pub name: Text<PROCESS_NAME_BYTES>,
    /// Whether its first thread runs or wants to.
    pub runs: bool,
    /// CPU time since its start, milliseconds.
    pub cpu_ms: u64,
    /// How long it lives, milliseconds.
    pub age_ms: u64,
    /// Resident less shared, KiB.
    pub memory_kib: Option<u64>,
    /// In swap, KiB.
    pub swap_kib: Option<u64>,
}

impl Look {
    fn size_kib(&self) -> u64 {
        self.memory_kib
            .unwrap_or(0)
            .saturating_add(self.swap_kib.unwrap_or(0))
    }

    fn was_busy(&self) -> bool {
        let used = self.cpu_ms.saturating_mul(1000).checked_div(self.age_ms);
        used.is_some_and(|permille| permille >= BUSY_PERMILLE)
    }
}

/// What is read once, when a process comes into the table or changes its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Particulars {
    /// The user whose rights it has.
    pub uid: Option<u32>,
    /// Its systemd unit.
    pub unit: Option<Text<PROCESS_UNIT_BYTES>>,
    /// First digits of its container's id.
    pub container: Option<Text<CONTAINER_DIGITS>>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i16>,
}

/// Why a process got a seat, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// There was a free seat.
    FreeSeat,
    /// It is larger than the smallest of the table.
    Larger,
    /// It runs, or was busy all its life: on trial.
    OnTrial,
    /// None: smaller than all of the table, and it does not run.
    Small,
    /// None: it runs, and so do those in the seats on trial.
    TrialFull,
}

impl Admission {
    /// Whether it has a seat now.
    #[must_use]
    pub const fn is_in(self) -> bool {
        matches!(self, Self::FreeSeat | Self::Larger | Self::OnTrial)
    }
}

/// What a second look at a process of the table found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The same.
    Same,
    /// The same, with another name: it has executed another program, or renamed itself. Its particulars are to be read.
    Renamed,
    /// Another process has its id now; the seat is free.
    Replaced,
}

/// Memory at a mark; absent where the process was not in the table, or could not be read, then. Half as long as an option, of
/// which a table would have 64 KiB more.
#[derive(Clone, Copy, Debug)]
struct Mark(u64);

impl Mark {
    const ABSENT: Self = Self(u64::MAX);

    fn of(memory_kib: Option<u64>) -> Self {
        memory_kib.map_or(Self::ABSENT, Self)
    }

    fn kib(self) -> Option<u64> {
        (self.0 != Self::ABSENT.0).then_some(self.0)
    }
}

/// Memory at the marks, newest first.
type Marks = [Mark; PROCESS_MARKS];
/// When the marks were set, newest first.
type MarkTimes = [Option<Uptime>; PROCESS_MARKS];

/// Seat and size of the smallest process that could lose its seat; `None` where nobody could.
type Smallest = Option<(usize, u64)>;

#[derive(Clone, Copy, Debug)]
struct Seat {
    process: Process,
    /// First reading of the memory, where no mark is old enough.
    entered: Option<(Uptime, u64)>,
    short: Marks,
    long: Marks,
    cpu_ms: u64,
    cpu_at: Uptime,
    on_trial: bool,
    kept: bool,
}

/// The table. It takes no heap of its own and never grows.
#[derive(Debug)]
pub struct Table {
    /// The ids of all seats, close together because they are looked through for every process that is passed; 0 is free.
    pids: [u32; PROCESSES],
    seats: [Option<Seat>; PROCESSES],
    taken: usize,
    on_trial: usize,
    /// See [`Table::smallest`]; `None` where somebody came, went or was looked at since. Most that is passed by is small, and
    /// costs no search then.
    known_smallest: Option<Smallest>,
    short_at: MarkTimes,
    long_at: MarkTimes,
}

impl Table {
    /// An empty one, on the heap since it is long ([`PROCESS_TABLE_BYTES`]).
    #[must_use]
    pub fn boxed() -> Box<Self> {
        Box::new(Self {
            pids: [0; PROCESSES],
            seats: [const { None }; PROCESSES],
            taken: 0,
            on_trial: 0,
            known_smallest: None,
            short_at: [None; PROCESS_MARKS],
            long_at: [None; PROCESS_MARKS],
        })
    }

    /// Processes in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.taken
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// The processes, in no order that means anything.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.seats.iter().flatten().map(|seat| &seat.process)
    }

    /// The seat of a process id.
    #[must_use]
    pub fn seat_of(&self, pid: u32) -> Option<usize> {
        if pid == 0 {
            return None;
        }
        self.pids.iter().position(|found| *found == pid)
    }

    /// Who sits there; `None` for a free seat, or a number that is none.
    #[must_use]
    pub fn at(&self, seat: usize) -> Option<&Process> {
        self.seats.get(seat)?.as_ref().map(|seat| &seat.process)
    }

    /// Offers a process that has no seat one. Its particulars are to be read, and told by [`Table::describe`], where it gets
    /// one.
    pub fn offer(&mut self, look: &Look) -> Admission {
        if let Some(free) = self.free_seat() {
            self.sit(free, look, false);
            return Admission::FreeSeat;
        }
        let Some((smallest, size)) = self.smallest() else {
            return Admission::Small;
        };
        let wanted = size.saturating_add(size / 8).saturating_add(LARGER_BY_KIB);
        if look.size_kib() > wanted {
            self.leave(smallest);
            self.sit(smallest, look, false);
            return Admission::Larger;
        }
        if !look.runs && !look.was_busy() {
            return Admission::Small;
        }
        if self.on_trial >= PROCESS_SEATS_ON_TRIAL {
            return Admission::TrialFull;
        }
        self.leave(smallest);
        self.sit(smallest, look, true);
        Admission::OnTrial
    }

    /// Tells the particulars of the process on a seat.
    pub fn describe(&mut self, seat: usize, particulars: &Particulars) {
        if let Some(Some(seat)) = self.seats.get_mut(seat) {
            let process = &mut seat.process;
            process.uid = particulars.uid;
            process.unit = particulars.unit;
            process.container = particulars.container;
            process.oom_score_adj = particulars.oom_score_adj;
        }
    }

    /// Another look at the process on a seat.
    pub fn again(&mut self, number: usize, look: &Look) -> Option<Seen> {
        self.known_smallest = None;
        let seat = self.seats.get_mut(number)?.as_mut()?;
        if seat.process.id != look.id {
            self.leave(number);
            return Some(Seen::Replaced);
        }
        let process = &mut seat.process;
        let renamed = process.name != look.name;
        process.name = look.name;
        process.parent = look.parent;
        process.threads = look.threads;
        process.memory_kib = look.memory_kib;
        process.swap_kib = look.swap_kib;
        process.read_at = look.at;
        let since = look.at.since(seat.cpu_at);
        if since >= PROCESS_CPU_MIN_MS {
            process.cpu_permille = share(look.cpu_ms.checked_sub(seat.cpu_ms), since);
            seat.cpu_ms = look.cpu_ms;
            seat.cpu_at = look.at;
            if seat.on_trial {
                seat.on_trial = false;
                // Until the lists are made anew, which then decide.
                seat.kept = process
                    .cpu_permille
                    .is_some_and(|permille| u64::from(permille) >= BUSY_PERMILLE);
                self.on_trial = self.on_trial.saturating_sub(1);
            }
        }
        if seat.entered.is_none() {
            seat.entered = look.memory_kib.map(|kib| (look.at, kib));
        }
        process.growth_short = growth(look, seat.entered, &seat.short, &self.short_at);
        process.growth_long = growth(look, seat.entered, &seat.long, &self.long_at);
        Some(if renamed { Seen::Renamed } else { Seen::Same })
    }

    /// The process on a seat is gone.
    pub fn leave(&mut self, number: usize) {
        self.known_smallest = None;
        if let Some(slot) = self.seats.get_mut(number)
            && let Some(seat) = slot.take()
        {
            self.taken = self.taken.saturating_sub(1);
            if seat.on_trial {
                self.on_trial = self.on_trial.saturating_sub(1);
            }
        }
        if let Some(pid) = self.pids.get_mut(number) {
            *pid = 0;
        }
    }

    /// What is due from time to time, after everybody was looked at: marks of growth, and who keeps a seat. Costs a sort of the
    /// table or less.
    pub fn settle(&mut self, now: Uptime) {
        if is_due(&self.short_at, PROCESS_GROWTH_SHORT_MS, now) {
            push(&mut self.short_at, Some(now));
            for seat in self.seats.iter_mut().flatten() {
                push(&mut seat.short, Mark::of(seat.process.memory_kib));
            }
        }
        if is_due(&self.long_at, PROCESS_GROWTH_LONG_MS, now) {
            push(&mut self.long_at, Some(now));
            for seat in self.seats.iter_mut().flatten() {
                push(&mut seat.long, Mark::of(seat.process.memory_kib));
            }
        }
        self.known_smallest = None;
        for seat in self.seats.iter_mut().flatten() {
            seat.kept = false;
        }
        self.keep_first(|process| process.cpu_permille.map(u64::from));
        self.keep_first(|process| grown(process.growth_short));
        self.keep_first(|process| grown(process.growth_long));
        self.keep_first(|process| process.swap_kib);
    }

    /// Those with the greatest values above 0 keep their seats.
    fn keep_first(&mut self, value: impl Fn(&Process) -> Option<u64>) {
        let mut order = [(0_u64, 0_usize); PROCESSES];
        let mut count = 0_usize;
        for (number, seat) in self.seats.iter().enumerate() {
            let Some(value) = seat.as_ref().and_then(|seat| value(&seat.process)) else {
                continue;
            };
            if value > 0
                && let Some(slot) = order.get_mut(count)
            {
                *slot = (value, number);
                count = count.saturating_add(1);
            }
        }
        let Some(found) = order.get_mut(..count) else {
            return;
        };
        if count > PROCESS_SEATS_PER_LIST {
            found.select_nth_unstable_by(PROCESS_SEATS_PER_LIST, |a, b| b.cmp(a));
        }
        for (_, number) in found.iter().take(PROCESS_SEATS_PER_LIST) {
            if let Some(Some(seat)) = self.seats.get_mut(*number) {
                seat.kept = true;
            }
        }
    }

    fn free_seat(&self) -> Option<usize> {
        if self.taken >= PROCESSES {
            return None;
        }
        self.pids.iter().position(|pid| *pid == 0)
    }

    /// The smallest process that no list keeps and that is not on trial.
    fn smallest(&mut self) -> Smallest {
        if let Some(known) = self.known_smallest {
            return known;
        }
        let found = self
            .seats
            .iter()
            .enumerate()
            .filter_map(|(number, seat)| {
                let seat = seat.as_ref().filter(|seat| !seat.kept && !seat.on_trial)?;
                Some((number, seat.process.size_kib()))
            })
            .min_by_key(|(_, size)| *size);
        self.known_smallest = Some(found);
        found
    }

    fn sit(&mut self, number: usize, look: &Look, on_trial: bool) {
        self.known_smallest = None;
        let (Some(slot), Some(pid)) = (self.seats.get_mut(number), self.pids.get_mut(number))
        else {
            return;
        };
        *pid = look.id.pid;
        *slot = Some(Seat {
            process: Process {
                id: look.id,
                parent: look.parent,
                threads: look.threads,
                name: look.name,
                uid: None,
                unit: None,
                container: None,
                oom_score_adj: None,
                memory_kib: look.memory_kib,
                swap_kib: look.swap_kib,
                cpu_permille: None,
                growth_short: None,
                growth_long: None,
                read_at: look.at,
                entered_at: look.at,
            },
            entered: look.memory_kib.map(|kib| (look.at, kib)),
            short: [Mark::ABSENT; PROCESS_MARKS],
            long: [Mark::ABSENT; PROCESS_MARKS],
            cpu_ms: look.cpu_ms,
            cpu_at: look.at,
            on_trial,
            kept: false,
        });
        self.taken = self.taken.saturating_add(1);
        if on_trial {
            self.on_trial = self.on_trial.saturating_add(1);
        }
    }
}

/// KiB that a process grew by; absent where it did not.
#[must_use]
pub fn grown(growth: Option<Growth>) -> Option<u64> {
    growth.and_then(|growth| u64::try_from(growth.kib).ok())
}

/// Permille of one processor; absent where the kernel's counter went back.
fn share(used_ms: Option<u64>, since_ms: u64) -> Option<u32> {
    let permille = used_ms?.saturating_mul(1000).checked_div(since_ms)?;
    Some(u32::try_from(permille).unwrap_or(u32::MAX))
}

/// Growth since the oldest mark; where there is none as old, since the process came into the table.
fn growth(
    look: &Look,
    entered: Option<(Uptime, u64)>,
    marks: &Marks,
    times: &MarkTimes,
) -> Option<Growth> {
    let oldest = marks.last().and_then(|mark| mark.kib());
    let oldest = times.last().copied().flatten().zip(oldest);
    let (at, before) = oldest.or(entered)?;
    let over_ms = look.at.since(at);
    if over_ms == 0 {
        return None;
    }
    let now = i64::try_from(look.memory_kib?).ok()?;
    Some(Growth {
        kib: now.checked_sub(i64::try_from(before).ok()?)?,
        over_ms,
    })
}

/// Whether the next mark is due: a third of the time after the last, so that the oldest of four is as old as asked for.
fn is_due(times: &MarkTimes, span_ms: u64, now: Uptime) -> bool {
    let step = span_ms / 3;
    times
        .first()
        .copied()
        .flatten()
        .is_none_or(|last| now.since(last) >= step)
}

fn push<T: Copy>(values: &mut [T; PROCESS_MARKS], value: T) {
    values.rotate_right(1);
    if let Some(first) = values.first_mut() {
        *first = value;
    }
}

const _: () = assert!(PROCESS_MARKS == 4, "a mark each third");
const _: () = assert!(size_of::<Table>() <= PROCESS_TABLE_BYTES);
