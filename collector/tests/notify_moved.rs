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
use std::collections::BTreeSet;
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
id = "abe"
mail = "abe@example.jp"
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
[[team]]
id = "lab-ops"
receivers = ["abe"]
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
[[customer]]
id = "tsuki"
name = "月製作所"
[[system]]
id = "lab"
customer = "tsuki"
name = "実験"
team = "lab-ops"
"#;

fn each(test: impl Fn(&mut World)) {
    each_with(CONFIG, test);
}

fn each_with(config: &str, test: impl Fn(&mut World)) {
    let read = |_: &Path, _: usize| -> std::io::Result<Content> {
        Err(std::io::ErrorKind::NotFound.into())
    };
    let config = parse(config, Path::new("collector.toml"), &read).unwrap();
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

/// From the second customer to a third: the first one's people know nothing of the second.
#[test]
fn whoever_an_agent_left_before_hears_nothing_of_where_it_was_since() {
    each(|world| {
        world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        world.at(MINUTE);
        goes(world, 1, "hikari", "shop");
        world.step();
        for one in world.claim() {
            // What says that it ended is not taken from one of them.
            let how = if one.receiver == "sato2" {
                "refused"
            } else {
                "delivered"
            };
            world.mark(&one, how);
        }
        world.at(2 * MINUTE).deliver();
        goes(world, 1, "tsuki", "lab");
        let mails = world.at(2 * MINUTE + SECOND).deliver();
        let mut told: Vec<(&str, &str)> = mails
            .iter()
            .filter(|mail| mail.2 == [1002])
            .map(|mail| (mail.1.as_str(), mail.0.as_str()))
            .collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                ("abe", "moved_here"),
                ("kato", "moved_away"),
                ("noc", "moved_away")
            ]
        );
    });
}

#[test]
fn whoever_no_message_reached_does_not_hear_that_it_ends() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.step();
        for one in world.claim() {
            match one.receiver.as_str() {
                "sato" => world.mark(&one, "refused"),
                // A worker has it in hand: it may still arrive.
                "sato2" => continue,
                _ => world.mark(&one, "delivered"),
            };
        }
        goes(world, 1, "hikari", "shop");
        let mails = world.at(MINUTE).deliver();
        let of_it = |who: &str| {
            let own = of(&mails, who).into_iter();
            own.filter(|mail| mail.2 == [1002]).collect::<Vec<_>>()
        };
        assert_eq!(of_it("sato"), []);
        for who in ["sato2", "prometheus"] {
            assert_eq!(of_it(who), [mail("moved_away", who, &[1002])]);
        }
        assert_eq!(of_it("kato"), [mail("moved_here", "kato", &[1002])]);
        assert_eq!(world.reasons(id)[1], Reason::MovedAway);
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

/// That those before got a mail says nothing of those whom it came to: they know it from a digest.
#[test]
fn what_people_know_from_a_digest_ends_in_one_after_a_move_too() {
    each(|world| {
        let id = world.at(SECOND).raise(2, 1001);
        let mails = world.at(100 * HOUR).deliver();
        assert_eq!(of(&mails, "sato")[0], mail("digest", "sato", &[1001]));
        goes(world, 2, "hikari", "shop");
        let mails = world.at(100 * HOUR + SECOND).deliver();
        assert_eq!(of(&mails, "sato"), [mail("moved_away", "sato", &[1001])]);
        let mails = world.at(200 * HOUR).deliver();
        assert_eq!(of(&mails, "kato")[0], mail("digest", "kato", &[1001]));
        world.resolve(id);
        assert_eq!(world.at(200 * HOUR + SECOND).deliver(), []);
        let end = world.with(|rows| rows.decisions_of(id)).pop().unwrap();
        assert_eq!(
            (end.reason, end.outcome),
            (Reason::FamilyEnds, Outcome::Listed)
        );
        let mails = world.at(300 * HOUR).deliver();
        assert_eq!(of(&mails, "kato"), [mail("digest", "kato", &[1001])]);
        assert_eq!(of(&mails, "sato"), []);
    });
}

/// Who took what is over answered for all of the thread, which goes on elsewhere.
#[test]
fn what_was_taken_of_a_thread_before_its_agent_moved_is_nobodys() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        let worse = world.raise(1, 1003);
        world.at(3 * SECOND).deliver();
        let now = world.now();
        let ask = Ask {
            next_report: Some(WallTime::from_millis(NOW + 30 * MINUTE)),
            ..Ask::default()
        };
        world.with(|rows| {
            acknowledge(rows, &who(), worse, &ask, now)
                .map_err(|fault| StoreError::Io(format!("{fault:?}")))
        });
        world.at(4 * SECOND).deliver();
        world.resolve(worse);
        assert_eq!(world.at(MINUTE).deliver(), []);
        goes(world, 1, "hikari", "shop");
        assert_eq!(world.with(|rows| rows.acknowledgement(worse)), None);
        let mails = world.at(3 * HOUR).deliver();
        let kato: Vec<String> = of(&mails, "kato").into_iter().map(|mail| mail.0).collect();
        assert_eq!(kato, ["moved_here", "repeat", "repeat"]);
        // It is told once that it was taken: to those before.
        assert!(world.reasons(id).contains(&Reason::MovedHere));
    });
}

/// It was over when its agent moved, and is opened again: those responsible now have not answered for it.
#[test]
fn what_is_opened_again_after_a_move_was_taken_by_nobody() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        let now = world.now();
        world.with(|rows| {
            acknowledge(rows, &who(), id, &Ask::default(), now)
                .map_err(|fault| StoreError::Io(format!("{fault:?}")))
        });
        world.at(3 * SECOND).deliver();
        world.resolve(id);
        world.at(4 * SECOND).deliver();
        goes(world, 1, "hikari", "shop");
        world.reopen(id);
        let mails = world.at(5 * SECOND).deliver();
        assert_eq!(of(&mails, "kato"), [mail("first", "kato", &[1002])]);
        assert_eq!(of(&mails, "sato"), []);
    });
}

/// What an Alertmanager shows as firing: customer, system, host and code of what it was sent and has not ended.
type Shown = BTreeSet<String>;

/// Hands over everything, and says what the Alertmanager shows then.
fn shown(world: &mut World, mut shown: Shown) -> Shown {
    loop {
        let claimed = world.claim();
        if claimed.is_empty() {
            return shown;
        }
        for one in claimed {
            if one.channel == Channel::Alertmanager {
                for alert in posted(world, &one) {
                    let label = |name: &str| alert["labels"][name].as_str().unwrap().to_owned();
                    let what = ["customer", "system", "instance", "alertname"].map(label);
                    let now = Zone::utc().rfc3339(world.now());
                    if alert["endsAt"].as_str().unwrap() > now.as_str() {
                        shown.insert(what.join("/"));
                    } else {
                        shown.remove(&what.join("/"));
                    }
                }
            }
            world.mark(&one, "delivered");
        }
    }
}

fn posted(world: &World, outgoing: &Outgoing) -> Vec<serde_json::Value> {
    let desk = Desk {
        store: &*world.store,
        configured: world.configured.as_ref().unwrap(),
        base_url: None,
    };
    let Some(notice) = desk.notice(outgoing).unwrap() else {
        return Vec::new();
    };
    alertmanager::alerts(&notice, &render(&notice), world.now())
}

#[test]
fn an_alertmanager_of_both_customers_ends_what_it_knows_under_the_names_of_before() {
    let both = CONFIG.replace(
        r#"receivers = ["kato", "noc"]"#,
        r#"receivers = ["kato", "noc", "prometheus"]"#,
    );
    each_with(&both, |world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.step();
        let firing = shown(world, Shown::new());
        assert_eq!(firing, Shown::from(["mirai/order/web01/HNS1002".into()]));
        world.at(MINUTE);
        goes(world, 1, "hikari", "shop");
        world.step();
        let firing = shown(world, firing);
        assert_eq!(firing, Shown::from(["hikari/shop/pos01/HNS1002".into()]));
        world.resolve(id);
        world.step();
        assert_eq!(shown(world, firing), Shown::new());
    });
}

#[test]
fn an_alertmanager_knows_an_agent_that_got_another_name_by_that_alone() {
    each(|world| {
        world.at(SECOND).raise(1, 1002);
        world.step();
        let mut firing = shown(world, Shown::new());
        let renamed = |world: &World, name: &str| {
            let goes = agents::Goes {
                system: None,
                name: Some(name),
            };
            let now = world.now();
            world.with(|rows| {
                agents::place(rows, &who(), AgentId(1), goes, now)
                    .map_err(|fault| StoreError::Io(format!("{fault:?}")))
            });
        };
        for (minute, name) in [(1, "web91"), (2, "web92")] {
            world.at(minute * MINUTE);
            renamed(world, name);
            let told = world.step();
            assert_eq!(
                told.iter().map(|one| one.reason).collect::<Vec<_>>(),
                [Reason::MovedHere, Reason::MovedHere]
            );
            firing = shown(world, firing);
            let alone = format!("mirai/order/{name}/HNS1002");
            assert_eq!(firing, Shown::from([alone]));
        }
        // People hear nothing of it, and go on to.
        let people = |world: &mut World, at: u64| -> Vec<Mail> {
            let mut mails = world.at(at).deliver();
            mails.retain(|mail| mail.1 != "prometheus");
            mails
        };
        assert_eq!(people(world, 3 * MINUTE), []);
        assert_eq!(people(world, 2 * HOUR).len(), 3);
        // There and back before anybody looked is nowhere.
        renamed(world, "web93");
        renamed(world, "web92");
        assert_eq!(world.step(), []);
        // It is renewed as it is called.
        world.now_ms += 7 * HOUR;
        world.step();
        firing = shown(world, firing);
        assert_eq!(firing, Shown::from(["mirai/order/web92/HNS1002".into()]));
        // To another customer it goes with the newest name.
        goes(world, 1, "hikari", "shop");
        world.step();
        assert_eq!(shown(world, firing), Shown::new());
    });
}

/// A name and a customer at once, before anybody looked: those before hear of where they knew it.
#[test]
fn an_agent_that_is_renamed_and_moved_at_once_came_from_where_it_was_known() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        let now = world.now();
        let renamed = agents::Goes {
            system: None,
            name: Some("web91"),
        };
        world.with(|rows| {
            agents::place(rows, &who(), AgentId(1), renamed, now)
                .map_err(|fault| StoreError::Io(format!("{fault:?}")))
        });
        goes(world, 1, "hikari", "shop");
        let mails = world.at(3 * SECOND).deliver();
        assert_eq!(of(&mails, "sato"), [mail("moved_away", "sato", &[1002])]);
        assert_eq!(of(&mails, "kato"), [mail("moved_here", "kato", &[1002])]);
        let sato = world.outbox(id);
        let sato = sato.iter().rfind(|one| one.receiver == "sato").unwrap();
        assert_eq!(sato.list.as_deref(), Some("mirai/order/web01"));
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
