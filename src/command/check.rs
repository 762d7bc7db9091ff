//! `hansho check`: the configuration, without starting anything.

use super::Command;
use super::args::{Args, CONFIG};
use super::configuration::{in_force, proxy_password};
use super::connect::{Way, connect};
use super::exit::{Exit, Outcome, Stop, exit_of};
use super::file;
use super::forward::AUTHORITIES;
use super::output::{Output, say, shown};
use hansho::config::plan::MemoryDirectory;
use hansho::config::{self, ConfigError, Plan, key_file};
use hansho::limit::{MEMLOCK_BYTES, POSTS_BEFORE_SILENCE};
use hansho::rule::Quantity;
use hansho::spool::files::{FileSystem, MEMORY_DIRECTORIES};
use lexopt::Arg;
use serde::Serialize;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub(crate) const COMMAND: Command = Command {
    name: "check",
    summary: "check the configuration and the key file; --show prints every value in force",
    help: "\
Checks the configuration (FILE, and the *.toml of the directory beside it: agent.d) and the key file without starting anything. Every fault is said at once, one a line:

  FILE:LINE: KEY: found WHAT; allowed WHAT

Usage: hansho check [--config FILE] [--show | --json] [--no-key | --connect]

  --config FILE  the configuration. Default: /etc/hansho/agent.toml
  --show         print every value in force as TOML, each with where it came from
  --json         print one object: file, errors [{file, line, key, found, allowed}], warnings [{about, text}], in_force [text]
  --no-key       leave the key file out, for a check on another host
  --connect      try the way to every collector as well, a line a step: name, tcp, proxy, tls, clock, key, store, traffic (MB a
                 month, estimated), agent. It changes nothing at the collector, beside a running agent and before the first
                 start alike. With --json: connect [{url, steps [{step, ended (ok, failed, skipped), text}]}]

Where the files are refused, or not what a running agent goes by, a line says which configuration is in force.

Warnings don't fail the check: a disk ring on a file system that copies on write, a memory ring that does not lie in
memory, files of agent.d that are not read, too low a limit of locked memory, an alert of silence that comes before silence, https without certificates to
trust.

Exit codes: 0 the agent can start with it, 64 wrong command line, 66 the configuration or the key file is missing, 69 a step of
--connect failed, 77 not allowed to read it, 78 faults in the configuration or the key file.

Example: hansho check --config agent.toml --no-key --show
",
    run,
};

struct Options {
    config: PathBuf,
    show: bool,
    json: bool,
    key: bool,
    connect: bool,
}

/// Something that works, but not as one may expect.
#[derive(Debug, Serialize)]
struct Warning {
    /// The key, or what else it is about.
    about: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Fault<'e> {
    file: &'e str,
    line: u32,
    key: &'e str,
    found: &'e str,
    allowed: &'e str,
}

#[derive(Serialize)]
struct Report<'r> {
    file: String,
    errors: Vec<Fault<'r>>,
    warnings: &'r [Warning],
    /// What a running agent goes by, or one that is started now, where that is another.
    in_force: &'r [String],
    /// With --connect, where the configuration is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    connect: Option<Vec<Way>>,
}

fn run(args: &mut Args, out: &mut Output) -> Outcome {
    let options = options(args)?;
    let found = config::find(&options.config);
    let spool = found.spool;
    let (plan, errors) = match found.plan {
        Ok(plan) => {
            let key = options
                .key
                .then(|| key_file::read(&plan.agent.key_file).err());
            let password = options.key.then(|| proxy_password(&plan).err());
            let errors: Vec<ConfigError> =
                [key, password].into_iter().flatten().flatten().collect();
            (Some(plan), errors)
        }
        Err(errors) => (None, errors.list().to_vec()),
    };
    let mut warnings = plan.as_ref().map_or_else(Vec::new, warnings);
    warnings.extend(left_out(&options.config));
    for error in &errors {
        say(&shown(&error.to_string()));
    }
    for warning in &warnings {
        say(&format!("warning: {}: {}", warning.about, warning.text));
    }
    let in_force = in_force(
        &options.config,
        &spool,
        plan.as_ref().filter(|_| errors.is_empty()),
    );
    for line in &in_force {
        say(&shown(line));
    }
    // Without the key all but the key can be tried; without a configuration nothing.
    let ways = match plan.as_ref().filter(|_| options.connect) {
        Some(plan) => Some(connect(plan)?),
        None => None,
    };
    let unreached = ways.iter().flatten().any(Way::failed);
    if options.json {
        let mut report = report(&options.config, &errors, &warnings);
        report.in_force = &in_force;
        report.connect = ways;
        out.json(&report)?;
    } else if let Some(plan) = &plan {
        if options.show {
            out.text(&config::show(plan))?;
        } else if errors.is_empty() {
            out.line(&summary(&options.config, plan))?;
        }
        for way in ways.iter().flatten() {
            out.text(&way.lines())?;
        }
    }
    Ok(if errors.is_empty() && unreached {
        Exit::Unavailable
    } else if errors.is_empty() {
        Exit::Done
    } else {
        exit_of(&errors)
    })
}

fn options(args: &mut Args) -> Result<Options, Stop> {
    let mut options = Options {
        config: PathBuf::from(CONFIG),
        show: false,
        json: false,
        key: true,
        connect: false,
    };
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("config") => options.config = args.path()?,
            Arg::Long("show") => options.show = true,
            Arg::Long("json") => options.json = true,
            Arg::Long("no-key") => options.key = false,
            Arg::Long("connect") => options.connect = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if options.connect && (options.show || !options.key) {
        return Err(Stop::usage("--connect: without --show and --no-key"));
    }
    if options.show && options.json {
        let message =
            "--show and --json: one of them; what --show prints is TOML, for machines too";
        return Err(Stop::usage(message));
    }
    Ok(options)
}

fn report<'r>(config: &Path, errors: &'r [ConfigError], warnings: &'r [Warning]) -> Report<'r> {
    let fault = |error: &'r ConfigError| Fault {
        file: &error.file,
        line: error.line,
        key: &error.key,
        found: &error.found,
        allowed: &error.allowed,
    };
    Report {
        file: config.display().to_string(),
        errors: errors.iter().map(fault).collect(),
        warnings,
        in_force: &[],
        connect: None,
    }
}

fn summary(config: &Path, plan: &Plan) -> String {
    let enabled = plan.rules.iter().filter(|effective| effective.rule.enabled);
    let collectors = match plan.forward.urls.len() {
        0 => "no collector: alerts are only told on this host".into(),
        count => format!("{count} collector(s)"),
    };
    format!(
        "{}: can be used; {} rules in force, {collectors}",
        shown(&config.display().to_string()),
        enabled.count()
    )
}

fn warnings(plan: &Plan) -> Vec<Warning> {
    [
        disk_ring(plan),
        memory_ring(plan),
        locked_memory(plan),
        silence(plan),
        authorities(plan, &AUTHORITIES),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Files beside the configuration that look as if they added to it, and do not.
fn left_out(config: &Path) -> Option<Warning> {
    let directory = config::directory(config);
    let names = file::names_without(&directory, ".toml");
    (!names.is_empty()).then(|| Warning {
        about: "agent.d",
        text: format!(
            "not read, since their names do not end in .toml: {}",
            shown(&names.join(", "))
        ),
    })
}

/// On a file system that copies on write, overwriting the ring may need space that a full disk does not have.
fn disk_ring(plan: &Plan) -> Option<Warning> {
    let directory = &plan.spool.directory;
    match file::file_system(directory) {
        Some(FileSystem::CopyOnWrite(name)) if plan.spool.disk => Some(Warning {
            about: "spool.directory",
            text: format!(
                "{} lies on {name}, which copies on write: when it is full, the disk ring cannot be written either; \
                 what is not sent yet then survives in the memory ring only",
                shown(&directory.display().to_string())
            ),
        }),
        _ => None,
    }
}

fn memory_ring(plan: &Plan) -> Option<Warning> {
    let about = "spool.memory_directory";
    let in_memory = |path: &Path| file::file_system(path) == Some(FileSystem::Tmpfs);
    match &plan.spool.memory_directory {
        MemoryDirectory::Path(directory) => (!in_memory(directory)).then(|| Warning {
            about,
            text: format!(
                "{} is not in memory (tmpfs): the agent would wait for its disk",
                shown(&directory.display().to_string())
            ),
        }),
        MemoryDirectory::Auto => {
            let found = MEMORY_DIRECTORIES
                .iter()
                .any(|place| in_memory(Path::new(place)));
            (!found).then(|| Warning {
                about,
                text: "neither /run nor /dev/shm is in memory (tmpfs): the memory ring will not survive a restart of \
                       the agent, and status and decode cannot read it"
                    .into(),
            })
        }
    }
}

/// The limit is that of this session; a service has its own.
fn locked_memory(plan: &Plan) -> Option<Warning> {
    let needed = MEMLOCK_BYTES.saturating_add(plan.spool.memory_size_bytes.into());
    let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current?;
    if limit >= needed || may_lock_without_limit() {
        return None;
    }
    Some(Warning {
        about: "memory",
        text: format!(
            "only {} KiB may be locked in memory in this session (ulimit -l), at least {} KiB are needed; a service of systemd \
             is given LimitMEMLOCK=infinity. An agent that is not locked stalls with its host when memory is short",
            limit / 1024,
            needed / 1024
        ),
    })
}

/// CAP_IPC_LOCK is bit 14 (capabilities(7)).
fn may_lock_without_limit() -> bool {
    file::status_of_process(OsStr::new("self"), "CapEff")
        .and_then(|mask| u64::from_str_radix(&mask, 16).ok())
        .is_some_and(|mask| mask & (1 << 14) != 0)
}

/// No certificates are built in: without any, no https address is ever trusted.
fn authorities(plan: &Plan, places: &[&str]) -> Option<Warning> {
    let https = plan.forward.urls.iter().any(|url| url.https);
    let given = plan.forward.ca_file.is_some() || !plan.forward.pin_sha256.is_empty();
    let found = places.iter().any(|place| file::is_there(Path::new(place)));
    (https && !given && !found).then(|| Warning {
        about: "forward.ca_file",
        text: format!(
            "there are no certificates to trust on this host (none of {}), so no https address can be used: install the \
             package ca-certificates, or give ca_file or pin_sha256",
            places.join(", ")
        ),
    })
}

/// Silence shorter than a few posts is no silence.
fn silence(plan: &Plan) -> Option<Warning> {
    if plan.forward.urls.is_empty() {
        return None;
    }
    let needed_s = u64::from(plan.forward.post_interval_ms)
        .saturating_mul(POSTS_BEFORE_SILENCE)
        .div_ceil(1000);
    let shortest = plan
        .rules
        .iter()
        .filter(|effective| effective.rule.enabled)
        .filter(|effective| effective.rule.quantity() == Some(Quantity::ForwardSilence))
        .find(|effective| {
            effective
                .rule
                .raise
                .absolute
                .is_some_and(|raise_s| raise_s < needed_s)
        })?;
    let raise_s = shortest.rule.raise.absolute?;
    Some(Warning {
        about: "forward.post_interval",
        text: format!(
            "{} raises after {raise_s} s without an answer, which is less than three posts ({needed_s} s): it would \
             raise although nothing is wrong. Give its [[rule]] raise = \"{needed_s}s\"",
            hansho::code::display(shortest.rule.code, true)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::authorities;
    use hansho::config::parse;

    #[test]
    fn https_without_anything_to_trust_is_warned_of() {
        let nowhere = ["/nonexistent/a.crt", "/nonexistent/b.pem"];
        let warned = |forward: &str, places: &[&str]| {
            let text = format!("config_version = 1\n[forward]\n{forward}");
            let plan = parse(&text, "test").unwrap_or_else(|errors| panic!("{errors}"));
            authorities(&plan, places).map(|warning| warning.text)
        };
        let https = "urls = [\"https://collector.example/\"]\n";
        let text = warned(https, &nowhere).unwrap_or_default();
        assert!(
            text.contains("/nonexistent/a.crt, /nonexistent/b.pem"),
            "{text}"
        );
        assert_eq!(warned(https, &["/nonexistent", "/proc"]), None);
        assert_eq!(warned("urls = [\"http://localhost/\"]\n", &nowhere), None);
        assert_eq!(warned("", &nowhere), None);
        let pinned = format!("{https}pin_sha256 = [\"{}\"]\n", "ab".repeat(32));
        assert_eq!(warned(&pinned, &nowhere), None);
        let own = format!("{https}ca_file = \"/etc/own.pem\"\n");
        assert_eq!(warned(&own, &nowhere), None);
    }
}
