//! A hook: the message as JSON, signed. docs/NOTIFY.md has its shape and how to check the signature.

use super::http::Client;
use super::notice::{AlertNotice, Body, Happened, ListNotice, Measured, Notice};
use super::outcome::Outcome;
use super::render::{Rendered, clean};
use super::template::kind;
use crate::limit::{MAIL_NAME_CHARACTERS, MAIL_ROWS};
use crate::store::Dated;
use hansho::clock::WallTime;
use hansho::code;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// Name of the header with time and signature.
pub const SIGNATURE: &str = "X-Hansho-Signature";

/// A hook.
pub struct Webhook {
    url: String,
    secret: Vec<u8>,
}

impl core::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Webhook")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// A hook at an address; the secret signs what is sent there.
    #[must_use]
    pub const fn new(url: String, secret: Vec<u8>) -> Self {
        Self { url, secret }
    }

    /// Posts a message. `id` is the same however often this decision is sent; `now` goes into the signature.
    #[must_use]
    pub fn post(
        &self,
        client: &Client,
        notice: &Notice,
        rendered: &Rendered,
        id: &str,
        now: WallTime,
    ) -> Outcome {
        let body = body(notice, rendered, id).to_string();
        let seconds = now.as_millis() / 1000;
        let Some(signature) = sign(&self.secret, seconds, body.as_bytes()) else {
            return Outcome::refused(None, "the secret cannot be a key");
        };
        let headers = [
            (SIGNATURE, format!("t={seconds},v1={signature}")),
            ("X-Hansho-Id", clean::line(id, MAIL_NAME_CHARACTERS)),
        ];
        client.post(&self.url, &headers, body.as_bytes())
    }
}

/// HMAC-SHA-256 (RFC 2104) of `SECONDS.BODY` in lower-case hexadecimal digits; `None` where the secret is no key.
#[must_use]
pub fn sign(secret: &[u8], seconds: u64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut hex = String::new();
    for byte in mac.finalize().into_bytes() {
        hex.push_str(&format!("{byte:02x}"));
    }
    Some(hex)
}

/// The JSON of a message.
#[must_use]
pub fn body(notice: &Notice, rendered: &Rendered, id: &str) -> Value {
    let mut all = json!({
        "version": 1,
        "id": id,
        "kind": kind(notice),
        "why": notice.why.word(),
        "language": notice.language.tag(),
        "written": notice.zone.rfc3339(notice.written),
        "subject": rendered.subject,
        "text": rendered.text,
        "link": notice.link,
    });
    let Some(fields) = all.as_object_mut() else {
        return all;
    };
    match &notice.body {
        Body::Alert(alert) => {
            fields.insert("alert".to_owned(), of_alert(notice, alert));
        }
        Body::List(list) => {
            fields.insert("list".to_owned(), of_list(notice, list));
        }
        Body::MailFailed(failed) => {
            let receiver = json!({
                "receiver": short(&failed.receiver),
                "undelivered": failed.undelivered,
                "permanent": failed.permanent,
                "alert": short(&failed.alert),
            });
            fields.insert("mail_failed".to_owned(), receiver);
        }
        Body::Daily(daily) => {
            let figures = json!({
                "collector": short(&daily.collector),
                "agents": daily.agents,
                "silent": daily.silent,
                "firing": daily.firing,
            });
            fields.insert("daily".to_owned(), figures);
        }
    }
    all
}

fn short(text: &str) -> String {
    clean::line(text, MAIL_NAME_CHARACTERS)
}

fn dated(notice: &Notice, moment: Option<Dated>) -> Value {
    moment.map_or(Value::Null, |moment| {
        json!({ "time": notice.zone.rfc3339(moment.wall), "clock": moment.quality.word() })
    })
}

fn measured(value: Option<Measured>) -> Value {
    value.map_or(Value::Null, |value| {
        json!({
            "quantity": value.quantity.map(hansho::rule::Quantity::name),
            "value": value.value,
            "total": value.total,
        })
    })
}

/// What an alert is, without its letter: the letter is of the message.
fn of_alert(notice: &Notice, alert: &AlertNotice) -> Value {
    let id = &alert.identity;
    let raised = !matches!(alert.happened, Happened::Resolved(_));
    let shown = code::display(id.code, raised).to_string();
    let (code, severity) = shown.split_once('-').unwrap_or((&shown, ""));
    let state = match &alert.happened {
        Happened::Resolved(_) => "resolved",
        Happened::Back(_) => "back",
        _ => "firing",
    };
    let mut times = Map::new();
    for (name, moment) in [
        ("occurred", alert.times.occurred),
        ("detected", alert.times.detected),
        ("notified", alert.times.notified),
        ("recovered", alert.times.recovered),
        ("resolved", alert.times.resolved),
    ] {
        times.insert(name.to_owned(), dated(notice, moment));
    }
    json!({
        "code": code,
        "severity": severity,
        "state": state,
        "test": alert.test,
        "customer": short(&id.customer),
        "system": short(&id.system),
        "host": id.host.as_deref().map(short),
        "subject": short(&id.subject),
        "alert": short(&id.alert),
        "started": notice.zone.rfc3339(id.started),
        "times": times,
        "value": measured(alert.value),
        "worst": measured(alert.worst.map(|worst| worst.value)),
        "count": alert.count,
        "taken_by": alert.owner.taken.as_ref().map(|taken| short(&taken.by)),
    })
}

fn of_list(notice: &Notice, list: &ListNotice) -> Value {
    let rows: Vec<Value> = list
        .rows
        .iter()
        .take(MAIL_ROWS)
        .map(|row| {
            json!({
                "code": format!("HNS{:04}", row.code),
                "firing": row.firing,
                "unknown": row.unknown,
                "system": short(&row.system),
                "host": short(&row.host),
                "subject": short(&row.subject),
                "occurred": dated(notice, row.occurred),
                "recovered": dated(notice, row.recovered),
                "value": measured(row.value),
                "link": row.link,
            })
        })
        .collect();
    json!({
        "customer": short(&list.customer_id),
        "from": notice.zone.rfc3339(list.from),
        "to": notice.zone.rfc3339(list.to),
        "total": list.total,
        "alerts": rows,
    })
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn the_signature_is_hmac_sha_256_of_time_and_body() {
        // printf '1795456749.{"version":1}' | openssl dgst -sha256 -hmac secret
        let signed = sign(b"secret", 1_795_456_749, b"{\"version\":1}").unwrap();
        assert_eq!(
            signed,
            "3d9abbc797b098ca1219a9e82ee9d8712441d155e7d0bc902bde683cf85cfc87"
        );
    }
}
