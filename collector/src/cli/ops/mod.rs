//! Commands of those who operate the collector: `test-report` and `watch`.

mod report;
mod report_rows;
mod watch;

use super::line::{Command, flag, text};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "test-report",
        options: &[text("system"), flag("json"), flag("csv")],
        run: report::report,
    },
    Command {
        words: "watch URL",
        options: &[text("every"), text("after"), text("mail-to"), text("lang")],
        run: watch::watch,
    },
];
