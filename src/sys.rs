//! The system calls that have no safe face: the only file with `unsafe`, each block with its reason. Beside them
//! stand the clocks and the few process-wide settings, so that there is one place where the kernel is met.

#![expect(
    unsafe_code,
    reason = "shared mappings, inherited descriptors and signalfd have no safe interface"
)]

use crate::clock::{Uptime, WallTime};
use crate::spool::Memory;
use rustix::mm::{MapFlags, MlockAllFlags, ProtFlags};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file mapped shared: what several processes see at once.
///
/// Bytes are only ever copied in and out, never borrowed, so that no Rust reference points into memory that another
/// process changes. What is copied while it changes is caught by the checksums of the blocks.
#[derive(Debug)]
pub struct Mapping {
    start: *mut u8,
    length: usize,
    writable: bool,
}

// SAFETY: the mapping is plain memory that outlives the value; every access copies bytes or is an atomic operation.
unsafe impl Send for Mapping {}
// SAFETY: as for Send; concurrent copies may tear, which every reader checks for by checksum.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the whole of `file`.
    ///
    /// # Errors
    /// As mmap(2); an empty file is refused.
    pub fn of(file: &File, writable: bool) -> io::Result<Self> {
        let length =
            usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        if length == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut protection = ProtFlags::READ;
        if writable {
            protection |= ProtFlags::WRITE;
        }
        // SAFETY: a new mapping at an address that the kernel chooses overlaps nothing of ours.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                length,
                protection,
                MapFlags::SHARED,
                file.as_fd(),
                0,
            )?
        };
        Ok(Self {
            start: start.cast(),
            length,
            writable,
        })
    }

    /// New memory of `length` bytes, for this process alone, given back whole when it is dropped.
    ///
    /// # Errors
    /// As memfd_create(2) and mmap(2).
    pub fn anonymous(length: u64) -> io::Result<Self> {
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let file = File::from(rustix::fs::memfd_create("hansho", flags)?);
        file.set_len(length)?;
        Self::of(&file, true)
    }

    /// Touches every page, of a writable mapping for writing, without changing a byte: what others write meanwhile stays.
    pub fn touch(&self) {
        for offset in (0..self.length).step_by(rustix::param::page_size()) {
            if let Some(word) = self.word(offset) {
                let value = std::hint::black_box(word.load(Ordering::Relaxed));
                if !self.writable {
                    continue;
                }
                // Changed in between: then whoever did so touched it.
                let _seen =
                    word.compare_exchange(value, value, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    /// The place of `count` bytes at `offset`, where they are inside.
    fn place(&self, offset: usize, count: usize) -> Option<*mut u8> {
        let end = offset.checked_add(count)?;
        if end > self.length {
            return None;
        }
        Some(self.start.wrapping_add(offset))
    }

    /// The word at `offset`, where it is inside and aligned.
    fn word(&self, offset: usize) -> Option<&AtomicU64> {
        if !offset.is_multiple_of(8) {
            return None;
        }
        let place = self.place(offset, 8)?;
        // SAFETY: inside the mapping, aligned (mappings begin at a page), alive as long as `self`, and an atomic may
        // be shared with whoever else maps the file.
        Some(unsafe { AtomicU64::from_ptr(place.cast()) })
    }
}

impl Memory for Mapping {
    fn len(&self) -> usize {
        self.length
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let Some(place) = self.place(offset, into.len()) else {
            return false;
        };
        // SAFETY: both ranges are valid for the length, and a private buffer doesn't overlap the mapping.
        unsafe { std::ptr::copy_nonoverlapping(place.cast_const(), into.as_mut_ptr(), into.len()) };
        true
    }

    fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        let Some(place) = self.place(offset, bytes.len()).filter(|_| self.writable) else {
            return false;
        };
        // SAFETY: both ranges are valid for the length, the mapping is writable, and a private buffer doesn't overlap
        // it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        true
    }

    fn load(&self, offset: usize) -> Option<u64> {
        self.word(offset).map(|word| word.load(Ordering::Acquire))
    }

    fn store(&self, offset: usize, value: u64) -> bool {
        let Some(word) = self.word(offset).filter(|_| self.writable) else {
            return false;
        };
        word.store(value, Ordering::Release);
        true
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `of` and nothing refers into it any more. An error could only say that it
        // is not mapped, and then nothing is left to do.
        let unmapped = unsafe { rustix::mm::munmap(self.start.cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "munmap of our own mapping");
    }
}

/// Takes over a descriptor that was inherited under this number.
///
/// # Errors
/// `EBADF` where there is none.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number < 3 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the borrow is used only to ask the kernel whether the descriptor is open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(borrowed, rustix::io::FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and by the contract between keeper and worker (command line) it is ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes on exec whatever was inherited beside the three standard descriptors: whoever started us may have left files and
/// sockets open that are nothing to our workers.
///
/// # Errors
/// As reading `/proc/self/fd`.
pub fn close_others_on_exec() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<RawFd>().ok())
        else {
            continue;
        };
        if number < 3 {
            continue;
        }
        // SAFETY: the borrow is used only to set a flag; a number that is closed meanwhile is refused by the kernel.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        match rustix::io::fcntl_setfd(borrowed, rustix::io::FdFlags::CLOEXEC) {
            Err(errno) if errno != rustix::io::Errno::BADF => return Err(errno.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Blocks the signals that stop and supervise, and gives a descriptor from which they are read (signalfd(2)):
/// SIGTERM, SIGINT, SIGHUP, SIGCHLD.
///
/// # Errors
/// As signalfd(2).
pub fn signals() -> io::Result<OwnedFd> {
    block_signals()?;
    // SAFETY: the set is initialised by sigemptyset before it is used; signalfd gives a new descriptor or -1.
    unsafe {
        let set = signal_set();
        let number = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(number))
    }
}

/// Blocks SIGHUP until [`signals`] takes it: its default would end a program that is about to become the keeper.
///
/// # Errors
/// As sigprocmask(2).
pub fn block_hangup() -> io::Result<()> {
    // SAFETY: the set is initialised before it is used, and the signal is valid; no function of ours becomes a handler; the
    // old set is not asked for.
    let outcome = unsafe {
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGHUP);
        // Ignored, as under nohup(1), it would never be told (signal(7)).
        libc::signal(libc::SIGHUP, libc::SIG_DFL);
        libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut())
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD: a worker stops when its keeper says so or is gone.
///
/// # Errors
/// As sigprocmask(2).
pub fn block_signals() -> io::Result<()> {
    // SAFETY: the set is initialised; the old set is not asked for.
    let outcome = unsafe {
        let set = signal_set();
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut())
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The set of [`signals`].
///
/// # Safety
/// None beyond libc's: the value is initialised by sigemptyset.
unsafe fn signal_set() -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the whole set; sigaddset is given valid signals.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD] {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

/// The signal in a record read from [`signals`].
#[must_use]
pub fn signal_number(record: &[u8]) -> Option<i32> {
    record
        .first_chunk::<4>()
        .map(|bytes| i32::from_ne_bytes(*bytes))
}

/// Milliseconds of a clock.
fn millis(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1000)
        .saturating_add(nanos / 1_000_000)
}

/// Now, since boot, suspend included.
#[must_use]
pub fn uptime() -> Uptime {
    Uptime::from_millis(millis(ClockId::Boottime))
}

/// Now, as the host believes.
#[must_use]
pub fn wall() -> WallTime {
    WallTime::from_millis(millis(ClockId::Realtime))
}

/// Now on `CLOCK_MONOTONIC`, milliseconds: what deadlines are set on.
#[must_use]
pub fn monotonic_ms() -> u64 {
    millis(ClockId::Monotonic)
}

/// Uptime and wall time of one moment: taken again where the process was held up between the two, for a difference that
/// changes reads as a clock that was set.
#[must_use]
pub fn clocks() -> (Uptime, WallTime) {
    /// Between two reads of a clock that take a microsecond.
    const HELD_UP_MS: u64 = 20;
    const TRIES: u32 = 4;
    let mut now = uptime();
    let mut at = wall();
    for _ in 0..TRIES {
        let after = uptime();
        if after.since(now) <= HELD_UP_MS {
            break;
        }
        now = after;
        at = wall();
    }
    (now, at)
}

/// Sleeps until `CLOCK_MONOTONIC` reaches `deadline_ms`; a signal may end it earlier.
pub fn sleep_until(deadline_ms: u64) {
    let request = Timespec {
        tv_sec: i64::try_from(deadline_ms / 1000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from((deadline_ms % 1000).saturating_mul(1_000_000)).unwrap_or(0),
    };
    // Interrupted or not: the caller looks at the clock.
    let _outcome = rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &request);
}

/// Locks what is and will be mapped, page by page as it is touched (mlockall(2), `MCL_ONFAULT` since Linux 4.4).
///
/// # Errors
/// `EPERM` or `ENOMEM` where the limit (`LimitMEMLOCK`) does not allow it.
pub fn lock_memory() -> io::Result<()> {
    rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?;
    Ok(())
}

/// Dies with the parent: a worker without its keeper must not go on beside the next one.
///
/// # Errors
/// As prctl(2); also where the parent is gone already.
pub fn die_with_parent(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let found = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if found == Some(parent) {
        Ok(())
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Gives up every capability of this thread and of those that it starts, for good, and the way to new ones by exec
/// (capabilities(7), `PR_SET_NO_NEW_PRIVS` of prctl(2)). The bounding set shrinks only with `CAP_SETPCAP`; without it, and
/// without privileges by exec, what stands in it is of no use.
///
/// # Errors
/// As capset(2) and prctl(2).
pub fn give_up_capabilities() -> io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets};
    rustix::thread::set_no_new_privs(true)?;
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match rustix::thread::remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            // Without the right, or the kernel's last one is behind us.
            Err(rustix::io::Errno::PERM | rustix::io::Errno::INVAL) => break,
            Err(errno) => return Err(errno.into()),
        }
    }
    // Since Linux 4.3; what is not permitted is not ambient either.
    match rustix::thread::clear_ambient_capability_set() {
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(errno) => return Err(errno.into()),
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, none)?;
    Ok(())
}

/// The name in `ps` and in messages of the kernel: one that was started by its descriptor is named after that.
pub fn name_process(name: &std::ffi::CStr) {
    // A name is for people: without it everything goes on.
    let _outcome = rustix::thread::set_name(name);
}

/// A random number from the kernel.
///
/// # Errors
/// As getrandom(2).
pub fn random_u64() -> io::Result<u64> {
    let mut bytes = [0; 8];
    let (filled, _) =
        rustix::rand::getrandom(bytes.as_mut_slice(), rustix::rand::GetRandomFlags::empty())
            .map(|count| (count, ()))?;
    if filled == bytes.len() {
        Ok(u64::from_le_bytes(bytes))
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
