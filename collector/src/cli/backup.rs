//! `backup`, `restore`, `migrate`: a copy of the store beside a running `serve`, the way back, and the way to a new version.

use super::line::{Command, flag};
use super::{print, store_failure};
use crate::clock;
use crate::config::Config;
use crate::exit::{FAILURE, Failure};
use crate::keys::Masters;
use crate::store::sqlite::backup::{self, Copied};
use crate::store::{SqliteStore, Store as _};
use std::path::Path;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "migrate",
        options: &[],
        run: |line| migrate(&line.configuration()?),
    },
    Command {
        words: "backup DIRECTORY",
        options: &[flag("without-keys")],
        run: |line| {
            let directory = Path::new(line.need("DIRECTORY")?);
            backup(
                &line.configuration()?,
                directory,
                !line.flag("without-keys"),
            )
        },
    },
    Command {
        words: "restore DIRECTORY",
        options: &[],
        run: |line| restore(&line.configuration()?, Path::new(line.need("DIRECTORY")?)),
    },
];

/// Copies the store, and the masters unless told not to.
pub(super) fn backup(config: &Config, target: &Path, with_keys: bool) -> Result<(), Failure> {
    let masters = with_keys.then_some(config.masters.as_path());
    if let Some(masters) = masters {
        // A backup of masters that nobody can read is none.
        Masters::read(masters)?;
    }
    let copied = backup::backup(&config.directory, target, masters)
        .map_err(|error| store_failure(&error))?;
    note(config, total(&copied));
    let keys = if with_keys {
        "; the masters are in it: keep it as secret as they are"
    } else {
        "; without the masters: agents can only be heard again with them"
    };
    print(&format!(
        "{} files, {} bytes copied to {} and compared{keys}\n",
        copied.len(),
        total(&copied),
        target.display()
    ))
}

/// Notes in the store that there is a backup: the daily mail and `/metrics` tell its age. The backup is good without.
fn note(config: &Config, bytes: u64) {
    let noted = SqliteStore::open_beside(&config.directory).and_then(|store| {
        store.transact(&mut |rows| {
            let mut upkeep = rows.upkeep()?;
            upkeep.backup = Some((clock::now(), bytes));
            rows.put_upkeep(&upkeep)
        })
    });
    if let Err(error) = noted {
        log::warn!("the backup is good, but the store cannot note it: {error}");
    }
}

/// Brings a backup back into the directory of the configuration.
pub(super) fn restore(config: &Config, from: &Path) -> Result<(), Failure> {
    if !from.join(backup::MANIFEST).exists() {
        return Err(Failure::new(
            FAILURE,
            format!(
                "{}: no {} in it, so it is no whole backup",
                from.display(),
                backup::MANIFEST
            ),
        ));
    }
    let files = backup::restore(from, &config.directory, &config.masters)
        .map_err(|error| store_failure(&error))?;
    print(&format!(
        "{} files, {} bytes restored to {}; `check`, then `serve`: agents send again what they still hold, and what is lost is named\n",
        files.len(),
        total(&files),
        config.directory.display()
    ))
}

/// Brings the store up to date.
pub(super) fn migrate(config: &Config) -> Result<(), Failure> {
    let main = config.directory.join(crate::store::sqlite::MAIN_FILE);
    if !main.exists() {
        return Err(Failure::new(
            FAILURE,
            format!("{}: no store there", main.display()),
        ));
    }
    drop(SqliteStore::open_beside(&config.directory).map_err(|error| store_failure(&error))?);
    print("the store is up to date\n")
}

fn total(files: &[Copied]) -> u64 {
    files
        .iter()
        .fold(0, |sum, file| file.bytes.saturating_add(sum))
}
