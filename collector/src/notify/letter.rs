//! A mail with its headers, and its bytes (RFC 5322, MIME). [`super::smtp`] hands it over.

use super::notice::{Body, Notice};
use super::outcome::Outcome;
use super::render::Rendered;
use crate::clock;
use crate::limit::{MESSAGE_ID_BYTES, RECIPIENTS, REFERENCES};
use hansho::clock::WallTime;
use hansho::code;
use lettre::address::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

/// An address, and the name before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name as shown.
    pub name: Option<String>,
    /// Address: `sato@example.jp`.
    pub address: String,
}

/// One mail to one group of recipients, all of whom see one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// `<left@right>`, the same however often this decision is sent: mail readers show it once.
    pub message_id: String,
    /// Message-ID of the thread's first mail; `None` for that.
    pub in_reply_to: Option<String>,
    /// Message-IDs of the thread, the first first.
    pub references: Vec<String>,
    /// When the decision was made: a repetition keeps it.
    pub date: WallTime,
    /// Who writes.
    pub from: Person,
    /// To.
    pub to: Vec<Person>,
    /// Cc.
    pub cc: Vec<Person>,
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML, for receivers who asked for it.
    pub html: Option<String>,
    /// Further headers: names beginning with `X-Hansho-`, values harmless lines.
    pub headers: Vec<(&'static str, String)>,
}

impl Letter {
    /// Subject and text of a rendered notice, with the headers that rules of mail readers look at.
    #[must_use]
    pub fn new(
        notice: &Notice,
        rendered: Rendered,
        html: bool,
        message_id: String,
        from: Person,
    ) -> Self {
        Self {
            message_id,
            in_reply_to: None,
            references: Vec::new(),
            date: notice.written,
            from,
            to: Vec::new(),
            cc: Vec::new(),
            subject: rendered.subject,
            text: rendered.text,
            html: html.then_some(rendered.html),
            headers: headers(notice),
        }
    }

    /// To and Cc.
    pub fn recipients(&self) -> impl Iterator<Item = &Person> {
        self.to.iter().chain(&self.cc)
    }

    /// The bytes of the mail, all ASCII.
    ///
    /// # Errors
    /// In words: an address, Message-ID or header that cannot be one.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        let mut builder = lettre::Message::builder()
            .message_id(Some(message_id(&self.message_id)?))
            .date(clock::system(self.date))
            .from(mailbox(&self.from)?)
            .subject(self.subject.clone())
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned())?)
            // Exchange answers machines too unless told not to (MS-OXCMAIL, 2.2.3.2.14).
            .raw_header(header(
                "X-Auto-Response-Suppress",
                "OOF, AutoReply".to_owned(),
            )?);
        if self.recipients().count() > RECIPIENTS || self.recipients().count() == 0 {
            return Err(format!("a mail has 1 to {RECIPIENTS} recipients"));
        }
        for person in &self.to {
            builder = builder.to(mailbox(person)?);
        }
        for person in &self.cc {
            builder = builder.cc(mailbox(person)?);
        }
        if let Some(first) = &self.in_reply_to {
            builder = builder.in_reply_to(message_id(first)?);
        }
        let thread = newest(&self.references);
        if !thread.is_empty() {
            let ids: Result<Vec<String>, String> = thread.into_iter().map(message_id).collect();
            builder = builder.references(ids?.join(" "));
        }
        for (name, value) in &self.headers {
            builder = builder.raw_header(header(name, value.clone())?);
        }
        let message = match &self.html {
            None => builder.singlepart(SinglePart::plain(self.text.trim_end().to_owned())),
            Some(html) => builder.multipart(
                MultiPart::alternative()
                    .boundary(boundary(&self.message_id))
                    .singlepart(SinglePart::plain(self.text.trim_end().to_owned()))
                    .singlepart(SinglePart::html(html.trim_end().to_owned())),
            ),
        };
        let mut bytes = message.map_err(|error| error.to_string())?.formatted();
        // Whoever hands it over ends it with a line break of its own.
        while bytes.ends_with(b"\r\n") {
            bytes.truncate(bytes.len().saturating_sub(2));
        }
        Ok(bytes)
    }
}

/// The first and the newest of a thread, [`REFERENCES`] in all.
fn newest(references: &[String]) -> Vec<&String> {
    let skipped = references.len().saturating_sub(REFERENCES);
    references
        .iter()
        .enumerate()
        .filter(|(index, _)| *index == 0 || *index > skipped || skipped == 0)
        .map(|(_, id)| id)
        .collect()
}

/// A boundary that is the same for the same decision: a repetition is the same mail, byte for byte.
fn boundary(message_id: &str) -> String {
    let plain: String = message_id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(40)
        .collect();
    format!("hansho-{plain}")
}

/// Checks a Message-ID: `<left@right>` of visible ASCII (RFC 5322, 3.6.4).
fn message_id(id: &String) -> Result<String, String> {
    let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let good = inner
        .and_then(|inner| inner.split_once('@'))
        .is_some_and(|(left, right)| {
            let part = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() && !b"<>@\"(),;:\\".contains(&byte))
            };
            part(left) && part(right)
        });
    if good && id.len() <= MESSAGE_ID_BYTES {
        Ok(id.clone())
    } else {
        Err(format!("{id:?} is no Message-ID of the form <left@right>"))
    }
}

fn header(name: &str, value: String) -> Result<HeaderValue, String> {
    if value.chars().any(char::is_control) {
        return Err(format!("the value of {name} has control characters"));
    }
    let name = HeaderName::new_from_ascii(name.to_owned())
        .map_err(|_| format!("{name:?} is no name of a header"))?;
    Ok(HeaderValue::new(name, value))
}

/// Checks an address: ASCII only, since servers without SMTPUTF8 are many.
pub(super) fn address(text: &str) -> Result<Address, Outcome> {
    let parsed = text.parse::<Address>().ok().filter(|_| text.is_ascii());
    parsed.ok_or_else(|| Outcome::refused(None, &format!("{text:?} is no mail address of ASCII")))
}

fn mailbox(person: &Person) -> Result<Mailbox, String> {
    let address = address(&person.address).map_err(|outcome| outcome.to_string())?;
    let name = person
        .name
        .as_deref()
        .map(|name| super::render::clean::line(name, crate::limit::MAIL_NAME_CHARACTERS))
        .filter(|name| !name.is_empty());
    Ok(Mailbox::new(name, address))
}

/// The headers that rules of mail readers and gateways look at.
fn headers(notice: &Notice) -> Vec<(&'static str, String)> {
    let line = |text: &str| super::render::clean::line(text, crate::limit::MAIL_NAME_CHARACTERS);
    let mut all = vec![("X-Hansho-Why", notice.why.word().to_owned())];
    match &notice.body {
        Body::Alert(alert) => {
            let id = &alert.identity;
            let raised = !matches!(alert.happened, super::notice::Happened::Resolved(_));
            all.push(("X-Hansho-Code", code::display(id.code, raised).to_string()));
            all.push(("X-Hansho-Customer", line(&id.customer)));
            all.push(("X-Hansho-System", line(&id.system)));
            if let Some(host) = &id.host {
                all.push(("X-Hansho-Host", line(host)));
            }
            all.push(("X-Hansho-Alert", line(&id.alert)));
            if alert.test {
                all.push(("X-Hansho-Test", "true".to_owned()));
            }
        }
        Body::List(list) => all.push(("X-Hansho-Customer", line(&list.customer_id))),
        Body::MailFailed(failed) => {
            all.push(("X-Hansho-Code", code::display(9008, true).to_string()));
            all.push(("X-Hansho-Alert", line(&failed.alert)));
        }
        Body::Daily(daily) => all.push(("X-Hansho-Collector", line(&daily.collector))),
    }
    all.retain(|(_, value)| !value.is_empty());
    all
}
