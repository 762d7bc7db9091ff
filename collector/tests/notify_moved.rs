//! With a configuration, on both stores: an agent that goes to another customer, tests of codes that nobody is mailed about, and
//! people of one name.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod notify_support;

use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho_collector::config::{Content, parse};
use hansho_collector::directory::Current;
use hansho_collector::handling::link::{self, LinkRefused, by_link};
use hansho_collector::handling::{Ask, Scope, Who, acknowledge, agents};
use hansho_collector::notify::alertmanager;
use hansho_collector::notify::compose::Desk;
use hansho_collector::notify::render::render;
use hansho_collector::notify::who::Configured;
use hansho_collector::store::*;
use hansho_collector::zone::Zone;
use notify_support::support::NOW;
use notify_support::{HOUR, MINUTE, Mail, SECOND, World, mail, worlds};
use std::path::Path;

const CONFIG: &str = r#"
config_version = 1
[ingest]
listen = "127.0.0.1:0"
[store]
directory = "data"
[mail]
host = "127.0.0.1"
from = "hansho@example.jp"
[notify]
repeat_after = "1h"

[[receiver]]
id = "sato"
name = "佐藤"
mail = "sato@example.jp"
[[receiver]]
id = "sato2"
name = "佐藤"
mail = "sato2@example.jp"
[[receiver]]
id = "kato"
mail = "kato@example.jp"
[[receiver]]
id = "noc"
mail = "noc@example.jp"
[[receiver]]
id = "prometheus"
alertmanager = { url = "http://127.0.0.1:1" }
[[team]]
id = "order-ops"
receivers = ["sato", "sato2", "noc", "prometheus"]
[[team]]
id = "shop-ops"
receivers = ["kato", "noc"]
[[customer]]
id = "mirai"
name = "みらい商事"
[[customer]]
id = "hikari"
name = "ひかり百貨店"
[[system]]
id = "order"
customer = "mirai"
name = "受注"
team = "order-ops"
[[system]]
id = "shop"
customer = "hikari"
name = "店舗"
team = "shop-ops"
"#;

fn each(test: impl Fn(&mut World)) {
    let read = |_: &Path, _: usize| -> std::io::Result<Content> {
        Err(std::io::ErrorKind::NotFound.into())
    };
    let config = parse(CONFIG, Path::new("collector.toml"), &read).unwrap();
    let live = Current::new(&config, Zone::fixed("+09:00").unwrap()).get();
    for mut world in worlds() {
        world.configured = Some(Configured {
            live: std::sync::Arc::clone(&live),
        });
        test(&mut world);
    }
}

fn who() -> Who {
    Who {
        name: "admin".to_owned(),
        via: Via::Command,
        scope: Scope::All,
    }
}

/// The agent goes to another customer, under another name.
fn goes(world: &World, agent: u64, customer: &str, system: &str) {
    let now = world.now();
    let goes = agents::Goes {
        system: Some((customer, system)),
        name: Some("pos01"),
    };
    world.with(|rows| {
        agents::place(rows, &who(), AgentId(agent), goes, now)
            .map_err(|fault| StoreError::Io(format!("{fault:?}")))
    });
}

fn of(mails: &[Mail], who: &str) -> Vec<Mail> {
    let own = mails.iter().filter(|mail| mail.1 == who);
    own.cloned().collect()
}

fn said(world: &World, outgoing: &Outgoing) -> Option<String> {
    let desk = Desk {
        store: &*world.store,
        configured: world.configured.as_ref().unwrap(),
        base_url: Some("https://hansho.example.jp"),
    };
    let notice = desk.notice(outgoing).unwrap()?;
    let rendered = render(&notice);
    let posted = alertmanager::alerts(&notice, &rendered, world.now());
    Some(format!(
        "{}\n{}\n{posted:?}",
        rendered.subject, rendered.text
    ))
}

#[test]
fn whoever_was_told_before_an_agent_moved_hears_that_it_ends_and_nothing_more() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        assert_eq!(of(&world.at(2 * SECOND).deliver(), "sato").len(), 1);
        let before = world.outbox(id);
        assert!(said(world, &before[0]).unwrap().contains("みらい商事"));
        world.at(MINUTE);
        goes(world, 1, "hikari", "shop");
        let mails = world.at(MINUTE + SECOND).deliver();
        for who in ["sato", "sato2", "prometheus"] {
            assert_eq!(of(&mails, who), [mail("moved_away", who, &[1002])], "{who}");
        }
        // Who is responsible before and after just goes on.
        for who in ["kato", "noc"] {
            assert_eq!(of(&mails, who), [mail("moved_here", who, &[1002])], "{who}");
        }
        assert_eq!(
            world.reasons(id)[1..],
            [Reason::MovedAway, Reason::MovedHere]
        );
        for outgoing in world.outbox(id) {
            let text = said(world, &outgoing);
            match outgoing.reason {
                Reason::First => assert_eq!(text, None, "not sent any more, were it tried again"),
                Reason::MovedAway => {
                    let text = text.unwrap();
                    assert!(text.contains("みらい商事/受注 web01"), "{text}");
                    for other in ["ひかり", "hikari", "店舗", "shop", "pos01", "https://"] {
                        assert!(!text.contains(other), "{other}: {text}");
                    }
                }
                _ => assert!(text.unwrap().contains("ひかり百貨店/店舗 pos01")),
            }
        }
        let mails = world.at(3 * HOUR).deliver();
        assert!(!mails.is_empty());
        world.resolve(id);
        let mut all = mails;
        all.extend(world.at(3 * HOUR + MINUTE).deliver());
        assert!(
            all.iter()
                .all(|mail| ["kato", "noc"].contains(&mail.1.as_str())),
            "{all:?}"
        );
        assert!(all.contains(&mail("family_ends", "kato", &[1002])));
        // It fires again in its thread.
        world.reopen(id);
        let mails = world.at(3 * HOUR + 2 * MINUTE).deliver();
        assert_eq!((mails.len(), of(&mails, "kato").len()), (2, 1));
    });
}

#[test]
fn what_waits_to_be_sent_when_an_agent_moves_is_not_sent() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.step();
        for one in world.claim() {
            let how = if one.receiver == "sato" {
                "later"
            } else {
                "delivered"
            };
            world.mark(&one, how);
        }
        let digested = world.raise(1, 1001);
        world.at(20 * SECOND);
        goes(world, 1, "hikari", "shop");
        // Before the notifier has decided on anything.
        world.now_ms += 20 * MINUTE;
        let claimed = world.claim();
        assert!(
            claimed.iter().all(|one| one.receiver != "sato"),
            "{claimed:?}"
        );
        let sato = &world.outbox(id)[0];
        assert_eq!(
            (sato.receiver.as_str(), sato.state),
            ("sato", Sending::GivenUp)
        );
        assert!(sato.said.contains("another customer"));
        world.with(|rows| {
            let waits = rows.waits(digested)?;
            assert!(waits.iter().all(|one| one.key != "mirai"), "{waits:?}");
            Ok(())
        });
        world.step();
        let mails = world.deliver();
        assert_eq!(of(&mails, "sato"), [mail("moved_away", "sato", &[1002])]);
    });
}

#[test]
fn what_moves_on_a_digest_is_in_the_digest_of_the_new_customer() {
    each(|world| {
        let id = world.at(SECOND).raise(2, 1001);
        world.at(MINUTE).deliver();
        goes(world, 2, "hikari", "shop");
        let mails = world.at(100 * HOUR).deliver();
        assert_eq!(of(&mails, "sato"), []);
        assert_eq!(of(&mails, "kato")[0], mail("digest", "kato", &[1001]));
        let reasons = world.reasons(id);
        assert_eq!(
            reasons[..3],
            [Reason::Digest, Reason::MovedAway, Reason::Digest]
        );
        world.resolve(id);
        let mails = world.at(200 * HOUR).deliver();
        assert_eq!(of(&mails, "sato"), []);
        assert_eq!(of(&mails, "kato"), [mail("digest", "kato", &[1001])]);
    });
}

#[test]
fn an_acknowledgement_and_a_link_do_not_go_with_an_agent_that_moves() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        let now = world.now();
        let token = world.with(|rows| {
            let secret = link::ensure(rows, [7; 32], now)?;
            acknowledge(rows, &who(), id, &Ask::default(), now)
                .map_err(|fault| StoreError::Io(format!("{fault:?}")))?;
            Ok(link::sign(&secret, id, "sato", link::expiry(now)))
        });
        assert!(world.with(|rows| by_link(rows, &token, now)).is_ok());
        world.at(MINUTE).deliver();
        goes(world, 1, "hikari", "shop");
        assert_eq!(
            world.with(|rows| by_link(rows, &token, now)),
            Err(LinkRefused::Moved)
        );
        assert_eq!(world.with(|rows| rows.acknowledgement(id)), None);
        // It is nobody's, so that it is repeated.
        world.at(2 * MINUTE).deliver();
        let mails = world.at(2 * HOUR).deliver();
        assert_eq!(of(&mails, "kato"), [mail("repeat", "kato", &[1002])]);
        let kato = world
            .outbox(id)
            .into_iter()
            .rfind(|one| one.receiver == "kato");
        let text = said(world, &kato.unwrap()).unwrap();
        assert!(!text.contains("admin"), "{text}");
    });
}

#[test]
fn a_test_of_a_code_that_stays_on_the_page_or_goes_into_the_digest_is_told_at_once() {
    each(|world| {
        for (agent, code, at) in [(1, 2006, MINUTE), (2, 1001, HOUR)] {
            let mut test = world.at(at).new_alert(agent, code, "");
            test.identity.test = true;
            world.put(&test);
            let mails = world.at(at + SECOND).deliver();
            assert_eq!(of(&mails, "sato"), [mail("drill", "sato", &[code])]);
            assert_eq!(world.reasons(test.id), [Reason::Drill]);
            test.firing = false;
            world.put(&test);
            world.step();
            assert_eq!(
                of(&world.deliver(), "sato"),
                [mail("family_ends", "sato", &[code])]
            );
            // The code itself goes where it always went.
            let id = world.raise(agent, code);
            world.step();
            assert_eq!(of(&world.deliver(), "sato"), []);
            world.resolve(id);
            world.step();
            world.deliver();
        }
    });
}

#[test]
fn of_two_people_of_one_name_the_one_who_took_it_is_reminded() {
    each(|world| {
        let taker = |via: Via, name: &str| Who {
            name: name.to_owned(),
            via,
            ..who()
        };
        let by_link = link::name_of("sato2", "佐藤");
        for (agent, who, reminded) in [
            (1, taker(Via::Link, &by_link), vec!["sato2"]),
            (2, taker(Via::Page, "sato2"), vec!["sato2"]),
            // Nobody knows which: all who were told.
            (4, taker(Via::Page, "佐藤"), vec!["noc", "sato", "sato2"]),
        ] {
            if agent == 4 {
                let now = world.now();
                let goes = agents::Goes {
                    system: Some(("mirai", "order")),
                    name: None,
                };
                world.with(|rows| {
                    agents::place(rows, &self::who(), AgentId(4), goes, now)
                        .map_err(|fault| StoreError::Io(format!("{fault:?}")))
                });
            }
            let begun = world.now_ms;
            let id = world.at(begun + SECOND).raise(agent, 1002);
            world.at(begun + MINUTE).deliver();
            let now = world.now();
            let ask = Ask {
                next_report: Some(WallTime::from_millis(NOW + begun + 30 * MINUTE)),
                ..Ask::default()
            };
            world.with(|rows| {
                acknowledge(rows, &who, id, &ask, now)
                    .map_err(|fault| StoreError::Io(format!("{fault:?}")))
            });
            world.at(begun + 2 * MINUTE).deliver();
            let mails = world.at(begun + 31 * MINUTE).deliver();
            let mut told: Vec<&str> = mails
                .iter()
                .filter(|mail| mail.0 == "report_due" && mail.1 != "prometheus")
                .map(|mail| mail.1.as_str())
                .collect();
            told.sort_unstable();
            assert_eq!(told, reminded);
        }
    });
}
