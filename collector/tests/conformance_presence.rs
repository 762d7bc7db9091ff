//! Rows of presence: both stores keep the same, and forget the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::Uptime;
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};
use hansho::rule::Reason;
use hansho_collector::store::raise::{self, Raise, Raised};
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::{
    AgentFacts, AlertCause, BackCause, BootReason, COLLECTOR_AGENT, COLLECTOR_RUN, ClockQuality,
    CollectorLife, Dated, DoubleSign, EventKind, Identity, MemoryStore, Presence, Presumed,
    Rebooted, Rival, SilenceCause, SilentSite, SqliteStore, Standing, Store, StoredGoodbye,
};
use support::{Folder, at, batch, goodbye, hello, new_agent, part, send};

const AGENT: AgentId = AgentId(1);
const OTHER: AgentId = AgentId(u64::MAX);

/// Runs `work` on both stores, in one transaction, and `look` in a later one; what they saw must be the same.
fn on_both(work: impl Fn(&mut dyn AllRows), look: impl Fn(&mut dyn AllRows) -> String) -> String {
    let folder = Folder::new("conformance-presence");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut seen = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        store
            .add_agent(&new_agent(u64::MAX, "web04"), at(0))
            .unwrap();
        let once = &mut |rows: &mut dyn AllRows| {
            work(rows);
            Ok(())
        };
        store.transact(once).unwrap();
        let mut shown = String::new();
        store
            .view(&mut |rows| {
                shown = look(rows);
                Ok(())
            })
            .unwrap();
        seen.push(shown);
    }
    assert_eq!(seen[0], seen[1]);
    seen.remove(0)
}

#[test]
fn what_was_never_put_is_absent() {
    let seen = on_both(
        |_| {},
        |rows| {
            assert_eq!(rows.collector_life().unwrap(), CollectorLife::default());
            assert_eq!(rows.presence(AGENT).unwrap(), None);
            assert_eq!(rows.facts(AGENT).unwrap(), AgentFacts::default());
            assert_eq!(rows.goodbye(AGENT, RunId(5)).unwrap(), None);
            assert_eq!(rows.boot_reason(AGENT, BootId(1)).unwrap(), None);
            assert_eq!(
                rows.recent_frame(AGENT, RunId(5), Stream::Alerts, 0)
                    .unwrap(),
                None
            );
            let empty = rows.presences().unwrap().is_empty()
                && rows.all_facts().unwrap().is_empty()
                && rows.all_rivals().unwrap().is_empty()
                && rows.silent_sites().unwrap().is_empty()
                && rows.open_of_codes(&[9001, 9003]).unwrap().is_empty();
            assert!(empty);
            "absent".to_owned()
        },
    );
    assert_eq!(seen, "absent");
}

#[test]
fn every_field_comes_back() {
    let life = CollectorLife {
        proved: Some(at(1)),
        resumed: Some(at(2)),
        away_ms: 3,
        alerts: 4,
    };
    let presence = |agent, standing| Presence {
        agent,
        standing,
        run: Some(RunId(u64::MAX)),
        boot: Some(BootId(u64::MAX - 1)),
        seen: Some(at(5)),
        planned_until: Some(at(6)),
        site: Some("みらい商事/tokyo".to_owned()),
        rebooted: Some(Rebooted {
            at: at(7),
            run: RunId(u64::MAX - 2),
            seen: Some(at(8)),
        }),
        clock_since: Some(at(9)),
        gaps_told: 10,
        double_told: Some(at(11)),
    };
    let facts = AgentFacts {
        clock_ms: Some(-12),
        machine: u64::MAX,
        machine_before: 1 << 63,
        machine_since: Some(at(13)),
        machine_returned: Some(at(14)),
        alert_gaps: 15,
        differs: Some((RunId(u64::MAX), at(16))),
        doubled: Some(at(17)),
    };
    let standings = [
        Standing::Never,
        Standing::Present,
        Standing::Silent,
        Standing::Planned,
        Standing::Absent,
        Standing::Site,
        Standing::Retired,
    ];
    on_both(
        |rows| {
            rows.put_collector_life(&CollectorLife::default()).unwrap();
            rows.put_collector_life(&life).unwrap();
            for standing in standings {
                rows.put_presence(&presence(OTHER, standing)).unwrap();
                let kept = rows.presence(OTHER).unwrap();
                assert_eq!(kept, Some(presence(OTHER, standing)));
            }
            rows.put_presence(&Presence::new(AGENT)).unwrap();
            rows.put_facts(AGENT, &AgentFacts::default()).unwrap();
            rows.put_facts(AGENT, &facts).unwrap();
            for reason in ["ordered", "panic", "watchdog", "power", "later"] {
                let reason = BootReason::from_word(reason);
                rows.put_boot_reason(AGENT, BootId(u64::MAX), reason)
                    .unwrap();
                let kept = rows.boot_reason(AGENT, BootId(u64::MAX)).unwrap();
                assert_eq!(kept, Some(reason));
            }
        },
        |rows| {
            assert_eq!(rows.collector_life().unwrap(), life);
            let all = rows.presences().unwrap();
            assert_eq!(
                all,
                [Presence::new(AGENT), presence(OTHER, Standing::Retired)]
            );
            assert_eq!(rows.all_facts().unwrap(), [(AGENT, facts)]);
            format!("{all:?}")
        },
    );
}

#[test]
fn rivals_come_newest_first_and_sites_by_name() {
    let rival = |run, last| Rival {
        run: RunId(run),
        sent: Uptime::from_millis(1),
        batches: 2,
        first: at(3),
        last: at(last),
        between: (run == 7).then(|| at(4)),
    };
    let site = |name: &str, returned| SilentSite {
        site: name.to_owned(),
        returned,
    };
    on_both(
        |rows| {
            for (run, last) in [(7, 10), (u64::MAX, 20), (8, 20), (9, 5)] {
                rows.put_rival(AGENT, &rival(run, last)).unwrap();
            }
            rows.put_rival(OTHER, &rival(7, 1)).unwrap();
            rows.delete_rival(AGENT, RunId(9)).unwrap();
            for name in ["b/x", "a/y", "c/z"] {
                rows.put_silent_site(&site(name, None)).unwrap();
            }
            rows.put_silent_site(&site("b/x", Some(at(9)))).unwrap();
            rows.delete_silent_site("c/z").unwrap();
        },
        |rows| {
            let of = rows.rivals(AGENT).unwrap();
            assert_eq!(of, [rival(u64::MAX, 20), rival(8, 20), rival(7, 10)]);
            assert_eq!(rows.all_rivals().unwrap().len(), 4);
            let sites = rows.silent_sites().unwrap();
            assert_eq!(sites, [site("a/y", None), site("b/x", Some(at(9)))]);
            format!("{of:?}")
        },
    );
}

#[test]
fn a_goodbye_of_a_higher_sequence_takes_the_place_of_the_one_before() {
    let said = |sequence, planned_ms| StoredGoodbye {
        run: RunId(5),
        sequence,
        at: Dated {
            wall: at(sequence),
            quality: ClockQuality::Host,
        },
        reason: 1,
        planned_ms,
        text: "交換".to_owned(),
    };
    on_both(
        |rows| {
            for goodbye in [said(4, Some(9)), said(3, None), said(5, None)] {
                rows.put_goodbye(AGENT, &goodbye).unwrap();
            }
        },
        |rows| {
            let kept = rows.goodbye(AGENT, RunId(5)).unwrap();
            assert_eq!(kept, Some(said(5, None)));
            format!("{kept:?}")
        },
    );
}

#[test]
fn alerts_of_the_collector_are_opened_once_counted_ended_and_numbered() {
    let what = |agent, code, subject: &str| Raise {
        agent,
        code,
        subject: subject.to_owned(),
        occurred: Some(raise::exact(at(1))),
        value: Some(5),
        total: None,
        level: None,
        reason: Reason::Event,
        count: 1,
    };
    let cause = AlertCause {
        silence: Some(SilenceCause::Overdue),
        back: Some(BackCause::OtherMachine),
        presumed: Some(Presumed::MemoryExhausted),
        boot: Some(BootReason::Watchdog),
        double: Some(DoubleSign::Machines),
        seen: Some(at(1)),
        planned_until: Some(at(2)),
        text: "夜間作業".to_owned(),
    };
    on_both(
        |rows| {
            let reboot = what(AGENT, 9003, "");
            let first = raise::raise(rows, &reboot, at(10)).unwrap();
            let again = raise::raise(rows, &reboot, at(11)).unwrap();
            assert_eq!(again, Raised::Counted(first.alert()));
            rows.put_cause(first.alert(), &AlertCause::default())
                .unwrap();
            rows.put_cause(first.alert(), &cause).unwrap();
            let ended = (at(12), Reason::Quiet);
            let ended = raise::resolve(rows, AGENT, (9003, ""), ended, at(13)).unwrap();
            assert_eq!(ended, Some(first.alert()));
            let none = raise::resolve(rows, AGENT, (9003, ""), (at(12), Reason::Quiet), at(13));
            assert_eq!(none.unwrap(), None);
            let second = raise::raise(rows, &reboot, at(14)).unwrap();
            assert_ne!(second.alert(), first.alert());
            let site = what(COLLECTOR_AGENT, 9005, "a/tokyo");
            let other = what(COLLECTOR_AGENT, 9005, "a/osaka");
            let tokyo = raise::raise(rows, &site, at(15)).unwrap();
            let osaka = raise::raise(rows, &other, at(15)).unwrap();
            assert!(matches!((tokyo, osaka), (Raised::Opened(a), Raised::Opened(b)) if a != b));
            raise::record(rows, &what(AGENT, 9002, ""), at(16), at(17)).unwrap();
        },
        |rows| {
            let identity = Identity {
                code: 9003,
                subject: String::new(),
                test: false,
            };
            assert_eq!(rows.last_episode(AGENT, &identity).unwrap(), 2);
            let mut open = rows.open_of_codes(&[9005, 9003, 9002]).unwrap();
            open.sort_by_key(|alert| (alert.identity.code, alert.identity.subject.clone()));
            let codes: Vec<u16> = open.iter().map(|alert| alert.identity.code).collect();
            assert_eq!(codes, [9003, 9005, 9005]);
            assert!(open.iter().all(|alert| alert.run == COLLECTOR_RUN));
            let kinds: Vec<EventKind> = rows
                .events_after(0, 100)
                .unwrap()
                .into_iter()
                .map(|event| event.kind)
                .collect();
            let (raised, ended) = (EventKind::Raised, EventKind::Ended);
            let first = [raised, EventKind::Repeated, EventKind::Resolved];
            assert_eq!(kinds[..3], first);
            assert_eq!(kinds[3..], [raised, raised, raised, ended]);
            let first = rows.events_after(0, 1).unwrap()[0].alert;
            assert_eq!(rows.cause(first).unwrap(), Some(cause.clone()));
            format!("{open:?}")
        },
    );
}

#[test]
fn what_batches_tell_is_stored_alike_and_goes_with_the_run() {
    let folder = Folder::new("conformance-presence");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut seen = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        let frames = [hello(1, "web03"), goodbye(900, 60_000, &"長".repeat(300))];
        let first = part(5, Stream::Alerts, 0, &frames);
        send(store, &batch(5, 1000, &[first]), at(1000));
        send(store, &batch(6, 2000, &[]), at(2000));
        for sent in [3000, 4000, 5000] {
            send(store, &batch(5, sent, &[]), at(sent));
        }
        let mut shown = String::new();
        store
            .view(&mut |rows| {
                let goodbye = rows.goodbye(AGENT, RunId(5))?.unwrap();
                assert_eq!(goodbye.planned_ms, Some(60_000));
                assert_eq!(goodbye.text.chars().count(), 200);
                let rivals = rows.rivals(AGENT)?;
                assert_eq!((rivals.len(), rivals[0].batches), (1, 3));
                let frame = rows.recent_frame(AGENT, RunId(5), Stream::Alerts, 0)?;
                assert_eq!(frame.unwrap().frame, frames[0]);
                assert_eq!(rows.facts(AGENT)?.clock_ms, Some(0));
                shown = format!("{:?}", (goodbye, rivals, rows.facts(AGENT)?));
                Ok(())
            })
            .unwrap();
        // Two months later nobody holds the run any more.
        let day = 86_400_000;
        for (days, frames) in [(1, &[][..]), (59, &frames[..1])] {
            let part = part(6, Stream::Alerts, 0, frames);
            send(store, &batch(6, 2000 + days * day, &[part]), at(days * day));
        }
        store.sweep(at(60 * day), 30).unwrap();
        store
            .view(&mut |rows| {
                assert_eq!(rows.goodbye(AGENT, RunId(5))?, None);
                Ok(())
            })
            .unwrap();
        seen.push(shown);
    }
    assert_eq!(seen[0], seen[1]);
}
