//! Takes a message to its receiver, by the receiver's channel. May wait for the other side; never touches the store.

use super::alertmanager::Alertmanager;
use super::http::Client;
use super::letter::{Letter, Person};
use super::notice::Notice;
use super::outbox::{Attempt, Tried};
use super::outcome::Outcome;
use super::render::Rendered;
use super::smtp::{Delivery, Mailer, Settings};
use super::template::Templates;
use super::webhook::Webhook;
use crate::config::{self, Mail, Receiver};
use crate::store::Outgoing;
use hansho::clock::WallTime;

/// What messages are sent with: made anew when the configuration changes.
#[derive(Debug)]
pub struct Courier {
    mail: Option<(Mailer, Person)>,
    templates: Templates,
    client: Client,
    now: fn() -> WallTime,
}

impl Courier {
    /// From the configuration; connects to nobody yet. `now` is for signatures.
    ///
    /// # Errors
    /// In words: what is wrong with which setting.
    pub fn new(mail: Option<&Mail>, now: fn() -> WallTime) -> Result<Self, String> {
        let templates = match mail.and_then(|mail| mail.templates.as_ref()) {
            Some(directory) => Templates::load(directory).map_err(|faults| {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                faults.join("; ")
            })?,
            None => Templates::default(),
        };
        Ok(Self {
            client: Client::new(mail.and_then(|mail| mail.ca_file.as_deref()))?,
            mail: match mail {
                Some(mail) => Some((Mailer::new(Settings::of(mail))?, sender(mail))),
                None => None,
            },
            templates,
            now,
        })
    }

    /// Hands a message over, and says what became of it.
    #[must_use]
    pub fn take(&self, notice: &Notice, outgoing: &Outgoing, receiver: &Receiver) -> Attempt {
        let rendered = self.templates.render(notice);
        let subject = rendered.subject.clone();
        let mut attempt = match &receiver.channel {
            config::Channel::Mail(addresses) => {
                self.mail((notice, rendered), outgoing, (receiver, addresses))
            }
            config::Channel::Webhook { url, secret } => {
                let hook = Webhook::new(url.clone(), secret.reveal().as_bytes().to_vec());
                let id = &outgoing.message_id;
                let outcome = hook.post(&self.client, notice, &rendered, id, (self.now)());
                tried(&outcome).into()
            }
            config::Channel::Alertmanager { url } => {
                let to = Alertmanager::new(url);
                let outcome = to.post(&self.client, notice, &rendered, (self.now)());
                tried(&outcome).into()
            }
        };
        attempt.subject = subject;
        attempt
    }

    fn mail(
        &self,
        (notice, rendered): (&Notice, Rendered),
        outgoing: &Outgoing,
        (receiver, addresses): (&Receiver, &[String]),
    ) -> Attempt {
        let Some((mailer, from)) = &self.mail else {
            let said = String::from("[mail] is not configured");
            return Tried::Pointless { said }.into();
        };
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

fn tried(outcome: &Outcome) -> Tried {
    let said = outcome.to_string();
    match outcome {
        Outcome::Accepted { .. } => Tried::Delivered { said },
        Outcome::Later { .. } => Tried::Later { said },
        Outcome::Refused { .. } => Tried::Refused { said },
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
        subject: String::new(),
    }
}

fn sender(mail: &Mail) -> Person {
    Person {
        name: mail.from.name.clone(),
        address: mail.from.address.clone(),
    }
}
