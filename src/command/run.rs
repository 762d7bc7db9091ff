//! `hansho run`: checks the configuration, creates the rings, and becomes the keeper.

use super::Command;
use super::args::{Args, CONFIG};
use super::exit::{Exit, Outcome, Stop};
use super::output::Output;
use super::test::CONTROL_SOCKET;
use hansho::config::plan::{DiskSize, MemoryDirectory};
use hansho::config::{self, Plan};
use hansho::frame::seal::short_hash;
use hansho::frame::{AgentId, BootId, RunId};
use hansho::keeper::control;
use hansho::keeper::launch::{Given, Launch, become_program};
use hansho::keeper::supervise::DAEMON;
use hansho::limit::SUBJECT_BYTES;
use hansho::sample::inventory::Inventory;
use hansho::spool::Identity;
use hansho::spool::files::{self, Directory, FileFault};
use hansho::sys;
use lexopt::Arg;
use rustix::fs::{FlockOperation, MemfdFlags, flock, memfd_create};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a start waits for the workers of a keeper that was killed.
const LOCK_PATIENCE_MS: u64 = 5_000;

/// The subcommand.
pub(crate) const COMMAND: Command = Command {
    name: "run",
    summary: "watch this host",
    help: "\
hansho run: watch this host, until SIGTERM or SIGINT

Usage: hansho run [--config FILE]

  --config FILE  the configuration (default /etc/hansho/agent.toml)

Says goodbye to the collector at its end; a second signal gives up the last post. One agent a memory directory.

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
    let plan = config::load(config_file)?;
    let key = config::key_file::read(&plan.agent.key_file)?;
    let boot = hansho::sample::inventory::boot_id(&plan.sample.root).map_or_else(random, Ok)?;
    let agent = AgentId(key.agent_id);

    let (memory, directory, survives) = memory_ring(&plan)?;
    lock(&memory, directory.as_deref())?;
    let disk = disk_ring(&plan, agent, BootId(boot))?;
    // Where the memory ring is nobody else's file, only this one tells of another agent.
    if let Some(disk) = &disk {
        lock(disk, Some(&plan.spool.directory))?;
    }
    let control_path = directory
        .unwrap_or_else(|| plan.spool.directory.clone())
        .join(CONTROL_SOCKET);
    let control = control::listen_at(&control_path).map_err(|error| {
        Stop::failed(
            Exit::CannotCreate,
            format!("{}: {error}", control_path.display()),
        )
    })?;

    let launch = launch(plan, &key, boot, survives, control_path);
    let launch: OwnedFd = launch
        .to_file()
        .map_err(|error| Stop::failed(Exit::System, error.to_string()))?
        .into();
    let memory: OwnedFd = memory.into();
    let disk = disk.map(OwnedFd::from);
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
    Ok(Stop::failed(
        Exit::System,
        become_program(DAEMON, "keep", &given).to_string(),
    ))
}

fn random() -> Result<u64, Stop> {
    sys::random_u64().map_err(|error| Stop::failed(Exit::System, format!("getrandom: {error}")))
}

fn launch(
    plan: Plan,
    key: &config::key_file::AgentKey,
    boot: u64,
    memory_survives: bool,
    control: PathBuf,
) -> Launch {
    let inventory = Inventory::read(&plan.sample.root);
    let machine_id_hash = inventory
        .machine_id
        .map_or(0, |id| short_hash("hansho machine id", &id.to_le_bytes()));
    let host = plan
        .agent
        .host_name
        .clone()
        .or(inventory.hostname)
        .unwrap_or_else(|| "localhost".into());
    Launch {
        agent: key.agent_id,
        key_epoch: key.key_epoch,
        key: key.key,
        boot,
        host: bounded(host),
        kernel: bounded(inventory.kernel_release.unwrap_or_default()),
        architecture: std::env::consts::ARCH.to_owned(),
        machine_id_hash,
        memory_survives,
        control,
        plan,
    }
}

/// Names travel in Hello: as long as a subject at most.
fn bounded(mut name: String) -> String {
    let end = name.floor_char_boundary(SUBJECT_BYTES);
    name.truncate(end);
    name
}

/// The memory ring, its directory, and whether it outlives the keeper.
fn memory_ring(plan: &Plan) -> Result<(File, Option<PathBuf>, bool), Stop> {
    let size = u64::from(plan.spool.memory_size_bytes);
    let configured = match &plan.spool.memory_directory {
        MemoryDirectory::Auto => None,
        MemoryDirectory::Path(path) => Some(path.as_path()),
    };
    match files::memory_directory(configured) {
        Ok(directory) => {
            let file = files::memory_file(&directory, size).map_err(|fault| {
                Stop::failed(
                    Exit::CannotCreate,
                    format!("{}: {fault}", directory.path.display()),
                )
            })?;
            Ok((file, Some(directory.path), true))
        }
        Err(refused) => {
            for (path, fault) in &refused {
                log::warn!("memory ring: {}: {fault}", path.display());
            }
            if configured.is_some() {
                let (exit, why) = refused.first().map_or_else(
                    || (Exit::CannotCreate, "memory ring".to_owned()),
                    |(path, fault)| {
                        let exit = match fault {
                            FileFault::Foreign { .. } | FileFault::Exposed { .. } => {
                                Exit::NoPermission
                            }
                            _ => Exit::CannotCreate,
                        };
                        (exit, format!("{}: {fault}", path.display()))
                    },
                );
                return Err(Stop::failed(exit, why));
            }
            log::warn!(
                "memory ring: kept by the keeper alone, a restart of all processes loses it"
            );
            let file = memfd_create("hansho-memory", MemfdFlags::CLOEXEC)
                .map(File::from)
                .and_then(|file| rustix::fs::ftruncate(&file, size).map(|()| file))
                .map_err(|errno| Stop::failed(Exit::System, format!("memfd_create: {errno}")))?;
            Ok((file, None, false))
        }
    }
}

/// One agent a ring: the lock lives as long as any process that inherited the descriptor or has it mapped.
fn lock(ring: &File, directory: Option<&Path>) -> Result<(), Stop> {
    let deadline = sys::monotonic_ms().saturating_add(LOCK_PATIENCE_MS);
    while let Err(errno) = flock(ring, FlockOperation::NonBlockingLockExclusive) {
        if errno != rustix::io::Errno::AGAIN {
            return Err(Stop::failed(Exit::System, format!("flock: {errno}")));
        }
        if sys::monotonic_ms() >= deadline {
            let place = directory.unwrap_or(Path::new("memory")).display();
            return Err(Stop::failed(
                Exit::Temporary,
                format!("{place}: another agent runs with this ring"),
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The disk ring; without one the agent goes on, and says so.
fn disk_ring(plan: &Plan, agent: AgentId, boot: BootId) -> Result<Option<File>, Stop> {
    if !plan.spool.disk {
        return Ok(None);
    }
    let ring = random()?;
    let identity = Identity {
        agent,
        run: RunId(0),
        boot,
        ring,
        run_number_floor: 0,
    };
    let opened = Directory::open(&plan.spool.directory).and_then(|directory| {
        let size = match plan.spool.disk_size {
            DiskSize::Auto => directory.default_disk_bytes()?,
            DiskSize::Bytes(size) => size,
        };
        files::disk_ring(&directory, size, &identity)
    });
    match opened {
        Ok((ring, how)) => {
            log::info!("{}: disk ring {how:?}", plan.spool.directory.display());
            let file = ring.disk().try_clone();
            file.map(Some)
                .map_err(|error| Stop::failed(Exit::System, error.to_string()))
        }
        Err(fault) => {
            log::error!(
                "{}: {fault}; the memory ring goes on alone",
                plan.spool.directory.display()
            );
            Ok(None)
        }
    }
}
