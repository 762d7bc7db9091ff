//! Which files with several names were met in a walk, in fixed memory.

use super::entry::Seen;
use crate::limit::DIRECTORY_LINKS;

/// Places of the set, twice as many as it takes, so that a place is found in a few looks.
const PLACES: usize = 2 * DIRECTORY_LINKS;

/// Whether a file was met before under another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    First,
    Again,
    Full,
}

/// The files of this walk that have more than one name, by device and inode.
#[derive(Debug)]
pub(super) struct Links {
    places: Box<[(u64, u64)]>,
    used: usize,
}

impl Links {
    /// No file has inode 0.
    const FREE: (u64, u64) = (0, 0);

    pub(super) fn new() -> Self {
        Self {
            places: vec![Self::FREE; PLACES].into_boxed_slice(),
            used: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        // A tree without links never touches these pages.
        if self.used > 0 {
            self.places.fill(Self::FREE);
            self.used = 0;
        }
    }

    pub(super) fn meet(&mut self, seen: &Seen) -> Met {
        let key = (seen.device, seen.inode);
        if seen.links <= 1 || key == Self::FREE {
            return Met::First;
        }
        let mut place = place(key);
        for _ in 0..PLACES {
            let Some(slot) = self.places.get_mut(place) else {
                return Met::Full;
            };
            if *slot == key {
                return Met::Again;
            }
            if *slot == Self::FREE {
                if self.used >= DIRECTORY_LINKS {
                    return Met::Full;
                }
                *slot = key;
                self.used = self.used.saturating_add(1);
                return Met::First;
            }
            place = place.saturating_add(1) % PLACES;
        }
        Met::Full
    }
}

/// Where to look for a key first. Inodes count upwards: a product spreads them (Fibonacci hashing).
fn place((device, inode): (u64, u64)) -> usize {
    let mixed = (inode ^ device.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 32).unwrap_or(0) % PLACES
}
