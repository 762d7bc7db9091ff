//! Commands for what people do about alerts: the same decisions as behind pages, API and links, beside a running `serve`.
//! [`desk`] does them. Their JSON is that of `api`.

mod desk;

use super::line::{Command, Opt, flag, text};
use desk::Desk;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "ack ALERT",
        options: &[BY, text("recovery"), text("next-report"), text("text")],
        run: |line| Desk::writing(line)?.ack(),
    },
    Command {
        words: "release ALERT",
        options: &[BY, text("text")],
        run: |line| Desk::writing(line)?.release(),
    },
    Command {
        words: "silence add",
        options: &[
            BY,
            CUSTOMER,
            SYSTEM,
            AGENT,
            text("code"),
            text("subject"),
            text("from"),
            text("until"),
            text("reason"),
        ],
        run: |line| Desk::writing(line)?.silence_add(),
    },
    Command {
        words: "silence list",
        options: &[flag("all"), JSON],
        run: |line| Desk::reading(line)?.silence_list(),
    },
    Command {
        words: "silence end ID",
        options: &[BY],
        run: |line| Desk::writing(line)?.silence_end(),
    },
    Command {
        words: "window add",
        options: &[
            BY,
            CUSTOMER,
            SYSTEM,
            AGENT,
            text("site"),
            text("kind"),
            text("from"),
            text("until"),
            text("days"),
            text("zone"),
            text("last"),
            text("ja"),
            text("en"),
        ],
        run: |line| Desk::writing(line)?.window_add(),
    },
    Command {
        words: "window list",
        options: &[flag("all"), JSON],
        run: |line| Desk::reading(line)?.window_list(),
    },
    Command {
        words: "window end ID",
        options: &[BY, flag("for-good")],
        run: |line| Desk::writing(line)?.window_end(),
    },
    Command {
        words: "note add KIND TARGET",
        options: &[BY, text("text")],
        run: |line| Desk::writing(line)?.note_add(),
    },
    Command {
        words: "note list KIND TARGET",
        options: &[JSON],
        run: |line| Desk::reading(line)?.note_list(),
    },
    Command {
        words: "audit",
        options: &[text("month"), CUSTOMER, JSON],
        run: |line| Desk::reading(line)?.audit(),
    },
    Command {
        words: "link rotate",
        options: &[BY],
        run: |line| Desk::writing(line)?.link_rotate(),
    },
];

/// Who acts; every command that changes something asks for it.
const BY: Opt = text("by");
const JSON: Opt = flag("json");
const CUSTOMER: Opt = text("customer");
const SYSTEM: Opt = text("system");
const AGENT: Opt = text("agent");
