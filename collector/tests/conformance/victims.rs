//! Whom the kernel killed for memory: stored once, given to the alerts that were open then, bounded, forgotten with evidence.

use super::support::victim;
use super::*;
use hansho::frame::evidence::{Short, Victim};
use hansho_collector::limit::VICTIMS_KEPT;
use hansho_collector::store::{Forget, StoredVictim, victims};

fn killed(sequence: u64, at_ms: u64) -> Victim<'static> {
    Victim {
        sequence,
        at_ms,
        pid: 2184,
        name: b"java",
        uid: Some(1000),
        oom_score_adj: Some(-5),
        anonymous_kib: 9_000_000,
        file_kib: 12,
        short: Short::Host.as_u8(),
        unit: Some(b"app.service"),
        ..Victim::default()
    }
}

fn all(store: &dyn Store) -> Vec<StoredVictim> {
    let mut found = Vec::new();
    store
        .view(&mut |rows| {
            found = rows.victims_of(AGENT, None, usize::MAX)?;
            Ok(())
        })
        .unwrap();
    found
}

fn of(store: &dyn Store, alert: &StoredAlert) -> Vec<u64> {
    let mut found = Vec::new();
    store
        .view(&mut |rows| {
            found = victims::of_alert(rows, alert, 10)?;
            Ok(())
        })
        .unwrap();
    found.iter().map(|one| one.sequence).collect()
}

fn tell(store: &dyn Store, run: u64, first: u64, ms: u64, told: &[Victim<'_>]) {
    let frames: Vec<Vec<u8>> = told.iter().map(|one| victim(ms, one)).collect();
    let parts = [part(run, Stream::Evidence, first, &frames)];
    send(store, &batch(run, ms, &parts), at(ms));
}

#[test]
fn a_victim_is_stored_once_whoever_tells_it_again() {
    on_both(|store| {
        tell(store, 5, 0, 6000, &[killed(7, 5000)]);
        // The same frame again, and a later run of the same boot that reads the kernel's log anew.
        tell(store, 5, 0, 7000, &[killed(7, 5000)]);
        tell(store, 6, 0, 8000, &[killed(7, 5000), killed(8, 7500)]);
        let kept = all(store);
        let numbers: Vec<u64> = kept.iter().map(|one| one.sequence).collect();
        assert_eq!(numbers, [8, 7]);
        let one = &kept[1];
        assert_eq!((one.at.wall, one.received), (at(5000), at(6000)));
        assert_eq!(
            (one.pid, one.uid, one.anonymous_kib),
            (2184, Some(1000), 9_000_000)
        );
        assert_eq!(
            (one.oom_score_adj, one.shared_kib, one.file_kib),
            (Some(-5), None, 12)
        );
        assert_eq!(one.unit.as_deref(), Some("app.service"));
        assert_eq!((one.group.as_str(), &one.container), ("", &None));
    });
}

#[test]
fn hostile_names_of_victims_are_text() {
    on_both(|store| {
        let one = Victim {
            name: b"<b>\x1b[31m\n\xff\xe2\x80\xae",
            group: b"/a\r\nb",
            ..killed(1, 5000)
        };
        tell(store, 5, 0, 6000, &[one]);
        let kept = all(store);
        assert_eq!(kept[0].name, "<b>\\u{1b}[31m\\u{a}\\xff\\u{202e}");
        assert_eq!(kept[0].group, "/a\\u{d}\\u{a}b");
    });
}

#[test]
fn an_alert_has_those_killed_while_it_was_open() {
    on_both(|store| {
        let frames = [
            alert(event(1002, 1, 1, 1_500_000, 1_500_000)),
            alert(event(1010, 1, 1, 1_600_000, 1_600_000)),
            alert(event(2001, 1, 1, 1_500_000, 1_500_000)),
        ];
        let parts = [part(5, Stream::Alerts, 0, &frames)];
        send(store, &batch(5, 1_601_000, &parts), at(1_601_000));
        let told = [
            killed(1, 900_000),
            killed(2, 1_499_000),
            killed(3, 1_599_000),
            killed(4, 1_700_000),
        ];
        tell(store, 5, 0, 1_701_000, &told);
        let of_code = |code: u16| {
            let all = alerts(store);
            let alert = all.iter().find(|one| one.identity.code == code).unwrap();
            of(store, alert)
        };
        assert_eq!(of_code(1010), [4, 3, 2], "counted at a sample after it");
        assert_eq!(of_code(1002), [4, 3]);
        assert!(of_code(2001).is_empty(), "not about memory");
        let all = alerts(store);
        let oom = all.iter().find(|one| one.identity.code == 1010).unwrap();
        let mut over = oom.clone();
        over.firing = false;
        over.resolved = Some(hansho_collector::store::Dated {
            wall: at(1_650_000),
            ..oom.detected.unwrap()
        });
        assert_eq!(of(store, &over), [3, 2]);
        over.identity.test = true;
        assert!(of(store, &over).is_empty(), "a test kills nobody");
    });
}

#[test]
fn victims_are_bounded_paged_and_forgotten_with_evidence() {
    on_both(|store| {
        let many = VICTIMS_KEPT as u64 + 3;
        let told: Vec<Victim<'_>> = (1..=many).map(|n| killed(n, 5000 + n)).collect();
        for (index, some) in told.chunks(50).enumerate() {
            let index = index as u64;
            tell(store, 5, 50 * index, 10_000 + index, some);
        }
        let kept = all(store);
        assert_eq!(kept.len(), VICTIMS_KEPT);
        assert_eq!(kept.last().unwrap().sequence, 4, "the oldest went");
        store
            .transact(&mut |rows| {
                assert_eq!(rows.newest_victim()?, Some(kept[0].received));
                let next = rows.victims_of(AGENT, Some(kept[9].key()), 5)?;
                assert_eq!(next, kept[10..15]);
                assert_eq!(rows.forget(Forget::Evidence, at(10_000), 7)?, 0);
                assert_eq!(rows.forget(Forget::Evidence, at(10_001), 7)?, 7);
                assert_eq!(rows.forget(Forget::Evidence, at(10_001), 100)?, 40);
                assert_eq!(rows.forget(Forget::Evidence, at(10_001), 100)?, 0);
                Ok(())
            })
            .unwrap();
        assert_eq!(all(store).len(), VICTIMS_KEPT - 47);
    });
}
