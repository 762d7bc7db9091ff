//! The command line: parsing and wiring. `serve` stands in [`serve`], `account` and `token` in [`people`], what reading commands
//! print in [`json`].

mod agents;
pub mod backup;
pub mod handling;
pub mod json;
mod living;
mod mail;
mod ops;
mod people;
mod reload;
mod responses;
mod route;
pub mod serve;
mod telling;

use crate::clock::{self, utc};
use crate::config::value::{duration_ms, is_id};
use crate::config::{self, Config};
use crate::directory::Directory;
use crate::exit::{CONFIG, DATA, FAILURE, Failure, IO, OK, USAGE};
use crate::handling::agents as handling_agents;
use crate::handling::{Fault, transact};
use crate::keys::{self, Masters};
use crate::limit::{NAME_CHARACTERS, READINGS};
use crate::logger;
use crate::store::sqlite::mark;
use crate::store::{Agent, AlertFilter, NewAgent, Range, SqliteStore, Store, StoreError};
use crate::zone::Zone;
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use lexopt::prelude::*;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
hansho-collector: receives the frames of hansho agents, keeps them, and shows what to do now

usage: hansho-collector COMMAND [--config FILE] [options]

  serve [--standby]           take frames and serve pages until SIGTERM or SIGINT; with --standby it waits
                              as long as another collector runs on the store, and then takes its place
  migrate                     bring the store of an older version up to date, as serve does when it starts
  backup DIRECTORY [--without-keys]
                              copy store and masters, also beside a running serve
  restore DIRECTORY [--told-until TIME]
                              bring a backup back; there must be no store yet. What agents send again and happened until
                              TIME is not mailed once more; without it that is the last sign of life of the store that was
                              there, where it is in a directory beside it, else the moment of the backup
  check                       check configuration, certificate, masters and store
  agent add NAME --system CUSTOMER/SYSTEM [--key-file PATH]
                              add an agent; its key goes to PATH (mode 0600) or stdout
  agent list [--json]         list the agents
  agent rotate AGENT [--key-file PATH] [--grace TIME]
                              give it a new key; the old one is taken until the new one is used, at most TIME (7d)
  agent revoke AGENT [--epoch N]
                              refuse its keys, or one of them, from now on
  agent retire AGENT [--undo] nobody expects it any more: no alerts of its silence, its posts are refused
  agent rename AGENT NEW      give it another name
  agent move AGENT --system CUSTOMER/SYSTEM
                              give it to another system
  join-token add --system CUSTOMER/SYSTEM [--uses N] [--for TIME] [--file PATH]
                              a token with which N hosts (1) may join within TIME (7d), to PATH (mode 0600) or stdout
  join-token list [--json]    list them, without their secrets
  join-token revoke ID        take one back
  alerts [--json] [--all]     firing alerts; with --all resolved ones too
  readings AGENT [--json] [--since-ms N]
                              stored readings, from N milliseconds since 1970 UTC
  frames AGENT [--json]       raw frames still kept
  losses AGENT [--json]       ranges that will never come, with the reason
  stats [--json]              what was stored, came again, was lost
  mail preview [--kind KIND] [--lang ja|en] [--code CODE] [--html] [--templates DIRECTORY]
                              an example of a mail, by the templates of DIRECTORY or of --config where given
  mail test ADDRESS [--lang ja|en]
                              send a mail that says it is a test, and tell what became of it
  test-report --system CUSTOMER/SYSTEM [--json|--csv]
                              which codes were tested on which hosts, when, whether mail arrived, who took it; what was not
  route --agent AGENT --code HNS1002 [--subject S] [--at TIME] [--json]
                              who gets such an alert, what they are told, and why
  responses [--system CUSTOMER/SYSTEM] [--json]
                              codes that a system can raise and that have no response yet
  watch URL [--every TIME] [--after N] [--mail-to ADDRESS] [--lang ja|en]
                              ask another collector's /healthz each minute; mail after N misses (3), and when it is back

  ack ALERT --by NAME [--recovery TIME] [--next-report TIME] [--text TEXT]
                              take an alert, also from whoever has it
  release ALERT --by NAME [--text TEXT]
                              give it back
  silence add --until TIME --reason TEXT --by NAME [--from TIME] and what is silenced, at least one of
              --customer C, --system C/S, --agent AGENT, --code CODE, --subject PATTERN
  silence list [--all] [--json], silence end ID --by NAME
  window add --kind maintenance|event --from TIME --until TIME --ja TEXT --en TEXT --by NAME
             [--days mon,thu [--zone +09:00] [--last TIME]] and where, one of
             --customer C, --system C/S, --agent AGENT; --site C/SITE alone or beside --system
  window list [--all] [--json], window end ID --by NAME [--for-good]
  note add alert|agent|system TARGET --text TEXT --by NAME
  note list alert|agent|system TARGET [--json]
  audit --month 2026-11 [--customer C] [--json]
                              who did what, as CSV
  link rotate --by NAME       let a new secret sign the links in mails

  account add NAME --role ROLE [--customer CUSTOMER]... [--language ja|en] [--no-password]
                              add a person; the password is the first line of stdin. Without --customer all customers
  account list [--json]       list the accounts
  account disable NAME, account enable NAME
                              shut a person out, or let them in again
  account password NAME       set a password, the first line of stdin
  token add NAME --role ROLE [--customer CUSTOMER]... [--days N]
                              make an API token and print it, once; without --days it has no end
  token list [--json]         list the API tokens
  token revoke NAME           revoke an API token

ROLE is viewer, operator or admin.
TIME is 2026-11-24T03:20+09:00, 2026-11-24T03:20, 03:20 (the next one, of --told-until the last) or +30m, +2h, +1d.
AGENT is NAME, CUSTOMER/SYSTEM/NAME, or the agent's 16 hexadecimal digits.
--config FILE is ./collector.toml where it is not given. Every command takes --help.
Reading commands work beside a running serve.

exit codes: 0 done, 1 not done, 64 usage, 65 store damaged or too new, 66 no such configuration file, 74 I/O,
77 not allowed to read the configuration file, 78 faults in the configuration or a key file
";

/// What the command line says.
#[derive(Debug, Default)]
struct Arguments {
    config: Option<PathBuf>,
    words: Vec<String>,
    json: bool,
    all: bool,
    help: bool,
    version: bool,
    standby: bool,
    without_keys: bool,
    system: Option<String>,
    uses: Option<u32>,
    for_ms: Option<u64>,
    grace_ms: Option<u64>,
    epoch: Option<u8>,
    undo: bool,
    file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    since_ms: u64,
    people: people::Options,
    agent: Option<String>,
    code: Option<String>,
    subject: Option<String>,
    at: Option<String>,
    told_until: Option<String>,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    logger::start(log::LevelFilter::Info);
    let outcome = if handling::asked(std::env::args_os()) {
        handling::run(lexopt::Parser::from_env())
    } else if ops::asked(std::env::args_os()) {
        ops::run(lexopt::Parser::from_env())
    } else if mail::asked(std::env::args_os()) {
        mail::run(lexopt::Parser::from_env())
    } else {
        arguments(lexopt::Parser::from_env())
            .map_err(|error| Failure::new(USAGE, format!("{error}; see --help")))
            .and_then(|arguments| run(&arguments))
    };
    match outcome {
        Ok(()) => ExitCode::from(OK),
        Err(failure) => {
            // Where stderr is gone, the exit code still speaks.
            drop(writeln!(
                std::io::stderr(),
                "hansho-collector: {}",
                failure.message
            ));
            ExitCode::from(failure.code)
        }
    }
}

fn arguments(mut parser: lexopt::Parser) -> Result<Arguments, lexopt::Error> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => arguments.config = Some(parser.value()?.into()),
            Long("json") => arguments.json = true,
            Long("all") => arguments.all = true,
            Long("standby") => arguments.standby = true,
            Long("without-keys") => arguments.without_keys = true,
            Long("help") | Short('h') => arguments.help = true,
            Long("version") | Short('V') => arguments.version = true,
            Long("system") => arguments.system = Some(parser.value()?.string()?),
            Long("uses") => arguments.uses = Some(parser.value()?.parse()?),
            Long("for") => arguments.for_ms = Some(span(&mut parser)?),
            Long("grace") => arguments.grace_ms = Some(span(&mut parser)?),
            Long("epoch") => arguments.epoch = Some(parser.value()?.parse()?),
            Long("undo") => arguments.undo = true,
            Long("file") => arguments.file = Some(parser.value()?.into()),
            Long("key-file") => arguments.key_file = Some(parser.value()?.into()),
            Long("since-ms") => arguments.since_ms = parser.value()?.parse()?,
            Long("role") => arguments.people.role = Some(parser.value()?.string()?),
            Long("customer") => arguments.people.customers.push(parser.value()?.string()?),
            Long("language") => arguments.people.language = Some(parser.value()?.string()?),
            Long("no-password") => arguments.people.no_password = true,
            Long("days") => arguments.people.days = Some(parser.value()?.string()?),
            Long("agent") => arguments.agent = Some(parser.value()?.string()?),
            Long("code") => arguments.code = Some(parser.value()?.string()?),
            Long("subject") => arguments.subject = Some(parser.value()?.string()?),
            Long("told-until") => arguments.told_until = Some(parser.value()?.string()?),
            Long("at") => arguments.at = Some(parser.value()?.string()?),
            Value(word) => arguments.words.push(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(arguments)
}

/// The value of the option just read, as a span.
fn span(parser: &mut lexopt::Parser) -> Result<u64, lexopt::Error> {
    let text = parser.value()?.string()?;
    duration_ms(&text).ok_or_else(|| format!("{text:?}: a time like 30m, 12h or 7d").into())
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.help {
        return print(HELP);
    }
    if arguments.version {
        return print(concat!(
            "hansho-collector ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        ));
    }
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    misplaced(arguments, &words)?;
    match words.as_slice() {
        ["serve"] => serve::serve(&configuration(arguments)?, arguments.standby),
        ["migrate"] => backup::migrate(&configuration(arguments)?),
        ["backup", directory] => backup::backup(
            &configuration(arguments)?,
            Path::new(directory),
            !arguments.without_keys,
        ),
        ["restore", directory] => backup::restore(
            &configuration(arguments)?,
            Path::new(directory),
            arguments.told_until.as_deref(),
        ),
        ["check"] => check(&configuration(arguments)?),
        ["agent", "add", name] => agent_add(arguments, name),
        ["agent", "list"] => agent_list(arguments),
        ["agent", "rotate", agent] => agents::rotate(arguments, agent),
        ["agent", "revoke", agent] => agents::revoke(arguments, agent),
        ["agent", "retire", agent] => agents::retire(arguments, agent),
        ["agent", "rename", agent, new] => agents::rename(arguments, agent, new),
        ["agent", "move", agent] => agents::move_to(arguments, agent),
        ["join-token", "add"] => agents::token_add(arguments),
        ["join-token", "list"] => agents::token_list(arguments),
        ["join-token", "revoke", id] => agents::token_revoke(arguments, id),
        ["alerts"] => alerts(arguments),
        ["readings", agent] => readings(arguments, agent),
        ["frames", agent] => frames(arguments, agent),
        ["losses", agent] => losses(arguments, agent),
        ["stats"] => stats(arguments),
        ["account", rest @ ..] => {
            people::account(arguments, rest).unwrap_or_else(|| Err(no_command(&words)))
        }
        ["token", rest @ ..] => {
            people::token(arguments, rest).unwrap_or_else(|| Err(no_command(&words)))
        }
        ["route"] => route::route(arguments),
        ["responses"] => responses::responses(arguments),
        [] => Err(Failure::new(USAGE, "no command; see --help")),
        other => Err(no_command(other)),
    }
}

fn no_command(words: &[&str]) -> Failure {
    Failure::new(
        USAGE,
        format!("no command `{}`; see --help", words.join(" ")),
    )
}

/// An option that its command does not know is a mistake, not decoration.
fn misplaced(arguments: &Arguments, words: &[&str]) -> Result<(), Failure> {
    let add = matches!(words, ["agent", "add", ..]);
    let command = words.first().copied().unwrap_or("");
    let of = |verb: &str| command == "agent" && words.get(1) == Some(&verb);
    let token = matches!(words, ["join-token", "add", ..]);
    let prints = match words {
        ["agent" | "join-token" | "account" | "token", verb, ..] => *verb == "list",
        _ => !matches!(
            command,
            "serve" | "check" | "backup" | "restore" | "migrate"
        ),
    };
    let wrong = [
        (
            "--system",
            arguments.system.is_some() && !add && !token && !of("move") && command != "responses",
        ),
        ("--agent", arguments.agent.is_some() && command != "route"),
        ("--code", arguments.code.is_some() && command != "route"),
        (
            "--subject",
            arguments.subject.is_some() && command != "route",
        ),
        ("--at", arguments.at.is_some() && command != "route"),
        (
            "--told-until",
            arguments.told_until.is_some() && command != "restore",
        ),
        (
            "--key-file",
            arguments.key_file.is_some() && !add && !of("rotate"),
        ),
        ("--grace", arguments.grace_ms.is_some() && !of("rotate")),
        ("--epoch", arguments.epoch.is_some() && !of("revoke")),
        ("--undo", arguments.undo && !of("retire")),
        ("--uses", arguments.uses.is_some() && !token),
        ("--for", arguments.for_ms.is_some() && !token),
        ("--file", arguments.file.is_some() && !token),
        ("--standby", arguments.standby && command != "serve"),
        (
            "--without-keys",
            arguments.without_keys && command != "backup",
        ),
        ("--all", arguments.all && command != "alerts"),
        (
            "--since-ms",
            arguments.since_ms != 0 && command != "readings",
        ),
        ("--json", arguments.json && !prints),
    ]
    .into_iter()
    .chain(arguments.people.given(words))
    .find(|(_, wrong)| *wrong);
    match wrong {
        Some((option, _)) => Err(Failure::new(
            USAGE,
            format!("{option} does not belong to `{}`", words.join(" ")),
        )),
        None => Ok(()),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::new(IO, format!("stdout: {error}")))
}

fn configuration(arguments: &Arguments) -> Result<Config, Failure> {
    configuration_of(arguments.config.as_deref())
}

fn configuration_of(path: Option<&Path>) -> Result<Config, Failure> {
    config::read(path.unwrap_or(Path::new("collector.toml")))
}

/// The exit code of a store's error.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    let code = match error {
        StoreError::Corrupt(_) | StoreError::DayCorrupt(_) | StoreError::Newer(_) => DATA,
        StoreError::Full(_) | StoreError::Io(_) | StoreError::Busy => IO,
        StoreError::Taken(_)
        | StoreError::Older(_)
        | StoreError::Fenced
        | StoreError::IdTaken
        | StoreError::NameTaken
        | StoreError::NoAgent => FAILURE,
    };
    Failure::new(code, error.to_string())
}

fn reader(arguments: &Arguments) -> Result<SqliteStore, Failure> {
    let config = configuration(arguments)?;
    SqliteStore::open_reader(&config.directory).map_err(|error| store_failure(&error))
}

fn check(config: &Config) -> Result<(), Failure> {
    let zone = config.pages.zone.clone().unwrap_or_else(Zone::of_host);
    for warning in Directory::new(config, zone).warnings(clock::now()) {
        log::warn!("{warning}");
    }
    if let Some((certificate, key)) = &config.ingest.tls {
        crate::ingest::tls::acceptor(certificate, key)
            .map_err(|said| Failure::new(CONFIG, said))?;
    }
    mail::check(config)?;
    let main = config.directory.join(crate::store::sqlite::MAIN_FILE);
    let fresh = !main.exists();
    if !fresh || config.masters.exists() {
        Masters::read(&config.masters)?;
    }
    if fresh {
        return print("configuration good; no store yet, `agent add` or `serve` creates it\n");
    }
    let store =
        SqliteStore::open_reader(&config.directory).map_err(|error| store_failure(&error))?;
    store.check().map_err(|error| store_failure(&error))?;
    if mark::clear(&config.directory).map_err(|error| store_failure(&error))? {
        log::warn!(
            "a collector had found the store damaged; all of it is whole, so that the mark is taken away"
        );
    }
    let totals = store.totals().map_err(|error| store_failure(&error))?;
    print(&format!(
        "configuration good; masters good; store good: {} agents, {} frames stored\n",
        totals.agents,
        totals.all().frames_stored
    ))
}

/// A name that fits pages, mails, URLs and selectors.
fn name(what: &str, text: &str) -> Result<String, Failure> {
    if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err(Failure::new(
            USAGE,
            format!(
                "{what} {text:?}: allowed are 1 to {NAME_CHARACTERS} characters without `/`, control characters and \
                 spaces at the ends"
            ),
        ))
    }
}

fn agent_add(arguments: &Arguments, agent: &str) -> Result<(), Failure> {
    let agent_name = name("NAME", agent)?;
    let system = arguments
        .system
        .as_deref()
        .and_then(|system| system.split_once('/'))
        .ok_or_else(|| Failure::new(USAGE, "agent add needs --system CUSTOMER/SYSTEM"))?;
    let (customer, system) = (name("CUSTOMER", system.0)?, name("SYSTEM", system.1)?);
    let config = configuration(arguments)?;
    if let Some(path) = arguments.key_file.as_deref().filter(|path| path.exists()) {
        return Err(Failure::new(
            FAILURE,
            format!("{} exists; a key is never overwritten", path.display()),
        ));
    }
    let store =
        SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?;
    let masters = Masters::read_or_create(&config.masters)?;
    let master_id = masters.newest();
    let key_epoch = 1;
    let id = loop {
        let id = AgentId(u64::from_le_bytes(keys::random()?));
        let new = NewAgent {
            id,
            customer: customer.clone(),
            system: system.clone(),
            name: agent_name.clone(),
            key_epoch,
            master_id,
        };
        let added = transact(&store, |rows| {
            handling_agents::add(rows, &agents::by(), &new, clock::now())
        });
        match added {
            Ok(()) => break id,
            Err(Fault::Store(StoreError::IdTaken)) => {}
            Err(fault) => return Err(agents::failure(&fault)),
        }
    };
    let key = masters
        .key(master_id, id, key_epoch)
        .ok_or_else(|| Failure::new(CONFIG, "the masters file changed meanwhile"))?;
    let line = keys::key_line(id, key_epoch, &key);
    match arguments.key_file.as_deref() {
        None => print(&line),
        Some(path) => {
            keys::write_secret(path, &line)
                .map_err(|error| Failure::new(IO, format!("{}: {error}", path.display())))?;
            print(&format!(
                "agent {id} {customer}/{system}/{agent_name} added; its key is in {}\n",
                path.display()
            ))
        }
    }
}

fn agent_list(arguments: &Arguments) -> Result<(), Failure> {
    let agents = reader(arguments)?
        .agents()
        .map_err(|error| store_failure(&error))?;
    let mut text = String::new();
    for agent in &agents {
        if arguments.json {
            text.push_str(&json::agent(agent));
        } else {
            let seen = agent
                .last_seen
                .map_or_else(|| "never heard".to_owned(), |seen| utc(seen.as_millis()));
            text.push_str(&format!("{} {} {seen}", agent.id, agent.path()));
        }
        text.push('\n');
    }
    print(&text)
}

fn alerts(arguments: &Arguments) -> Result<(), Failure> {
    let store = reader(arguments)?;
    let filter = AlertFilter {
        firing: (!arguments.all).then_some(true),
        ..AlertFilter::default()
    };
    let agents = store.agents().map_err(|error| store_failure(&error))?;
    let alerts = store
        .alerts(&filter)
        .map_err(|error| store_failure(&error))?;
    if arguments.json {
        return print(&json::alerts(&alerts, &agents));
    }
    let mut text = String::new();
    for alert in &alerts {
        text.push_str(&json::alert_line(alert, &agents));
        text.push('\n');
    }
    print(&text)
}

fn one_agent(store: &dyn Store, selector: &str) -> Result<Agent, Failure> {
    let mut found = store
        .find_agent(selector)
        .map_err(|error| store_failure(&error))?;
    match (found.pop(), found.is_empty()) {
        (Some(agent), true) => Ok(agent),
        (None, _) => Err(Failure::new(FAILURE, format!("no agent `{selector}`"))),
        (Some(_), false) => Err(Failure::new(
            FAILURE,
            format!("more than one agent `{selector}`; write CUSTOMER/SYSTEM/NAME"),
        )),
    }
}

fn readings(arguments: &Arguments, selector: &str) -> Result<(), Failure> {
    let store = reader(arguments)?;
    let agent = one_agent(&store, selector)?;
    let range = Range {
        from: WallTime::from_millis(arguments.since_ms),
        ..Range::all(READINGS)
    };
    let readings = store
        .readings(agent.id, &range)
        .map_err(|error| store_failure(&error))?;
    let mut text = String::new();
    for reading in &readings {
        if arguments.json {
            text.push_str(&json::reading(reading));
        } else {
            text.push_str(&json::reading_line(reading));
        }
        text.push('\n');
    }
    print(&text)
}

fn frames(arguments: &Arguments, selector: &str) -> Result<(), Failure> {
    let store = reader(arguments)?;
    let agent = one_agent(&store, selector)?;
    let frames = store
        .frames(agent.id)
        .map_err(|error| store_failure(&error))?;
    let mut text = String::new();
    for frame in &frames {
        text.push_str(&json::frame(frame, arguments.json));
        text.push('\n');
    }
    print(&text)
}

fn losses(arguments: &Arguments, selector: &str) -> Result<(), Failure> {
    let store = reader(arguments)?;
    let agent = one_agent(&store, selector)?;
    let losses = store
        .losses(agent.id)
        .map_err(|error| store_failure(&error))?;
    let mut text = String::new();
    for loss in &losses {
        text.push_str(&json::loss(loss, arguments.json));
        text.push('\n');
    }
    print(&text)
}

fn stats(arguments: &Arguments) -> Result<(), Failure> {
    let totals = reader(arguments)?
        .totals()
        .map_err(|error| store_failure(&error))?;
    print(&json::stats(&totals, arguments.json))
}
