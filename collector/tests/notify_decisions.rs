//! Who is told what, in virtual time, on both stores: each reason, threads and families.
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
use hansho_collector::store::*;
use notify_support::support::NOW;
use notify_support::{HOUR, MINUTE, SECOND, World, mail, worlds};

fn each(test: impl Fn(&mut World)) {
    for mut world in worlds() {
        test(&mut world);
    }
}

/// A raised alert's messages go to Sato and, as a copy, to the list.
fn both(reason: &str, code: u16) -> [notify_support::Mail; 2] {
    [mail(reason, "sato", &[code]), mail(reason, "list", &[code])]
}

#[test]
fn the_first_message_comes_within_a_second_and_the_end_in_its_thread() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        assert_eq!(world.at(2 * SECOND).deliver(), both("first", 1002));
        let alert = world.alert(id);
        assert_eq!(alert.notified.unwrap().wall, world.now());
        assert_eq!(alert.notified.unwrap().quality, ClockQuality::Exact);
        world.at(3 * MINUTE).resolve(id);
        assert_eq!(
            world.at(3 * MINUTE + SECOND).deliver(),
            both("family_ends", 1002)
        );
        let messages = world.outbox(id);
        assert_eq!(messages.len(), 4);
        assert_eq!(messages[0].to, ["sato"]);
        assert_eq!(messages[0].cc, ["list"]);
        assert!(messages[0].references.is_empty());
        assert_eq!(messages[2].references, [messages[0].message_id.clone()]);
        assert_eq!(messages[3].references, [messages[1].message_id.clone()]);
        assert_ne!(messages[0].message_id, messages[1].message_id);
        assert_eq!(world.at(9 * HOUR).deliver(), []);
        assert_eq!(world.reasons(id), [Reason::First, Reason::FamilyEnds]);
    });
}

#[test]
fn a_family_is_one_thread_and_only_its_end_is_a_resolution() {
    each(|world| {
        let forecast = world.at(SECOND).raise(1, 1005);
        assert_eq!(world.at(2 * SECOND).deliver(), both("first", 1005));
        let critical = world.at(MINUTE).raise(1, 1002);
        assert_eq!(world.at(2 * MINUTE).deliver(), both("worsened", 1002));
        let killed = world.at(3 * MINUTE).raise(1, 1010);
        assert_eq!(world.at(4 * MINUTE).deliver(), both("worsened", 1010));
        // One of lower rank says nothing new.
        let stall = world.at(5 * MINUTE - SECOND).raise(1, 1003);
        world.at(5 * MINUTE).resolve(forecast);
        world.resolve(critical);
        world.resolve(stall);
        world.step();
        assert_eq!(world.deliver(), []);
        world.resolve(killed);
        world.step();
        assert_eq!(world.deliver(), both("family_ends", 1010));
        let by = Reason::StillOpenInFamily { by: 1010 };
        assert_eq!(world.reasons(forecast), [Reason::First, by]);
        assert_eq!(
            world.reasons(critical),
            [Reason::Worsened { from: 1005 }, by]
        );
        assert_eq!(world.reasons(stall), [by, by]);
        // One root, one chain.
        let messages = world.outbox(forecast);
        assert_eq!(messages.len(), 8);
        let of_sato: Vec<&Outgoing> = messages
            .iter()
            .filter(|one| one.receiver == "sato")
            .collect();
        assert_eq!(
            of_sato[3].references,
            [of_sato[0].message_id.clone(), of_sato[2].message_id.clone()]
        );
        // The same again is another thread.
        let again = world.at(10 * MINUTE).raise(1, 1002);
        assert_eq!(world.at(11 * MINUTE).deliver(), both("first", 1002));
        assert!(world.outbox(again)[0].references.is_empty());
    });
}

#[test]
fn families_of_other_subjects_and_agents_are_threads_of_their_own() {
    each(|world| {
        let mut data = world.at(SECOND).new_alert(1, 4002, "/data");
        world.put(&data);
        let var = world.new_alert(1, 4002, "/var");
        world.put(&var);
        let other = world.raise(2, 1002);
        assert_eq!(world.at(2 * SECOND).deliver().len(), 6);
        data.firing = false;
        world.put(&data);
        assert_eq!(world.at(3 * SECOND).deliver(), both("family_ends", 4002));
        assert_eq!(world.reasons(other), [Reason::First]);
    });
}

#[test]
fn what_stands_beside_in_a_family_is_told_too() {
    each(|world| {
        // Both of working hours: the digest names both.
        let size = world.at(SECOND).raise(1, 3004);
        let count = world.raise(1, 3006);
        assert_eq!(world.at(2 * SECOND).deliver(), []);
        let digest = world.at(8 * HOUR).deliver();
        assert_eq!(digest[0], mail("digest", "sato", &[3004, 3006]));
        world.resolve(size);
        world.resolve(count);
        assert_eq!(world.at(8 * HOUR + MINUTE).deliver(), []);
        let digest = world.at(16 * HOUR).deliver();
        assert_eq!(
            digest,
            [
                mail("digest", "sato", &[3004]),
                mail("digest", "list", &[3004])
            ]
        );
    });
}

#[test]
fn an_open_alert_is_repeated_until_somebody_takes_it() {
    each(|world| {
        world.team.escalate_ms = 100 * HOUR;
        let id = world.at(SECOND).raise(1, 1002);
        assert_eq!(world.at(2 * SECOND).deliver(), both("first", 1002));
        assert_eq!(world.at(HOUR).deliver(), []);
        assert_eq!(world.at(HOUR + 2 * SECOND).deliver(), both("repeat", 1002));
        world.at(HOUR + MINUTE).take(id, "sato");
        assert_eq!(
            world.at(HOUR + 2 * MINUTE).deliver(),
            both("acknowledged", 1002)
        );
        assert_eq!(world.at(9 * HOUR).deliver(), []);
        world.give_back(id);
        assert_eq!(
            world.at(9 * HOUR + SECOND).deliver(),
            both("released", 1002)
        );
        assert_eq!(
            world.at(10 * HOUR + 2 * SECOND).deliver(),
            both("repeat", 1002)
        );
        assert_eq!(
            world.reasons(id),
            [
                Reason::First,
                Reason::Repeat { nth: 2 },
                Reason::Acknowledged,
                Reason::Released,
                Reason::Repeat { nth: 5 }
            ]
        );
    });
}

#[test]
fn nobody_took_it_the_second_and_the_third_are_told_in_the_thread() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        let mut second = vec![mail("escalated", "suzuki", &[1002])];
        second.extend(both("escalated", 1002));
        assert_eq!(world.at(5 * MINUTE + 2 * SECOND).deliver(), second);
        let messages = world.outbox(id);
        assert_eq!(messages[2].references, [messages[0].message_id.clone()]);
        assert_eq!(messages[2].to, ["suzuki"]);
        assert_eq!(messages[2].cc, ["sato", "list"]);
        let third = world.at(10 * MINUTE + 2 * SECOND).deliver();
        assert_eq!(third[0], mail("escalated", "tanaka", &[1002]));
        assert_eq!(world.at(50 * MINUTE).deliver(), []);
        assert_eq!(
            world.reasons(id)[1..],
            [
                Reason::Escalated { level: 2 },
                Reason::Escalated { level: 3 }
            ]
        );
        // The end is told to all of them.
        world.resolve(id);
        assert_eq!(world.at(51 * MINUTE).deliver().len(), 4);
    });
}

#[test]
fn escalation_stops_when_it_is_taken_and_begins_anew_when_given_back() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(MINUTE).deliver();
        world.take(id, "sato");
        assert_eq!(world.at(2 * MINUTE).deliver(), both("acknowledged", 1002));
        assert_eq!(world.at(30 * MINUTE).deliver(), []);
        world.give_back(id);
        world.at(30 * MINUTE + SECOND).deliver();
        assert_eq!(world.at(35 * MINUTE).deliver(), []);
        assert_eq!(world.at(35 * MINUTE + 2 * SECOND).deliver().len(), 3);
        assert_eq!(world.reasons(id)[3], Reason::Escalated { level: 2 });
    });
}

#[test]
fn who_took_it_is_reminded_once_of_each_promise() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(MINUTE).deliver();
        world.take(id, "sato");
        let promise = |world: &mut World, recovery: u64, report: u64| {
            let mut taken = world.people.taken.lock().unwrap();
            let taken = taken.get_mut(&id).unwrap();
            taken.recovery_expected = Some(WallTime::from_millis(NOW + recovery));
            taken.next_report = Some(WallTime::from_millis(NOW + report));
        };
        promise(world, 20 * MINUTE, 60 * MINUTE);
        world.at(2 * MINUTE).deliver();
        assert_eq!(world.at(20 * MINUTE - SECOND).deliver(), []);
        let overdue = mail("recovery_overdue", "sato", &[1002]);
        assert_eq!(world.at(20 * MINUTE + SECOND).deliver(), [overdue]);
        let report = mail("report_due", "sato", &[1002]);
        assert_eq!(world.at(2 * HOUR).deliver(), [report]);
        promise(world, 3 * HOUR, 60 * MINUTE);
        world.event(id, EventKind::Acknowledged);
        world.at(2 * HOUR + SECOND).deliver();
        assert_eq!(world.at(4 * HOUR).deliver().len(), 1);
        assert_eq!(world.at(20 * HOUR).deliver(), []);
    });
}

#[test]
fn a_silence_holds_it_back_and_its_end_tells_what_is_still_open() {
    for (reason, word) in [
        (Reason::Silenced { silence: 7 }, "silenced"),
        (Reason::InWindow { window: 8 }, "in_window"),
    ] {
        each(|world| {
            world.hush(1002, reason, Some(20 * MINUTE));
            let over = world.at(SECOND).raise(1, 1002);
            world.at(MINUTE).resolve(over);
            assert_eq!(world.at(2 * MINUTE).deliver(), []);
            assert_eq!(world.reasons(over), [reason, Reason::NotRaisedToAnyone]);
            assert_eq!(world.reasons(over)[0].word(), word);
            let open = world.at(5 * MINUTE).raise(1, 1002);
            assert_eq!(world.at(20 * MINUTE - SECOND).deliver(), []);
            assert_eq!(world.at(21 * MINUTE).deliver(), both("quiet_ended", 1002));
            assert_eq!(world.reasons(open), [reason, Reason::QuietEnded]);
            world.resolve(open);
            assert_eq!(world.at(22 * MINUTE).deliver(), both("family_ends", 1002));
        });
    }
}

#[test]
fn a_silence_ended_early_is_noticed_and_one_begun_late_stops_repeats() {
    each(|world| {
        world.team.escalate_ms = 100 * HOUR;
        let reason = Reason::Silenced { silence: 1 };
        let id = world.at(SECOND).raise(1, 1002);
        world.at(MINUTE).deliver();
        world.hush(1002, reason, None);
        assert_eq!(world.at(5 * HOUR).deliver(), []);
        assert_eq!(world.reasons(id), [Reason::First, reason]);
        world.unhush(1002);
        assert_eq!(
            world.at(5 * HOUR + MINUTE).deliver(),
            both("quiet_ended", 1002)
        );
    });
}

#[test]
fn what_another_code_explains_is_not_told_while_that_fires() {
    each(|world| {
        let critical = world.at(SECOND).raise(1, 1002);
        let swapping = world.raise(1, 1011);
        assert_eq!(world.at(2 * SECOND).deliver(), both("first", 1002));
        assert_eq!(world.reasons(swapping), [Reason::Suppressed { by: 1002 }]);
        world.at(MINUTE).resolve(critical);
        assert_eq!(world.at(2 * MINUTE).deliver(), both("family_ends", 1002));
        // It waits for the digest now, as its urgency says.
        assert_eq!(
            world.reasons(swapping),
            [Reason::Suppressed { by: 1002 }, Reason::Digest]
        );
        assert_eq!(
            world.at(8 * HOUR).deliver()[0],
            mail("digest", "sato", &[1011])
        );
    });
}

#[test]
fn a_silent_host_explains_everything_of_it_and_a_silent_site_the_host() {
    each(|world| {
        world.team.escalate_ms = 100 * HOUR;
        let mut site = world.at(SECOND).new_alert(0, 9005, "mirai/dc");
        world.put(&site);
        let host = world.raise(1, 9001);
        let code = world.raise(1, 5001);
        assert_eq!(world.at(2 * SECOND).deliver(), both("first", 9005));
        assert_eq!(world.reasons(host), [Reason::Suppressed { by: 9005 }]);
        assert_eq!(world.reasons(code), [Reason::Suppressed { by: 9001 }]);
        site.firing = false;
        world.at(MINUTE).put(&site);
        // The line is back, the host is not.
        let mails = world.at(2 * MINUTE).deliver();
        assert_eq!(mails[..2], both("family_ends", 9005));
        assert_eq!(mails[2..], both("quiet_ended", 9001));
        world.resolve(host);
        let mails = world.at(3 * MINUTE).deliver();
        assert_eq!(mails.len(), 4);
        assert_eq!(world.reasons(code)[1], Reason::QuietEnded);
    });
}

#[test]
fn an_alert_told_before_its_suppressor_is_not_told_again_when_that_ends() {
    each(|world| {
        world.team.escalate_ms = 100 * HOUR;
        let service = world.at(SECOND).raise(1, 5001);
        world.at(MINUTE).deliver();
        let host = world.raise(1, 9001);
        assert_eq!(world.at(2 * HOUR).deliver(), {
            let mut mails = both("first", 9001).to_vec();
            mails.extend(both("repeat", 9001));
            mails
        });
        assert_eq!(
            world.reasons(service),
            [Reason::First, Reason::Suppressed { by: 9001 }]
        );
        world.resolve(host);
        // Only its repeat, which is due by now; earlier there would have been nothing.
        let mails = world.at(2 * HOUR + 2 * SECOND).deliver();
        assert_eq!(mails[..2], both("family_ends", 9001));
        assert_eq!(mails[2..], both("repeat", 5001));
    });
}

#[test]
fn working_hours_go_into_the_digest_and_records_on_the_page() {
    each(|world| {
        let high = world.at(SECOND).raise(1, 1001);
        let kernel = world.raise(2, 2006);
        let over = world.raise(2, 2001);
        world.at(MINUTE).resolve(over);
        assert_eq!(world.at(8 * HOUR - SECOND).deliver(), []);
        let codes = [1001, 2001];
        let digest = [
            mail("digest", "sato", &codes),
            mail("digest", "list", &codes),
        ];
        assert_eq!(world.at(8 * HOUR).deliver(), digest);
        assert_eq!(world.reasons(kernel), [Reason::RecordOnly]);
        assert_eq!(world.reasons(over), [Reason::Digest, Reason::FamilyEnds]);
        assert_eq!(world.alert(high).notified.unwrap().wall, world.now());
        assert_eq!(world.alert(kernel).notified, None);
        // It worsens: at once.
        world.raise(1, 1002);
        assert_eq!(
            world.at(8 * HOUR + SECOND).deliver(),
            both("worsened", 1002)
        );
    });
}

#[test]
fn what_comes_late_says_so_and_what_is_over_by_then_is_one_summary() {
    each(|world| {
        let mut open = world.at(HOUR).new_alert(1, 1002, "");
        open.detected.as_mut().unwrap().wall = WallTime::from_millis(NOW + 10 * MINUTE);
        world.put(&open);
        let mut over = Vec::new();
        for subject in ["a", "b", "c"] {
            let mut alert = world.new_alert(2, 5001, subject);
            alert.detected = open.detected;
            world.put(&alert);
            alert.firing = false;
            world.put(&alert);
            over.push(alert.id);
        }
        let mut ended = world.new_alert(2, 5001, "d");
        ended.detected = open.detected;
        ended.firing = false;
        world.put(&ended);
        assert_eq!(world.at(HOUR + SECOND).deliver(), both("late", 1002));
        assert_eq!(world.reasons(open.id), [Reason::Late]);
        let summary = world.at(HOUR + 2 * MINUTE).deliver();
        assert_eq!(summary[0], mail("late", "sato", &[5001, 5001, 5001, 5001]));
        assert_eq!(summary.len(), 2);
        assert_eq!(world.reasons(over[0]), [Reason::Late, Reason::FamilyEnds]);
        assert_eq!(world.reasons(ended.id), [Reason::Late]);
    });
}

#[test]
fn what_comes_late_and_over_is_told_as_its_urgency_and_silences_say() {
    each(|world| {
        world
            .at(HOUR)
            .hush(5001, Reason::Silenced { silence: 7 }, Some(2 * HOUR));
        let mut ids = Vec::new();
        // Only the page; the digest; a silence.
        for code in [2006, 2001, 5001] {
            let mut alert = world.new_alert(2, code, "");
            alert.detected.as_mut().unwrap().wall = WallTime::from_millis(NOW + 10 * MINUTE);
            world.put(&alert);
            alert.firing = false;
            world.put(&alert);
            ids.push(alert.id);
        }
        assert_eq!(world.at(8 * HOUR - SECOND).deliver(), []);
        assert_eq!(
            world.reasons(ids[0]),
            [Reason::RecordOnly, Reason::NotRaisedToAnyone]
        );
        assert_eq!(
            world.reasons(ids[2]),
            [Reason::Silenced { silence: 7 }, Reason::NotRaisedToAnyone]
        );
        let digest = [
            mail("digest", "sato", &[2001]),
            mail("digest", "list", &[2001]),
        ];
        assert_eq!(world.at(8 * HOUR).deliver(), digest);
    });
}

#[test]
fn what_is_listed_ends_there_though_another_of_its_family_ends_last() {
    each(|world| {
        world
            .at(SECOND)
            .hush(1005, Reason::Silenced { silence: 7 }, None);
        let quiet = world.raise(2, 1005);
        world.at(HOUR);
        let mut over = world.new_alert(2, 1002, "");
        over.detected.as_mut().unwrap().wall = WallTime::from_millis(NOW + 10 * MINUTE);
        world.put(&over);
        world.resolve(quiet);
        over.firing = false;
        world.put(&over);
        world.step();
        assert_eq!(world.reasons(over.id)[0], Reason::Late);
        assert_eq!(world.reasons(quiet).last(), Some(&Reason::FamilyEnds));
        let summary = world.at(HOUR + 2 * MINUTE).deliver();
        assert_eq!(summary[0], mail("late", "sato", &[1002]));
    });
}

#[test]
fn an_agent_that_speaks_again_is_not_explained_away_by_its_silence() {
    each(|world| {
        world.team.escalate_ms = 100 * HOUR;
        let host = world.at(SECOND).raise(1, 9001);
        let seen = WallTime::from_millis(NOW);
        world.with(|rows| {
            let mut agent = rows.agent(AgentId(1))?.unwrap();
            agent.last_seen = Some(seen);
            rows.put_agent(&agent)?;
            rows.put_presence(&Presence {
                standing: Standing::Absent,
                seen: Some(seen),
                ..Presence::new(AgentId(1))
            })
        });
        let before = world.raise(1, 5002);
        world.at(4 * MINUTE).deliver();
        assert_eq!(world.reasons(before), [Reason::Suppressed { by: 9001 }]);
        // Its first batch after the outage is stored; the sweep, which ends 9001, comes after the notifier's step.
        let now = world.now();
        world.with(|rows| {
            let mut agent = rows.agent(AgentId(1))?.unwrap();
            agent.last_seen = Some(now);
            rows.put_agent(&agent)
        });
        let mut over = world.new_alert(1, 5001, "a");
        over.firing = false;
        world.put(&over);
        let open = world.raise(1, 1002);
        world.step();
        assert_eq!(world.reasons(over.id), [Reason::Late]);
        assert_eq!(world.reasons(open), [Reason::First]);
        world.resolve(host);
        let mails = world.at(6 * MINUTE).deliver();
        assert!(mails.contains(&mail("late", "sato", &[5001])), "{mails:?}");
    });
}

#[test]
fn a_test_goes_the_whole_way_and_is_marked() {
    each(|world| {
        world.hush(1002, Reason::Silenced { silence: 1 }, None);
        let real = world.at(SECOND).raise(1, 1002);
        let mut test = world.new_alert(1, 1002, "");
        test.identity.test = true;
        world.put(&test);
        assert_eq!(world.at(2 * SECOND).deliver(), both("drill", 1002));
        test.firing = false;
        world.put(&test);
        assert_eq!(world.at(3 * SECOND).deliver(), both("family_ends", 1002));
        assert_eq!(world.reasons(test.id), [Reason::Drill, Reason::FamilyEnds]);
        assert_eq!(world.reasons(real), [Reason::Silenced { silence: 1 }]);
    });
}

#[test]
fn many_of_a_system_at_once_become_one_message() {
    each(|world| {
        let mut ids = Vec::new();
        for number in 0..30 {
            let alert = world
                .at(SECOND)
                .new_alert(1, 5001, &format!("service-{number}"));
            world.put(&alert);
            ids.push(alert.id);
        }
        let singles = world.at(2 * SECOND).deliver();
        assert_eq!(singles.len(), 10);
        let group = world.at(20 * SECOND).deliver();
        assert_eq!(group.len(), 2);
        assert_eq!((group[0].0.as_str(), group[0].2.len()), ("grouped", 25));
        assert_eq!(world.reasons(ids[29]), [Reason::Grouped]);
        // Their ends are one message too.
        for id in ids {
            world.resolve(id);
        }
        let ends = world.at(40 * SECOND).deliver();
        let told: usize = ends
            .iter()
            .filter(|end| end.1 == "sato")
            .map(|end| end.2.len())
            .sum();
        assert_eq!(told, 30);
        assert!(ends.len() <= 14, "{ends:?}");
    });
}

#[test]
fn beyond_the_ceiling_one_summary_says_how_many_were_held_back() {
    each(|world| {
        world.team.ceiling = 3;
        world.team.repeat_ms = None;
        let mut ids = Vec::new();
        for number in 0..8 {
            let moment = (number + 1) * MINUTE;
            let alert = world
                .at(moment)
                .new_alert(1, 5001, &format!("service-{number}"));
            world.put(&alert);
            world.take(alert.id, "sato");
            world.step();
            ids.push(alert.id);
        }
        let mails = world.at(9 * MINUTE).deliver();
        let of_sato = mails.iter().filter(|mail| mail.1 == "sato").count();
        assert_eq!(of_sato, 3);
        let held = world.reasons(ids[7]);
        assert_eq!(held[0], Reason::Storm);
        let summary = world.at(20 * MINUTE).deliver();
        let of_sato: Vec<_> = summary.iter().filter(|mail| mail.1 == "sato").collect();
        assert_eq!(of_sato.len(), 1);
        assert_eq!(of_sato[0].0, "storm");
        // Nothing is lost: each alert stands in a message of its own or in the summary.
        for id in ids {
            assert!(world.alert(id).notified.is_some());
        }
    });
}

#[test]
fn machines_get_everything_by_itself_at_once() {
    each(|world| {
        let id = world.at(SECOND).raise(3, 1001);
        assert_eq!(
            world.at(2 * SECOND).deliver(),
            [mail("digest", "hook", &[1001])]
        );
        world.resolve(id);
        assert_eq!(
            world.at(3 * SECOND).deliver(),
            [mail("family_ends", "hook", &[1001])]
        );
    });
}

#[test]
fn where_machines_were_told_at_once_people_still_hear_of_the_end_in_the_digest() {
    each(|world| {
        world.team.repeat_ms = None;
        let id = world.at(SECOND).raise(3, 1001);
        let mails = world.at(8 * HOUR).deliver();
        assert!(mails.contains(&mail("digest", "sato", &[1001])));
        // At night, after the digest.
        world.at(10 * HOUR).resolve(id);
        assert_eq!(
            world.at(11 * HOUR).deliver(),
            [mail("family_ends", "hook", &[1001])]
        );
        let digest = [
            mail("digest", "sato", &[1001]),
            mail("digest", "list", &[1001]),
        ];
        assert_eq!(world.at(16 * HOUR).deliver(), digest);
    });
}

#[test]
fn without_a_receiver_that_is_the_reason() {
    each(|world| {
        world.team.nobody = true;
        let id = world.at(SECOND).raise(1, 1002);
        assert_eq!(world.at(2 * SECOND).deliver(), []);
        assert_eq!(world.reasons(id), [Reason::NoReceiver]);
        // A route is configured: the next repeat is the first message.
        world.team.nobody = false;
        assert_eq!(world.at(2 * HOUR).deliver()[..2], both("first", 1002));
    });
}

#[test]
fn a_reopened_alert_goes_on_in_its_thread() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        world.resolve(id);
        world.at(MINUTE).deliver();
        world.reopen(id);
        assert_eq!(world.at(2 * MINUTE).deliver(), both("first", 1002));
        let messages = world.outbox(id);
        assert_eq!(messages[4].references.len(), 2);
        world.resolve(id);
        assert_eq!(world.at(3 * MINUTE).deliver(), both("family_ends", 1002));
    });
}

#[test]
fn what_only_changes_the_page_is_decided_too() {
    each(|world| {
        let id = world.at(SECOND).raise(1, 1002);
        world.at(2 * SECOND).deliver();
        for kind in [
            EventKind::Repeated,
            EventKind::Unknown,
            EventKind::Known,
            EventKind::Noted,
            EventKind::Other,
        ] {
            world.event(id, kind);
        }
        assert_eq!(world.at(3 * SECOND).deliver(), []);
        assert_eq!(
            world.reasons(id)[1..],
            [
                Reason::Counted,
                Reason::BecameUnknown,
                Reason::KnownAgain,
                Reason::Noted,
                Reason::NoNews
            ]
        );
    });
}

#[test]
fn a_leak_up_to_the_oom_kill_is_one_thread_and_one_resolution() {
    each(|world| {
        world.team.escalate_ms = 100 * HOUR;
        let mut ids = Vec::new();
        for (minute, code) in [
            (1, 1001),
            (30, 1004),
            (200, 1005),
            (210, 1002),
            (212, 1003),
            (213, 1010),
        ] {
            ids.push(world.at(minute * MINUTE).raise(1, code));
            world.at(minute * MINUTE + SECOND);
        }
        // The kernel killed it; level by level everything clears, the event last.
        for (index, id) in ids.iter().enumerate() {
            world
                .at((214 + u64::try_from(index).unwrap()) * MINUTE)
                .resolve(*id);
        }
        let mails = world.at(7 * HOUR).deliver();
        let of_sato: Vec<(&str, &[u16])> = mails
            .iter()
            .filter(|mail| mail.1 == "sato")
            .map(|mail| (mail.0.as_str(), mail.2.as_slice()))
            .collect();
        assert_eq!(
            of_sato,
            [
                ("worsened", &[1005][..]),
                ("worsened", &[1002]),
                ("worsened", &[1003]),
                ("worsened", &[1010]),
                ("family_ends", &[1010]),
            ]
        );
        let messages = world.outbox(ids[0]);
        assert_eq!(messages.len(), 10);
        for message in &messages[2..] {
            assert!(!message.references.is_empty());
        }
    });
}
