//! Takes a message to its receiver, by the receiver's channel. May wait for the other side; never touches the store.

use super::letter::{Letter, Person};
use super::notice::Notice;
use super::outbox::{Attempt, Tried};
use super::outcome::Outcome;
use super::render::render;
use super::smtp::{Delivery, Login, Mailer, Protection, Settings};
use crate::config::{self, Mail, MailTls, Receiver};
use crate::store::Outgoing;

/// What messages are sent with: made anew when the configuration changes.
#[derive(Debug)]
pub struct Courier {
    mail: Option<(Mailer, Person)>,
}

impl Courier {
    /// From the configuration; connects to nobody yet.
    ///
    /// # Errors
    /// In words: what is wrong with which setting.
    pub fn new(mail: Option<&Mail>) -> Result<Self, String> {
        let mail = match mail {
            Some(mail) => Some((Mailer::new(settings(mail))?, sender(mail))),
            None => None,
        };
        Ok(Self { mail })
    }

    /// Hands a message over, and says what became of it.
    #[must_use]
    pub fn take(&self, notice: &Notice, outgoing: &Outgoing, receiver: &Receiver) -> Attempt {
        match &receiver.channel {
            config::Channel::Mail(addresses) => self.mail(notice, outgoing, (receiver, addresses)),
            config::Channel::Webhook { .. } | config::Channel::Alertmanager { .. } => {
                Tried::Later {
                    said: String::from("no such channel yet"),
                }
                .into()
            }
        }
    }

    fn mail(
        &self,
        notice: &Notice,
        outgoing: &Outgoing,
        (receiver, addresses): (&Receiver, &[String]),
    ) -> Attempt {
        let Some((mailer, from)) = &self.mail else {
            let said = String::from("[mail] is not configured");
            return Tried::Pointless { said }.into();
        };
        let rendered = render(notice);
        let mut letter = Letter::new(
            notice,
            rendered,
            receiver.html,
            outgoing.message_id.clone(),
            from.clone(),
        );
        letter.in_reply_to = outgoing.references.first().cloned();
        letter.references.clone_from(&outgoing.references);
        let name = receiver.name.get(notice.language);
        let name = (addresses.len() == 1).then(|| name.to_owned());
        letter.to = addresses
            .iter()
            .filter(|address| !outgoing.served.contains(address))
            .map(|address| Person {
                name: name.clone(),
                address: address.clone(),
            })
            .collect();
        attempt(&mailer.send(&letter))
    }
}

/// One word for all addresses: it goes on while one of them may take it later, and is delivered once none is left of whom one took it.
fn attempt(deliveries: &[Delivery]) -> Attempt {
    let mut served = Vec::new();
    let mut later = None;
    let mut refused = None;
    let mut accepted = None;
    for delivery in deliveries {
        let said = delivery.outcome.to_string();
        match &delivery.outcome {
            Outcome::Accepted { .. } => {
                served.push(delivery.address.clone());
                accepted = Some(said);
            }
            Outcome::Later { .. } => later = Some(said),
            Outcome::Refused { .. } => refused = Some(format!("{}: {said}", delivery.address)),
        }
    }
    let some_refused = refused.is_some() && (accepted.is_some() || later.is_some());
    let tried = match (later, accepted, refused) {
        (Some(said), ..) => Tried::Later { said },
        (None, Some(_), Some(said)) | (None, Some(said), None) => Tried::Delivered { said },
        (None, None, Some(said)) => Tried::Refused { said },
        // Every address was served by an earlier try.
        (None, None, None) => Tried::Delivered {
            said: String::new(),
        },
    };
    Attempt {
        tried,
        served,
        some_refused,
    }
}

fn sender(mail: &Mail) -> Person {
    Person {
        name: mail.from.name.clone(),
        address: mail.from.address.clone(),
    }
}

fn settings(mail: &Mail) -> Settings {
    let protection = match mail.tls {
        MailTls::Starttls => Protection::Starttls,
        MailTls::Tls => Protection::Tls,
        MailTls::None => Protection::None,
    };
    let mut settings = Settings::new(
        mail.host.clone(),
        mail.port,
        protection,
        mail.envelope_from.clone(),
    );
    settings.ca_file.clone_from(&mail.ca_file);
    settings.login = mail.login.as_ref().map(|(name, password)| Login {
        name: name.clone(),
        password: password.reveal().to_owned(),
    });
    settings.max_per_second = mail.max_per_second;
    settings
}
