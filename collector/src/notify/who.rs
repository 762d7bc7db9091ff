//! Who is responsible, from collector.toml.

use super::context::{About, Directory, Policy, Receiver, Routing};
use crate::clock::DAY_MS;
use crate::config;
use crate::directory::{self, Facts, Live, Routed};
use crate::store::{Agent, Channel};
use hansho::clock::WallTime;
use hansho::code::{Language, Urgency};
use std::sync::Arc;

/// The configuration in force, taken once for one piece of work.
#[derive(Clone, Debug)]
pub struct Configured {
    /// It.
    pub live: Arc<Live>,
}

impl Configured {
    /// What routing looks at of an alert.
    #[must_use]
    pub fn facts(about: &About) -> Facts<'_> {
        let subject = &about.alert.identity.subject;
        Facts {
            customer: about.customer(),
            system: about.system(),
            host: about.agent.as_ref().map_or("", |agent| &agent.name),
            site: match about.agent {
                Some(_) => None,
                None => about.alert.of_site().map(|(_, site)| site),
            },
            code: about.alert.identity.code,
            subject,
        }
    }

    /// The numbers of `[notify]`; Message-IDs have the domain of the mails' sender.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let notify = &self.live.notify;
        let mail = self.live.mail.as_ref();
        let domain = mail.and_then(|mail| mail.envelope_from.rsplit_once('@'));
        Policy {
            domain: domain
                .map_or("hansho.invalid", |(_, domain)| domain)
                .to_owned(),
            late_ms: notify.late_after_ms,
            group_after: u64::from(notify.storm_alerts),
            group_span_ms: notify.storm_window_ms,
            evidence_ms: notify.evidence_wait_ms,
        }
    }

    /// A receiver as decisions know it. Where no mail is sent, receivers of mail are not there.
    fn known(&self, id: &str, copy: bool) -> Option<Receiver> {
        let receiver = self.live.directory.receiver(id)?;
        let channel = match &receiver.channel {
            config::Channel::Mail(_) if self.live.mail.is_none() => return None,
            config::Channel::Mail(_) => Channel::Mail,
            config::Channel::Webhook { .. } => Channel::Webhook,
            config::Channel::Alertmanager { .. } => Channel::Alertmanager,
        };
        Some(Receiver {
            name: receiver.id.clone(),
            channel,
            shown: receiver.name.get(Language::Ja).to_owned(),
            copy,
            ceiling: u64::from(receiver.max_mails_per_hour),
        })
    }

    /// As A's routing has it.
    fn routed(&self, about: &About, at: WallTime) -> Routed {
        let facts = Self::facts(about);
        if about.alert.identity.test {
            self.live.directory.route_drill(&facts, at)
        } else {
            self.live.directory.route(&facts, at)
        }
    }
}

impl Directory for Configured {
    fn route(&self, about: &About, rank: u8, at: WallTime) -> Routing {
        let routed = self.routed(about, at);
        let receivers = if rank <= 1 {
            let told = routed.told.iter();
            told.filter_map(|told| self.known(&told.receiver, told.copy))
                .collect()
        } else {
            let steps = routed.escalation.iter().filter(|step| step.rank == rank);
            steps
                .filter_map(|step| self.known(&step.receiver, false))
                .collect()
        };
        Routing { receivers }
    }

    fn fallback(&self, about: &About) -> Routing {
        if self.routed(about, about.alert.stored).deliver == config::Deliver::Record {
            return Routing::default();
        }
        let fallback = self.live.notify.fallback.iter();
        Routing {
            receivers: fallback.filter_map(|id| self.known(id, false)).collect(),
        }
    }

    fn urgency(&self, about: &About) -> Urgency {
        match self.routed(about, about.alert.stored).deliver {
            config::Deliver::Now => Urgency::Now,
            config::Deliver::Digest => Urgency::WorkingHours,
            config::Deliver::Record => Urgency::Record,
        }
    }

    fn site(&self, agent: &Agent) -> Option<String> {
        let directory = &self.live.directory;
        let owner = directory.owner(&agent.customer, &agent.system, &agent.name);
        owner.site.map(|site| site.id)
    }

    fn next_digest(&self, customer: &str, after: WallTime) -> WallTime {
        let next = self.live.directory.next_digest(customer, after);
        // A customer without business days still hears of it.
        next.unwrap_or_else(|| WallTime::from_millis(after.as_millis().saturating_add(DAY_MS)))
    }

    fn repeat_ms(&self, about: &About) -> Option<u64> {
        let interval_ms = self.live.notify.repeat_after_ms?;
        Some(match self.urgency(about) {
            // It is listed again with the digest of another day.
            Urgency::WorkingHours => interval_ms.max(DAY_MS),
            _ => interval_ms,
        })
    }

    fn escalate_ms(&self, about: &About, rank: u8, at: WallTime) -> Option<u64> {
        let routed = self.routed(about, at);
        let steps = routed.escalation.iter().filter(|step| step.rank == rank);
        steps.map(|step| step.after_ms).min()
    }

    fn person(&self, id: &str) -> Option<Receiver> {
        self.known(id, false)
    }

    fn receiver(&self, name: &str) -> Option<Receiver> {
        self.known(name, false)
    }
}

/// The directory itself, for what messages say.
impl AsRef<directory::Directory> for Configured {
    fn as_ref(&self) -> &directory::Directory {
        &self.live.directory
    }
}
