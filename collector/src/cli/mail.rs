//! `mail preview`: what a mail would say, by the standard words or a site's templates. `mail test`: whether mails go out.

use super::{HELP, print};
use crate::config::{self, Config};
use crate::exit::{CONFIG, FAILURE, Failure, USAGE};
use crate::notify::example::{KINDS, example};
use crate::notify::letter::{Letter, Person};
use crate::notify::outcome::Outcome;
use crate::notify::smtp::{Mailer, Settings};
use crate::notify::template::Templates;
use crate::{clock, keys};
use hansho::code::{self, Language};
use lexopt::prelude::*;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What the command line says.
#[derive(Debug, Default)]
struct Arguments {
    config: Option<PathBuf>,
    words: Vec<String>,
    kind: Option<String>,
    language: Option<String>,
    code: Option<String>,
    html: bool,
    templates: Option<PathBuf>,
    help: bool,
}

/// Whether the first word is `mail`.
pub(super) fn asked(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut arguments = arguments.skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--config") => drop(arguments.next()),
            Some(option) if option.starts_with('-') => {}
            word => return word == Some("mail"),
        }
    }
    false
}

fn arguments(mut parser: lexopt::Parser) -> Result<Arguments, lexopt::Error> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => arguments.config = Some(parser.value()?.into()),
            Long("kind") => arguments.kind = Some(parser.value()?.string()?),
            Long("lang") => arguments.language = Some(parser.value()?.string()?),
            Long("code") => arguments.code = Some(parser.value()?.string()?),
            Long("html") => arguments.html = true,
            Long("templates") => arguments.templates = Some(parser.value()?.into()),
            Long("help") | Short('h') => arguments.help = true,
            Value(word) => arguments.words.push(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(arguments)
}

/// Runs `mail preview` or `mail test`.
pub(super) fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let arguments =
        arguments(parser).map_err(|error| Failure::new(USAGE, format!("{error}; see --help")))?;
    if arguments.help {
        return print(HELP);
    }
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["mail", "preview"] => preview(&arguments),
        ["mail", "test", address] => {
            let options = [
                ("--kind", arguments.kind.is_some()),
                ("--code", arguments.code.is_some()),
                ("--html", arguments.html),
                ("--templates", arguments.templates.is_some()),
            ];
            match options.into_iter().find(|(_, given)| *given) {
                Some((option, _)) => Err(Failure::new(
                    USAGE,
                    format!("{option} does not belong to `mail test`"),
                )),
                None => test(&arguments, address),
            }
        }
        other => Err(Failure::new(
            USAGE,
            format!("no command `{}`; see --help", other.join(" ")),
        )),
    }
}

fn configuration(arguments: &Arguments) -> Result<Config, Failure> {
    let path = arguments.config.as_deref();
    config::read(path.unwrap_or(Path::new("collector.toml")))
}

fn language(arguments: &Arguments) -> Result<Language, Failure> {
    let tag = arguments.language.as_deref().unwrap_or("ja");
    Language::from_tag(tag)
        .ok_or_else(|| Failure::new(USAGE, format!("--lang {tag:?}: allowed are ja and en")))
}

/// Prints an example, by the templates of `--templates`, else of the configuration that `--config` names, else by the
/// standard words: it needs no configuration.
fn preview(arguments: &Arguments) -> Result<(), Failure> {
    let kind = arguments.kind.as_deref().unwrap_or("raised");
    let language = language(arguments)?;
    let code = arguments.code.as_deref().unwrap_or("HNS1002");
    let number = code::parse(code)
        .map_err(|error| Failure::new(USAGE, format!("--code {code:?}: {error}")))?
        .number;
    let notice = example(kind, language, number).ok_or_else(|| {
        Failure::new(
            USAGE,
            format!("--kind {kind:?}: allowed are {}", KINDS.join(", ")),
        )
    })?;
    let mail = load(directory(arguments)?.as_deref())?.render(&notice);
    if arguments.html {
        return print(&mail.html);
    }
    print(&format!("Subject: {}\n\n{}", mail.subject, mail.text))
}

fn directory(arguments: &Arguments) -> Result<Option<PathBuf>, Failure> {
    if arguments.templates.is_some() || arguments.config.is_none() {
        return Ok(arguments.templates.clone());
    }
    Ok(configuration(arguments)?
        .mail
        .and_then(|mail| mail.templates))
}

/// Mail server and templates of a configuration, as `check` sees them.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    let Some(mail) = &config.mail else {
        return Ok(());
    };
    load(mail.templates.as_deref())?;
    mailer(mail).map(drop)
}

fn mailer(mail: &config::Mail) -> Result<Mailer, Failure> {
    Mailer::new(Settings::of(mail)).map_err(|said| Failure::new(CONFIG, format!("[mail]: {said}")))
}

/// Sends a mail that says that it is a test, and what became of it.
fn test(arguments: &Arguments, address: &str) -> Result<(), Failure> {
    let language = language(arguments)?;
    let config = configuration(arguments)?;
    let Some(mail) = &config.mail else {
        let said = "no [mail] in the configuration: there is no mail server to try";
        return Err(Failure::new(CONFIG, said));
    };
    let mailer = mailer(mail)?;
    let (subject, text) = match language {
        Language::Ja => (
            "[HNS テスト] 収集サーバからのメールの試験",
            "hansho-collector mail test による試験です。障害ではありません。\nこのメールが届けば、収集サーバからの通知は、この宛先に届きます。\n",
        ),
        Language::En => (
            "[HNS TEST] test of mail from the collector",
            "A test by hansho-collector mail test. Nothing is wrong.\nThat it arrived shows that mail from the collector reaches this address.\n",
        ),
    };
    let domain = mail.envelope_from.rsplit('@').next().unwrap_or("localhost");
    let letter = Letter {
        message_id: format!(
            "<test.{:016x}@{domain}>",
            u64::from_le_bytes(keys::random()?)
        ),
        in_reply_to: None,
        references: Vec::new(),
        date: clock::now(),
        from: Person {
            name: mail.from.name.clone(),
            address: mail.from.address.clone(),
        },
        to: vec![Person {
            name: None,
            address: address.to_owned(),
        }],
        cc: Vec::new(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: None,
        headers: vec![("X-Hansho-Why", "drill".to_owned())],
    };
    let message_id = &letter.message_id;
    match mailer.send(&letter).pop().map(|delivery| delivery.outcome) {
        Some(Outcome::Accepted { says }) => {
            print(&format!("handed over as {message_id}: {says}\n"))
        }
        Some(outcome) => Err(Failure::new(FAILURE, outcome.to_string())),
        None => Err(Failure::new(FAILURE, "no outcome")),
    }
}

/// The templates of a directory; every fault is told at once.
fn load(directory: Option<&Path>) -> Result<Templates, Failure> {
    let Some(directory) = directory else {
        return Ok(Templates::default());
    };
    Templates::load(directory).map_err(|faults| {
        let mut lines = vec!["the templates are refused".to_owned()];
        lines.extend(faults.iter().map(ToString::to_string));
        Failure::new(CONFIG, lines.join("\n"))
    })
}
