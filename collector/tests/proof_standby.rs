//! Two collectors over one store: the active one is killed before it tells of a silence, between the decision and the mail, and
//! after the mail. Each silence is raised once, each mail has one Message-ID, and the other goes on.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod proof_support;

use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho_collector::store::{Outcome, Sending, SilenceCause, Standing, Store as _};
use proof_support::mail_common::{Postfix, certificate, free_port};
use proof_support::support::Folder;
use proof_support::{
    Agent, Played, Serving, add, agent_program, alerts_of, configure_agent, decisions,
    forget_rings, log, mails, outbox, own_codes, standing, until, watched,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Two configurations that differ in where they listen.
fn configure(here: &Path, mail_port: u16, authority: &str) -> [String; 2] {
    fs::write(here.join("mail-ca.pem"), authority).unwrap();
    ["one", "two"].map(|name| {
        let port = free_port();
        fs::write(
            here.join(format!("{name}.toml")),
            format!(
                "config_version = 1\n\
                 [ingest]\nlisten = \"127.0.0.1:{port}\"\n[pages]\nlisten = \"127.0.0.1:0\"\n\
                 [store]\ndirectory = \"data\"\n[presence]\nnotify_after = \"10s\"\n\
                 [[receiver]]\nid = \"sato\"\nmail = \"sato@example.jp\"\n\
                 [[team]]\nid = \"order-ops\"\nreceivers = [\"sato\"]\n\
                 [[customer]]\nid = \"mirai\"\n\
                 [[system]]\ncustomer = \"mirai\"\nid = \"order\"\nteam = \"order-ops\"\n\
                 [mail]\nhost = \"localhost\"\nport = {mail_port}\nca_file = \"mail-ca.pem\"\n\
                 from = \"hansho@collector.example.jp\"\n"
            ),
        )
        .unwrap();
        format!("http://127.0.0.1:{port}/")
    })
}

/// The active collector and the one that waits.
struct Pair<'h> {
    here: &'h Path,
    active: Serving,
    waiting: Serving,
    /// Which configuration the active one has: 0 or 1.
    which: usize,
    kills: u32,
}

const FILES: [&str; 2] = ["one.toml", "two.toml"];

impl<'h> Pair<'h> {
    fn start(here: &'h Path) -> Self {
        let active = Serving::start(here, FILES[0]);
        Self {
            here,
            active,
            waiting: wait(here, FILES[1], 1),
            which: 0,
            kills: 0,
        }
    }

    /// Kills the active one, sees the other take its place, and starts the killed one again as the one that waits.
    fn kill(self) -> Self {
        let killed = Instant::now();
        self.active.kill();
        let active = self.waiting.listening(self.here);
        println!(
            "the other listened {} ms later",
            killed.elapsed().as_millis()
        );
        let kills = self.kills + 1;
        Self {
            here: self.here,
            active,
            waiting: wait(self.here, FILES[self.which], kills as usize + 1),
            which: 1 - self.which,
            kills,
        }
    }
}

/// Starts a collector that waits, and waits until it says so for the `nth` time in the folder.
fn wait(here: &Path, config: &str, nth: usize) -> Serving {
    let waiting = Serving::begin(here, config, &["serve", "--standby"]);
    let said = || log(here).matches("waiting to take its place").count();
    until("the second one waits", || (said() >= nth).then_some(()));
    waiting
}

#[test]
fn one_is_killed_the_other_goes_on_and_nothing_is_told_twice() {
    let Some(program) = agent_program() else {
        return;
    };
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-standby");
    let here = folder.path();
    let urls = configure(here, postfix.port, &own.certificate);
    let mut played: Vec<Played> = ["before", "between", "after"]
        .map(|name| add(here, FILES[0], name, "mirai/order"))
        .to_vec();
    let real = add(here, FILES[0], "real", "mirai/order");
    let home = here.join("real");
    configure_agent(&home, &here.join("real.key"), &urls);
    let mut pair = Pair::start(here);
    let agent = Agent::start(&program, &home, &[]);
    until("the agent is heard", || watched(here, real.id));

    // Killed before 9001: the silence is shown in the store, and nobody was told.
    let address = pair.active.ingest.clone();
    for agent in &mut played {
        let hello = agent.hello("web");
        assert!(agent.post(&address, &[hello]));
    }
    let [before, between, after] = [0, 1, 2].map(|index: usize| played[index].id);
    let mut alive = played.split_off(1);
    // The others go on posting while it is waited; whichever collector is there takes it.
    let beat = |alive: &mut Vec<Played>, address: &str| {
        for agent in alive.iter_mut() {
            agent.post(address, &[]);
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    until("the first is shown as silent", || {
        beat(&mut alive, &address);
        (standing(here, before) == Standing::Silent).then_some(())
    });
    assert!(alerts_of(here, before, 9001).is_empty(), "{}", log(here));
    pair = pair.kill();
    let address = pair.active.ingest.clone();
    until("its mail", || {
        beat(&mut alive, &address);
        (mails(&postfix, "sato").len() == 1).then_some(())
    });

    // Killed between decision and mail: the server has the connection and says nothing yet.
    postfix.pause();
    let mut last = alive.split_off(1);
    until("its message is claimed", || {
        beat(&mut last, &address);
        let all = outbox(here);
        let claimed = all.iter().find(|message| message.state == Sending::Claimed);
        claimed.map(|_| ())
    });
    assert_eq!(alerts_of(here, between, 9001).len(), 1);
    pair = pair.kill();
    postfix.resume();
    let address = pair.active.ingest.clone();
    until("the second mail", || {
        beat(&mut last, &address);
        (mails(&postfix, "sato").len() >= 2).then_some(())
    });

    // Killed after the mail, at once.
    until("the third mail", || {
        let ids: Vec<String> = mails(&postfix, "sato")
            .into_iter()
            .map(|mail| mail.id)
            .collect();
        let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
        (distinct.len() == 3).then_some(())
    });
    pair = pair.kill();

    // The real agent went on through three changes, and its own end is told by the fourth collector.
    assert_eq!(own_codes(here, real.id), Vec::<u16>::new(), "{}", log(here));
    let then = seen(here, real.id);
    until("the agent posts to the other", || {
        (seen(here, real.id) > then).then_some(())
    });
    agent.kill();
    let told = until("its silence is told", || {
        let alerts = alerts_of(here, real.id, 9001);
        let done = outbox(here).iter().all(|message| message.state.is_final());
        (done
            && alerts
                .first()
                .is_some_and(|(alert, _)| alert.notified.is_some()))
        .then_some(alerts)
    });
    assert_eq!(told[0].1.silence, Some(SilenceCause::Unknown));
    until("its mail", || {
        let mails = mails(&postfix, "sato");
        let alert = told[0].0.id.to_string();
        mails.iter().any(|mail| mail.alert == alert).then_some(())
    });

    check(
        here,
        &postfix,
        &[before, between, after, real.id],
        pair.kills,
    );
    forget_rings(&[&home]);
}

fn seen(here: &Path, agent: AgentId) -> Option<WallTime> {
    let agents = proof_support::store(here).agents().unwrap();
    let known = agents.into_iter().find(|known| known.id == agent);
    known.unwrap().last_seen
}

/// One alert, one decision that tells, one Message-ID each.
fn check(here: &Path, postfix: &Postfix, silent: &[AgentId], kills: u32) {
    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in mails(postfix, "sato") {
        of.entry(mail.id).or_default().push(mail.alert);
    }
    for agent in silent.iter().copied() {
        assert_eq!(own_codes(here, agent), [9001], "{}", log(here));
        let (alert, _) = alerts_of(here, agent, 9001).remove(0);
        let decided = decisions(here, &alert);
        let told = decided.iter().filter(|one| one.outcome == Outcome::Told);
        assert_eq!(told.count(), 1, "{decided:?}");
        let named = alert.id.to_string();
        let ids = of.iter().filter(|(_, alerts)| alerts.contains(&named));
        assert_eq!(ids.count(), 1, "{of:?}");
    }
    let arrived: usize = of.values().map(Vec::len).sum();
    assert_eq!(of.len(), 4, "{of:?}");
    println!(
        "{} kills, 4 silences: 4 alerts, 4 Message-IDs, {arrived} mails",
        kills
    );
}
