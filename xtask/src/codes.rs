//! `cargo xtask codes`: docs/CODES.md and docs/CODES.ja.md, made from the registry.

use crate::Subcommand;
use crate::process::{Failure, cargo, io_at, output, root};
use std::fs;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "codes",
    summary: "write docs/CODES.md and docs/CODES.ja.md from the registry of codes",
    help: "usage: cargo xtask codes [--check]

Writes docs/CODES.md and docs/CODES.ja.md from what `hansho codes --format markdown` prints.
  --check   write nothing; fail where a file is not what would be written",
    run: from_command_line,
};

/// Language on the command line of hansho, and the file that holds it.
const DOCUMENTS: [(&str, &str); 2] = [("en", "docs/CODES.md"), ("ja", "docs/CODES.ja.md")];

fn from_command_line(arguments: &mut lexopt::Parser) -> Result<(), Failure> {
    use lexopt::prelude::{Long, Short};
    let mut check = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Err(Failure::Help),
            Long("check") => check = true,
            other => return Err(other.unexpected().into()),
        }
    }
    for (language, file) in DOCUMENTS {
        let text = output(cargo().args([
            "run",
            "--quiet",
            "--package",
            "hansho",
            "--bin",
            "hansho",
            "--", //
            "codes",
            "--format",
            "markdown",
            "--lang",
            language,
        ]))?;
        // A program that prints nothing and ends with 0 must not empty a document.
        if !text.starts_with("# ") {
            return Err(Failure::Check(format!(
                "{file}: what hansho printed is no document"
            )));
        }
        let path = root().join(file);
        if check {
            let current = fs::read_to_string(&path).map_err(io_at(format!("reading {file}")))?;
            if current != text {
                return Err(Failure::Check(format!(
                    "{file} is out of date: run `cargo xtask codes`"
                )));
            }
            println!("{file}: current");
        } else {
            fs::write(&path, text).map_err(io_at(format!("writing {file}")))?;
            println!("{file}: written");
        }
    }
    Ok(())
}
