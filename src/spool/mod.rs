//! The two rings (docs/SPOOL.md has every byte and the order of writes).
//!
//! [`memory_ring`] is what the watcher writes, in shared memory; [`scribe`] copies it to [`disk_ring`]; [`reader`] joins
//! both for everybody else. [`block`], [`crc32c`], [`layout`], [`superblock`] are the format; [`source`] reads it from
//! either medium; [`departed`] remembers what left a ring unsent; [`heap`] is memory without a mapping; [`files`] finds, creates and opens the files.
//!
//! There is no unsafe code here: a mapping comes in as [`Memory`], a file as [`Disk`].

pub mod block;
pub mod crc32c;
pub mod departed;
#[cfg(feature = "std")]
pub mod disk_ring;
#[cfg(feature = "std")]
pub mod files;
#[cfg(feature = "std")]
pub mod heap;
#[cfg(feature = "std")]
mod index;
pub mod layout;
pub mod memory_ring;
#[cfg(feature = "std")]
mod packing;
#[cfg(feature = "std")]
pub mod reader;
#[cfg(feature = "std")]
pub mod scribe;
pub mod source;
pub mod superblock;

pub use departed::Departed;
pub use memory_ring::{AppendFault, Identity, Kept, MemoryRing, OpenFault, Recovered};
pub use source::CheckpointMark;
pub use superblock::{Cursor, Cursors};

/// Memory that several processes may share. All methods take `&self`: others write it at any time.
/// Out of bounds is `false` or `None`, and then nothing was read or written.
pub trait Memory {
    /// Length in bytes.
    fn len(&self) -> usize;

    /// True if there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies bytes out. They may be changed meanwhile: callers check what they got.
    fn read(&self, offset: usize, into: &mut [u8]) -> bool;

    /// Copies bytes in.
    fn write(&self, offset: usize, bytes: &[u8]) -> bool;

    /// Loads an aligned word with Acquire ordering.
    fn load(&self, offset: usize) -> Option<u64>;

    /// Stores an aligned word with Release ordering: all that was written before is seen by who loads it.
    fn store(&self, offset: usize, value: u64) -> bool;
}

macro_rules! forward_memory {
    ($target:ty) => {
        impl<M: Memory + ?Sized> Memory for $target {
            fn len(&self) -> usize {
                (**self).len()
            }
            fn read(&self, offset: usize, into: &mut [u8]) -> bool {
                (**self).read(offset, into)
            }
            fn write(&self, offset: usize, bytes: &[u8]) -> bool {
                (**self).write(offset, bytes)
            }
            fn load(&self, offset: usize) -> Option<u64> {
                (**self).load(offset)
            }
            fn store(&self, offset: usize, value: u64) -> bool {
                (**self).store(offset, value)
            }
        }
    };
}
forward_memory!(&M);
#[cfg(feature = "std")]
forward_memory!(std::sync::Arc<M>);

/// A file, or what stands for one in tests.
#[cfg(feature = "std")]
pub trait Disk {
    /// Reads all of `into` at `offset`.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` where the file ends before.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the system says; some of it may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()>;

    /// Returns when all that was written stands on the medium (`fdatasync`).
    ///
    /// # Errors
    /// What the system says: then nothing is known of any write since the last sync.
    fn sync(&self) -> std::io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> std::io::Result<u64>;

    /// Cuts or extends with zeroes.
    ///
    /// # Errors
    /// What the system says.
    fn set_length(&self, length: u64) -> std::io::Result<()>;
}

#[cfg(feature = "std")]
macro_rules! forward_disk {
    ($target:ty) => {
        impl<D: Disk + ?Sized> Disk for $target {
            fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
                (**self).read_at(offset, into)
            }
            fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
                (**self).write_at(offset, bytes)
            }
            fn sync(&self) -> std::io::Result<()> {
                (**self).sync()
            }
            fn length(&self) -> std::io::Result<u64> {
                (**self).length()
            }
            fn set_length(&self, length: u64) -> std::io::Result<()> {
                (**self).set_length(length)
            }
        }
    };
}
#[cfg(feature = "std")]
forward_disk!(&D);
#[cfg(feature = "std")]
forward_disk!(std::sync::Arc<D>);
