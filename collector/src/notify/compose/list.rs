//! A message that lists alerts, and one about messages that are not delivered.

use super::super::notice::{Body, ListKind, ListNotice, ListRow, MailFailed};
use super::super::thread::rank;
use super::alert::measured;
use super::{Desk, Subject, is_past};
use crate::config;
use crate::limit::{MAIL_ROWS, STEP_EVENTS};
use crate::store::{AlertId, Outgoing, Reason, Sending, StoreError, StoredAlert};
use hansho::code::{Severity, entry};
use hansho::frame::body::FLAG_UNKNOWN;

impl Desk<'_> {
    pub(super) fn list(
        &self,
        outgoing: &Outgoing,
        receiver: &config::Receiver,
    ) -> Result<Option<(String, Option<String>, Body)>, StoreError> {
        let mut subjects: Vec<Subject> = Vec::new();
        let mut since = outgoing.created;
        self.store.view(&mut |rows| {
            for id in rows.listed(outgoing.number)? {
                if let Some(alert) = rows.alert(id)? {
                    let stored = alert.stored;
                    let subject = self.subject(rows, alert, None)?;
                    if !is_past(outgoing, &subject) {
                        since = since.min(stored);
                        subjects.push(subject);
                    }
                }
            }
            Ok(())
        })?;
        let Some(first) = subjects.first() else {
            return Ok(None);
        };
        let customer = first.about.customer().to_owned();
        let language = self.language(receiver, &customer);
        let owner = self.owner(outgoing, first, language);
        let one_system = subjects
            .iter()
            .all(|one| one.about.place() == first.about.place());
        let one_customer = subjects.iter().all(|one| one.about.customer() == customer);
        let total = u64::try_from(subjects.len()).unwrap_or(u64::MAX);
        subjects.sort_by_key(|one| core::cmp::Reverse(weight(one)));
        let rows = subjects.iter().take(MAIL_ROWS);
        let notice = ListNotice {
            kind: match outgoing.reason {
                Reason::Digest => ListKind::Digest,
                Reason::Late => ListKind::Late,
                Reason::Grouped => ListKind::Group,
                _ => ListKind::Storm,
            },
            customer: if one_customer {
                owner.customer
            } else {
                String::from("*")
            },
            customer_id: if one_customer {
                customer.clone()
            } else {
                String::from("*")
            },
            system: one_system.then_some(owner.system),
            team: owner.team,
            from: since,
            to: outgoing.created,
            rows: rows.map(|one| self.row(outgoing, one, language)).collect(),
            total,
        };
        let link = self.base_url.map(|base| format!("{base}/"));
        Ok(Some((customer, link, Body::List(Box::new(notice)))))
    }

    /// What HNS9008 says: whose messages are not delivered, and which.
    pub(super) fn undelivered(
        &self,
        outgoing: &Outgoing,
        alert: &StoredAlert,
    ) -> Result<Body, StoreError> {
        let receiver = &alert.identity.subject;
        let known = self.configured.as_ref().receiver(receiver);
        let addresses = match known.map(|known| &known.channel) {
            Some(config::Channel::Mail(addresses)) => addresses.join(", "),
            Some(config::Channel::Webhook { url, .. } | config::Channel::Alertmanager { url }) => {
                place_of(url)
            }
            None => String::new(),
        };
        let mut troubled: Vec<Outgoing> = Vec::new();
        let mut codes: Vec<(u16, u64)> = Vec::new();
        self.store.view(&mut |rows| {
            troubled = rows.troubled(receiver, STEP_EVENTS)?;
            for message in &troubled {
                let mut about: Vec<AlertId> = rows.listed(message.number)?;
                about.extend(message.alert);
                for id in about {
                    if let Some(alert) = rows.alert(id)? {
                        let code = alert.identity.code;
                        match codes.iter_mut().find(|(known, _)| *known == code) {
                            Some((_, count)) => *count = count.saturating_add(1),
                            None => codes.push((code, 1)),
                        }
                    }
                }
            }
            Ok(())
        })?;
        let newest = troubled.first();
        let first_try = troubled
            .iter()
            .filter_map(|message| message.first_try)
            .min();
        let language = hansho::code::Language::Ja;
        Ok(Body::MailFailed(Box::new(MailFailed {
            receiver: known.map_or_else(
                || receiver.clone(),
                |known| {
                    known
                        .name
                        .get(known.language.unwrap_or(language))
                        .to_owned()
                },
            ),
            address: addresses,
            since: first_try.unwrap_or(alert.stored),
            undelivered: u64::try_from(troubled.len()).unwrap_or(u64::MAX),
            says: newest.map_or_else(String::new, |message| message.said.clone()),
            permanent: newest.is_some_and(|message| message.state == Sending::Refused),
            codes,
            instead: outgoing.to.clone(),
            alert: alert.id.to_string(),
        })))
    }

    fn row(&self, outgoing: &Outgoing, one: &Subject, language: hansho::code::Language) -> ListRow {
        let alert = &one.about.alert;
        let owner = self.owner(outgoing, one, language);
        ListRow {
            code: alert.identity.code,
            firing: alert.firing,
            unknown: alert.firing && alert.flags & FLAG_UNKNOWN != 0,
            system: owner.system,
            host: owner.host.unwrap_or_default(),
            subject: alert.identity.subject.clone(),
            occurred: alert.occurred.or(alert.detected),
            recovered: alert.recovered.or(alert.resolved),
            value: measured(alert, alert.value),
            taken_by: one.taken.as_ref().map(|taken| taken.by.clone()),
            link: self.page(alert.id),
        }
    }
}

/// Where a hook is, without what may be a key to it: whoever reads of its failure need not be able to post to it.
fn place_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or(authority);
    if rest.len() > authority.len() {
        format!("{scheme}://{host}/…")
    } else {
        format!("{scheme}://{host}")
    }
}

/// Open before over, errors before warnings, worse of a family before better, newer before older.
fn weight(one: &Subject) -> (bool, Option<Severity>, u8, u64) {
    let alert = &one.about.alert;
    let code = alert.identity.code;
    (
        alert.firing,
        entry(code).map(|entry| entry.severity),
        rank(code),
        alert.stored.as_millis(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_named_without_its_key() {
        for (url, shown) in [
            (
                "https://hooks.example.com/services/T0/B0/secret",
                "https://hooks.example.com/…",
            ),
            (
                "https://u:p@am.example.jp:9093",
                "https://am.example.jp:9093",
            ),
            ("http://a/?token=x@b", "http://a/…"),
            ("http://a?token=x@b", "http://a/…"),
        ] {
            assert_eq!(place_of(url), shown);
        }
    }
}
