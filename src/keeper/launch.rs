//! What a worker is given: plain values in a sealed memory file, and open descriptors by number.

use crate::config::Plan;
use crate::sample::inventory::HostBoot;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Longest launch file that is read.
const LAUNCH_BYTES: u64 = 1024 * 1024;
/// What it begins with: a keeper that runs on while its programs are replaced starts workers of another version.
const VERSION: &str = concat!("hansho ", env!("CARGO_PKG_VERSION"), "\n");

/// Plain values for all processes of one agent.
#[derive(Clone, Serialize, Deserialize)]
pub struct Launch {
    /// The checked configuration.
    pub plan: Plan,
    /// The agent.
    pub agent: u64,
    /// Which of its keys.
    pub key_epoch: u8,
    /// The key.
    pub key: [u8; 32],
    /// Password of the proxy's user.
    pub proxy_password: Option<String>,
    /// The boot, from the kernel's boot_id.
    pub boot: u64,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// Architecture.
    pub architecture: String,
    /// Hash of the machine id; 0 where there is none.
    pub machine_id_hash: u64,
    /// What the host told about its boot when the agent was started.
    pub host_boot: HostBoot,
    /// The memory ring is on tmpfs and survives a restart of the keeper.
    pub memory_survives: bool,
    /// Run numbers begin above this: the highest of a memory ring that was replaced; 0 where none was.
    pub run_number_floor: u64,
    /// The control socket.
    pub control: PathBuf,
    /// The configuration, as it was named on the command line.
    pub config: PathBuf,
    /// [`Plan::fingerprint`] of what was accepted: `plan` itself keeps what cannot be changed while the agent runs.
    pub fingerprint: u64,
    /// Hash of the authorities that `forward.ca_file` holds; `None` where it is not given or cannot be read.
    pub authorities: Option<u64>,
    /// Why the configuration that the host has is not in force, where that is so: its first fault, at most
    /// [`crate::limit::REFUSED_WHY_BYTES`].
    pub refused: Option<String>,
}

/// Without the key, so that no message ever shows it.
impl core::fmt::Debug for Launch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Launch")
            .field("agent", &self.agent)
            .field("key_epoch", &self.key_epoch)
            .field("boot", &self.boot)
            .field("host", &self.host)
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

impl Launch {
    /// Writes the values into a sealed memory file.
    ///
    /// # Errors
    /// As memfd_create(2); encoding errors as `InvalidData`.
    pub fn to_file(&self) -> io::Result<File> {
        let mut file = memory_file("hansho-launch")?;
        write_sealed(&mut file, self)?;
        Ok(file)
    }

    /// Reads them back. The position of the file is left alone: watcher and forwarder share it, and may read at once.
    ///
    /// # Errors
    /// As pread(2); `Unsupported` where another version wrote it, anything else that [`Launch::to_file`] does not write
    /// is `InvalidData`.
    pub fn of(file: &File) -> io::Result<Self> {
        read_values(file)
    }
}

/// An empty memory file that can be sealed.
///
/// # Errors
/// As memfd_create(2).
pub fn memory_file(name: &str) -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(memfd_create(name, flags)?.into())
}

/// Writes values for another process of this version into a memory file, and seals it.
///
/// # Errors
/// As write(2) and fcntl(2); values too long to be read back as `FileTooLarge`.
pub fn write_sealed(file: &mut File, values: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_stdvec(values).map_err(io::Error::other)?;
    let length = bytes.len().saturating_add(VERSION.len());
    if u64::try_from(length).unwrap_or(u64::MAX) > LAUNCH_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    file.write_all(VERSION.as_bytes())?;
    file.write_all(&bytes)?;
    seal(file)
}

/// A memory file of a size that nobody can change: whoever maps it need not fear that it is cut (SIGBUS, mmap(2)).
///
/// # Errors
/// As memfd_create(2), ftruncate(2) and fcntl(2).
pub fn memory_file_of(name: &str, length: u64) -> io::Result<File> {
    use rustix::fs::SealFlags;
    let file = memory_file(name)?;
    file.set_len(length)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file)
}

/// Nothing of the file can be changed any more.
///
/// # Errors
/// As fcntl(2).
pub fn seal(file: &File) -> io::Result<()> {
    Ok(rustix::fs::fcntl_add_seals(file, SEALS)?)
}

/// Whether nothing of the file can be changed any more.
#[must_use]
pub fn is_sealed(file: &File) -> bool {
    rustix::fs::fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SEALS))
}

const SEALS: rustix::fs::SealFlags = rustix::fs::SealFlags::WRITE
    .union(rustix::fs::SealFlags::GROW)
    .union(rustix::fs::SealFlags::SHRINK)
    .union(rustix::fs::SealFlags::SEAL);

/// Reads what [`write_sealed`] wrote, by position.
///
/// # Errors
/// As [`Launch::of`].
pub fn read_values<T: serde::de::DeserializeOwned>(file: &File) -> io::Result<T> {
    let length = file.metadata()?.len().min(LAUNCH_BYTES);
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    let Some(values) = bytes.strip_prefix(VERSION.as_bytes()) else {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "written by another version: restart the agent",
        ));
    };
    let (values, rest) =
        postcard::take_from_bytes(values).map_err(|_| io::ErrorKind::InvalidData)?;
    if rest.is_empty() {
        Ok(values)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// A descriptor with the word under which the started program finds it.
#[derive(Clone, Copy, Debug)]
pub struct Given<'f> {
    /// The word.
    pub name: &'static str,
    /// The descriptor.
    pub descriptor: &'f OwnedFd,
}

/// A program of ours, held open: what it starts is the same after an upgrade has put another version in its place.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    file: OwnedFd,
}

impl Program {
    /// The program of that name beside this one; this one itself where it has that name.
    ///
    /// # Errors
    /// As open(2); the message names the program.
    pub fn open(name: &'static str) -> io::Result<Self> {
        let path = beside(name)?;
        let own = std::env::current_exe().is_ok_and(|own| own.file_name() == path.file_name());
        let path = if own {
            PathBuf::from("/proc/self/exe")
        } else {
            path
        };
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let file = rustix::fs::open(&path, flags, Mode::empty())
            .map_err(io::Error::from)
            .map_err(|error| named(&error, &path))?;
        Ok(Self { name, file })
    }

    /// Starts it, with these descriptors and no others.
    ///
    /// # Errors
    /// As fork(2) and execve(2); the message names the program.
    pub fn start(&self, mode: &str, given: &[Given<'_>]) -> io::Result<Child> {
        use std::os::unix::process::CommandExt;
        // By its descriptor (proc_pid_fd(5)): the name may be another program's by now.
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        let mut command = Command::new(&path);
        command
            .arg0(self.name)
            .arg(mode)
            .arg(format!("parent={}", std::process::id()));
        command.args(given.iter().map(argument));
        // Standard error stays, for their own words; the other two are whoever's who started the agent.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let started = inherit(given, true).and_then(|()| command.spawn());
        inherit(given, false)?;
        started.map_err(|error| named(&error, Path::new(self.name)))
    }
}

fn named(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Becomes a program of ours, with these descriptors.
pub fn become_program(program: &str, mode: &str, given: &[Given<'_>]) -> io::Error {
    use std::os::unix::process::CommandExt;
    let path = match beside(program) {
        Ok(path) => path,
        Err(error) => return error,
    };
    let mut command = Command::new(&path);
    command.arg(mode).args(given.iter().map(argument));
    if let Err(error) = inherit(given, true) {
        return error;
    }
    let error = command.exec();
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn argument(given: &Given<'_>) -> OsString {
    format!("{}={}", given.name, given.descriptor.as_raw_fd()).into()
}

fn inherit(given: &[Given<'_>], on: bool) -> io::Result<()> {
    let flags = if on {
        rustix::io::FdFlags::empty()
    } else {
        rustix::io::FdFlags::CLOEXEC
    };
    for one in given {
        rustix::io::fcntl_setfd(one.descriptor.as_fd(), flags)?;
    }
    Ok(())
}

/// The program of that name in the folder of this one.
fn beside(program: &str) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    // A running program that was replaced by an upgrade is shown with this ending.
    let folder = own.parent().ok_or(io::ErrorKind::NotFound)?;
    Ok(folder.join(program))
}

/// The descriptors and the parent that a started program finds on its command line.
#[derive(Debug, Default)]
pub struct Inherited {
    descriptors: Vec<(String, OwnedFd)>,
    parent: Option<u32>,
}

impl Inherited {
    /// Reads `name=number` arguments.
    ///
    /// # Errors
    /// A sentence that names the argument.
    pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut inherited = Self::default();
        for argument in arguments {
            let wrong = || format!("{}: expected name=number", argument.to_string_lossy());
            let text = argument.to_str().ok_or_else(wrong)?;
            let (name, number) = text.split_once('=').ok_or_else(wrong)?;
            if name == "parent" {
                inherited.parent = Some(number.parse().map_err(|_| wrong())?);
                continue;
            }
            let number = number.parse().map_err(|_| wrong())?;
            let descriptor =
                crate::sys::inherited(number).map_err(|error| format!("{text}: {error}"))?;
            inherited.descriptors.push((name.to_owned(), descriptor));
        }
        Ok(inherited)
    }

    /// The process that started this one, where it said so.
    #[must_use]
    pub const fn parent(&self) -> Option<u32> {
        self.parent
    }

    /// Takes a descriptor out.
    #[must_use]
    pub fn take(&mut self, name: &str) -> Option<OwnedFd> {
        let place = self
            .descriptors
            .iter()
            .position(|(known, _)| known == name)?;
        Some(self.descriptors.swap_remove(place).1)
    }

    /// Takes a descriptor out that must be there.
    ///
    /// # Errors
    /// A sentence that names it.
    pub fn demand(&mut self, name: &str) -> Result<OwnedFd, String> {
        self.take(name)
            .ok_or_else(|| format!("no descriptor {name}=: this program is started by hansho run"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch() -> Launch {
        Launch {
            plan: Plan::default(),
            agent: 7,
            key_epoch: 1,
            key: [3; 32],
            proxy_password: None,
            boot: 9,
            host: "host".into(),
            kernel: "6.1".into(),
            architecture: "x86_64".into(),
            machine_id_hash: 0,
            host_boot: HostBoot::default(),
            memory_survives: true,
            run_number_floor: 0,
            control: "/run/hansho/control.sock".into(),
            config: "/etc/hansho/agent.toml".into(),
            fingerprint: 0,
            authorities: None,
            refused: None,
        }
    }

    #[test]
    fn two_workers_may_read_at_once() {
        // Both have the same open file, hence the same position: a read that used it would take the other's bytes.
        let file = launch().to_file().unwrap();
        let other = file.try_clone().unwrap();
        let reading = std::thread::spawn(move || {
            for _ in 0..500 {
                assert_eq!(Launch::of(&other).unwrap().agent, 7);
            }
        });
        for _ in 0..500 {
            assert_eq!(Launch::of(&file).unwrap().plan, Plan::default());
        }
        reading.join().unwrap();
    }

    #[test]
    fn what_another_version_wrote_is_refused() {
        let file = launch().to_file().unwrap();
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        let reread = |bytes: &[u8]| {
            let file = File::from(
                rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap(),
            );
            file.write_all_at(bytes, 0).unwrap();
            Launch::of(&file)
                .map(|launch| launch.boot)
                .map_err(|error| error.kind())
        };
        assert_eq!(reread(&bytes), Ok(9));
        assert_eq!(
            reread(&bytes[..bytes.len() - 1]),
            Err(io::ErrorKind::InvalidData)
        );
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(reread(&longer), Err(io::ErrorKind::InvalidData));
        bytes[7] ^= 1;
        assert_eq!(reread(&bytes), Err(io::ErrorKind::Unsupported));
    }
}
