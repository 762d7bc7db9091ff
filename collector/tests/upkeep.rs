//! What the collector forgets, and the daily mail: the same over both stores, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::code::Language;
use hansho::rule::Reason as RuleReason;
use hansho_collector::alive::daily::{self, Decided};
use hansho_collector::alive::forget::{self, Looked};
use hansho_collector::clock::DAY_MS;
use hansho_collector::config::{self, DailyMail, Keep};
use hansho_collector::directory::Live;
use hansho_collector::notify::compose::Desk;
use hansho_collector::notify::render::render;
use hansho_collector::notify::who::Configured;
use hansho_collector::store::raise::{self, Raise};
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::*;
use hansho_collector::zone::Zone;
use std::path::Path;
use std::sync::Arc;
use support::{Folder, NOW, at, new_agent};

const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;

/// Runs work on both stores, each a fresh one with an agent, and compares what it says.
fn on_both<T: PartialEq + core::fmt::Debug>(work: impl Fn(&dyn Store) -> T) -> T {
    let folder = Folder::new("upkeep");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut said = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        said.push(work(store));
    }
    assert_eq!(said[0], said[1]);
    said.remove(0)
}

/// One transaction.
fn within<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn AllRows) -> Result<T, StoreError>,
) -> T {
    let mut done = None;
    store
        .transact(&mut |rows| {
            done = Some(work(rows)?);
            Ok(())
        })
        .unwrap();
    done.unwrap()
}

fn raised(rows: &mut dyn AllRows, subject: &str, now: WallTime) -> AlertId {
    let raise = Raise {
        agent: hansho::frame::kind::AgentId(1),
        code: 9001,
        subject: subject.to_owned(),
        occurred: None,
        value: None,
        total: None,
        level: None,
        reason: RuleReason::Held,
        count: 1,
    };
    raise::raise(rows, &raise, now).unwrap().alert()
}

fn message(number: u64, alert: AlertId, done: Option<WallTime>) -> Outgoing {
    Outgoing {
        number,
        decision: number,
        reason: Reason::First,
        alert: Some(alert),
        thread: Some(alert),
        list: None,
        receiver: "sato".to_owned(),
        channel: Channel::Mail,
        to: vec!["佐藤".to_owned()],
        cc: Vec::new(),
        message_id: format!("<{number}@example.jp>"),
        references: Vec::new(),
        nth: 1,
        created: at(0),
        state: if done.is_some() {
            Sending::Delivered
        } else {
            Sending::Queued
        },
        fence: 0,
        until: None,
        attempts: 1,
        first_try: None,
        next_try: at(0),
        done,
        said: String::new(),
        served: Vec::new(),
        subject: String::new(),
    }
}

fn thread(root: AlertId, ended: Option<WallTime>) -> Thread {
    Thread {
        root,
        strand: Strand {
            agent: hansho::frame::kind::AgentId(1),
            subject: root.to_string(),
            family: "9001".to_owned(),
            test: false,
        },
        head: root,
        opened: at(0),
        ended,
        first_told: Some(at(0)),
        last_told: Some(at(0)),
        messages: 1,
        listed: None,
        level: 1,
        untaken: None,
        reminded_recovery: None,
        reminded_report: None,
        quiet: None,
        due: None,
        told_from: 0,
        moved_from: None,
    }
}

fn decision(number: u64, alert: AlertId) -> Decision {
    Decision {
        number,
        event: None,
        alert: Some(alert),
        thread: Some(alert),
        reason: Reason::First,
        outcome: Outcome::Told,
        at: at(0),
    }
}

fn alive(rows: &mut dyn AllRows, all: &[AlertId]) -> Vec<bool> {
    all.iter()
        .map(|id| rows.alert(*id).unwrap().is_some())
        .collect()
}

#[test]
fn alerts_that_are_over_go_with_what_belongs_to_them_and_open_ones_stay() {
    on_both(|store| {
        let (over, open, late, undecided) = within(store, |rows| {
            let over = raised(rows, "over", at(0));
            let open = raised(rows, "open", at(0));
            let late = raised(rows, "late", at(0));
            for (alert, when) in [(over, 10), (late, 3 * DAY_MS)] {
                let mut stored = rows.alert(alert)?.unwrap();
                stored.firing = false;
                stored.updated = at(when);
                rows.put_alert(&stored)?;
            }
            let note = Note {
                number: 0,
                on: NoteOn::Alert(over),
                by: "佐藤".to_owned(),
                via: Via::Page,
                at: at(1),
                text: "試験".to_owned(),
            };
            rows.append_note(&note)?;
            rows.append_note(&Note {
                on: NoteOn::Alert(open),
                ..note
            })?;
            rows.put_cause(over, &AlertCause::default())?;
            let mut numbers = rows.numbers()?;
            numbers.cursor = rows.newest_event()?;
            rows.put_numbers(&numbers)?;
            // What nobody decided on yet stays, however old.
            let undecided = raised(rows, "undecided", at(0));
            let mut stored = rows.alert(undecided)?.unwrap();
            stored.firing = false;
            rows.put_alert(&stored)?;
            Ok((over, open, late, undecided))
        });
        let all = [over, open, late, undecided];
        let gone = within(store, |rows| rows.forget(Forget::Alerts, at(10), 10));
        assert_eq!(gone, 0, "not before its time");
        let gone = within(store, |rows| rows.forget(Forget::Alerts, at(DAY_MS), 10));
        within(store, |rows| {
            assert_eq!(alive(rows, &all), [false, true, true, true]);
            assert!(rows.notes(&NoteOn::Alert(over))?.is_empty());
            assert_eq!(rows.notes(&NoteOn::Alert(open))?.len(), 1);
            assert_eq!(rows.cause(over)?, None);
            assert!(rows.events_of(over)?.is_empty());
            // A new note does not get the number of a deleted one.
            let next = rows.append_note(&Note {
                number: 0,
                on: NoteOn::Alert(open),
                by: "鈴木".to_owned(),
                via: Via::Page,
                at: at(2),
                text: "次".to_owned(),
            })?;
            assert_eq!(next, 3);
            Ok(())
        });
        gone
    });
}

#[test]
fn an_alert_whose_thread_is_open_or_whose_mail_waits_stays() {
    on_both(|store| {
        let all = within(store, |rows| {
            let mut all = Vec::new();
            for subject in ["thread", "waits", "free"] {
                let alert = raised(rows, subject, at(0));
                let mut stored = rows.alert(alert)?.unwrap();
                stored.firing = false;
                rows.put_alert(&stored)?;
                all.push(alert);
            }
            rows.put_thread(&thread(all[0], None))?;
            rows.put_outgoing(&message(1, all[1], None))?;
            let cursor = rows.newest_event()?;
            rows.put_numbers(&Numbers {
                cursor,
                ..Numbers::default()
            })?;
            Ok(all)
        });
        within(store, |rows| {
            rows.forget(Forget::Alerts, at(DAY_MS), 10)?;
            assert_eq!(alive(rows, &all), [true, true, false]);
            Ok(())
        });
    });
}

#[test]
fn events_go_but_never_the_newest_an_open_ones_or_an_undecided_one() {
    on_both(|store| {
        within(store, |rows| {
            let open = raised(rows, "open", at(0));
            let over = raised(rows, "over", at(0));
            let mut stored = rows.alert(over)?.unwrap();
            stored.firing = false;
            rows.put_alert(&stored)?;
            for ms in 1..=6 {
                rows.append_event(over, EventKind::Repeated, at(ms))?;
            }
            // Events 1 and 2 are the raises, 3 to 8 the repetitions; 7 and 8 are not decided on.
            rows.put_numbers(&Numbers {
                cursor: 6,
                ..Numbers::default()
            })?;
            let numbers = |rows: &mut dyn AllRows| -> Vec<u64> {
                let all = rows.events_after(0, 100).unwrap();
                all.iter().map(|event| event.number).collect()
            };
            assert_eq!(rows.forget(Forget::Events, at(0), 100)?, 0);
            assert_eq!(rows.forget(Forget::Events, at(3), 2)?, 2, "bounded");
            assert_eq!(numbers(rows), [1, 4, 5, 6, 7, 8]);
            rows.forget(Forget::Events, at(DAY_MS), 100)?;
            assert_eq!(numbers(rows), [1, 7, 8]);
            rows.put_numbers(&Numbers {
                cursor: 8,
                ..Numbers::default()
            })?;
            rows.forget(Forget::Events, at(DAY_MS), 100)?;
            assert_eq!(numbers(rows), [1, 8]);
            rows.append_event(open, EventKind::Repeated, at(9))?;
            assert_eq!(rows.newest_event()?, 9);
            Ok(())
        });
    });
}

#[test]
fn messages_go_with_their_ended_thread_and_decisions() {
    on_both(|store| {
        within(store, |rows| {
            let (old, live) = (raised(rows, "old", at(0)), raised(rows, "live", at(0)));
            for (number, alert, ended) in [(1, old, Some(at(5))), (2, live, None)] {
                rows.put_thread(&thread(alert, ended))?;
                rows.put_decision(&decision(number, alert))?;
                rows.put_outgoing(&message(number, alert, Some(at(5))))?;
                rows.put_listed(number, alert)?;
            }
            // A message that still waits keeps its decision, whatever its thread.
            rows.put_outgoing(&message(3, old, None))?;
            rows.put_decision(&decision(3, old))?;
            assert_eq!(rows.forget(Forget::Outbox, at(5), 10)?, 0);
            assert_eq!(rows.forget(Forget::Outbox, at(6), 10)?, 4);
            assert!(rows.thread(old)?.is_none() && rows.thread(live)?.is_some());
            let left: Vec<bool> = (1..=3)
                .map(|number| rows.outgoing(number).unwrap().is_some())
                .collect();
            assert_eq!(left, [false, true, true]);
            assert_eq!(rows.listed(1)?, []);
            assert_eq!(rows.listed(2)?, [live]);
            let decisions = |rows: &mut dyn AllRows, alert| rows.decisions_of(alert).unwrap().len();
            assert_eq!((decisions(rows, old), decisions(rows, live)), (1, 1));
            assert_eq!(rows.forget(Forget::Outbox, at(6), 10)?, 0);
            Ok(())
        });
    });
}

#[test]
fn the_audit_forgets_from_its_beginning_and_keeps_its_numbers() {
    on_both(|store| {
        let entry = |ms: u64| AuditEntry {
            number: 0,
            at: at(ms),
            by: "佐藤".to_owned(),
            via: Via::Page,
            action: "note".to_owned(),
            on: "alert".to_owned(),
            customer: "mirai".to_owned(),
            detail: String::new(),
        };
        let numbers = |rows: &mut dyn AllRows| -> Vec<u64> {
            let filter = AuditFilter {
                customer: None,
                from: WallTime::from_millis(0),
                until: at(1000 * DAY_MS),
                after: 0,
                limit: 100,
            };
            let all = rows.audit(&filter).unwrap();
            all.iter().map(|entry| entry.number).collect()
        };
        within(store, |rows| {
            // The clock was set back in between: what stands behind a younger entry stays until that goes.
            for ms in [1, 2, 9, 3, 10] {
                rows.append_audit(&entry(ms))?;
            }
            assert_eq!(rows.forget(Forget::Audit, at(5), 1)?, 1);
            assert_eq!(numbers(rows), [2, 3, 4, 5]);
            assert_eq!(rows.forget(Forget::Audit, at(5), 100)?, 1);
            assert_eq!(numbers(rows), [3, 4, 5]);
            assert_eq!(rows.forget(Forget::Audit, at(DAY_MS), 100)?, 2);
            assert_eq!(numbers(rows), [5], "never the newest");
            rows.append_audit(&entry(11))?;
            assert_eq!(numbers(rows), [5, 6]);
            assert_eq!(rows.upkeep()?.audit_before, at(DAY_MS));
            Ok(())
        });
    });
}

#[test]
fn a_clock_that_jumps_ahead_deletes_nothing_for_a_day() {
    on_both(|store| {
        within(store, |rows| {
            assert_eq!(forget::look(rows, at(0))?, Looked::Go);
            assert_eq!(forget::look(rows, at(DAY_MS))?, Looked::Go);
            let far = 1000 * DAY_MS;
            let held = Looked::Held(at(far + DAY_MS));
            assert_eq!(forget::look(rows, at(far))?, held);
            assert_eq!(forget::look(rows, at(far + HOUR))?, held);
            // It was a mistake.
            assert_eq!(forget::look(rows, at(2 * DAY_MS))?, Looked::Go);
            assert_eq!(
                forget::look(rows, at(far + 2 * HOUR))?,
                Looked::Held(at(far + 2 * HOUR + DAY_MS))
            );
            // It was none: the second day deletes.
            assert_eq!(forget::look(rows, at(far + DAY_MS + 3 * HOUR))?, Looked::Go);
            let keep = Keep {
                events_days: 1,
                ..Keep::default()
            };
            let alert = raised(rows, "over", at(0));
            let mut stored = rows.alert(alert)?.unwrap();
            stored.firing = false;
            rows.put_alert(&stored)?;
            rows.append_event(alert, EventKind::Repeated, at(1))?;
            rows.put_numbers(&Numbers {
                cursor: 2,
                ..Numbers::default()
            })?;
            let some = |rows: &mut dyn AllRows, now| {
                forget::some(rows, &keep, Forget::Events, now).unwrap()
            };
            assert_eq!(some(rows, at(DAY_MS)), 0);
            assert_eq!(some(rows, at(DAY_MS + 1)), 1);
            Ok(())
        });
    });
}

const CONFIG: &str = r#"config_version = 1
[ingest]
listen = "127.0.0.1:0"
[store]
directory = "data"
[mail]
host = "localhost"
tls = "none"
from = "hansho@example.jp"
[[receiver]]
id = "sato"
name = "佐藤"
mail = "sato@example.jp"
[[receiver]]
id = "brown"
mail = "brown@example.jp"
language = "en"
[watch]
daily_mail_at = "08:30"
daily_mail_to = ["sato", "brown"]
"#;

fn configured(text: &str) -> (Arc<Live>, DailyMail) {
    let none = |_: &Path, _: usize| Err(std::io::ErrorKind::NotFound.into());
    let config = config::parse(text, Path::new("/etc/x/collector.toml"), &none)
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let daily = config.watch.clone().unwrap().daily.unwrap();
    let zone = Zone::fixed("+09:00").unwrap();
    (Arc::new(Live::new(&config, zone)), daily)
}

/// 2026-11-24 08:30 in Japan, in milliseconds from `NOW` (02:58:07 UTC, 11:58:07 there).
fn half_past_eight(days: u64) -> u64 {
    days * DAY_MS - (3 * HOUR + 28 * MINUTE + 7_000)
}

#[test]
fn each_day_has_one_mail_into_the_outbox_and_says_how_it_stands() {
    let (live, mail) = configured(CONFIG);
    let zone = Zone::fixed("+09:00").unwrap();
    let texts = on_both(|store| {
        let decide = |ms: u64, totals: (u64, u64)| {
            within(store, |rows| {
                daily::decide(rows, (&mail, &live), &zone, totals, at(ms))
            })
        };
        let first = half_past_eight(1);
        assert_eq!(decide(first - 1, (0, 0)), Decided::NotYet);
        let told = Decided::Told(vec!["sato".to_owned(), "brown".to_owned()]);
        assert_eq!(decide(first, (100, 1)), told);
        assert_eq!(decide(first + 1, (100, 1)), Decided::Already);
        assert_eq!(
            decide(first + 20 * HOUR, (0, 0)),
            Decided::NotYet,
            "after midnight"
        );
        // No collector ran in the morning: at 15:00 it is too late, on the day after it comes again.
        assert_eq!(
            decide(half_past_eight(2) + 7 * HOUR, (0, 0)),
            Decided::TooLate
        );
        // Meanwhile something happened.
        let third = half_past_eight(3);
        within(store, |rows| {
            raised(rows, "", at(third - HOUR));
            let mut done = rows.outgoing(1)?.unwrap();
            done.state = Sending::Delivered;
            done.done = Some(at(first + 5_000));
            rows.put_outgoing(&done)?;
            let mut upkeep = rows.upkeep()?;
            upkeep.backup = Some((at(third - 2 * HOUR), 812_032));
            rows.put_upkeep(&upkeep)
        });
        assert_eq!(decide(third + HOUR, (350, 3)), told);
        let numbers = within(store, |rows| rows.numbers());
        assert_eq!((numbers.decision, numbers.outgoing), (2, 4));
        let mut texts = Vec::new();
        let configured = Configured {
            live: Arc::clone(&live),
        };
        for number in [3, 4] {
            let outgoing = within(store, |rows| Ok(rows.outgoing(number)?.unwrap()));
            assert_eq!(outgoing.reason, Reason::Daily);
            let desk = Desk {
                store,
                configured: &configured,
                base_url: Some("https://hansho.example.jp"),
            };
            let notice = desk.notice(&outgoing).unwrap().unwrap();
            let rendered = render(&notice);
            // What differs from host to host is left out: name, start, disk.
            let lines: Vec<String> = rendered
                .text
                .lines()
                .filter(|line| {
                    ![
                        "収集サーバ ",
                        "collector",
                        "ディスク",
                        "disk",
                        "保存先",
                        "only",
                    ]
                    .iter()
                    .any(|word| line.starts_with(word))
                })
                .map(str::to_owned)
                .collect();
            texts.push((outgoing.message_id, lines.join("\n")));
        }
        // Decided again after a crash it would have the same name.
        assert!(
            texts[0].0.starts_with("<daily-2026-11-27.1."),
            "{}",
            texts[0].0
        );
        assert_ne!(texts[0].0, texts[1].0);
        texts
    });
    let ja = &texts[0].1;
    for line in [
        "エージェント 1台(無応答 0台)",
        "アラート 発生中 1件  新規 1件",
        "メール 送信 1通  送信待ち 2通  不達 0通",
        "最新のバックアップ 11-27 06:30",
    ] {
        assert!(ja.contains(line), "{line} in\n{ja}");
    }
    let en = &texts[1].1;
    for line in [
        "agents 1 (0 silent)",
        "alerts firing 1  new 1",
        "newest backup 11-27 06:30",
        "a message has been waiting for 2940 minutes",
    ] {
        assert!(en.contains(line), "{line} in\n{en}");
    }
    assert_eq!(Language::Ja.tag(), "ja");
}

#[test]
fn a_restored_collector_does_not_send_the_daily_mail_that_was_sent() {
    let (live, mail) = configured(CONFIG);
    let zone = Zone::fixed("+09:00").unwrap();
    on_both(|store| {
        let decide = |ms: u64| {
            within(store, |rows| {
                daily::decide(rows, (&mail, &live), &zone, (0, 0), at(ms))
            })
        };
        let due = half_past_eight(1);
        let restored = |told_until: u64| {
            within(store, |rows| {
                let mut upkeep = rows.upkeep()?;
                upkeep.restored = Some(Restored {
                    at: at(due + HOUR),
                    told_until: at(told_until),
                });
                rows.put_upkeep(&upkeep)?;
                assert_eq!(rows.upkeep()?, upkeep);
                Ok(())
            });
        };
        restored(due + MINUTE);
        assert_eq!(decide(due + HOUR), Decided::Already);
        // It was not sent any more.
        restored(due);
        let told = Decided::Told(vec!["sato".to_owned(), "brown".to_owned()]);
        assert_eq!(decide(due + HOUR), told);
    });
}

#[test]
fn without_a_mail_server_it_goes_to_nobody_and_the_next_day_counts_on() {
    let text = CONFIG.replace(
        "[mail]\nhost = \"localhost\"\ntls = \"none\"\nfrom = \"hansho@example.jp\"\n",
        "",
    );
    let (live, mail) = configured(&text);
    let zone = Zone::fixed("+09:00").unwrap();
    on_both(|store| {
        let decide = |ms: u64| {
            within(store, |rows| {
                daily::decide(rows, (&mail, &live), &zone, (0, 0), at(ms))
            })
        };
        assert_eq!(decide(half_past_eight(1)), Decided::Nobody);
        assert_eq!(decide(half_past_eight(1) + 1), Decided::Already);
        let numbers = within(store, |rows| rows.numbers());
        assert_eq!((numbers.decision, numbers.outgoing), (1, 0));
        assert_eq!(NOW % 1000, 0);
    });
}
