//! `backup`, `restore`, `migrate`: a copy of the store beside a running `serve`, the way back, and the way to a new version.

use super::line::{Command, flag, text};
use super::{print, store_failure};
use crate::clock::{self, DAY_MS};
use crate::config::Config;
use crate::exit::{FAILURE, Failure, USAGE};
use crate::handling::moment;
use crate::keys::Masters;
use crate::limit::{DIRECTORIES_BESIDE, TOLD_MARGIN_MS};
use crate::notify::before;
use crate::store::sqlite::backup::{self, Copied};
use crate::store::sqlite::restored;
use crate::store::{Restored, SqliteStore, Store as _, StoreError};
use crate::zone::Zone;
use hansho::clock::WallTime;
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
        options: &[text("told-until")],
        run: |line| {
            let directory = Path::new(line.need("DIRECTORY")?);
            restore(&line.configuration()?, directory, line.get("told-until"))
        },
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

/// Brings a backup back into the directory of the configuration, and notes until when people had been told.
pub(super) fn restore(
    config: &Config,
    from: &Path,
    told_until: Option<&str>,
) -> Result<(), Failure> {
    let zone = config.pages.zone.clone().unwrap_or_else(Zone::of_host);
    let now = clock::now();
    let said = told_until.map(|text| past(text, &zone, now)).transpose()?;
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
    let told = until(config, said, now).and_then(|told| {
        let Some((told_until, _)) = &told else {
            return Ok((None, 0));
        };
        let restored = Restored {
            at: now,
            told_until: *told_until,
        };
        let held = restored::note(&config.directory, &restored, &before::said(&restored))?;
        Ok((told, held))
    });
    let (told, held) = told.map_err(|error| {
        let failure = store_failure(&error);
        let said = "restored, but until when people had been told cannot be noted; move the store away and restore again";
        Failure::new(failure.code, format!("{said}: {}", failure.message))
    })?;
    print(&format!(
        "{} files, {} bytes restored to {}; `check`, then `serve`: agents send again what they still hold, and what is lost is named\n{}",
        files.len(),
        total(&files),
        config.directory.display(),
        told.map_or_else(String::new, |(until, why)| follows(
            &zone.show(until),
            &why,
            held
        ))
    ))
}

/// A moment that has passed. A time without a date is the last such.
fn past(text: &str, zone: &Zone, now: WallTime) -> Result<WallTime, Failure> {
    let refused = |what: &str| {
        let allowed = "2026-11-24T03:20+09:00, 2026-11-24T03:20 or 03:20 (the last one)";
        Failure::new(
            USAGE,
            format!("--told-until {text:?}: {what}; allowed are {allowed}"),
        )
    };
    let parsed = moment::parse(text, zone.offset_s(), now).ok_or_else(|| refused("no time"))?;
    let meant = if moment::clock(text).is_some() {
        WallTime::from_millis(parsed.as_millis().saturating_sub(DAY_MS))
    } else {
        parsed
    };
    if meant > now {
        return Err(refused("nobody was told yet of what is still to come"));
    }
    Ok(meant)
}

/// Until when people had been told, and why that is taken for true; `None` where no collector ever ran on the store.
fn until(
    config: &Config,
    said: Option<WallTime>,
    now: WallTime,
) -> Result<Option<(WallTime, String)>, StoreError> {
    if let Some(said) = said {
        return Ok(Some((said, "as --told-until says".to_owned())));
    }
    let copied = restored::last_sign(&config.directory)?;
    let Some(copied) = copied.filter(|at| *at > WallTime::from_millis(0)) else {
        return Ok(None);
    };
    let old = restored::before(&config.directory, DIRECTORIES_BESIDE)?;
    Ok(Some(match old {
        Some(old) if old.seen > copied => {
            let seen = old.seen.min(now).as_millis();
            let margin = WallTime::from_millis(seen.saturating_sub(TOLD_MARGIN_MS));
            let why = format!(
                "assumed: a minute before the last sign of life of the store in {}",
                old.directory.display()
            );
            (margin.max(copied), why)
        }
        _ => (
            copied,
            format!(
                "assumed: the moment of the backup, since the store that was there is in no directory beside {}",
                config.directory.display()
            ),
        ),
    }))
}

/// What an operator has to know of it.
fn follows(until: &str, why: &str, held: usize) -> String {
    let waiting = if held == 0 {
        String::new()
    } else {
        format!("mails that wait in the backup and count as sent: {held}\n")
    };
    format!(
        "people had been told until {until} ({why})\n\
         what agents send again and happened until then was told already and is not mailed again; what happened later is mailed, \
         also where it was mailed before\n{waiting}\
         where that is wrong, move the restored store away and restore again with --told-until TIME\n"
    )
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
