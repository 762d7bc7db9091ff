//! The threads in which whatever may hang is looked at. [`Schedule`] decides; here they are.
//!
//! A fixed number of threads takes what is to be looked at, one at a time, and gives it back with what was found in it. A thread that does
//! not come back is left alone: nothing ends a call into a dead mount but the kernel. Whoever watches never waits for one.

use super::directory::Walk;
use super::filesystem::Watched;
use super::schedule::{ItemId, Plan, Return, Schedule, Standing};
use crate::clock::Uptime;
use crate::limit::{DIRECTORY_STEP, PROBE_ITEMS, PROBE_STACK_BYTES, PROBE_THREADS};
use crate::sys;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Something that is looked at, and keeps what was found.
pub trait Errand: Send + 'static {
    /// One look. May hang.
    fn look(&mut self);
}

/// What the scout looks at by threads.
#[derive(Debug)]
pub enum Look {
    /// A directory tree, by a step of [`DIRECTORY_STEP`] entries.
    Directory(Box<Walk>),
    /// A file system.
    Filesystem(Watched),
}

impl Errand for Look {
    fn look(&mut self) {
        match self {
            Self::Directory(walk) => {
                let _step = walk.step(DIRECTORY_STEP, &mut sys::uptime);
            }
            Self::Filesystem(watched) => watched.look(&mut sys::uptime),
        }
    }
}

/// The threads are gone: only a fault of ours ends one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadsGone;

/// The threads, and what they look at.
#[derive(Debug)]
pub struct Probes<E> {
    schedule: Schedule,
    /// Those that are not out.
    errands: Vec<Option<E>>,
    out: SyncSender<(ItemId, E)>,
    back: Receiver<(ItemId, E)>,
    /// One that [`Probes::wait`] took.
    early: Option<(ItemId, E)>,
}

impl<E: Errand> Probes<E> {
    /// Starts [`PROBE_THREADS`] threads.
    ///
    /// # Errors
    /// As pthread_create(3).
    pub fn start() -> io::Result<Self> {
        // As many can be out, so that no thread waits to give back, and neither do we to give out.
        let (out, jobs) = sync_channel::<(ItemId, E)>(PROBE_THREADS);
        let (give, back) = sync_channel(PROBE_THREADS);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..PROBE_THREADS {
            let (jobs, give) = (Arc::clone(&jobs), give.clone());
            let builder = thread::Builder::new()
                .name("hansho-probe".to_owned())
                .stack_size(PROBE_STACK_BYTES);
            // Not joined: one that hangs would keep us.
            let _thread = builder.spawn(move || work(&jobs, &give))?;
        }
        Ok(Self {
            schedule: Schedule::new(PROBE_THREADS),
            errands: std::iter::repeat_with(|| None).take(PROBE_ITEMS).collect(),
            out,
            back,
            early: None,
        })
    }

    /// One more thing to look at, from `first` on.
    ///
    /// # Errors
    /// Gives it back where there are [`PROBE_ITEMS`] already.
    pub fn add(&mut self, plan: Plan, first: Uptime, errand: E) -> Result<ItemId, E> {
        let Some(id) = self.schedule.add(plan, first) else {
            return Err(errand);
        };
        if let Some(slot) = self.errands.get_mut(id.place()) {
            *slot = Some(errand);
        }
        Ok(id)
    }

    /// A thing is not looked at any more; where a look is out, that is forgotten when it comes back.
    pub fn remove(&mut self, id: ItemId) {
        self.schedule.remove(id);
        if let Some(slot) = self.errands.get_mut(id.place()) {
            *slot = None;
        }
    }

    /// See [`Schedule::set_key`].
    pub fn set_key(&mut self, id: ItemId, key: u64) {
        self.schedule.set_key(id, key);
    }

    /// Whether a thing answers; see [`Schedule::standing`].
    #[must_use]
    pub fn standing(&self, id: ItemId, now: Uptime) -> Option<Standing> {
        self.schedule.standing(id, now)
    }

    /// Threads that wait for what does not answer.
    #[must_use]
    pub fn held(&self, now: Uptime) -> usize {
        self.schedule.held(now)
    }

    /// A thing, with what was found last; `None` while a look at it is out.
    #[must_use]
    pub fn get(&self, id: ItemId) -> Option<&E> {
        self.errands.get(id.place())?.as_ref()
    }

    /// Tells `told` what came back, and begins what is due. Never waits.
    ///
    /// # Errors
    /// [`ThreadsGone`], and then nothing is looked at any more.
    pub fn tick(
        &mut self,
        now: Uptime,
        told: &mut impl FnMut(ItemId, &E, Return),
    ) -> Result<(), ThreadsGone> {
        loop {
            let (id, errand) = match self.early.take() {
                Some(early) => early,
                None => match self.back.try_recv() {
                    Ok(back) => back,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Err(ThreadsGone),
                },
            };
            let Some(found) = self.schedule.came_back(id, now) else {
                continue;
            };
            if found.removed {
                continue;
            }
            told(id, &errand, found);
            if let Some(slot) = self.errands.get_mut(id.place()) {
                *slot = Some(errand);
            }
        }
        while let Some(id) = self.schedule.next(now) {
            let errand = self
                .errands
                .get_mut(id.place())
                .and_then(Option::take)
                .ok_or(ThreadsGone)?;
            // There is room: no more are out than there are threads.
            self.out.try_send((id, errand)).map_err(|_| ThreadsGone)?;
        }
        Ok(())
    }

    /// Waits until a look comes back, which the next [`Probes::tick`] tells; false where none does within `timeout_ms`. For whoever
    /// has nothing else to do.
    pub fn wait(&mut self, timeout_ms: u64) -> bool {
        if self.early.is_none() {
            match self.back.recv_timeout(Duration::from_millis(timeout_ms)) {
                Ok(back) => self.early = Some(back),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }
}

/// What each thread does, until nobody gives it anything any more.
fn work<E: Errand>(jobs: &Mutex<Receiver<(ItemId, E)>>, give: &SyncSender<(ItemId, E)>) {
    loop {
        // Whoever holds the lock waits for the next job, the others for the lock. It is not held during a look.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((id, mut errand)) = job else {
            return;
        };
        errand.look();
        if give.send((id, errand)).is_err() {
            return;
        }
    }
}
