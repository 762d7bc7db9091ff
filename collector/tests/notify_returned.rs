//! A host falls silent and comes back, from the sweep to the mail, in virtual time over both stores: one thread, one mail each way.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho_collector::config::{Content, parse};
use hansho_collector::directory::Current;
use hansho_collector::handling::{Scope, Who, agents};
use hansho_collector::notify::compose::Desk;
use hansho_collector::notify::handled::StoredHandling;
use hansho_collector::notify::render::{Rendered, render};
use hansho_collector::notify::who::Configured;
use hansho_collector::notify::{Context, Policy, outbox, step};
use hansho_collector::store::{
    AlertFilter, Event, MemoryStore, Outcome, Outgoing, Reason, Schedule, SqliteStore, Store,
    StoredAlert, Texts, Via, Window, WindowKind, WindowScope,
};
use hansho_collector::zone::Zone;
use std::path::Path;
use support::presence::Script;
use support::{
    Folder, alert, at, booted, config, event, goodbye, hello_configured, open as open_record, state,
};

const CONFIG: &str = r#"
config_version = 1
[ingest]
listen = "127.0.0.1:0"
[store]
directory = "data"
[mail]
host = "127.0.0.1"
from = "hansho@example.jp"

[[receiver]]
id = "sato"
mail = "sato@example.jp"
[[receiver]]
id = "boss"
mail = "boss@example.jp"
[[team]]
id = "order-ops"
receivers = ["sato"]
[[customer]]
id = "みらい商事"
name = "みらい商事"
[[system]]
id = "受注"
customer = "みらい商事"
name = "受注"
team = "order-ops"
"#;

/// A campaign around a moment.
fn window(now: WallTime) -> Window {
    let moment = |ahead: i64| WallTime::from_millis(now.as_millis().saturating_add_signed(ahead));
    Window {
        id: 0,
        kind: WindowKind::Event,
        scope: WindowScope {
            customer: "みらい商事".to_owned(),
            system: None,
            site: None,
            agent: None,
        },
        schedule: Schedule::Once {
            from: moment(-60_000),
            until: moment(3_600_000),
        },
        texts: Texts {
            ja: "冬の大感謝祭".to_owned(),
            en: String::new(),
        },
        by: "sato".to_owned(),
        via: Via::Page,
        created: moment(-60_000),
        cut: None,
        ended: None,
    }
}

fn who() -> Who {
    Who {
        name: "suzuki".to_owned(),
        via: Via::Command,
        scope: Scope::All,
    }
}

/// A collector whose notifier steps after each sweep.
struct Site<'s> {
    script: Script<'s>,
    configured: Configured,
    fence: u64,
    /// What was sent, with the second.
    sent: Vec<(u64, Outgoing, Rendered)>,
}

impl<'s> Site<'s> {
    fn new(store: &'s dyn Store, config: &str, agents: u64) -> Self {
        let read = |_: &Path, _: usize| -> std::io::Result<Content> {
            Err(std::io::ErrorKind::NotFound.into())
        };
        let config = parse(config, Path::new("collector.toml"), &read).unwrap();
        let live = Current::new(&config, Zone::fixed("+09:00").unwrap()).get();
        let mut fence = 0;
        store
            .transact(&mut |rows| {
                fence = outbox::begin(rows)?;
                Ok(())
            })
            .unwrap();
        Self {
            script: Script::new(store, agents),
            configured: Configured { live },
            fence,
            sent: Vec::new(),
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.script.run(1);
            self.notify();
        }
    }

    fn notify(&mut self) {
        let (store, now) = (self.script.store, self.script.now());
        let context = Context {
            directory: &self.configured,
            handled: &StoredHandling::default(),
            policy: &Policy::of("hansho.example.jp"),
        };
        let mut claimed = Vec::new();
        store
            .transact(&mut |rows| {
                step(rows, &context, now)?;
                claimed = outbox::claim(rows, self.fence, &[], 16, now)?;
                Ok(())
            })
            .unwrap();
        for outgoing in claimed {
            let desk = Desk {
                store,
                configured: &self.configured,
                base_url: Some("https://hansho.example.jp"),
            };
            let notice = desk.notice(&outgoing).unwrap().unwrap();
            let tried = outbox::Tried::Delivered {
                said: "ok".to_owned(),
            };
            store
                .transact(&mut |rows| {
                    let tried = tried.clone().into();
                    outbox::finish(rows, self.fence, outgoing.number, &tried, now)?;
                    Ok(())
                })
                .unwrap();
            self.sent.push((self.script.s(), outgoing, render(&notice)));
        }
    }

    fn subjects(&self) -> Vec<&str> {
        let subjects = self.sent.iter();
        subjects.map(|(_, _, mail)| mail.subject.as_str()).collect()
    }

    fn decisions(&self, alert: &StoredAlert) -> Vec<(Reason, Outcome)> {
        let mut all = Vec::new();
        self.script
            .store
            .view(&mut |rows| {
                all = rows.decisions_of(alert.id)?;
                Ok(())
            })
            .unwrap();
        all.retain(|decision| decision.alert == Some(alert.id));
        let decided = all.iter();
        decided
            .map(|decision| (decision.reason, decision.outcome))
            .collect()
    }

    /// Every event of the journal was decided on exactly once.
    fn all_decided(&self) {
        let mut events: Vec<Event> = Vec::new();
        let mut cursor = 0;
        self.script
            .store
            .view(&mut |rows| {
                events = rows.events_after(0, 10_000)?;
                cursor = rows.numbers()?.cursor;
                Ok(())
            })
            .unwrap();
        assert_eq!(events.last().map(|event| event.number), Some(cursor));
    }
}

fn on_both(config: &str, script: impl Fn(&mut Site<'_>)) {
    on_both_with(config, 1, script);
}

fn on_both_with(config: &str, agents: u64, script: impl Fn(&mut Site<'_>)) {
    let folder = Folder::new("returned");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut seen = Vec::new();
    for store in [&memory as &dyn Store, &sqlite] {
        let mut site = Site::new(store, config, agents);
        site.run(60);
        assert_eq!(site.subjects(), Vec::<&str>::new());
        script(&mut site);
        site.all_decided();
        let mails: Vec<(u64, Rendered)> = site
            .sent
            .iter()
            .map(|(second, _, mail)| (*second, mail.clone()))
            .collect();
        seen.push(format!("{mails:#?}"));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_reboot_after_a_silence_is_one_mail_in_the_thread_of_the_silence() {
    on_both(CONFIG, |site| {
        site.script
            .say(0, &[alert(event(1002, 1, 1, 60_000, 60_000))]);
        site.run(1);
        site.script.hosts[0].up = false;
        site.run(250);
        site.script.restart(0, true);
        let told = hansho::frame::body::Boot {
            kernel_dumps: Some(1),
            last_boot: 2,
            ..hansho::frame::body::Boot::default()
        };
        site.script.true_ms += 10;
        site.script.say(0, &[booted(10, &told)]);
        site.script.true_ms -= 10;
        site.run(3);
        let silence = site.script.alerts(9001).remove(0);
        let reboot = site.script.alerts(9003).remove(0);
        let subjects = site.subjects();
        assert!(
            subjects[1].starts_with("[HNS9001-E 無応答]"),
            "{subjects:?}"
        );
        // The State of the new boot no longer names the 1002.
        assert!(subjects[2].starts_with("[HNS1002-I 終了]"), "{subjects:?}");
        assert!(
            subjects[3].starts_with("[HNS9003-E 応答再開]")
                && subjects[3].contains("計画外の再起動"),
            "{subjects:?}"
        );
        assert_eq!(subjects.len(), 4, "{subjects:?}");
        let (_, told, mail) = &site.sent[3];
        assert_eq!(
            (told.thread, told.alert),
            (Some(silence.id), Some(reboot.id))
        );
        assert_eq!(told.references.first(), Some(&site.sent[1].1.message_id));
        for words in [
            "理由 サーバーの再起動(予告なし、記録: カーネルパニック)",
            "原因(推定・未確定)",
            "一般の手順 HNS9003",
            "通知の理由: 連絡が戻りました",
            "state: back",
        ] {
            assert!(mail.text.contains(words), "{words}: {}", mail.text);
        }
        assert_eq!(
            site.decisions(&silence),
            [
                (Reason::First, Outcome::Told),
                (Reason::FamilyEnds, Outcome::Told)
            ]
        );
        // The end of the event half an hour later is no news either.
        site.run(2_000);
        let expected = [
            (Reason::ToldWithReturn, Outcome::Quiet),
            (Reason::NotRaisedToAnyone, Outcome::Quiet),
        ];
        assert_eq!(site.decisions(&reboot), expected);
        assert!(
            site.subjects()
                .iter()
                .all(|subject| { !subject.contains("9003") || subject.contains("応答再開") })
        );
    });
}

#[test]
fn a_reboot_that_nobody_missed_has_a_thread_of_its_own() {
    on_both(CONFIG, |site| {
        site.script.hosts[0].up = false;
        site.run(40);
        site.script.restart(0, true);
        site.run(200);
        let reboot = site.script.alerts(9003).remove(0);
        assert_eq!(site.subjects().len(), 1, "{:?}", site.subjects());
        assert!(site.subjects()[0].starts_with("[HNS9003-E 発生]"));
        assert_eq!(site.sent[0].1.thread, Some(reboot.id));
        assert_eq!(site.decisions(&reboot), [(Reason::First, Outcome::Told)]);
    });
}

#[test]
fn a_quick_reboot_after_one_that_was_told_with_a_return_is_told() {
    on_both(CONFIG, |site| {
        site.script.hosts[0].up = false;
        site.run(250);
        site.script.restart(0, true);
        site.run(60);
        site.script.hosts[0].up = false;
        site.run(40);
        site.script.restart(0, true);
        site.run(200);
        let subjects = site.subjects();
        assert_eq!(subjects.len(), 3, "{subjects:?}");
        assert!(subjects[2].starts_with("[HNS9003-E 発生]"), "{subjects:?}");
        let reboot = site.script.alerts(9003).remove(0);
        assert_eq!(
            site.decisions(&reboot),
            [
                (Reason::ToldWithReturn, Outcome::Quiet),
                (Reason::First, Outcome::Told)
            ]
        );
    });
}

#[test]
fn a_cut_line_says_so_in_the_thread_and_its_record_is_no_second_mail() {
    on_both(CONFIG, |site| {
        site.script.hosts[0].up = false;
        site.run(250);
        site.script.hosts[0].up = true;
        site.run(40);
        let subjects = site.subjects();
        assert_eq!(subjects.len(), 2, "{subjects:?}");
        assert!(subjects[1].contains("応答再開") && subjects[1].contains("通信復旧"));
        let silence = site.script.alerts(9001).remove(0);
        assert_eq!(site.sent[1].1.thread, Some(silence.id));
        let record = site.script.alerts(9002).remove(0);
        let with_it = [(Reason::ToldWithReturn, Outcome::Quiet)];
        assert_eq!(site.decisions(&record), with_it);
    });
}

#[test]
fn an_announced_reboot_that_was_overdue_says_what_was_announced() {
    on_both(CONFIG, |site| {
        let uptime = site.script.true_ms;
        site.script.say(0, &[goodbye(uptime, 120_000, "disk swap")]);
        site.script.hosts[0].up = false;
        site.run(500);
        site.script.restart(0, true);
        site.run(40);
        let subjects = site.subjects();
        assert_eq!(subjects.len(), 2, "{subjects:?}");
        assert!(subjects[1].contains("応答再開") && subjects[1].contains("計画した再起動"));
        assert!(site.sent[1].2.text.contains("(予告あり、記録: disk swap)"));
        let silence = site.script.alerts(9001).remove(0);
        assert_eq!(site.sent[1].1.thread, Some(silence.id));
        let record = site.script.alerts(9004).pop().unwrap();
        let with_it = [(Reason::ToldWithReturn, Outcome::Quiet)];
        assert_eq!(site.decisions(&record), with_it);
    });
}

#[test]
fn who_is_to_hear_of_reboots_only_hears_of_the_one_that_ends_a_silence() {
    let config =
        format!("{CONFIG}\n[[route]]\ncode = \"HNS9003\"\nreceivers = [\"boss\", \"sato\"]\n");
    on_both(&config, |site| {
        site.script.hosts[0].up = false;
        site.run(250);
        site.script.restart(0, true);
        site.run(40);
        let told: Vec<(&str, &str)> = site
            .sent
            .iter()
            .map(|(_, told, _)| (told.reason.word(), told.receiver.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("first", "sato"),
                ("family_ends", "sato"),
                ("family_ends", "boss")
            ]
        );
    });
}

#[test]
fn a_message_has_the_neighbours_boots_changes_rules_and_windows() {
    on_both_with(CONFIG, 12, |site| {
        site.run(30);
        // Another run with other rules.
        site.script.hosts[0].run += 1;
        let mut other = site.script.first_words(&site.script.hosts[0]);
        other[0] = hello_configured(site.script.hosts[0].run, 99);
        site.script.hosts[0].next = 0;
        site.script.say(0, &other);
        site.script
            .say(0, &[config(99, 0, 1, 1002, "agent.toml:7")]);
        let uptime = site.script.true_ms;
        site.script
            .say(0, &[alert(event(1002, 1, 1, uptime, uptime))]);
        let now = site.script.now();
        site.script
            .store
            .transact(&mut |rows| {
                let mut window = window(now);
                window.id = rows.next_window()?;
                rows.put_window(&window)
            })
            .unwrap();
        site.run(2);
        let raised = site.sent.pop().unwrap().2.text;
        for words in [
            "しきい値 30%以上に達してから5秒(途中20%以下なし、解除 20%以下が5秒)",
            "同じコード なし",
            "サーバー起動 11-24",
            "監視設定の変更 11-24",
            "予定 冬の大感謝祭(11-24",
        ] {
            assert!(raised.contains(words), "{words}: {raised}");
        }
        site.script.hosts[0].up = false;
        site.run(250);
        let silent = site.sent.pop().unwrap().2.text;
        let fact = "同じ拠点 他の11台は正常に応答しています\n";
        let presumption = "推定 拠点の回線の障害ではなさそうです(未確定)\n";
        assert!(
            silent.contains(fact) && silent.contains(presumption),
            "{silent}"
        );
    });
}

#[test]
fn what_is_open_of_an_agent_that_is_retired_ends_with_that_reason() {
    on_both(CONFIG, |site| {
        let fired = site.script.true_ms;
        site.script
            .say(0, &[alert(event(1002, 1, 1, fired, fired))]);
        site.run(1);
        site.script.hosts[0].up = false;
        site.run(250);
        let retire = |site: &Site<'_>| {
            let (mut ended, now) = (None, site.script.now());
            site.script
                .store
                .transact(&mut |rows| {
                    ended = agents::retire(rows, &who(), AgentId(1), false, now)
                        .unwrap()
                        .1;
                    Ok(())
                })
                .unwrap();
            ended
        };
        assert_eq!((retire(site), retire(site)), (Some(2), None));
        site.run(2_000);
        let open = site.script.store.alerts(&AlertFilter::default()).unwrap();
        assert!(open.iter().all(|alert| !alert.firing && alert.by.retired));
        let subjects = site.subjects();
        assert!(subjects[2].starts_with("[HNS1002-I 終了]"), "{subjects:?}");
        assert!(subjects[3].starts_with("[HNS9001-I 終了]"), "{subjects:?}");
        assert_eq!(subjects.len(), 4, "{subjects:?}");
        let words = "監視の対象から外されました";
        // Long lines are broken.
        let says = |text: &str| text.replace('\n', "").contains(words);
        assert!(site.sent[2..].iter().all(|(.., mail)| says(&mail.text)));
        for (.., mail) in &site.sent[2..] {
            let (text, why) = (&mail.text, "通知の理由: 監視の対象から外されたため終了");
            assert!(
                text.contains(why) && !text.contains("ミリ秒") && !text.contains("復旧判定"),
                "{text}"
            );
        }
        // Expected again, it tells what still holds.
        site.script
            .store
            .transact(&mut |rows| {
                let again = agents::retire(rows, &who(), AgentId(1), true, at(0)).unwrap();
                assert_eq!(again.1, Some(0));
                Ok(())
            })
            .unwrap();
        site.script.hosts[0].up = true;
        let uptime = site.script.true_ms;
        let holds = state(uptime, 0, 1, &[open_record(1002, 1, fired)]);
        site.script.say(0, &[holds]);
        site.run(40);
        let again = &site.script.alerts(1002)[0];
        assert!(again.firing && !again.by.retired, "{again:?}");
        assert!(
            site.subjects()[4].starts_with("[HNS1002-E "),
            "{:?}",
            site.subjects()
        );
    });
}
