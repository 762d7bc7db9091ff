//! `mail preview`: what a mail would say, by the standard words or a site's templates. `mail test`: whether mails go out.

use super::line::{Command, Line, flag, path, text};
use super::print;
use crate::config::{self, Config};
use crate::exit::{CONFIG, FAILURE, Failure, USAGE};
use crate::notify::example::{KINDS, example};
use crate::notify::letter::{Letter, Person};
use crate::notify::outcome::Outcome;
use crate::notify::smtp::{Mailer, Settings};
use crate::notify::template::Templates;
use crate::{clock, keys};
use hansho::code::{self, Language};
use std::path::{Path, PathBuf};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "mail preview",
        options: &[
            text("kind"),
            text("lang"),
            text("code"),
            flag("html"),
            path("templates"),
        ],
        run: preview,
    },
    Command {
        words: "mail test ADDRESS",
        options: &[text("lang")],
        run: test,
    },
];

/// Prints an example, by the templates of `--templates`, else of the configuration that `--config` names, else by the
/// standard words: it needs no configuration.
fn preview(line: &Line) -> Result<(), Failure> {
    let kind = line.get("kind").unwrap_or("raised");
    let language = line.language("lang")?.unwrap_or(Language::Ja);
    let code = line.get("code").unwrap_or("HNS1002");
    let number = code::parse(code)
        .map_err(|error| Failure::new(USAGE, format!("--code {code:?}: {error}")))?
        .number;
    let notice = example(kind, language, number).ok_or_else(|| {
        Failure::new(
            USAGE,
            format!("--kind {kind:?}: allowed are {}", KINDS.join(", ")),
        )
    })?;
    let mail = load(directory(line)?.as_deref())?.render(&notice);
    if line.flag("html") {
        return print(&mail.html);
    }
    print(&format!("Subject: {}\n\n{}", mail.subject, mail.text))
}

fn directory(line: &Line) -> Result<Option<PathBuf>, Failure> {
    if line.flag("templates") || !line.flag("config") {
        return Ok(line.path("templates").map(Path::to_path_buf));
    }
    Ok(line.configuration()?.mail.and_then(|mail| mail.templates))
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
fn test(line: &Line) -> Result<(), Failure> {
    let address = line.need("ADDRESS")?;
    let language = line.language("lang")?.unwrap_or(Language::Ja);
    let config = line.configuration()?;
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
