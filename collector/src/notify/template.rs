//! Own subjects and texts of a site: templates in a directory, checked whole before any is used.
//!
//! A file is `KIND.LANGUAGE.subject` or `KIND.LANGUAGE.txt` (`raised.ja.txt`), in the syntax of Jinja without inclusion,
//! inheritance and macros. docs/NOTIFY.md lists the variables. What machines read is appended to every text, whatever the
//! template says.

mod variables;

pub use variables::VARIABLES;

use super::example::{KINDS, example};
use super::notice::{Body, Happened, ListKind, Notice};
use super::render::{self, Rendered, clean};
use crate::limit::{MAIL_CHARACTERS, MAIL_SUBJECT_CHARACTERS, TEMPLATE_BYTES, TEMPLATE_FUEL};
use hansho::code::Language;
use minijinja::{Environment, UndefinedBehavior};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use variables::variables;

/// Kinds of messages as files name them.
pub const FILE_KINDS: [&str; 16] = [
    "raised",
    "worsened",
    "repeated",
    "acknowledged",
    "released",
    "escalated",
    "evidence",
    "resolved",
    "silent",
    "back",
    "digest",
    "late",
    "group",
    "storm",
    "mail_failed",
    "daily",
];

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// File.
    pub file: PathBuf,
    /// Line, from 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// What was found, and what is allowed.
    pub said: String,
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.said)
    }
}

/// The templates of a site; without any every message is the standard one.
#[derive(Debug, Default)]
pub struct Templates {
    environment: Option<Environment<'static>>,
    names: BTreeSet<String>,
}

impl Templates {
    /// Reads all files of the directory and tries each with the examples of its kind.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn load(directory: &Path) -> Result<Self, Vec<Fault>> {
        let whole = |said: String| {
            vec![Fault {
                file: directory.to_owned(),
                line: None,
                said,
            }]
        };
        let entries = std::fs::read_dir(directory).map_err(|error| whole(error.to_string()))?;
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| whole(error.to_string()))?.path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden {
                files.push(path);
            }
        }
        files.sort();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(TEMPLATE_FUEL));
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        let mut names = BTreeSet::new();
        let mut faults = Vec::new();
        for file in files {
            match add(&mut environment, &file) {
                Ok(name) => {
                    names.insert(name);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            environment: Some(environment),
            names,
        })
    }

    /// A message by the site's templates, each part that has none by the standard.
    ///
    /// A template that fails here, after it was checked, costs its own words and never the mail: the standard ones are sent,
    /// and the log says so.
    #[must_use]
    pub fn render(&self, notice: &Notice) -> Rendered {
        let standard = render::render(notice);
        let Some(environment) = &self.environment else {
            return standard;
        };
        let kind = kind(notice);
        let of = |part: &str| {
            let name = format!("{kind}.{}.{part}", notice.language.tag());
            if !self.names.contains(&name) {
                return None;
            }
            let filled = environment
                .get_template(&name)
                .and_then(|template| template.render(variables(notice, &standard)));
            filled
                .map_err(|error| {
                    log::warn!("template {name}: {error}; the standard words are sent")
                })
                .ok()
        };
        let (subject, text) = (of("subject"), of("txt"));
        let subject = subject
            .filter(|_| notice.thread_subject.is_none())
            .map(|text| clean::line(&text, MAIL_SUBJECT_CHARACTERS))
            .filter(|text| !text.is_empty());
        let text = text.map(|text| own_text(&text, &standard.machine));
        Rendered {
            html: text
                .as_deref()
                .map_or_else(|| standard.html.clone(), own_html),
            subject: subject.unwrap_or(standard.subject),
            text: text.unwrap_or(standard.text),
            machine: standard.machine,
        }
    }
}

/// A site's text: no invisible characters, bounded, and one block for machines at its end.
fn own_text(text: &str, machine: &str) -> String {
    let room = MAIL_CHARACTERS
        .saturating_sub(machine.chars().count())
        .saturating_sub(8);
    let mut out = String::new();
    for line in clean::first(text, room).lines() {
        let indent = line
            .len()
            .saturating_sub(line.trim_start_matches(' ').len());
        out.push_str(&" ".repeat(indent));
        let line = clean::line(line, MAIL_CHARACTERS);
        out.push_str(if line == "--" { "- -" } else { &line });
        out.push('\n');
    }
    let mut out = clean::first(&out, room).trim_end().to_owned();
    out.push_str("\n--\n");
    out.push_str(machine);
    out
}

fn own_html(text: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head>\n<body><pre style=\"font-family:sans-serif;\
         white-space:pre-wrap\">{}</pre></body></html>\n",
        clean::escape(text)
    )
}

fn add(environment: &mut Environment<'static>, file: &Path) -> Result<String, Fault> {
    let fault = |line, said: String| Fault {
        file: file.to_owned(),
        line,
        said,
    };
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
        .to_owned();
    let (kind, language) = parts(&name).ok_or_else(|| {
        fault(
            None,
            format!(
                "not the name of a template: allowed are KIND.LANGUAGE.subject and KIND.LANGUAGE.txt with a kind of {} \
                 and the language ja or en",
                FILE_KINDS.join(", ")
            ),
        )
    })?;
    let source = source(file).map_err(|said| fault(None, said))?;
    environment
        .add_template_owned(name.clone(), source.clone())
        .map_err(|error| fault(error.line(), said(&error)))?;
    let template = environment
        .get_template(&name)
        .map_err(|error| fault(error.line(), said(&error)))?;
    let mut unknown: Vec<String> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !VARIABLES.contains(&name.as_str()) && !is_global(environment, name))
        .collect();
    unknown.sort();
    if let Some(first) = unknown.first() {
        let line = source
            .lines()
            .position(|line| line.contains(first.as_str()))
            .and_then(|index| index.checked_add(1));
        return Err(fault(
            line,
            format!(
                "unknown variable {first}; allowed are {}",
                VARIABLES.join(", ")
            ),
        ));
    }
    for notice in examples(kind, language) {
        let standard = render::render(&notice);
        template
            .render(variables(&notice, &standard))
            .map_err(|error| fault(error.line(), said(&error)))?;
    }
    Ok(name)
}

/// A function that minijinja brings along (`range`).
fn is_global(environment: &Environment<'_>, name: &str) -> bool {
    environment.globals().any(|(global, _)| global == name)
}

fn said(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Kind and language from `raised.ja.txt`.
fn parts(name: &str) -> Option<(&'static str, Language)> {
    let mut parts = name.split('.');
    let (kind, language, part) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !matches!(part, "subject" | "txt") {
        return None;
    }
    let kind = FILE_KINDS.into_iter().find(|known| *known == kind)?;
    Some((kind, Language::from_tag(language)?))
}

fn source(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| {
            file.take(TEMPLATE_BYTES.saturating_add(1))
                .read_to_string(&mut text)
        })
        .map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > TEMPLATE_BYTES {
        return Err(format!("longer than {TEMPLATE_BYTES} bytes"));
    }
    Ok(text)
}

/// The examples that a template of a kind is tried with: with and without what may be absent.
fn examples(kind: &str, language: Language) -> Vec<Notice> {
    let mut all: Vec<Notice> = KINDS
        .iter()
        .filter_map(|word| example(word, language, 1002))
        .filter(|notice| self::kind(notice) == kind)
        .collect();
    if kind == "group" {
        let mut group = example("storm", language, 1002);
        if let Some(Notice {
            body: Body::List(list),
            ..
        }) = &mut group
        {
            list.kind = ListKind::Group;
        }
        all.extend(group);
    }
    let mut bare = all.clone();
    for notice in &mut bare {
        notice.link = None;
        if let Body::Alert(alert) = &mut notice.body {
            alert.response = None;
            alert.value = None;
            alert.owner.on_duty = None;
            alert.owner.taken = None;
        }
    }
    all.extend(bare);
    all
}

/// The kind of a message, as a file names it.
#[must_use]
pub const fn kind(notice: &Notice) -> &'static str {
    match &notice.body {
        Body::Alert(alert) => match &alert.happened {
            Happened::Raised => "raised",
            Happened::Worsened { .. } => "worsened",
            Happened::Repeated { .. } => "repeated",
            Happened::Acknowledged => "acknowledged",
            Happened::Released { .. } => "released",
            Happened::Escalated { .. } => "escalated",
            Happened::Evidence => "evidence",
            Happened::Resolved(_) => "resolved",
            Happened::Silent(_) => "silent",
            Happened::Back(_) => "back",
        },
        Body::List(list) => match list.kind {
            ListKind::Digest => "digest",
            ListKind::Late => "late",
            ListKind::Group => "group",
            ListKind::Storm => "storm",
        },
        Body::MailFailed(_) => "mail_failed",
        Body::Daily(_) => "daily",
    }
}
