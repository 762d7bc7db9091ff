//! Agents and their rules, what is forgotten when, and that a group that fails leaves nothing.

use super::*;

#[test]
fn rules_are_shown_when_all_parts_are_there() {
    on_both(|store| {
        let first = [config(9, 0, 2, 1001, "built-in")];
        send(store, &batch(5, 1000, &[stream0(0, &first)]), at(0));
        assert!(store.rules(AGENT).unwrap().is_empty());
        let second = [config(9, 1, 2, 1002, "agent.toml:12")];
        send(store, &batch(5, 1001, &[stream0(1, &second)]), at(1));
        let rules = store.rules(AGENT).unwrap();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[1].origin, "agent.toml:12");
        let other = [config(10, 0, 1, 1003, "built-in")];
        send(store, &batch(5, 1002, &[stream0(2, &other)]), at(2));
        assert_eq!(store.rules(AGENT).unwrap().len(), 1);
    });
}

#[test]
fn agents_have_one_name_and_identities_are_not_reused() {
    on_both(|store| {
        assert_eq!(
            store.add_agent(&new_agent(1, "other"), at(0)),
            Err(StoreError::IdTaken)
        );
        assert_eq!(
            store.add_agent(&new_agent(2, "web03"), at(0)),
            Err(StoreError::NameTaken)
        );
        store.add_agent(&new_agent(2, "app01"), at(0)).unwrap();
        assert_eq!(store.master_of(AgentId(2), 1, at(0)), Ok(Some(1)));
        assert_eq!(store.master_of(AgentId(2), 2, at(0)), Ok(None));
        assert_eq!(store.master_of(AgentId(3), 1, at(0)), Ok(None));
        for selector in ["web03", "みらい商事/受注/web03", "0000000000000001"] {
            let found = store.find_agent(selector).unwrap();
            assert_eq!(found.len(), 1, "{selector}");
            assert_eq!(found[0].id, AGENT);
        }
        assert_eq!(store.systems().unwrap()[0].agents.len(), 2);
    });
}

#[test]
fn retention_deletes_whole_days() {
    on_both(|store| {
        let day = 86_400_000;
        for (index, now) in [0, day, 5 * day, 6 * day].into_iter().enumerate() {
            let frame = part(5, Stream::Readings, index as u64, &[readings(1000, &[5])]);
            send(store, &batch(5, 1000 + index as u64, &[frame]), at(now));
        }
        assert_eq!(store.frames(AGENT).unwrap().len(), 4);
        // After a jump of the clock, or as long a pause, nothing goes on the first day.
        assert_eq!(store.sweep(at(5 * day), 4), Ok(0));
        assert_eq!(store.sweep(at(366 * day), 4), Ok(0));
        assert_eq!(store.frames(AGENT).unwrap().len(), 4);
        assert_eq!(store.sweep(at(6 * day), 5), Ok(1));
        assert_eq!(store.frames(AGENT).unwrap().len(), 3);
        assert_eq!(store.sweep(at(6 * day), 5), Ok(0));
        // What was deleted is still stored as far as the agent is concerned.
        assert_eq!(
            send(
                store,
                &batch(5, 2000, &[part(5, Stream::Readings, 0, &[])]),
                at(6 * day)
            ),
            [4]
        );
        let next = part(5, Stream::Readings, 4, &[readings(9000, &[5])]);
        assert_eq!(send(store, &batch(5, 2001, &[next]), at(5 * day)), [5]);
    });
}

/// A run that has left the rings is forgotten after the retention; one that is still named is not.
#[test]
fn rows_of_runs_that_no_agent_holds_any_more_go() {
    on_both(|store| {
        let day = 86_400_000;
        let reading =
            |run, sequence| part(run, Stream::Readings, sequence, &[readings(1000, &[5])]);
        let of = |run, sequence| [reading(run, sequence)];
        for run in [4, 5] {
            send(store, &batch(run, run * 1000, &of(run, 0)), at(0));
        }
        // Run 6 finds run 5 in its rings, run 4 not.
        send(
            store,
            &batch(6, 7000, &[reading(6, 0), part(5, Stream::Readings, 1, &[])]),
            at(1000),
        );
        let next = || {
            let named = [4, 5, 6].map(|run| part(run, Stream::Readings, 9, &[]));
            // A repetition names nothing anew.
            send(store, &batch(5, 1, &named), at(1))
        };
        for (days, expected) in [(0, [1, 1, 2]), (2, [1, 1, 3]), (4, [0, 1, 4])] {
            send(
                store,
                &batch(6, 8000 + days, &of(6, days / 2 + 1)),
                at(days * day + 5000),
            );
            store.sweep(at(days * day + 5000), 3).unwrap();
            assert_eq!(next(), expected, "day {days}");
        }
    });
}

/// The clock was a year ahead for a while: what was stored then is kept, and misleads nobody.
#[test]
fn a_day_in_the_future_does_not_move_the_retention() {
    on_both(|store| {
        let day = 86_400_000;
        for (index, now) in [0, day, 365 * day, 2 * day].into_iter().enumerate() {
            let frame = part(5, Stream::Readings, index as u64, &[readings(1000, &[5])]);
            send(store, &batch(5, 1000 + index as u64, &[frame]), at(now));
            let deleted = store.sweep(at(now), 1).unwrap();
            assert_eq!(deleted, usize::from(now == 2 * day), "{now}");
        }
        assert_eq!(store.frames(AGENT).unwrap().len(), 3);
    });
}

/// One group of several agents: a batch of an agent that is not there fails the group and stores nothing.
#[test]
fn a_failed_group_stores_nothing() {
    on_both(|store| {
        let stranger = support::bytes(99, 5, 1, 1000, &[stream0(0, &[hello(1, "h")])]);
        let stranger = AuthenticatedBatch::open(&stranger, &support::key(99)).unwrap();
        let good = batch(5, 1000, &[stream0(0, &[hello(1, "h")])]);
        assert_eq!(
            store.accept(&[&good, &stranger], at(0)).unwrap_err(),
            StoreError::NoAgent
        );
        assert!(store.frames(AGENT).unwrap().is_empty());
        assert_eq!(send(store, &good, at(1)), [1]);
    });
}

#[test]
fn a_decision_that_fails_leaves_nothing_and_a_view_keeps_nothing() {
    on_both(|store| {
        send(
            store,
            &batch(
                5,
                1000,
                &[stream0(0, &[alert(event(1002, 1, 1, 500, 500))])],
            ),
            at(0),
        );
        let mine = alerts(store)[0].id;
        let failed = store.transact(&mut |rows| {
            rows.append_event(mine, EventKind::Acknowledged, at(10))?;
            Err(StoreError::NoAgent)
        });
        assert_eq!(failed, Err(StoreError::NoAgent));
        assert_eq!(events(store).len(), 1);
        store
            .transact(&mut |rows| rows.append_event(mine, EventKind::Acknowledged, at(20)))
            .unwrap();
        assert_eq!(events(store).len(), 2);
    });
}
