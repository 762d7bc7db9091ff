//! What is watched besides the host and its processes: file systems and cache directories. Looked at by threads that may hang
//! ([`Probes`]), told as values that the machine judges ([`Found`]).

use super::directory::{self, Size, Walk};
use super::filesystem::{self, Filesystem, Watched};
use super::mounts::Mounts;
use super::probe::{Look, Probes, ThreadsGone};
use super::schedule::{ItemId, Plan, Standing};
use crate::clock::Uptime;
use crate::config::plan::{Cache, Watch};
use crate::limit::{
    DIRECTORY_REST_MS, FILESYSTEM_LOOK_MS, MOUNTS_RESOLVED_MS, PROBE_DEADLINE_MS, WATCHED_TOLD_MS,
};
use crate::machine::found::Found;
use crate::rule::{Quantity, Subject};
use crate::sample::mountinfo::mount_of;
use std::io;
use std::path::Path;

/// Values of one thing at most.
const VALUES: usize = 8;
/// Between two steps through a directory.
const STEP_MS: u64 = 1_000;

/// What was seen of a thing last.
#[derive(Clone, Copy, Debug)]
enum Seen {
    Filesystem(filesystem::State),
    Cache {
        state: directory::State,
        limit_kib: Option<u64>,
        limit_entries: Option<u64>,
    },
}

/// A thing that is watched.
#[derive(Debug)]
struct Item {
    id: ItemId,
    subject: Subject,
    seen: Seen,
    /// Its file system, where the mounts tell.
    device: Option<u64>,
    /// Watched by nobody's wish, and nothing is told of it where another item is of the same file system.
    by_default: bool,
}

/// All of them.
#[derive(Debug)]
pub struct Watching {
    probes: Probes<Look>,
    items: Vec<Item>,
    mounts: Mounts,
    resolved: Option<Uptime>,
    told: Option<Uptime>,
}

impl Watching {
    /// Begins; `None` where nothing is watched.
    ///
    /// # Errors
    /// As pthread_create(3); `InvalidInput` for a path that is none.
    pub fn start(watch: &Watch, root: &Path, now: Uptime) -> io::Result<Option<Self>> {
        if watch.filesystems.is_empty() && watch.caches.is_empty() {
            return Ok(None);
        }
        let mut watching = Self {
            probes: Probes::start()?,
            items: Vec::new(),
            mounts: Mounts::new(root),
            resolved: None,
            told: None,
        };
        for one in &watch.filesystems {
            let look = Look::Filesystem(Watched::new(Path::new(one.path.as_str()))?);
            let seen = Seen::Filesystem(filesystem::State::Unknown);
            watching.add(
                &one.path,
                (look, FILESYSTEM_LOOK_MS),
                seen,
                one.by_default,
                now,
            )?;
        }
        for cache in &watch.caches {
            let walk = Walk::new(Path::new(cache.path.as_str()))?.with_rest(DIRECTORY_REST_MS);
            let look = Look::Directory(Box::new(walk));
            watching.add(&cache.path, (look, STEP_MS), seen_of(cache), false, now)?;
        }
        Ok(Some(watching))
    }

    fn add(
        &mut self,
        subject: &Subject,
        (look, every_ms): (Look, u64),
        seen: Seen,
        by_default: bool,
        now: Uptime,
    ) -> io::Result<()> {
        let plan = Plan {
            // Its own until the mounts say which it shares: 0 is no device.
            key: u64::MAX.saturating_sub(u64::try_from(self.items.len()).unwrap_or(0)),
            every_ms,
            deadline_ms: PROBE_DEADLINE_MS,
        };
        let id = self
            .probes
            .add(plan, now, look)
            .map_err(|_| io::Error::other("more things to watch than there is room for"))?;
        self.items.push(Item {
            id,
            subject: subject.clone(),
            seen,
            device: None,
            by_default,
        });
        Ok(())
    }

    /// Goes on, and every ten seconds hands over all that is known, a thing at a time. Never waits.
    ///
    /// # Errors
    /// [`ThreadsGone`]: nothing is looked at any more.
    pub fn step(
        &mut self,
        now: Uptime,
        each: &mut dyn FnMut(&[Found<'_>]),
    ) -> Result<(), ThreadsGone> {
        let items = &mut self.items;
        self.probes.tick(now, &mut |id, look, _| {
            if let Some(item) = items.iter_mut().find(|item| item.id == id) {
                item.saw(look);
            }
        })?;
        let is_due = |last: Option<Uptime>, after_ms| {
            last.is_none_or(|last: Uptime| now.since(last) >= after_ms)
        };
        if !is_due(self.told, WATCHED_TOLD_MS) {
            return Ok(());
        }
        self.told = Some(now);
        // Mounts that cannot be read are those of before: what a look finds is told all the same.
        if self.mounts.refresh().is_ok() && is_due(self.resolved, MOUNTS_RESOLVED_MS) {
            self.resolve();
            self.resolved = Some(now);
        }
        for (place, item) in self.items.iter().enumerate() {
            if item.by_default && self.is_double(place) {
                continue;
            }
            let standing = self.probes.standing(item.id, now);
            each(&item.found(now, standing, self.mounts.text()));
        }
        Ok(())
    }

    /// Which file system each thing is on: things of one that hangs must not hold a thread each.
    fn resolve(&mut self) {
        for item in &mut self.items {
            let entry = self.mounts.of(Path::new(item.subject.as_str()));
            item.device = entry.map(|entry| entry.device_key());
            if let Some(key) = item.device {
                self.probes.set_key(item.id, key);
            }
        }
    }

    /// Whether an earlier file system, or one that somebody named, is the same.
    fn is_double(&self, place: usize) -> bool {
        let Some(device) = self.items.get(place).and_then(|item| item.device) else {
            return false;
        };
        self.items.iter().enumerate().any(|(other, item)| {
            matches!(item.seen, Seen::Filesystem(_))
                && item.device == Some(device)
                && other != place
                && (other < place || !item.by_default)
        })
    }
}

fn seen_of(cache: &Cache) -> Seen {
    Seen::Cache {
        state: directory::State::Unknown,
        limit_kib: cache.limit_kib,
        limit_entries: cache.limit_entries,
    }
}

impl Item {
    fn saw(&mut self, look: &Look) {
        match (&mut self.seen, look) {
            (Seen::Filesystem(state), Look::Filesystem(watched)) => *state = watched.state(),
            (Seen::Cache { state, .. }, Look::Directory(walk)) => {
                *state = later(*state, walk.state())
            }
            (Seen::Filesystem(_), Look::Directory(_))
            | (Seen::Cache { .. }, Look::Filesystem(_)) => {}
        }
    }

    /// What is known of it now.
    fn found(
        &self,
        now: Uptime,
        standing: Option<Standing>,
        mountinfo: &[u8],
    ) -> heapless::Vec<Found<'_>, VALUES> {
        let mut told = Told {
            subject: &self.subject,
            at: now,
            interval_ms: millis(FILESYSTEM_LOOK_MS),
            found: heapless::Vec::new(),
        };
        match self.seen {
            Seen::Filesystem(state) => {
                match standing.map(|standing| (standing, standing.not_answering_since())) {
                    Some((_, Some(since))) => {
                        told.put(Quantity::MountSilence, Some((now.since(since), None)));
                    }
                    Some((Standing::Answering { .. }, None)) => {
                        told.put(Quantity::MountSilence, Some((0, None)));
                    }
                    // Nothing is known of it: a thread is not to be had, or it was not looked at yet.
                    _ => {}
                }
                match state {
                    filesystem::State::Unknown => {}
                    filesystem::State::Known(seen) => self.filesystem(&seen, mountinfo, &mut told),
                    filesystem::State::Missing { .. } => told.nothing(&OF_FILESYSTEM),
                }
            }
            Seen::Cache {
                state,
                limit_kib,
                limit_entries,
            } => match state {
                directory::State::Unknown => {}
                directory::State::Measured(size) => {
                    told.at = size.ended;
                    told.interval_ms = interval_of(&size);
                    let value = |value, limit: Option<u64>| limit.map(|limit| (value, Some(limit)));
                    told.put(Quantity::CacheSize, value(size.kib, limit_kib));
                    told.put(Quantity::CacheEntries, value(size.entries, limit_entries));
                }
                directory::State::Missing { .. } => {
                    told.nothing(&[Quantity::CacheSize, Quantity::CacheEntries]);
                }
            },
        }
        told.found
    }

    fn filesystem(&self, seen: &Filesystem, mountinfo: &[u8], told: &mut Told<'_>) {
        told.at = seen.at;
        let space = seen.space.map(|space| {
            let used = space.used_kib();
            let all = used.saturating_add(space.available_kib);
            (used, space.available_kib, all)
        });
        let used = space.map(|(used, _, all)| (used, Some(all)));
        let is_tmpfs = seen.is_tmpfs();
        told.put(Quantity::TmpfsUsed, used.filter(|_| is_tmpfs));
        told.put(Quantity::FilesystemUsed, used.filter(|_| !is_tmpfs));
        let free = space.map(|(_, free, all)| (free, Some(all)));
        told.put(Quantity::FilesystemFree, free.filter(|_| !is_tmpfs));
        let inodes = seen.inodes.map(|inodes| (inodes.free, Some(inodes.total)));
        told.put(Quantity::InodesFree, inodes.filter(|_| !is_tmpfs));
        // An error of ext4 shows in its own words only, where the mount is the one that the path is on.
        let said = mount_of(mountinfo, self.subject.as_bytes())
            .filter(|entry| self.device == Some(entry.device_key()))
            .is_some_and(|entry| entry.is_read_only());
        let read_only = u64::from(seen.read_only || said);
        told.put(Quantity::FilesystemReadOnly, Some((read_only, None)));
    }
}

const OF_FILESYSTEM: [Quantity; 5] = [
    Quantity::FilesystemUsed,
    Quantity::FilesystemFree,
    Quantity::InodesFree,
    Quantity::FilesystemReadOnly,
    Quantity::TmpfsUsed,
];

/// Values of one thing, and what they have in common.
struct Told<'a> {
    subject: &'a Subject,
    at: Uptime,
    interval_ms: u32,
    found: heapless::Vec<Found<'a>, VALUES>,
}

impl Told<'_> {
    fn put(&mut self, quantity: Quantity, value: Option<(u64, Option<u64>)>) {
        let pushed = self.found.push(Found {
            quantity,
            subject: self.subject,
            value: value.map(|(value, _)| value),
            total: value.and_then(|(_, total)| total),
            at: self.at,
            interval_ms: self.interval_ms,
        });
        debug_assert!(pushed.is_ok(), "room for all values of a thing");
    }

    fn nothing(&mut self, quantities: &[Quantity]) {
        for quantity in quantities {
            self.put(*quantity, None);
        }
    }
}

/// What is known after another walk: one that could not read all that it should is believed where it found more.
fn later(before: directory::State, now: directory::State) -> directory::State {
    match (before, now) {
        (directory::State::Measured(whole), directory::State::Measured(size))
            if size.failed > 0 && size.kib < whole.kib =>
        {
            before
        }
        _ => now,
    }
}

/// When the next size is to be expected: after a rest, and as long a walk.
fn interval_of(size: &Size) -> u32 {
    millis(DIRECTORY_REST_MS.saturating_add(size.ended.since(size.began)))
}

fn millis(millis: u64) -> u32 {
    u32::try_from(millis).unwrap_or(u32::MAX)
}
