//! The daily mail and the digests of a running collector arrive at their hour, once: through nights, a weekend and a national
//! holiday, restarts at that very moment, and a clock that steps over the hour.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod proof_support;

use hansho::clock::WallTime;
use hansho_collector::store::{Outcome, Reason, Store as _};
use proof_support::faketime::{Clock, jst};
use proof_support::mail_common::{Postfix, certificate, parsed};
use proof_support::site::{CONFIG, Site};
use proof_support::support::Folder;
use proof_support::{alerts, decisions, mails, settled, store, until};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const DAY_S: i64 = 24 * 3600;
const DAY_MS: u64 = 24 * 3_600_000;

fn configure(here: &Path, postfix: &Postfix, authority: &str) {
    fs::write(here.join("mail-ca.pem"), authority).unwrap();
    fs::write(
        here.join("syukujitsu.csv"),
        "国民の祝日・休日月日,国民の祝日・休日名称\r\n2026/11/3,文化の日\r\n2026/11/23,勤労感謝の日\r\n",
    )
    .unwrap();
    fs::write(
        here.join(CONFIG),
        format!(
            "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n\
             [pages]\nlisten = \"127.0.0.1:0\"\ntime_zone_offset = \"+09:00\"\n\
             [store]\ndirectory = \"data\"\n[watch]\ndaily_mail_at = \"08:30\"\ndaily_mail_to = [\"suzuki\"]\n\
             [holidays]\nfile = \"syukujitsu.csv\"\n\
             [[receiver]]\nid = \"sato\"\nmail = \"sato@example.jp\"\n\
             [[receiver]]\nid = \"suzuki\"\nmail = \"suzuki@example.jp\"\n\
             [[team]]\nid = \"order-ops\"\nreceivers = [\"sato\"]\n\
             [[team]]\nid = \"stock-ops\"\nreceivers = [\"suzuki\"]\n\
             [[customer]]\nid = \"mirai\"\n\
             [[system]]\ncustomer = \"mirai\"\nid = \"order\"\nteam = \"order-ops\"\n\
             [[system]]\ncustomer = \"mirai\"\nid = \"stock\"\nteam = \"stock-ops\"\n\
             [mail]\nhost = \"localhost\"\nport = {}\nca_file = \"mail-ca.pem\"\nfrom = \"hansho@collector.example.jp\"\n",
            postfix.port
        ),
    )
    .unwrap();
}

/// A message as Python read it, with when it was decided.
struct Arrived {
    id: String,
    date_ms: u64,
    subject: String,
    text: String,
}

/// The messages in a Maildir whose subject contains these words, by when they were decided; one for each Message-ID.
fn arrived(postfix: &Postfix, of: &str, words: &str) -> Vec<Arrived> {
    let mut all = BTreeMap::new();
    for mail in mails(postfix, of) {
        let read = parsed(&mail.path);
        let subject = read["headers"]["subject"].as_str().unwrap().to_owned();
        if !subject.contains(words) {
            continue;
        }
        let text = read["plain"].as_str().unwrap().to_owned();
        let date = read["date_ms"].as_u64().unwrap();
        let known = all.insert(
            mail.id.clone(),
            Arrived {
                id: mail.id,
                date_ms: date,
                subject,
                text,
            },
        );
        if let Some(known) = known {
            println!("{} came twice", known.id);
        }
    }
    let mut all: Vec<Arrived> = all.into_values().collect();
    all.sort_by_key(|mail| mail.date_ms);
    all
}

/// Two hosts of one team and one of another.
const HOSTS: [(&str, &str); 3] = [
    ("web01", "mirai/order"),
    ("web02", "mirai/order"),
    ("db01", "mirai/stock"),
];

impl Site<'_> {
    fn kill(&mut self) {
        self.serving.take().unwrap().kill();
    }

    fn serve(&mut self) {
        self.serving = Some(self.clock.serve(CONFIG));
        self.post();
    }

    /// Lets the notifier decide at the time that it is: on something else, in the same step as on all that is due. What that led to
    /// has arrived then.
    fn decided(&mut self) {
        self.post();
        self.episode += 1;
        let canary = (5001, self.episode);
        let subject = format!("canary-{}", self.episode);
        self.fire(2, 1, canary, &subject);
        until("the notifier decides", || {
            let all = alerts(self.here, 5001);
            let (alert, _) = all
                .iter()
                .find(|(alert, _)| alert.identity.subject == subject)?;
            let told = decisions(self.here, alert);
            told.iter()
                .any(|one| one.reason == Reason::First && one.outcome == Outcome::Told)
                .then_some(())
        });
        until("all of it arrives", || {
            (settled(self.here) && self.postfix.is_idle()).then_some(())
        });
        self.fire(2, 2, canary, &subject);
    }

    /// Waits until the collector went on for longer than it lets pass between two looks at the daily mail.
    fn looked(&self) {
        let since = self.clock.now_ms();
        until("the collector goes on", || {
            (self.proved_ms()? > since + 12_000).then_some(())
        });
    }

    /// Waits for so many messages with these words in the subject; all that came.
    fn until_arrived(&self, of: &str, words: &str, many: usize) -> Vec<Arrived> {
        let (mut boxed, mut all) = (0, Vec::new());
        until(words, || {
            let now = self.postfix.boxed(of).len();
            if now != boxed {
                boxed = now;
                all = arrived(self.postfix, of, words);
            }
            (all.len() >= many).then_some(())
        });
        let told: Vec<_> = all.iter().map(|mail| (&mail.subject, &mail.text)).collect();
        assert_eq!(all.len(), many, "{told:#?}");
        all
    }

    fn dailies(&self, many: usize) -> Vec<Arrived> {
        self.until_arrived("suzuki", "[HNS 日次]", many)
    }

    fn digests(&self, many: usize) -> Vec<Arrived> {
        self.until_arrived("sato", "まとめ", many)
    }

    fn decided_on(&self, day_ms: u64) -> bool {
        let mut there = false;
        store(self.here)
            .view(&mut |rows| {
                let day = (day_ms + 9 * 3_600_000) / DAY_MS;
                let end = WallTime::from_millis(1 << 50);
                there = rows.dailies(end, 400)?.iter().any(|one| one.day == day);
                Ok(())
            })
            .unwrap();
        there
    }
}

#[test]
fn the_daily_mail_comes_once_a_day_at_its_hour() {
    let own = certificate(&["localhost"]);
    let folder = Folder::new("proof-daily");
    let here = folder.path();
    let (Some(clock), Some(postfix)) = (Clock::new(here), Postfix::start(&own)) else {
        return;
    };
    configure(here, &postfix, &own.certificate);
    let hour = jst(2026, 11, 24, (8, 30));
    clock.set(hour - 600_000);
    let mut site = Site::start(here, (&clock, &postfix), HOSTS);
    site.fire(0, 1, (1001, 1), "");
    site.looked();
    assert!(!site.decided_on(hour), "before its hour");
    clock.set(hour);
    let first = site.dailies(1).remove(0);
    assert!(
        (hour..hour + 300_000).contains(&first.date_ms),
        "{}",
        first.date_ms
    );
    for words in [
        "このメールが届くことで",
        "エージェント 3台(無応答 0台)",
        "アラート 発生中 1件",
        "バックアップがまだ一度もありません",
        "kind: daily",
        "agents: 3",
        "firing: 1",
    ] {
        assert!(first.text.contains(words), "{words}: {}", first.text);
    }
    assert!(
        first.subject.contains("3台") && first.subject.contains("発生中 1件"),
        "{}",
        first.subject
    );

    // Back over the hour and on: this day has its mail.
    clock.step(-600);
    site.post();
    site.looked();
    clock.set(hour + 1000);
    site.looked();
    site.dailies(1);

    // Killed in the very moment in which it is decided.
    let hour = hour + DAY_MS;
    clock.set(hour - 1000);
    site.post();
    until("it is decided", || site.decided_on(hour).then_some(()));
    site.kill();
    site.serve();
    let second = site.dailies(2).remove(1);
    assert!((hour..hour + 300_000).contains(&second.date_ms));

    // Down at its hour: as soon as it is back.
    let hour = hour + DAY_MS;
    clock.set(hour - 60_000);
    site.kill();
    clock.set(hour + 40 * 60_000);
    site.serve();
    let third = site.dailies(3).remove(2);
    assert!((hour + 40 * 60_000..hour + 50 * 60_000).contains(&third.date_ms));

    // A clock that steps over the hour, by more than a day, back, and over it again: each day's once.
    let hour = hour + 2 * DAY_MS;
    clock.set(hour + 3_600_000);
    site.post();
    let fourth = site.dailies(4).remove(3);
    assert!(fourth.date_ms >= hour + 3_600_000);
    clock.set(hour - 1000);
    site.post();
    site.looked();
    // Too late on the next day to prove anything, in time on the one after.
    clock.set(hour + DAY_MS + 7 * 3_600_000);
    site.post();
    site.looked();
    assert!(!site.decided_on(hour + DAY_MS));
    clock.set(hour + 2 * DAY_MS + 1000);
    site.post();
    let last = site.dailies(5).remove(4);
    assert!((hour + 2 * DAY_MS..hour + 2 * DAY_MS + 300_000).contains(&last.date_ms));
    assert!(
        last.text.contains("11-28 09:3"),
        "since the mail before: {}",
        last.text
    );
}

#[test]
fn digests_come_on_business_days_once() {
    let own = certificate(&["localhost"]);
    let folder = Folder::new("proof-digest");
    let here = folder.path();
    let (Some(clock), Some(postfix)) = (Clock::new(here), Postfix::start(&own)) else {
        return;
    };
    configure(here, &postfix, &own.certificate);
    // A Friday before a weekend and a Monday that is a holiday.
    clock.set(jst(2026, 11, 20, (16, 50)));
    let mut site = Site::start(here, (&clock, &postfix), HOSTS);
    site.fire(0, 1, (1001, 1), "");
    site.decided();
    site.digests(0);
    let five = jst(2026, 11, 20, (17, 0));
    clock.set(five);
    site.decided();
    let digest = site.digests(1).remove(0);
    assert!((five..five + 300_000).contains(&digest.date_ms));
    assert!(
        digest.text.contains("web01") && digest.text.contains("HNS1001-W"),
        "{}",
        digest.text
    );
    // What comes then waits over all of it, also where the clock steps back over an hour at which there is none.
    clock.step(1800);
    site.post();
    site.fire(1, 1, (1001, 1), "");
    site.decided();
    for (day, hour, minute) in [
        (21, 9, 1),
        (21, 17, 1),
        (22, 9, 1),
        (22, 17, 1),
        (22, 8, 59),
        (23, 9, 1),
        (23, 17, 1),
        (24, 8, 59),
    ] {
        clock.set(jst(2026, 11, day, (hour, minute)));
        site.decided();
        site.digests(1);
    }
    // Killed, and started again at the hour.
    let nine = jst(2026, 11, 24, (9, 0));
    clock.set(nine - 2000);
    site.kill();
    clock.set(nine);
    site.serve();
    let digest = site.digests(2).remove(1);
    assert!((nine..nine + 300_000).contains(&digest.date_ms));
    assert!(digest.text.contains("web02"), "{}", digest.text);
    // Over, and told with the next digest, over which the clock steps.
    site.fire(1, 2, (1001, 1), "");
    site.decided();
    clock.set(jst(2026, 11, 24, (18, 0)));
    site.decided();
    let digest = site.digests(3).remove(2);
    assert!(
        digest.text.contains("web02") && digest.text.contains("終わったもの"),
        "{}",
        digest.text
    );
    // A day back and on again: nothing of it comes twice.
    clock.step(-DAY_S);
    site.decided();
    clock.step(DAY_S);
    site.decided();
    site.digests(3);
}
