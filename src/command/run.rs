//! `hansho run`: checks the configuration, creates the rings, and becomes the keeper.

use super::Command;
use super::args::{Args, CONFIG};
use super::configuration::{self, Accepted};
use super::exit::{Exit, Outcome, Stop};
use super::file::read_at_most;
use super::output::{Output, shown};
use super::test::CONTROL_SOCKET;
use hansho::config::Plan;
use hansho::config::plan::{DiskSize, MemoryDirectory};
use hansho::frame::seal::short_hash;
use hansho::frame::{AgentId, BootId, RunId};
use hansho::keeper::control;
use hansho::keeper::kept::Kept;
use hansho::keeper::launch::{Given, Launch, become_program, memory_file, seal};
use hansho::keeper::supervise::DAEMON;
use hansho::limit::{MEMORY_RING_BYTES, SUBJECT_BYTES};
use hansho::sample::inventory::{HostBoot, Inventory};
use hansho::spool::disk_ring::DiskRing;
use hansho::spool::files::{self, DISK_FILE_ASIDE, Directory, DiskOpened, FileFault};
use hansho::spool::heap::HeapMemory;
use hansho::spool::reader::SpoolReader;
use hansho::spool::scribe::Scribe;
use hansho::spool::{Disk, Identity};
use hansho::sys;
use lexopt::Arg;
use rustix::fs::{FlockOperation, MemfdFlags, flock, memfd_create};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a start waits for the workers of a keeper that was killed.
const LOCK_PATIENCE_MS: u64 = 5_000;

/// Authorities that are looked at for a change: bundles of distributions have a quarter of a megabyte.
const AUTHORITIES_BYTES: u64 = 4 * 1024 * 1024;

/// The subcommand.
pub(crate) const COMMAND: Command = Command {
    name: "run",
    summary: "watch this host",
    help: "\
hansho run: watch this host, until SIGTERM or SIGINT

Usage: hansho run [--config FILE]

  --config FILE  the configuration (default /etc/hansho/agent.toml)

Where the configuration is refused, the last accepted one is in force, and HNS8006 is raised; only without one it ends.
SIGHUP (systemctl reload hansho) reads the configuration again.
Says goodbye to the collector at its end; a second signal gives up the last post. One agent a memory
directory, and one a spool directory.

Exit codes: 0 stopped in order; 64 wrong command line; 66 the configuration or the key file is
missing; 71 the system refused something; 73 the rings or the control
socket cannot be made; 75 another agent runs with these rings; 77 a directory has the wrong rights; 78 wrong
configuration or key file

Example: hansho run --config /etc/hansho/agent.toml
",
    run: start,
};

/// Starts the agent; comes back only where it cannot be.
fn start(args: &mut Args, _: &mut Output) -> Outcome {
    let mut config_file = PathBuf::from(CONFIG);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("config") => config_file = args.path()?,
            other => return Err(other.unexpected().into()),
        }
    }
    if hansho::keeper::output::init_logger("hansho").is_err() {
        // Somebody set one before: it serves as well.
    }
    Err(match prepare(&config_file) {
        Ok(stop) | Err(stop) => stop,
    })
}

fn prepare(config_file: &Path) -> Result<Stop, Stop> {
    sys::close_others_on_exec()
        .map_err(|error| Stop::failed(Exit::System, format!("/proc/self/fd: {error}")))?;
    // Told to read the configuration again before there is a keeper, it does so once there is.
    sys::block_hangup().map_err(|error| Stop::failed(Exit::System, format!("signals: {error}")))?;
    let (accepted, refused_for) = accepted(config_file)?;
    let files = to_keep(config_file, &accepted).filter(|_| refused_for.is_none());
    let Accepted { plan, key, .. } = &accepted;
    let boot = hansho::sample::inventory::boot_id(&plan.sample.root).map_or_else(random, Ok)?;
    let agent = AgentId(key.agent_id);

    // Nothing in either directory is changed before it is locked: it may be another agent's.
    let mut locks = Vec::new();
    let spool = spool_directory(plan, &mut locks)?;
    let mut disk = match &spool {
        Some(directory) => disk_ring(plan, directory, agent, BootId(boot))?,
        None => None,
    };
    let memory = memory_ring(plan, agent, &mut disk, &mut locks)?;
    if memory.directory.is_none() && spool.is_none() {
        // The control socket stands there.
        let directory = Directory::open(&plan.spool.directory)
            .map_err(|fault| refused(&plan.spool.directory, &fault))?;
        locks.push(lock_directory(&directory)?);
    }
    let control_path = memory
        .directory
        .clone()
        .unwrap_or_else(|| plan.spool.directory.clone())
        .join(CONTROL_SOCKET);
    let control = control::listen_at(&control_path).map_err(|error| {
        Stop::failed(
            Exit::CannotCreate,
            format!("{}: {error}", control_path.display()),
        )
    })?;

    let mut launch = launch(accepted, boot, &memory, control_path);
    config_file.clone_into(&mut launch.config);
    launch.refused = refused_for;
    let launch: OwnedFd = launch
        .to_file()
        .map_err(|error| Stop::failed(Exit::System, error.to_string()))?
        .into();
    let memory: OwnedFd = memory.file.into();
    let disk = disk
        .map(|ring| ring.disk().try_clone().map(OwnedFd::from))
        .transpose()
        .map_err(|error| Stop::failed(Exit::System, error.to_string()))?;
    let mut given = vec![
        Given {
            name: "launch",
            descriptor: &launch,
        },
        Given {
            name: "memory",
            descriptor: &memory,
        },
        Given {
            name: "control",
            descriptor: &control,
        },
    ];
    given.extend(disk.as_ref().map(|descriptor| Given {
        name: "disk",
        descriptor,
    }));
    given.extend(files.as_ref().map(|descriptor| Given {
        name: "files",
        descriptor,
    }));
    given.extend(locks.iter().map(|descriptor| Given {
        name: "lock",
        descriptor,
    }));
    Ok(Stop::failed(
        Exit::System,
        become_program(DAEMON, "keep", &given).to_string(),
    ))
}

fn random() -> Result<u64, Stop> {
    sys::random_u64().map_err(|error| Stop::failed(Exit::System, format!("getrandom: {error}")))
}

/// The configuration to run by: the one that the host has, or where that is refused the one that was accepted last; and then
/// why.
fn accepted(config_file: &Path) -> Result<(Accepted, Option<String>), Stop> {
    let refused = match configuration::read(config_file) {
        Ok(accepted) => return Ok((accepted, None)),
        Err(refused) => refused,
    };
    match configuration::last_accepted(config_file, &refused.spool) {
        Some(accepted) => {
            for error in refused.errors.list() {
                log::error!("refused: {}", shown(&error.to_string()));
            }
            Ok((accepted, Some(configuration::why(&refused.errors))))
        }
        None => Err(refused.errors.into()),
    }
}

/// The files of the configuration, for the keeper to have them kept once the watcher goes by them.
fn to_keep(config_file: &Path, accepted: &Accepted) -> Option<OwnedFd> {
    let bytes = Kept::new(config_file, accepted.files.clone()).to_bytes();
    let made = memory_file("hansho-files").and_then(|mut file| {
        file.write_all(&bytes)?;
        seal(&file).map(|()| file)
    });
    match made {
        Ok(file) => Some(file.into()),
        Err(error) => {
            log::warn!("the configuration is not kept: {error}");
            None
        }
    }
}

/// What the agent calls itself: as configured, else as the kernel says.
pub(crate) fn host_name(plan: &Plan) -> Option<String> {
    let configured = plan.agent.host_name.clone();
    let name = configured.or_else(|| Inventory::read(&plan.sample.root).hostname);
    name.map(bounded)
}

/// A hash of the authorities that are trusted instead of the usual ones: whoever exchanges them has the agent read its
/// configuration again.
pub(crate) fn authorities(plan: &Plan) -> Option<u64> {
    let file = File::open(plan.forward.ca_file.as_ref()?).ok()?;
    let bytes = read_at_most(&file, AUTHORITIES_BYTES).ok()?;
    Some(short_hash("hansho authorities", &bytes))
}

fn launch(accepted: Accepted, boot: u64, memory: &MemoryPlace, control: PathBuf) -> Launch {
    let Accepted {
        plan,
        key,
        proxy_password,
        ..
    } = accepted;
    let inventory = Inventory::read(&plan.sample.root);
    let host_boot = HostBoot::read(&plan.sample.root);
    let machine_id_hash = inventory
        .machine_id
        .map_or(0, |id| short_hash("hansho machine id", &id.to_le_bytes()));
    let host = host_name(&plan).unwrap_or_else(|| "localhost".into());
    Launch {
        agent: key.agent_id,
        key_epoch: key.key_epoch,
        key: key.key,
        proxy_password,
        boot,
        host,
        kernel: bounded(inventory.kernel_release.unwrap_or_default()),
        architecture: std::env::consts::ARCH.to_owned(),
        machine_id_hash,
        host_boot,
        memory_survives: memory.directory.is_some(),
        run_number_floor: memory.run_number_floor,
        control,
        config: PathBuf::new(),
        fingerprint: plan.fingerprint(),
        authorities: authorities(&plan),
        refused: None,
        plan,
    }
}

/// Names travel in Hello: as long as a subject at most.
fn bounded(mut name: String) -> String {
    let end = name.floor_char_boundary(SUBJECT_BYTES);
    name.truncate(end);
    name
}

/// Why a directory is not used, as an end.
fn refused(path: &Path, fault: &FileFault) -> Stop {
    let exit = match fault {
        FileFault::Foreign { .. } | FileFault::Exposed { .. } => Exit::NoPermission,
        _ => Exit::CannotCreate,
    };
    Stop::failed(exit, format!("{}: {fault}", path.display()))
}

/// Where the memory ring stands.
struct MemoryPlace {
    file: File,
    /// `None` for a file without a name, which the keeper alone holds and takes with it.
    directory: Option<PathBuf>,
    /// Highest run number of a ring of another size that stood there.
    run_number_floor: u64,
}

/// The memory ring in the first directory that has room for it, else in a file without a name.
fn memory_ring(
    plan: &Plan,
    agent: AgentId,
    disk: &mut Option<DiskRing<File>>,
    locks: &mut Vec<OwnedFd>,
) -> Result<MemoryPlace, Stop> {
    let size = u64::from(plan.spool.memory_size_bytes);
    let configured = match &plan.spool.memory_directory {
        MemoryDirectory::Auto => None,
        MemoryDirectory::Path(path) => Some(path.as_path()),
    };
    for path in files::memory_candidates(configured) {
        let fault = match files::memory_directory(path) {
            Ok(directory) => {
                let lock = lock_directory(&directory)?;
                match memory_ring_in(&directory, size, agent, disk) {
                    Ok(place) => {
                        locks.push(lock);
                        return Ok(place);
                    }
                    Err(fault) => fault,
                }
            }
            Err(fault) => fault,
        };
        if configured.is_some() {
            return Err(refused(path, &fault));
        }
        log::warn!("memory ring: {}: {fault}", path.display());
    }
    log::warn!("memory ring: kept by the keeper alone, a restart of all processes loses it");
    let failed = |why: String| Stop::failed(Exit::System, format!("memfd_create: {why}"));
    let file = memfd_create("hansho-memory", MemfdFlags::CLOEXEC)
        .map(File::from)
        .map_err(|errno| failed(errno.to_string()))?;
    files::allocate(&file, size).map_err(|fault| failed(fault.to_string()))?;
    Ok(MemoryPlace {
        file,
        directory: None,
        run_number_floor: 0,
    })
}

fn memory_ring_in(
    directory: &Directory,
    size: u64,
    agent: AgentId,
    disk: &mut Option<DiskRing<File>>,
) -> Result<MemoryPlace, FileFault> {
    let other = files::memory_file_of_other_size(directory, size)?;
    let run_number_floor = match other {
        Some(other) => save(&other, agent, disk)?,
        None => 0,
    };
    Ok(MemoryPlace {
        file: files::memory_file(directory, size)?,
        directory: Some(directory.path.clone()),
        run_number_floor,
    })
}

/// Copies what a memory ring of another size holds to the disk before it is replaced; says what is lost where there is no
/// disk ring. Gives back its highest run number.
fn save(other: &File, agent: AgentId, disk: &mut Option<DiskRing<File>>) -> Result<u64, FileFault> {
    let length = usize::try_from(other.length()?).unwrap_or(usize::MAX);
    if u64::try_from(length).is_ok_and(|length| length > *MEMORY_RING_BYTES.end()) {
        return Ok(0);
    }
    let mut bytes = vec![0; length];
    other.read_at(0, &mut bytes)?;
    let memory = HeapMemory::copied(&bytes);
    let mut reader = SpoolReader::<_, File>::new(Some(&memory), None);
    reader.refresh();
    let state = reader.memory_view().state;
    if state.is_none_or(|state| state.superblock.agent != agent) {
        return Ok(0);
    }
    let (run_number, unsent) = (reader.newest_run_number(), reader.unacknowledged());
    if let Some(ring) = disk.take() {
        let mut scribe = Scribe::new(&memory, ring);
        let mut turn = scribe.turn(sys::uptime(), true);
        // Bounded by the size of the ring: every turn with more to do has copied blocks.
        while turn.fault.is_none() && turn.next_ms == 0 && turn.blocks > 0 {
            turn = scribe.turn(sys::uptime(), true);
        }
        *disk = Some(scribe.into_disk());
        if turn.fault.is_none() {
            log::info!(
                "memory ring: of another size; what it held is on the disk, a new one is made"
            );
            return Ok(run_number);
        }
        log::error!("disk ring: {:?}", turn.fault);
    }
    let [alerts, readings, evidence] = unsent;
    log::error!(
        "memory ring: of another size, a new one is made; lost, as far as they are not on the disk: {alerts} alerts, {readings} readings, {evidence} evidence frames that were not sent"
    );
    Ok(run_number)
}

/// Locks a directory for this agent. The lock lives as long as any process that inherited the descriptor.
fn lock_directory(directory: &Directory) -> Result<OwnedFd, Stop> {
    let file = files::lock_file(directory).map_err(|fault| refused(&directory.path, &fault))?;
    let deadline = sys::monotonic_ms().saturating_add(LOCK_PATIENCE_MS);
    while let Err(errno) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if errno != rustix::io::Errno::AGAIN {
            return Err(Stop::failed(Exit::System, format!("flock: {errno}")));
        }
        if sys::monotonic_ms() >= deadline {
            return Err(Stop::failed(
                Exit::Temporary,
                format!("{}: another agent runs here", directory.path.display()),
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(file.into())
}

/// The directory of the disk ring, locked; without one the agent goes on, and says so.
fn spool_directory(plan: &Plan, locks: &mut Vec<OwnedFd>) -> Result<Option<Directory>, Stop> {
    if !plan.spool.disk {
        return Ok(None);
    }
    match Directory::open(&plan.spool.directory) {
        Ok(directory) => {
            locks.push(lock_directory(&directory)?);
            Ok(Some(directory))
        }
        Err(fault) => {
            without_disk(&plan.spool.directory, &fault);
            Ok(None)
        }
    }
}

fn without_disk(path: &Path, fault: &FileFault) {
    log::error!("{}: {fault}; the memory ring goes on alone", path.display());
}

/// The disk ring; without one the agent goes on, and says so.
fn disk_ring(
    plan: &Plan,
    directory: &Directory,
    agent: AgentId,
    boot: BootId,
) -> Result<Option<DiskRing<File>>, Stop> {
    let ring = random()?;
    let identity = Identity {
        agent,
        run: RunId(0),
        boot,
        ring,
        run_number_floor: 0,
    };
    let size = match plan.spool.disk_size {
        DiskSize::Auto => None,
        DiskSize::Bytes(size) => Some(size),
    };
    let place = directory.path.display();
    match files::disk_ring(directory, size, &identity) {
        Ok((ring, DiskOpened::MovedAside(fault, left))) => {
            let [alerts, readings, evidence] = left.unsent;
            log::error!(
                "{place}: disk ring: {fault}; it is now {DISK_FILE_ASIDE}, and a new one is made; not sent any more: {alerts} alerts, {readings} readings, {evidence} evidence frames"
            );
            Ok(Some(ring))
        }
        Ok((ring, how)) => {
            log::info!("{place}: disk ring {how:?}");
            Ok(Some(ring))
        }
        Err(fault) => {
            without_disk(&directory.path, &fault);
            Ok(None)
        }
    }
}
