//! What was agreed about a code, and what was not yet.

use super::Directory;
use crate::config::Response;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where a response stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// collector.toml.
    pub file: PathBuf,
    /// Line of its `[[response]]`.
    pub line: usize,
}

impl core::fmt::Display for Source {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{}:{}", self.file.display(), self.line)
    }
}

/// Something that a host can raise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Raise {
    /// The agent's name.
    pub host: String,
    /// The code.
    pub code: u16,
    /// The subject of the rule; empty where it has none.
    pub subject: String,
}

/// A code that a system can raise and about which nothing was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncovered {
    /// The code.
    pub code: u16,
    /// The hosts that can raise it without a response.
    pub hosts: Vec<String>,
}

impl Directory {
    /// What was agreed about a code, for a place and a subject: the narrowest of all that fit
    /// ([`Response::narrowness`]), of two alike the first in the file.
    #[must_use]
    pub fn response(
        &self,
        code: u16,
        customer: &str,
        system: &str,
        host: &str,
        subject: &str,
    ) -> Option<&Response> {
        let named =
            |name: &Option<String>, here: &str| name.as_deref().is_none_or(|name| name == here);
        let fits = |response: &&Response| {
            named(&response.customer, customer)
                && named(&response.system, system)
                && named(&response.host, host)
                && response
                    .subject
                    .as_ref()
                    .is_none_or(|glob| glob.matches(subject))
        };
        let mut best: Option<&Response> = None;
        let indices = self
            .responses
            .get(&code)
            .map(Vec::as_slice)
            .unwrap_or_default();
        for index in indices {
            let response = self.tables.responses.get(*index).filter(fits);
            let narrower = |best: &Response| {
                response.is_some_and(|other| other.narrowness() > best.narrowness())
            };
            if best.is_none_or(narrower) {
                best = response.or(best);
            }
        }
        best
    }

    /// Where a response stands.
    #[must_use]
    pub fn source(&self, response: &Response) -> Source {
        Source {
            file: self.file.clone(),
            line: response.line,
        }
    }

    /// Of all that the hosts of a system can raise, what no response fits: by code, with the hosts.
    #[must_use]
    pub fn uncovered(&self, customer: &str, system: &str, raises: &[Raise]) -> Vec<Uncovered> {
        let mut open: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        for raise in raises {
            let agreed = self.response(raise.code, customer, system, &raise.host, &raise.subject);
            if agreed.is_none() {
                open.entry(raise.code).or_default().push(raise.host.clone());
            }
        }
        open.into_iter()
            .map(|(code, mut hosts)| {
                hosts.sort_unstable();
                hosts.dedup();
                Uncovered { code, hosts }
            })
            .collect()
    }
}
