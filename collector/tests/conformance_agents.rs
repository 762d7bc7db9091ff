//! One suite for both stores: joining, rotating, revoking, retiring, renaming, moving.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::{AgentId, Stream};
use hansho::frame::seal::derive;
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::ingest::join::{JoinAsk, Joined, TokenEnd, token_hash};
use hansho_collector::limit::PAST_KEPT;
use hansho_collector::store::agents::{self, Rotated};
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::{
    JoinToken, KeyEpoch, MemoryStore, Past, PastKind, SqliteStore, Store, StoreError,
};
use support::{Folder, MASTER, at, batch, hello, new_agent, part};

const AGENT: AgentId = AgentId(1);
const DAY: u64 = 86_400_000;

/// Runs a test on both stores, with agent 1 in them, and compares what they hold at its end.
fn on_both(test: impl Fn(&dyn Store)) {
    let folder = Folder::new("agents");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut dumps = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        test(store);
        let mut tokens = Vec::new();
        let mut keys = Vec::new();
        let agents = store.agents().unwrap();
        store
            .view(&mut |rows| {
                tokens = rows.join_tokens()?;
                for agent in &agents {
                    keys.push(rows.key_epochs(agent.id)?);
                }
                Ok(())
            })
            .unwrap();
        dumps.push(format!("{agents:#?}{keys:#?}{tokens:#?}"));
    }
    assert_eq!(dumps[0], dumps[1]);
}

fn within<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn AllRows) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut outcome = None;
    store.transact(&mut |rows| {
        outcome = Some(work(rows)?);
        Ok(())
    })?;
    Ok(outcome.unwrap())
}

fn keys(store: &dyn Store) -> Vec<KeyEpoch> {
    within(store, |rows| rows.key_epochs(AGENT)).unwrap()
}

/// Epochs of agent 1 that are taken at a moment.
fn good(store: &dyn Store, ms: u64) -> Vec<u8> {
    (0..5)
        .filter(|epoch| store.master_of(AGENT, *epoch, at(ms)).unwrap().is_some())
        .collect()
}

#[test]
fn the_old_key_is_taken_until_the_new_one_was_used() {
    on_both(|store| {
        store.accept(&[&batch(1, 10, &[])], at(10)).unwrap();
        assert_eq!(keys(store)[0].used, Some(at(10)));
        let rotated = within(store, |rows| agents::rotate(rows, AGENT, 2, DAY, at(1000)));
        assert_eq!(rotated, Ok(Rotated::To(2)));
        assert_eq!(good(store, 1000), [1, 2]);
        assert_eq!(store.master_of(AGENT, 2, at(1000)), Ok(Some(2)));
        // The grace is over, and nobody used the new one: only that is left.
        assert_eq!(good(store, 1000 + DAY), [2]);

        let bytes = {
            let mut header = *batch(1, 2000, &[]).header();
            header.key_epoch = 2;
            let mut buffer = vec![0; 4096];
            let writer = hansho::frame::batch::BatchWriter::new(&mut buffer, 4096, &header);
            let key = derive(&MASTER, AGENT, 2);
            writer.unwrap().seal(&key).unwrap().to_vec()
        };
        let new = AuthenticatedBatch::open(&bytes, &derive(&MASTER, AGENT, 2)).unwrap();
        store.accept(&[&new], at(2000)).unwrap();
        assert_eq!(good(store, 2000), [2]);
        assert_eq!(keys(store)[1].used, Some(at(2000)));
        assert_eq!(keys(store)[0].ends, Some(at(2000)));
        // A straggler that was under way with the old key changes nothing about it.
        store.accept(&[&batch(1, 2001, &[])], at(2001)).unwrap();
        assert_eq!(good(store, 2001), [2]);
    });
}

#[test]
fn revoked_and_retired_agents_are_refused() {
    on_both(|store| {
        within(store, |rows| agents::rotate(rows, AGENT, 1, DAY, at(0))).unwrap();
        let revoke = |epoch, ms| within(store, |rows| agents::revoke(rows, AGENT, epoch, at(ms)));
        assert_eq!(revoke(Some(1), 5), Ok(1));
        assert_eq!(revoke(Some(1), 6), Ok(0));
        assert_eq!(revoke(Some(9), 6), Ok(0));
        assert_eq!((good(store, 4), good(store, 5)), (vec![1, 2], vec![2]));
        let retire = |since| within(store, |rows| rows.put_retired(AGENT, since));
        retire(Some(at(7))).unwrap();
        assert_eq!(good(store, 8), Vec::<u8>::new());
        assert_eq!(store.agents().unwrap()[0].retired, Some(at(7)));
        retire(None).unwrap();
        assert_eq!(good(store, 8), [2]);
        assert_eq!(revoke(None, 9), Ok(1));
        assert_eq!(good(store, 9), Vec::<u8>::new());
    });
}

#[test]
fn epochs_end_at_255() {
    on_both(|store| {
        for epoch in 2..=255 {
            let rotated = within(store, |rows| agents::rotate(rows, AGENT, 1, DAY, at(epoch)));
            assert_eq!(rotated, Ok(Rotated::To(u8::try_from(epoch).unwrap())));
        }
        let rotated = within(store, |rows| agents::rotate(rows, AGENT, 1, DAY, at(256)));
        assert_eq!(rotated, Ok(Rotated::NoEpochLeft));
    });
}

#[test]
fn names_stay_unique_and_what_is_stored_stays_the_agents() {
    on_both(|store| {
        store.add_agent(&new_agent(2, "app01"), at(0)).unwrap();
        let first = part(1, Stream::Alerts, 0, &[hello(1, "0.1.0")]);
        store.accept(&[&batch(1, 10, &[first])], at(10)).unwrap();
        let place = |customer: &str, system: &str, name: &str| {
            within(store, |rows| rows.put_place(AGENT, customer, system, name))
        };
        assert_eq!(
            place("みらい商事", "受注", "app01"),
            Err(StoreError::NameTaken)
        );
        place("みらい商事", "受注", "web04").unwrap();
        place("あおぞら", "物流", "app01").unwrap();
        // To what it is called already is no collision.
        place("あおぞら", "物流", "app01").unwrap();
        let found = store.find_agent("あおぞら/物流/app01").unwrap();
        assert_eq!((found.len(), found[0].id), (1, AGENT));
        assert!(found[0].inventory.is_some());
        assert_eq!(store.frames(AGENT).unwrap().len(), 1);
    });
}

fn ask(token: u32, secret: u8, agent: u64, name: &str) -> JoinAsk {
    JoinAsk {
        token,
        hash: token_hash(&[secret; 32]),
        name: name.to_owned(),
        agent: AgentId(agent),
        master: 1,
        epoch: 1,
    }
}

#[test]
fn hosts_join_as_often_and_as_long_as_the_token_says() {
    on_both(|store| {
        let token = JoinToken {
            id: 1,
            hash: token_hash(&[7; 32]),
            customer: "みらい商事".to_owned(),
            system: "受注".to_owned(),
            uses: 2,
            used: 0,
            created: at(0),
            ends: at(DAY),
            revoked: None,
        };
        let other = JoinToken {
            id: 2,
            uses: 9,
            ..token.clone()
        };
        within(store, |rows| {
            rows.put_join_token(&token)?;
            rows.put_join_token(&other)
        })
        .unwrap();
        let join =
            |ask: JoinAsk, ms: u64| within(store, |rows| agents::join(rows, &ask, at(ms))).unwrap();
        assert_eq!(join(ask(1, 8, 10, "a"), 1), Joined::NoToken);
        assert_eq!(join(ask(3, 7, 10, "a"), 1), Joined::NoToken);
        // A token that was never made has no hash that fits.
        let zero = JoinAsk {
            hash: [0; 32],
            ..ask(3, 7, 10, "a")
        };
        assert_eq!(join(zero, 1), Joined::NoToken);
        let added = Joined::Added {
            customer: "みらい商事".to_owned(),
            system: "受注".to_owned(),
        };
        assert_eq!(join(ask(1, 7, 10, "a"), 1), added);
        assert_eq!(store.master_of(AgentId(10), 1, at(1)), Ok(Some(1)));
        // A name that is taken costs no use.
        let taken = join(ask(1, 7, 11, "web03"), 2);
        assert!(matches!(taken, Joined::NameTaken { .. }), "{taken:?}");
        assert_eq!(join(ask(1, 7, 11, "b"), 3), added);
        let over = |end| Joined::TokenOver(end);
        assert_eq!(join(ask(1, 7, 12, "c"), 4), over(TokenEnd::UsedUp));
        assert_eq!(join(ask(2, 7, 12, "c"), DAY), over(TokenEnd::Expired));
        let revoke = |id| within(store, |rows| agents::revoke_token(rows, id, at(5))).unwrap();
        assert_eq!(revoke(9), None);
        assert_eq!(revoke(2), Some(None));
        assert_eq!(revoke(2), Some(Some(TokenEnd::Revoked)));
        assert_eq!(join(ask(2, 7, 12, "c"), 6), over(TokenEnd::Revoked));
        assert_eq!(store.agents().unwrap().len(), 3);
    });
}

#[test]
fn an_identity_that_is_taken_fails_whole() {
    on_both(|store| {
        let token = JoinToken {
            id: 1,
            hash: token_hash(&[7; 32]),
            customer: "a".to_owned(),
            system: "b".to_owned(),
            uses: 1,
            used: 0,
            created: at(0),
            ends: at(DAY),
            revoked: None,
        };
        within(store, |rows| rows.put_join_token(&token)).unwrap();
        let joined = within(store, |rows| agents::join(rows, &ask(1, 7, 1, "x"), at(1)));
        assert_eq!(joined, Err(StoreError::IdTaken));
        let used = within(store, |rows| rows.join_token(1))
            .unwrap()
            .unwrap()
            .used;
        assert_eq!(used, 0);
    });
}

#[test]
fn the_newest_boots_and_changes_of_an_agent_are_kept() {
    on_both(|store| {
        let past = |ms: u64, what| Past { at: at(ms), what };
        let boot = |number| PastKind::Boot(hansho::frame::kind::BootId(number));
        let all = within(store, |rows| {
            rows.put_past(AGENT, &past(2, PastKind::Config(u64::MAX)))?;
            for _ in 0..2 {
                rows.put_past(AGENT, &past(1, boot(u64::MAX)))?;
            }
            rows.past(AGENT, at(0))
        });
        let both = [past(1, boot(u64::MAX)), past(2, PastKind::Config(u64::MAX))];
        assert_eq!(all.unwrap(), both);
        let newest = within(store, |rows| {
            for number in 0..u64::from(PAST_KEPT) {
                rows.put_past(AGENT, &past(10 + number, boot(number)))?;
            }
            Ok((rows.past(AGENT, at(0))?, rows.past(AGENT, at(11))?))
        });
        let (all, since) = newest.unwrap();
        assert_eq!(all.len(), PAST_KEPT as usize);
        assert_eq!((all[0], since[0]), (past(10, boot(0)), past(11, boot(1))));
    });
}

#[test]
fn whatever_changes_which_keys_are_good_is_counted() {
    on_both(|store| {
        let mut before = store.key_changes().unwrap();
        let mut changed = |what: &str| {
            let now = store.key_changes().unwrap();
            let more = now > before;
            before = now;
            assert!(more, "{what}");
        };
        within(store, |rows| agents::rotate(rows, AGENT, 1, DAY, at(1))).unwrap();
        changed("rotated");
        within(store, |rows| rows.key_used(AGENT, 2, at(2))).unwrap();
        changed("the first batch with the new key ended the old one");
        within(store, |rows| agents::revoke(rows, AGENT, None, at(3))).unwrap();
        changed("revoked");
        within(store, |rows| rows.put_retired(AGENT, Some(at(4)))).unwrap();
        changed("retired");
        within(store, |rows| rows.put_retired(AGENT, None)).unwrap();
        changed("expected again");
        let quiet = store.key_changes().unwrap();
        let agent = store.agents().unwrap().remove(0);
        within(store, |rows| rows.put_agent(&agent)).unwrap();
        assert_eq!(store.key_changes().unwrap(), quiet);
    });
}
