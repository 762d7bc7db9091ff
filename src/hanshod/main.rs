//! `hanshod`: what stays in memory while the host burns: keeper, watcher and scout, without TLS, names and texts.
//!
//! Started by `hansho run`, never by hand. Exit codes: 0 stopped in order, 3 a new run is wanted, 64 usage, 70 a fault of
//! our own, 71 the system refused something.

mod rehearsal;
mod scout;
mod scribe;
mod start;
mod watch;

use hansho::keeper::launch::Inherited;
use hansho::keeper::supervise::Keeper;
use std::process::ExitCode;

const USAGE: u8 = 64;
const SYSTEM: u8 = 71;

fn main() -> ExitCode {
    init_log();
    let mut arguments = std::env::args_os().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let outcome = Inherited::parse(arguments).and_then(|inherited| match mode.to_str() {
        Some("keep") => Keeper::new(inherited).map(|mut keeper| {
            keeper.run();
            0
        }),
        Some("watch") => start::run(inherited),
        Some("scout") => scout::run(inherited),
        _ => Err("keep, watch or scout: this program is started by hansho run".to_owned()),
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            log::error!("{}: {why}", mode.to_string_lossy());
            ExitCode::from(
                if matches!(mode.to_str(), Some("keep" | "watch" | "scout")) {
                    SYSTEM
                } else {
                    USAGE
                },
            )
        }
    }
}

fn init_log() {
    if hansho::keeper::output::init_logger("hanshod").is_err() {
        // Somebody set one before: it serves as well.
    }
}
