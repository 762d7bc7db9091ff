//! `[[receiver]]` and `[[team]]`: who is told.

use super::files::Files;
use super::reader::{Row, Seen, place};
use super::roster::{self, Roster};
use super::value::{Secret, Text, is_address};
use crate::limit::LIST_ITEMS;
use crate::zone::Zone;
use hansho::code::Language;
use std::collections::BTreeSet;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// When the second on duty is told, by default: time to wake up, read and press the button.
const ESCALATE_MS: u64 = 5 * MINUTE_MS;
/// Mails to one receiver in an hour, by default: one a minute is more than anybody reads.
const MAILS_PER_HOUR: u32 = 60;

/// Somebody who is told: a person, an address list or a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Unique.
    pub id: String,
    /// As mails and pages name it.
    pub name: Text,
    /// The way there.
    pub channel: Channel,
    /// Language of what it gets; `None` for that of the customer.
    pub language: Option<Language>,
    /// Keeps the subject of a thread's first mail: some mail clients begin a new conversation when it changes.
    pub constant_subject: bool,
    /// HTML beside the plain text.
    pub html: bool,
    /// To call.
    pub telephone: Option<String>,
    /// Ceiling of mails in an hour; beyond it they are gathered.
    pub max_mails_per_hour: u32,
}

/// The way to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Mail to these addresses.
    Mail(Vec<String>),
    /// An HTTP POST, signed with the secret.
    Webhook {
        /// Where to.
        url: String,
        /// Key of the signature.
        secret: Secret,
    },
    /// An Alertmanager, by its API v2.
    Alertmanager {
        /// Its address; `/api/v2/alerts` is appended.
        url: String,
    },
}

/// A team: owns systems, has a roster and receivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Unique.
    pub id: String,
    /// As mails and pages name it.
    pub name: Text,
    /// To call when in doubt.
    pub telephone: Option<String>,
    /// Who may decide what the response does not.
    pub decides: Option<Text>,
    /// Zone of its roster; `None` for that of the pages.
    pub zone: Option<Zone>,
    /// Who is on duty when.
    pub roster: Option<Roster>,
    /// Receivers that are always told, by id.
    pub receivers: Vec<String>,
    /// Receivers in Cc, by id.
    pub copy: Vec<String>,
    /// Without an acknowledgement the next on duty is told after this, and again after as much.
    pub escalate_after_ms: u64,
}

pub(super) fn receiver(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    files: &mut Files<'_>,
) -> Option<Receiver> {
    seen.known(
        row.table,
        row.name,
        &[
            "id",
            "name",
            "mail",
            "webhook",
            "alertmanager",
            "language",
            "constant_subject",
            "html",
            "telephone",
            "max_mails_per_hour",
        ],
    );
    let id = seen.needed_id(row, "id");
    let name = seen.name(row, "name");
    let channel = channel(seen, row, files);
    let language = seen.language(row, "language");
    let constant_subject = seen.flag(row, "constant_subject").unwrap_or(false);
    let html = seen.flag(row, "html").unwrap_or(false);
    let telephone = seen.telephone(row, "telephone");
    let max_mails_per_hour = seen
        .whole(row, "max_mails_per_hour", 1..=3600)
        .unwrap_or(MAILS_PER_HOUR);
    let id = id?;
    Some(Receiver {
        name: name.unwrap_or_else(|| Text::same(&id)),
        id,
        channel: channel?,
        language,
        constant_subject,
        html,
        telephone,
        max_mails_per_hour,
    })
}

fn channel(seen: &mut Seen<'_>, row: &Row<'_>, files: &mut Files<'_>) -> Option<Channel> {
    let allowed = "exactly one of mail = [\"a@example.jp\"], webhook = { url = \"https://...\", secret_file = \"...\" }, \
                   alertmanager = { url = \"https://...\" }";
    let given = ["mail", "webhook", "alertmanager"]
        .into_iter()
        .filter(|key| row.has(key));
    let given: Vec<&str> = given.collect();
    if given.len() != 1 {
        let found = if given.is_empty() {
            "none".to_owned()
        } else {
            given.join(" and ")
        };
        seen.refuse(
            row.line,
            place(row.name, "mail, webhook, alertmanager"),
            found,
            allowed,
        );
        return None;
    }
    if row.has("mail") {
        let allowed = format!(
            "one or a list of at most {LIST_ITEMS} mail addresses, ASCII only, without names"
        );
        let mut addresses: Vec<String> = seen.list(row, "mail", &allowed, |value| {
            value
                .as_str()
                .filter(|text| is_address(text))
                .map(str::to_owned)
        });
        let mut once = BTreeSet::new();
        addresses.retain(|address| once.insert(address.to_ascii_lowercase()));
        return (!addresses.is_empty()).then_some(Channel::Mail(addresses));
    }
    if let Some(hook) = seen.inner(row, "webhook", "receiver.webhook") {
        seen.known(hook.table, hook.name, &["url", "secret_file"]);
        seen.needs(&hook, "url", "the address that is posted to");
        seen.needs(
            &hook,
            "secret_file",
            "a file of mode 0600 with the key of the signature",
        );
        let url = seen.url(&hook, "url");
        let secret = files.secret(seen, &hook, "secret_file");
        return Some(Channel::Webhook {
            url: url?,
            secret: secret?,
        });
    }
    let alertmanager = seen.inner(row, "alertmanager", "receiver.alertmanager")?;
    seen.known(alertmanager.table, alertmanager.name, &["url"]);
    seen.needs(&alertmanager, "url", "the address of the Alertmanager");
    let url = seen.url(&alertmanager, "url")?;
    Some(Channel::Alertmanager { url })
}

pub(super) fn team(
    seen: &mut Seen<'_>,
    row: &Row<'_>,
    receivers: &BTreeSet<String>,
    files: &mut Files<'_>,
) -> Option<Team> {
    seen.known(
        row.table,
        row.name,
        &[
            "id",
            "name",
            "telephone",
            "decides",
            "time_zone_offset",
            "roster",
            "receivers",
            "copy",
            "escalate_after",
        ],
    );
    let id = seen.needed_id(row, "id");
    let name = seen.name(row, "name");
    let telephone = seen.telephone(row, "telephone");
    let decides = seen.text_in(row, "decides");
    let zone = seen.zone(row, "time_zone_offset");
    let roster = files
        .csv(seen, row, "roster")
        .map(|(path, bytes)| roster::parse(seen, &path, &bytes, receivers));
    let told = seen.references(row, "receivers", "receiver", receivers);
    let copy = seen.references(row, "copy", "receiver", receivers);
    let escalate_after_ms = seen
        .duration(row, "escalate_after", MINUTE_MS..=DAY_MS)
        .unwrap_or(ESCALATE_MS);
    if !row.has("receivers") && !row.has("roster") {
        seen.refuse(
            row.line,
            place(row.name, "receivers, roster"),
            "nothing",
            "receivers that are always told, or a roster, or both",
        );
    }
    let id = id?;
    Some(Team {
        name: name.unwrap_or_else(|| Text::same(&id)),
        id,
        telephone,
        decides,
        zone,
        roster,
        receivers: told,
        copy,
        escalate_after_ms,
    })
}
