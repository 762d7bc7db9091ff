//! Where the control group of a service is: version 2 has one hierarchy, version 1 one for each controller, hybrid hosts both.

use super::missing::Missing;
use crate::limit::{GROUP_FOLDERS, GROUP_LEVELS, PROCESS_UNIT_BYTES};
use crate::sample::service_group::Version;
use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// How a service is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// A unit of the system manager, `NAME.service` or another kind that has a group. Units of users are not found.
    Unit(String),
    /// The path of a group from the hierarchy's root, `/system.slice/NAME.service`.
    Group(PathBuf),
}

/// A name that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// Empty, or longer than [`PROCESS_UNIT_BYTES`].
    Length,
    /// A unit with a slash or a zero byte in its name, or without a kind behind a dot.
    Unit,
    /// A path that does not begin with a slash, has nothing behind it, or has `..` or a zero byte in it.
    Path,
}

/// Where the controllers are mounted.
#[derive(Clone, Debug)]
struct Mounted {
    version: Version,
    folder: PathBuf,
}

/// The folders of one group.
#[derive(Debug)]
struct Found {
    relative: PathBuf,
    main: CString,
    memory: Option<(Version, CString)>,
    cpu: Option<(Version, CString)>,
    cpuacct: Option<CString>,
    pids: Option<CString>,
}

/// Finds the group of one service, and remembers where.
#[derive(Debug)]
pub struct Groups {
    root: PathBuf,
    which: Which,
    found: Option<Found>,
}

impl Groups {
    /// For the service `which` of the host under `root`. Nothing is looked for yet.
    ///
    /// # Errors
    /// A name that cannot be one.
    pub fn new(root: &Path, which: Which) -> Result<Self, BadName> {
        check(&which)?;
        Ok(Self {
            root: root.join("sys/fs/cgroup"),
            which,
            found: None,
        })
    }

    /// Where it was found last, below the hierarchy's root.
    #[must_use]
    pub fn found(&self) -> Option<&Path> {
        self.found.as_ref().map(|found| found.relative.as_path())
    }

    pub(super) fn main(&self) -> Result<&CStr, Missing> {
        let found = self.found.as_ref().ok_or(Missing::NotThere)?;
        Ok(&found.main)
    }

    pub(super) fn memory(&self) -> Option<(Version, &CStr)> {
        let (version, folder) = self.found.as_ref()?.memory.as_ref()?;
        Some((*version, folder))
    }

    pub(super) fn cpu(&self) -> Option<(Version, &CStr)> {
        let (version, folder) = self.found.as_ref()?.cpu.as_ref()?;
        Some((*version, folder))
    }

    pub(super) fn cpuacct(&self) -> Option<&CStr> {
        self.found.as_ref()?.cpuacct.as_deref()
    }

    pub(super) fn pids(&self) -> Option<&CStr> {
        self.found.as_ref()?.pids.as_deref()
    }

    /// Looks for the group, in at most [`GROUP_FOLDERS`] folders of slices. Takes heap.
    ///
    /// # Errors
    /// Where it is not to be found.
    pub fn find(&mut self) -> Result<(), Missing> {
        self.found = None;
        let unified = self.root.join("cgroup.controllers").is_file();
        let hybrid = self.root.join("unified");
        // Who knows of every service: the manager's own hierarchy first.
        let hierarchies = if unified {
            vec![self.root.clone()]
        } else {
            let named = ["systemd", "memory", "pids", "cpu"].map(|name| self.root.join(name));
            let mut all = Vec::from(named);
            all.insert(1, hybrid.clone());
            all
        };
        let mut why = Missing::NotThere;
        for hierarchy in &hierarchies {
            match self.find_in(hierarchy) {
                Ok(relative) => {
                    self.found = self.folders(hierarchy, relative, unified);
                    return self.found.as_ref().map(|_| ()).ok_or(Missing::NoPath);
                }
                Err(Missing::NotThere) => {}
                Err(other) => why = other,
            }
        }
        Err(why)
    }

    fn folders(&self, hierarchy: &Path, relative: PathBuf, unified: bool) -> Option<Found> {
        let at = |mounted: &Mounted| c_path(&mounted.folder.join(&relative));
        let controller = |names: &[&str]| self.controller(names, unified);
        let (memory, cpu) = (controller(&["memory"]), controller(&["cpu", "cpu,cpuacct"]));
        let (cpuacct, pids) = (
            controller(&["cpuacct", "cpu,cpuacct"]),
            controller(&["pids"]),
        );
        let with_version =
            |mounted: Option<Mounted>| mounted.and_then(|it| Some((it.version, at(&it)?)));
        Some(Found {
            main: c_path(&hierarchy.join(&relative))?,
            memory: with_version(memory),
            cpu: with_version(cpu),
            cpuacct: cpuacct.as_ref().and_then(at),
            pids: pids.as_ref().and_then(at),
            relative,
        })
    }

    /// Where a controller is mounted: on a hybrid host in the hierarchy of version 2 only where that names it.
    fn controller(&self, names: &[&str], unified: bool) -> Option<Mounted> {
        if unified {
            return Some(Mounted {
                version: Version::Two,
                folder: self.root.clone(),
            });
        }
        let hybrid = self.root.join("unified");
        let listed = fs::read_to_string(hybrid.join("cgroup.controllers")).unwrap_or_default();
        if listed
            .split_whitespace()
            .any(|listed| names.first() == Some(&listed))
        {
            return Some(Mounted {
                version: Version::Two,
                folder: hybrid,
            });
        }
        let folder = names
            .iter()
            .map(|name| self.root.join(name))
            .find(|folder| folder.is_dir())?;
        Some(Mounted {
            version: Version::One,
            folder,
        })
    }

    fn find_in(&self, hierarchy: &Path) -> Result<PathBuf, Missing> {
        match &self.which {
            Which::Group(path) => {
                let relative = path.strip_prefix("/").unwrap_or(path);
                match fs::symlink_metadata(hierarchy.join(relative)) {
                    Ok(found) if found.is_dir() => Ok(relative.to_path_buf()),
                    Ok(_) => Err(Missing::NotFolder),
                    Err(error) => Err(missing(&error)),
                }
            }
            Which::Unit(name) => find_unit(hierarchy, name),
        }
    }
}

/// The group of a unit among the slices: `system.slice` first, then all other slices but users', breadth first.
fn find_unit(hierarchy: &Path, name: &str) -> Result<PathBuf, Missing> {
    // systemd puts a `_` before names that a kernel's own file could have: `memory.service`.
    let names = [name.to_owned(), format!("_{name}")];
    let mut level = vec![PathBuf::from("system.slice"), PathBuf::new()];
    let mut left = GROUP_FOLDERS;
    for _ in 0..GROUP_LEVELS {
        let mut below = Vec::new();
        for slice in &level {
            for name in &names {
                let candidate = slice.join(name);
                if hierarchy.join(&candidate).is_dir() {
                    return Ok(candidate);
                }
            }
            let Ok(entries) = fs::read_dir(hierarchy.join(slice)) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let is_slice = Path::new(&name).extension().is_some_and(|it| it == "slice")
                    && name != "user.slice"
                    && !(slice.as_os_str().is_empty() && name == "system.slice")
                    && entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_slice {
                    left = left.checked_sub(1).ok_or(Missing::NoRoom)?;
                    below.push(slice.join(name));
                }
            }
        }
        level = below;
    }
    Err(Missing::NotThere)
}

fn missing(error: &io::Error) -> Missing {
    rustix::io::Errno::from_io_error(error).map_or(Missing::Failed, Missing::from)
}

fn c_path(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_bytes()).ok()
}

fn check(which: &Which) -> Result<(), BadName> {
    match which {
        Which::Unit(name) => {
            if name.is_empty() || name.len() > PROCESS_UNIT_BYTES {
                return Err(BadName::Length);
            }
            let has_kind = name
                .rsplit_once('.')
                .is_some_and(|(name, kind)| !name.is_empty() && !kind.is_empty());
            if !has_kind || name.contains(['/', '\0']) {
                return Err(BadName::Unit);
            }
        }
        Which::Group(path) => {
            let mut parts = path.components();
            let from_root = parts.next() == Some(Component::RootDir);
            let mut count = 0_usize;
            let plain = parts.all(|part| {
                count = count.saturating_add(1);
                matches!(part, Component::Normal(_))
            });
            if !from_root || !plain || count == 0 || path.as_os_str().as_bytes().contains(&0) {
                return Err(BadName::Path);
            }
        }
    }
    Ok(())
}
