//! The daily mail.

use super::*;

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

/// What was never tried, and what was only to be said again, failed nobody.
#[test]
fn only_messages_that_were_tried_and_say_something_new_count_as_failed() {
    on_both(|store| {
        within(store, |rows| {
            let alert = raised(rows, "", at(0));
            let ended = |number: u64, state: Sending, attempts: u32, reason: Reason| Outgoing {
                state,
                attempts,
                reason,
                ..message(number, alert, Some(at(5)))
            };
            for one in [
                ended(1, Sending::Delivered, 1, Reason::First),
                ended(2, Sending::Refused, 1, Reason::First),
                ended(3, Sending::GivenUp, 8, Reason::First),
                // An agent moved before it was sent.
                ended(4, Sending::GivenUp, 0, Reason::First),
                ended(5, Sending::GivenUp, 1, Reason::Renewed),
                ended(6, Sending::Delivered, 1, Reason::Renewed),
            ] {
                rows.put_outgoing(&one)?;
            }
            let tally = rows.tally(at(0))?;
            assert_eq!((tally.delivered, tally.failed), (2, 2));
            Ok(())
        });
    });
}
