//! The clock of a running collector steps, by an hour, a day and a year, ahead and back, while agents go on posting: nobody is
//! called silent, nothing is told twice or late, and retention deletes nothing of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod proof_support;

use hansho::clock::WallTime;
use hansho_collector::clock::Date;
use hansho_collector::store::{AlertFilter, Outcome, Reason, Store as _, StoredAlert};
use proof_support::faketime::Clock;
use proof_support::mail_common::{Postfix, certificate, parsed};
use proof_support::site::{CONFIG, Site};
use proof_support::support::Folder;
use proof_support::{
    alerts, alerts_of, decisions, http, log, mails, outbox, own_codes, store, until,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;
const YEAR_S: i64 = 365 * DAY_S;
/// What time is let on by at once: less than what the collector takes for a step, and than what agents promise.
const TICK_S: i64 = 20;

fn configure(here: &Path, (postfix, authority): (&Postfix, &str), escalate_after: &str) {
    fs::write(here.join("mail-ca.pem"), authority).unwrap();
    fs::write(
        here.join("order.csv"),
        "from,to,first,second,third\n2020-01-01,2040-01-01,sato,suzuki,\n",
    )
    .unwrap();
    fs::write(
        here.join(CONFIG),
        format!(
            "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n\
             [pages]\nlisten = \"127.0.0.1:0\"\nbase_url = \"http://hansho.example.jp\"\n\
             [store]\ndirectory = \"data\"\nretention_days = 30\nalerts_days = 30\nevents_days = 30\noutbox_days = 30\n\
             [presence]\nnotify_after = \"10s\"\n[notify]\nrepeat_after = \"4h\"\n\
             [[receiver]]\nid = \"sato\"\nmail = \"sato@example.jp\"\n\
             [[receiver]]\nid = \"suzuki\"\nmail = \"suzuki@example.jp\"\n\
             [[team]]\nid = \"order-ops\"\nroster = \"order.csv\"\nescalate_after = \"{escalate_after}\"\n\
             [[customer]]\nid = \"mirai\"\n\
             [[system]]\ncustomer = \"mirai\"\nid = \"order\"\nteam = \"order-ops\"\n\
             [mail]\nhost = \"localhost\"\nport = {}\nca_file = \"mail-ca.pem\"\nfrom = \"hansho@collector.example.jp\"\n",
            postfix.port
        ),
    )
    .unwrap();
}

/// Three agents that promise a post each half minute; the collector judges.
fn start<'h>(here: &'h Path, clock: &'h Clock, postfix: &'h Postfix) -> Site<'h> {
    let hosts = ["web01", "web02", "web03"].map(|name| (name, "mirai/order"));
    let site = Site::start(here, (clock, postfix), hosts);
    site.judged();
    site
}

impl Site<'_> {
    /// Waits until the collector judged after now, by its own clock.
    fn judged(&self) {
        let since = self.clock.now_ms();
        until("the collector judges", || {
            let proved = self.proved_ms()?;
            // It proves its life each ten seconds at the most.
            (proved + 10_000 >= since && proved <= since + 600_000).then_some(())
        });
    }

    /// Lets time pass in which agents post.
    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds / TICK_S {
            self.clock.step(TICK_S);
            self.post();
            self.judged();
        }
    }

    fn the(&self, code: u16, subject: &str) -> StoredAlert {
        let all = alerts(self.here, code);
        let mut of = all
            .into_iter()
            .filter(|(alert, _)| alert.identity.subject == subject);
        let (alert, _) = of
            .next()
            .unwrap_or_else(|| panic!("{code} {subject}: {}", log(self.here)));
        assert!(of.next().is_none(), "{subject} twice");
        alert
    }

    /// Why people were told of it, in order.
    fn told(&self, alert: &StoredAlert) -> Vec<Reason> {
        let told = decisions(self.here, alert).into_iter();
        let told = told.filter(|decision| decision.outcome == Outcome::Told);
        told.map(|decision| decision.reason).collect()
    }

    /// Waits until people were told of it so often, and all of that arrived.
    fn until_told(&self, alert: &StoredAlert, times: usize) -> Vec<Reason> {
        until("people are told", || {
            let arrived = outbox(self.here)
                .iter()
                .all(|message| message.state.is_final());
            (arrived && self.told(alert).len() >= times).then_some(())
        });
        self.told(alert)
    }

    /// An alert right after a step is told at once, as what it is, and so is its end.
    fn news(&mut self, subject: &str) {
        self.episode += 1;
        let news = (5001, self.episode);
        self.fire(1, 1, news, subject);
        let alert = self.the(5001, subject);
        assert_eq!(self.until_told(&alert, 1), [Reason::First], "{subject}");
        self.fire(1, 2, news, subject);
        let told = self.until_told(&alert, 2);
        assert!(told[1] == Reason::FamilyEnds, "{subject}: {told:?}");
        assert_eq!(told.len(), 2);
    }

    /// Stops the collector and starts it again: only then it looks for what is past its retention at once.
    fn restart(&mut self) {
        let many = log(self.here).matches("retention counts as of").count();
        assert_eq!(self.serving.take().unwrap().stop(), Some(0));
        self.serving = Some(self.clock.serve(CONFIG));
        self.post();
        until("retention is looked at", || {
            (log(self.here).matches("retention counts as of").count() > many).then_some(())
        });
        self.judged();
    }
}

/// Number of frames and of alerts, and the days of the day files.
fn kept(here: &Path) -> (usize, usize, BTreeSet<String>) {
    let store = store(here);
    let agents = store.agents().unwrap();
    let frames = agents
        .iter()
        .map(|agent| store.frames(agent.id).unwrap().len());
    let files = fs::read_dir(here.join("data")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let days = names.filter(|name| name.starts_with("frames-") && name.ends_with(".sqlite"));
    let alerts = store.alerts(&AlertFilter::default()).unwrap().len();
    (frames.sum(), alerts, days.collect())
}

#[test]
fn the_clock_of_a_running_collector_steps() {
    let own = certificate(&["localhost"]);
    let folder = Folder::new("proof-clock");
    let here = folder.path();
    let (Some(clock), Some(postfix)) = (Clock::new(here), Postfix::start(&own)) else {
        return;
    };
    configure(here, (&postfix, &own.certificate), "20m");
    let begun_ms = clock.now_ms();
    let mut site = start(here, &clock, &postfix);
    site.fire(0, 1, (1002, 1), "");
    let open = site.the(1002, "");
    assert_eq!(site.until_told(&open, 1), [Reason::First]);
    site.news("before");

    // A step ahead may make an escalation or a repeat due for the alert that nobody takes: one, and once.
    for (name, seconds, due) in [
        ("an hour ahead", HOUR_S, true),
        ("an hour back", -HOUR_S, false),
        ("a day ahead", DAY_S, true),
        ("a day back", -DAY_S, false),
        ("a year back", -YEAR_S, false),
        ("from a year back", YEAR_S, true),
        ("a year ahead", YEAR_S, true),
    ] {
        let before = site.told(&open);
        site.clock.step(seconds);
        site.news(name);
        site.pass(120);
        let told = site.told(&open);
        assert_eq!(told[..before.len()], before, "{name}");
        let more = &told[before.len()..];
        assert!(
            more.len() <= usize::from(due)
                && more.iter().all(|reason| matches!(
                    reason,
                    Reason::Escalated { level: 2 } | Reason::Repeat { .. }
                )),
            "{name}: {more:?}\n{}",
            log(here)
        );
        for agent in &site.agents {
            let own = own_codes(here, agent.id);
            assert_eq!(own, Vec::<u16>::new(), "{name}: {}", log(here));
        }
    }

    // A year ahead, over midnight, and a collector that starts then: all is there.
    let all = kept(here);
    site.restart();
    site.clock.step(DAY_S);
    site.restart();
    let after = kept(here);
    assert!(
        after.0 >= all.0 && after.1 == all.1 && after.2.is_superset(&all.2),
        "{all:?} {after:?}"
    );
    let today = Date::of(WallTime::from_millis(begun_ms));
    assert!(
        after.2.contains(&format!("frames-{today}.sqlite")),
        "{after:?}"
    );
    // And right again, also what was written when it was a year behind.
    site.clock.step(-YEAR_S - DAY_S);
    let many = log(here).matches("retention counts as of").count();
    assert_eq!(site.serving.take().unwrap().stop(), Some(0));
    site.serving = Some(site.clock.serve(CONFIG));
    site.post();
    site.judged();
    assert_eq!(log(here).matches("retention counts as of").count(), many);
    site.news("right again");
    let last = kept(here);
    assert!(
        last.0 >= after.0 && last.1 == after.1 + 1 && last.2.is_superset(&after.2),
        "{last:?}"
    );

    // Links in mails end when they say, by the clock as it is.
    links(&site);

    // Who falls silent now is told of.
    let silent = site.agents.pop().unwrap();
    until("the silent one is told of", || {
        site.pass(TICK_S);
        alerts_of(here, silent.id, 9001)
            .pop()
            .filter(|(alert, _)| alert.notified.is_some())
    });
    assert_eq!(own_codes(here, silent.id), [9001]);
    for name in ["sato", "suzuki"] {
        let ids: Vec<String> = mails(&postfix, name)
            .into_iter()
            .map(|mail| mail.id)
            .collect();
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{name}: no mail came twice");
        println!("{name}: {} mails", ids.len());
    }
}

#[test]
fn a_step_back_delays_no_escalation() {
    let own = certificate(&["localhost"]);
    let folder = Folder::new("proof-clock-back");
    let here = folder.path();
    let (Some(clock), Some(postfix)) = (Clock::new(here), Postfix::start(&own)) else {
        return;
    };
    configure(here, (&postfix, &own.certificate), "1m");
    let mut site = start(here, &clock, &postfix);
    site.fire(0, 1, (1002, 1), "");
    let open = site.the(1002, "");
    assert_eq!(site.until_told(&open, 1), [Reason::First]);
    // Much longer than the test waits.
    site.clock.step(-HOUR_S);
    let told = until("the second is told", || {
        site.post();
        let told = site.told(&open);
        (told.len() > 1).then_some(told)
    });
    assert_eq!(told, [Reason::First, Reason::Escalated { level: 2 }]);
}

/// The link of the newest mail at sato: it works now, not in two days, and again when the clock is right.
fn links(site: &Site<'_>) {
    let mut boxed = mails(site.postfix, "sato");
    boxed.sort_by_key(|mail| fs::metadata(&mail.path).unwrap().modified().unwrap());
    let texts = boxed
        .iter()
        .rev()
        .map(|mail| parsed(&mail.path)["plain"].as_str().unwrap().to_owned());
    let mut link = texts.filter_map(|text| {
        let (_, rest) = text.split_once("http://hansho.example.jp/l/")?;
        rest.split_whitespace().next().map(str::to_owned)
    });
    let token = link.next().unwrap();
    let pages = &site.serving.as_ref().unwrap().pages;
    let status = || http(pages, &format!("GET /l/{token}"), b"").unwrap().0;
    assert_eq!(status(), 200);
    site.clock.step(2 * DAY_S);
    assert_eq!(status(), 410);
    site.clock.step(-2 * DAY_S);
    assert_eq!(status(), 200);
}
