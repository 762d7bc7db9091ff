//! The configuration with the secrets that it names, for whoever runs by it; and the one that was accepted before it.

use super::exit::Stop;
use super::test::{ask, control_sockets};
use hansho::config::key_file::{self, AgentKey};
use hansho::config::plan::Spool;
use hansho::config::{self, ConfigError, ConfigErrors, ConfigFile, Plan};
use hansho::keeper::kept::{self, Owner};
use hansho::limit::REFUSED_WHY_BYTES;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A configuration that can be run by.
pub(crate) struct Accepted {
    pub(crate) plan: Plan,
    pub(crate) key: AgentKey,
    pub(crate) proxy_password: Option<String>,
    pub(crate) files: Vec<ConfigFile>,
}

/// One that cannot, and where its rings would be, as far as that can be read.
pub(crate) struct Refused {
    pub(crate) errors: ConfigErrors,
    pub(crate) spool: Spool,
}

/// Reads a configuration, the key and the password that it names.
pub(crate) fn read(path: &Path) -> Result<Accepted, Refused> {
    let found = config::find(path);
    let refused = |errors: ConfigErrors| Refused {
        errors,
        spool: found.spool.clone(),
    };
    let plan = found.plan.map_err(refused)?;
    let (key, proxy_password) = secrets(&plan).map_err(|error| refused(error.into()))?;
    Ok(Accepted {
        plan,
        key,
        proxy_password,
        files: found.files,
    })
}

fn secrets(plan: &Plan) -> Result<(AgentKey, Option<String>), ConfigError> {
    Ok((key_file::read(&plan.agent.key_file)?, proxy_password(plan)?))
}

/// The password of the proxy's user, where there is one.
pub(crate) fn proxy_password(plan: &Plan) -> Result<Option<String>, ConfigError> {
    let user = plan
        .forward
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.user.as_ref());
    user.map(|(_, file)| config::secret::read(file, "one line: the password of forward.proxy_user"))
        .transpose()
}

/// The configuration that an agent of this one accepted last, in place of one that is refused.
pub(crate) fn last_accepted(path: &Path, spool: &Spool) -> Option<Accepted> {
    let search = kept::search(path, spool, Owner::Own);
    for passed_by in &search.passed_by {
        log::error!("not used: {passed_by}");
    }
    let (plan, kept, place) = search.found?;
    match secrets(&plan) {
        Ok((key, proxy_password)) => {
            log::warn!(
                "the last accepted configuration is in force: {}",
                place.join(kept::KEPT_FILE).display()
            );
            Some(Accepted {
                plan,
                key,
                proxy_password,
                files: kept.files,
            })
        }
        Err(error) => {
            let place = place.join(kept::KEPT_FILE);
            log::error!("not used: {}: {error}", place.display());
            None
        }
    }
}

/// The first fault in words, for `status`, and how many more there are.
pub(crate) fn why(errors: &ConfigErrors) -> String {
    let list = errors.list();
    let mut why = list.first().map(ToString::to_string).unwrap_or_default();
    why.truncate(why.floor_char_boundary(REFUSED_WHY_BYTES.saturating_sub(32)));
    match list.len() {
        0 | 1 => {}
        2 => why.push_str(" (and 1 more)"),
        count => why.push_str(&format!(" (and {} more)", count.saturating_sub(1))),
    }
    why
}

/// The configuration of an agent that is asked something: where it is refused, the one that it runs by, if that is known.
///
/// # Errors
/// As `hansho check`.
pub(crate) fn of_running(path: &Path) -> Result<Plan, Stop> {
    of_running_and_why(path).map(|(plan, _)| plan)
}

/// The same, with the first fault of the one that the host has.
///
/// # Errors
/// As `hansho check`.
pub(crate) fn of_running_and_why(path: &Path) -> Result<(Plan, Option<String>), Stop> {
    let found = config::find(path);
    let errors = match found.plan {
        Ok(plan) => return Ok((plan, None)),
        Err(errors) => errors,
    };
    match kept::search(path, &found.spool, Owner::Readable).found {
        Some((plan, ..)) => Ok((plan, Some(why(&errors)))),
        None => Err(errors.into()),
    }
}

/// What a running agent says of its configuration.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct InForce {
    /// The absolute path of its agent.toml.
    pub(crate) file: String,
    /// Of what it accepted last.
    #[serde(skip)]
    pub(crate) fingerprint: Option<u64>,
    /// Configurations that it took, and refused, since it was started.
    pub(crate) taken: Option<u64>,
    pub(crate) refusals: Option<u64>,
    /// Keys that changed and wait for a restart.
    pub(crate) later: Vec<String>,
    /// The first fault of the one that the host has now, where that is refused.
    pub(crate) refused: Option<String>,
}

impl InForce {
    fn parse(answer: &str) -> Option<Self> {
        let mut lines = answer.lines();
        (lines.next() == Some("ok")).then_some(())?;
        let mut told = Self::default();
        for (key, value) in lines.filter_map(|line| line.split_once('=')) {
            match key {
                "file" => value.clone_into(&mut told.file),
                "fingerprint" => told.fingerprint = u64::from_str_radix(value, 16).ok(),
                "taken" => told.taken = value.parse().ok(),
                "refusals" => told.refusals = value.parse().ok(),
                "later" => told.later = value.split_whitespace().map(str::to_owned).collect(),
                "refused" if !value.is_empty() => told.refused = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(told)
    }

    /// Asks the agent that runs with these directories; `None` where none answers or it does not know.
    pub(crate) fn ask(sockets: &[PathBuf]) -> Option<Self> {
        Self::parse(&ask(sockets, "configuration").ok()?)
    }
}

/// What an agent of this configuration runs by, in words for whoever checks it: it runs or not, with what, and why.
pub(crate) fn in_force(path: &Path, spool: &Spool, plan: Option<&Plan>) -> Vec<String> {
    let spools = kept_spools(path, spool);
    let running = spools
        .iter()
        .find_map(|spool| InForce::ask(&control_sockets(spool)))
        .filter(|running| running.file == kept::absolute(path));
    let mut said = Vec::new();
    match (&running, plan) {
        (Some(running), Some(plan)) => {
            if running.fingerprint != Some(plan.fingerprint()) {
                said.push(
                    "the running agent has not taken this configuration: systemctl reload hansho (SIGHUP to it)".into(),
                );
            }
            if !running.later.is_empty() {
                said.push(format!(
                    "acts when the agent is started again: {}",
                    running.later.join(", ")
                ));
            }
        }
        (Some(_), None) => said.push(
            "in force at the running agent: the configuration that it accepted last; this one is refused".into(),
        ),
        (None, None) => {
            let search = kept::search(path, spool, Owner::Readable);
            said.extend(search.found.map(|(_, _, place)| {
                format!(
                    "an agent that is started now runs by the last accepted configuration, {}",
                    place.join(kept::KEPT_FILE).display()
                )
            }));
            said.extend(
                search
                    .passed_by
                    .into_iter()
                    .map(|why| format!("not used: {why}")),
            );
        }
        (None, Some(_)) => {}
    }
    said
}

/// Where an agent of this configuration may have its socket: as the files say, and as what was accepted before says.
fn kept_spools(path: &Path, spool: &Spool) -> Vec<Spool> {
    let kept = kept::search(path, spool, Owner::Readable).found;
    let kept = kept.map(|(plan, ..)| plan.spool);
    [spool.clone()].into_iter().chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::InForce;

    #[test]
    fn what_an_agent_says_is_read_and_other_answers_are_not() {
        let told = InForce::parse(
            "ok\nfile=/a=b/agent.toml\nfingerprint=00ff\ntaken=2\nrefusals=1\nlater=spool.disk spool.memory_size\nrefused=x:1: y\nnew=1",
        );
        let expected = InForce {
            file: "/a=b/agent.toml".into(),
            fingerprint: Some(255),
            taken: Some(2),
            refusals: Some(1),
            later: vec!["spool.disk".into(), "spool.memory_size".into()],
            refused: Some("x:1: y".into()),
        };
        assert_eq!(told, Some(expected));
        assert_eq!(InForce::parse("error expected: ping"), None);
        assert_eq!(InForce::parse("ok\nrefused=").unwrap().refused, None);
    }
}
