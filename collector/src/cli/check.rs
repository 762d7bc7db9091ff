//! `check`: configuration, certificate, masters and store, before `serve` needs them.

use super::line::{Command, Line};
use super::{mail, print, store_failure};
use crate::clock;
use crate::directory::Directory;
use crate::exit::{CONFIG, Failure};
use crate::ingest::tls::Certificates;
use crate::keys::Masters;
use crate::store::sqlite::{MAIN_FILE, mark};
use crate::store::{SqliteStore, Store as _};
use crate::zone::Zone;

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "check",
    options: &[],
    run: check,
}];

fn check(line: &Line) -> Result<(), Failure> {
    let config = &line.configuration()?;
    let zone = config.pages.zone.clone().unwrap_or_else(Zone::of_host);
    for warning in Directory::new(config, zone.clone()).warnings(clock::now()) {
        log::warn!("{warning}");
    }
    if let Some((certificate, key)) = &config.ingest.tls {
        let certificates =
            Certificates::read(certificate, key).map_err(|said| Failure::new(CONFIG, said))?;
        // No reason to fail: agents that pin it take it all the same, and a collector that does not start has nobody left.
        for one in certificates.ending(clock::now()) {
            log::log!(one.level(), "{}", one.line(&zone));
        }
    }
    mail::check(config)?;
    let fresh = !config.directory.join(MAIN_FILE).exists();
    if !fresh || config.masters.exists() {
        Masters::read(&config.masters)?;
    }
    if fresh {
        return print("configuration good; no store yet, `agent add` or `serve` creates it\n");
    }
    let store =
        SqliteStore::open_reader(&config.directory).map_err(|error| store_failure(&error))?;
    store.check_main().map_err(|error| store_failure(&error))?;
    // Before day files are looked at: a collector that opens the store sets damaged ones aside.
    if mark::clear(&config.directory).map_err(|error| store_failure(&error))? {
        log::warn!(
            "a collector had found the store damaged; its main file is whole, so that the mark is taken away"
        );
    }
    store.check_days().map_err(|error| store_failure(&error))?;
    let totals = store.totals().map_err(|error| store_failure(&error))?;
    print(&format!(
        "configuration good; masters good; store good: {} agents, {} frames stored\n",
        totals.agents,
        totals.all().frames_stored
    ))
}
