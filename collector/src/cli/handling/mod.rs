//! Commands for what people do about alerts: the same decisions as behind pages, API and links, beside a running `serve`.
//! [`line`] what a command line says; [`desk`] the commands. Their JSON is that of `api`.

mod desk;
mod line;

use super::print;
use crate::exit::{Failure, USAGE};
use desk::Desk;
use line::Line;
use std::ffi::OsString;

/// The commands of this folder.
const COMMANDS: [&str; 7] = [
    "ack", "release", "silence", "window", "note", "audit", "link",
];
/// Whether a command line is of these commands: its first word that is neither an option nor the value of `--config`.
pub(super) fn asked(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut arguments = arguments.skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--config") => drop(arguments.next()),
            Some(option) if option.starts_with('-') => {}
            word => return word.is_some_and(|word| COMMANDS.contains(&word)),
        }
    }
    false
}

/// Runs one of the commands.
pub(super) fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let line = Line::parse(parser)?;
    if line.flag("help") {
        return print(super::HELP);
    }
    let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
    let place = ["customer", "system", "agent", "by", "from", "until"];
    let with = |more: &[&'static str]| [&place, more].concat();
    match words.as_slice() {
        ["ack", alert] => {
            line.only(&["by", "recovery", "next-report", "text"])?;
            Desk::writing(&line)?.ack(alert)
        }
        ["release", alert] => {
            line.only(&["by", "text"])?;
            Desk::writing(&line)?.release(alert)
        }
        ["silence", "add"] => {
            line.only(&with(&["reason", "code", "subject"]))?;
            Desk::writing(&line)?.silence_add()
        }
        ["silence", "list"] => {
            line.only(&["all", "json"])?;
            Desk::reading(&line)?.silence_list()
        }
        ["silence", "end", id] => {
            line.only(&["by"])?;
            Desk::writing(&line)?.silence_end(id)
        }
        ["window", "add"] => {
            line.only(&with(&["kind", "site", "days", "zone", "last", "ja", "en"]))?;
            Desk::writing(&line)?.window_add()
        }
        ["window", "list"] => {
            line.only(&["all", "json"])?;
            Desk::reading(&line)?.window_list()
        }
        ["window", "end", id] => {
            line.only(&["by", "for-good"])?;
            Desk::writing(&line)?.window_end(id)
        }
        ["note", "add", kind, target] => {
            line.only(&["by", "text"])?;
            Desk::writing(&line)?.note_add(kind, target)
        }
        ["note", "list", kind, target] => {
            line.only(&["json"])?;
            Desk::reading(&line)?.note_list(kind, target)
        }
        ["audit"] => {
            line.only(&["customer", "month", "json"])?;
            Desk::reading(&line)?.audit()
        }
        ["link", "rotate"] => {
            line.only(&["by"])?;
            Desk::writing(&line)?.link_rotate()
        }
        other => Err(Failure::new(
            USAGE,
            format!("no command `{}`; see --help", other.join(" ")),
        )),
    }
}
