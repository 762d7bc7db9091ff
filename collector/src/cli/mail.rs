//! `mail preview`: what a mail would say, by the standard words or a site's templates.

use super::{Arguments, print};
use crate::exit::{CONFIG, Failure, USAGE};
use crate::notify::example::{KINDS, example};
use crate::notify::template::Templates;
use hansho::code::{self, Language};
use std::path::Path;

/// Prints an example.
pub(super) fn preview(arguments: &Arguments, templates: Option<&Path>) -> Result<(), Failure> {
    let kind = arguments.kind.as_deref().unwrap_or("raised");
    let tag = arguments.language.as_deref().unwrap_or("ja");
    let language = Language::from_tag(tag)
        .ok_or_else(|| Failure::new(USAGE, format!("--lang {tag:?}: allowed are ja and en")))?;
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
    let mail = load(templates)?.render(&notice);
    if arguments.html {
        return print(&mail.html);
    }
    print(&format!("Subject: {}\n\n{}", mail.subject, mail.text))
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
