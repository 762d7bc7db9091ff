//! `hansho reload` and `hansho keep`: children of the keeper that read the configuration again, and keep what was
//! accepted. By hand they do nothing.

use super::Command;
use super::configuration::{self, Accepted, Refused};
use super::exit::{Exit, Stop};
use super::file::{File, set_data_limit};
use super::forward::{proxy, trust};
use super::run::{authorities, host_name};
use hansho::config::plan::Spool;
use hansho::config::{ConfigError, ConfigErrors, ConfigFile};
use hansho::forward::client::Client;
use hansho::frame::BootId;
use hansho::keeper::kept::{self, Kept};
use hansho::keeper::launch::{Inherited, Launch, seal, write_sealed};
use hansho::keeper::reload::{Answer, KEEP, READ};
use hansho::limit::{KEPT_BYTES, RELOAD_DATA_BYTES};
use hansho::sys;
use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The subcommand that reads; only the keeper calls it.
pub(crate) const COMMAND: Command = Command {
    name: READ,
    summary: "",
    help: "hansho reload: reads the configuration again for the keeper, which starts it. By hand: systemctl reload hansho, or SIGHUP to hanshod.\n",
    run: |args, _| read(args.words()?.into_iter()).map_err(|why| Stop::failed(Exit::System, why)),
};

/// The subcommand that keeps; only the keeper calls it.
pub(crate) const KEEPING: Command = Command {
    name: KEEP,
    summary: "",
    help: "hansho keep: keeps the accepted configuration for the keeper, which starts it. By hand it does nothing.\n",
    run: |args, _| keep(args.words()?.into_iter()).map_err(|why| Stop::failed(Exit::System, why)),
};

/// What both begin with.
fn begin(arguments: impl Iterator<Item = OsString>) -> Result<(Inherited, Launch), String> {
    let mut inherited = Inherited::parse(arguments)?;
    sys::name_process(c"hansho");
    if let Some(parent) = inherited.parent() {
        sys::die_with_parent(parent).map_err(|error| format!("the keeper is gone: {error}"))?;
    }
    if hansho::keeper::output::init_logger("hansho").is_err() {
        // Somebody set one before: it serves as well.
    }
    if let Err(error) = set_data_limit(RELOAD_DATA_BYTES) {
        log::warn!("RLIMIT_DATA: {error}");
    }
    let launch = Launch::of(&File::from(inherited.demand("launch")?))
        .map_err(|error| format!("launch: {error}"))?;
    Ok((inherited, launch))
}

fn read(arguments: impl Iterator<Item = OsString>) -> Result<Exit, String> {
    let (mut inherited, old) = begin(arguments)?;
    let mut answer_file = File::from(inherited.demand("answer")?);
    let mut files_file = File::from(inherited.demand("files")?);
    let outcome = configuration::read(&old.config)
        .map_err(|Refused { errors, .. }| errors)
        .and_then(|accepted| usable(&old, &accepted).map(|()| accepted));
    let answer = match outcome {
        Ok(accepted) => {
            let kept = Kept::new(&old.config, accepted.files.clone()).to_bytes();
            files_file
                .write_all(&kept)
                .map_err(|error| format!("files: {error}"))?;
            let (launch, later) = launch(old, accepted);
            Answer::Accepted {
                launch: Box::new(launch),
                later,
            }
        }
        Err(errors) => {
            for error in errors.list() {
                log::error!("{}", super::output::shown(&error.to_string()));
            }
            Answer::Refused {
                why: configuration::why(&errors),
            }
        }
    };
    let passed_on = write_sealed(&mut answer_file, &answer).and_then(|()| seal(&files_file));
    passed_on.map_err(|error| format!("answer: {error}"))?;
    Ok(Exit::Done)
}

/// What cannot be taken while the agent runs, and what the forwarder would only find out when it starts.
fn usable(old: &Launch, accepted: &Accepted) -> Result<(), ConfigErrors> {
    let plan = &accepted.plan;
    let fault = |file: String, key: &str, found: String, allowed: &str| ConfigError {
        file,
        line: 0,
        key: key.into(),
        found,
        allowed: allowed.into(),
        unreadable: None,
    };
    if accepted.key.agent_id != old.agent {
        return Err(fault(
            plan.agent.key_file.display().to_string(),
            "agent_id",
            "the key of another agent than the one that runs".into(),
            "the same agent, whose rings these are; another one needs a restart",
        )
        .into());
    }
    if plan.forward.urls.is_empty() {
        return Ok(());
    }
    let urls = plan
        .forward
        .urls
        .iter()
        .map(|url| url.url.clone())
        .collect();
    let client = Client::new(urls, trust(plan), BootId(old.boot));
    client
        .map(|client| drop(client.through(proxy(plan, accepted.proxy_password.clone()))))
        .map_err(|why| {
            let given = |key: &str| plan.given.iter().find(|given| given.key == key);
            let place = given("forward.ca_file").or_else(|| given("forward.urls"));
            let key = place.map_or("forward.urls", |given| given.key.as_str());
            let of = |file: &&ConfigFile| {
                place.is_some_and(|given| Path::new(&file.name).ends_with(&given.file))
            };
            let file = accepted.files.iter().find(of);
            let file = file.map_or(&plan.file, |file| &file.name);
            let allowed = "authorities with which the forwarder can start";
            ConfigError {
                line: place.map_or(1, |given| given.line),
                ..fault(file.clone(), key, why, allowed)
            }
            .into()
        })
}

/// What is to be in force: all that was read, but for what cannot be changed while the agent runs.
fn launch(old: Launch, accepted: Accepted) -> (Launch, Vec<String>) {
    let mut plan = accepted.plan;
    let later = changed_spool(&old.plan.spool, &plan.spool);
    let fingerprint = plan.fingerprint();
    plan.spool = old.plan.spool.clone();
    let launch = Launch {
        host: host_name(&plan).unwrap_or_else(|| old.host.clone()),
        key_epoch: accepted.key.key_epoch,
        key: accepted.key.key,
        proxy_password: accepted.proxy_password,
        fingerprint,
        authorities: authorities(&plan),
        refused: None,
        plan,
        ..old
    };
    (launch, later)
}

/// The keys of `[spool]` that differ: the rings are held open by every process of the agent.
fn changed_spool(old: &Spool, new: &Spool) -> Vec<String> {
    let Spool {
        directory,
        disk,
        disk_size,
        memory_size_bytes,
        memory_directory,
    } = old;
    [
        ("directory", *directory != new.directory),
        ("disk", *disk != new.disk),
        ("disk_size", *disk_size != new.disk_size),
        ("memory_size", *memory_size_bytes != new.memory_size_bytes),
        (
            "memory_directory",
            *memory_directory != new.memory_directory,
        ),
    ]
    .into_iter()
    .filter(|(_, changed)| *changed)
    .map(|(key, _)| format!("spool.{key}"))
    .collect()
}

/// All that stands in a memory file, by position: that of the open file is where whoever wrote it stopped.
fn content(file: &File) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > KEPT_BYTES {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Keeps the files in the directory of the disk ring, or beside the memory ring where there is none.
fn keep(arguments: impl Iterator<Item = OsString>) -> Result<Exit, String> {
    let (mut inherited, launch) = begin(arguments)?;
    let files = File::from(inherited.demand("files")?);
    let bytes = content(&files).map_err(|error| format!("files: {error}"))?;
    let spool = &launch.plan.spool;
    let beside_memory = launch.control.parent();
    let disk = spool.disk.then_some(spool.directory.as_path());
    let mut failed = Vec::new();
    // The disk may be what does not work: then the copy lasts until the next boot.
    for place in disk.into_iter().chain(beside_memory) {
        match kept::keep(place, &bytes) {
            Ok(kept) => {
                if kept {
                    log::debug!("{}: kept", place.join(kept::KEPT_FILE).display());
                }
                for old in kept::forget_elsewhere(spool, place, &bytes) {
                    log::warn!("an older configuration stays: {old}");
                }
                for why in failed {
                    log::warn!("{why}; kept in {}", place.display());
                }
                return Ok(Exit::Done);
            }
            Err(error) => failed.push(format!("{}: {error}", place.display())),
        }
    }
    Err(failed.join("; "))
}
