//! The matrix of cause and code, in virtual time, over both stores: each cause gives its code, and no other one. [`hosts`] who is silent,
//! stops and comes back; [`identities`] clones, rollbacks and machine ids; [`sites`] many at once; [`collector`] its own absence and clock;
//! [`retired`] who is not expected any more.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod collector;
mod hosts;
mod identities;
mod retired;
mod sites;
#[path = "../support/mod.rs"]
mod support;

use hansho::clock::WallTime;
use hansho::frame::body::FLAG_UNKNOWN;
use hansho::frame::kind::{AgentId, RunId};
use hansho_collector::presence::life::Resumed;
use hansho_collector::presence::{Done, Registry, Why, registry};
use hansho_collector::store::raise::{self, Raise};
use hansho_collector::store::{
    BackCause, BootReason, ClockQuality, DoubleSign, EventKind, MemoryStore, Presumed,
    SilenceCause, SqliteStore, Standing, Store,
};
use support::presence::{Host, Script, one_open_of_each};
use support::{Folder, alert, at, booted, event, leave, open, readings, state};

/// Runs a script on both stores: they decide the same, and hold the same.
fn on_both(agents: u64, script: impl Fn(&mut Script<'_>)) {
    let folder = Folder::new("presence");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut told = Vec::new();
    for store in [&memory as &dyn Store, &sqlite] {
        let mut one = Script::new(store, agents);
        one.run(60);
        one.nothing();
        script(&mut one);
        one_open_of_each(store);
        told.push(format!(
            "{:#?}",
            (
                one.told.clone(),
                one.events(),
                store.alerts(&Default::default())
            )
        ));
    }
    assert_eq!(told[0], told[1]);
}
