//! Whatever agents, people and clocks do: one silence is told once, and no identity has two open alerts.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho_collector::presence::Done;
use hansho_collector::store::{AlertFilter, EventKind, MemoryStore, SqliteStore, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use support::presence::{Script, one_open_of_each};
use support::{Folder, at};

const AGENTS: usize = 7;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes.
    Wait(u64),
    Down(usize),
    Up(usize),
    Restart(usize, bool),
    Stop(usize, u64),
    /// All at once.
    Cut,
    Join,
    Away(u64),
    Clock(i64),
    HostClock(usize, i64),
    Window(u64),
    /// The same moment is judged again, as a second collector would.
    Again,
}

fn step() -> impl Strategy<Value = Step> {
    let host = 0..AGENTS;
    prop_oneof![
        6 => (1..400_u64).prop_map(Step::Wait),
        3 => host.clone().prop_map(Step::Down),
        3 => host.clone().prop_map(Step::Up),
        2 => (host.clone(), any::<bool>()).prop_map(|(host, boot)| Step::Restart(host, boot)),
        2 => (host.clone(), prop_oneof![Just(0), 1_000..600_000_u64]).prop_map(|(host, ms)| Step::Stop(host, ms)),
        1 => Just(Step::Cut),
        1 => Just(Step::Join),
        1 => (1..900_u64).prop_map(Step::Away),
        1 => (-4_000_000..4_000_000_i64).prop_map(Step::Clock),
        1 => (host, -90_000..90_000_i64).prop_map(|(host, ms)| Step::HostClock(host, ms)),
        1 => (1..900_u64).prop_map(Step::Window),
        2 => Just(Step::Again),
    ]
}

fn play(script: &mut Script<'_>, step: &Step) {
    match step {
        Step::Wait(seconds) => script.run(*seconds),
        Step::Down(host) => script.hosts[*host].up = false,
        Step::Up(host) => script.hosts[*host].up = true,
        Step::Restart(host, boot) => {
            script.true_ms += 1000;
            script.restart(*host, *boot);
        }
        Step::Stop(host, planned_ms) => {
            script.true_ms += 1000;
            if script.hosts[*host].up {
                script.stop(*host, *planned_ms);
            }
        }
        Step::Cut => script.hosts.iter_mut().for_each(|host| host.up = false),
        Step::Join => script.hosts.iter_mut().for_each(|host| host.up = true),
        Step::Away(seconds) => {
            script.listening = false;
            script.run(*seconds);
            script.listening = true;
        }
        Step::Clock(ms) => script.collector_ms = *ms,
        Step::HostClock(host, ms) => script.hosts[*host].clock_ms = *ms,
        Step::Window(seconds) => script.window = Some((script.s(), script.s() + seconds)),
        Step::Again => {
            script.sweep().unwrap();
            let before = (script.events(), script.told.len());
            script.sweep().unwrap();
            assert_eq!(before, (script.events(), script.told.len()));
        }
    }
}

/// Begun after so much time that a clock can be set back.
fn begin(store: &dyn Store) -> Script<'_> {
    let mut script = Script::new(store, AGENTS as u64);
    script.true_ms += 5_000_000;
    script
}

/// Each silence (agent, last sign) is told by one 9001 at most.
fn once(script: &Script<'_>) {
    let mut told: BTreeSet<(u64, WallTime)> = BTreeSet::new();
    for alert in script.alerts(9001) {
        let seen = alert.occurred.unwrap().wall;
        assert!(told.insert((alert.agent.0, seen)), "{alert:?}");
    }
    // Raised and resolved of an identity alternate.
    let mut open: BTreeMap<_, bool> = BTreeMap::new();
    for (_, decision) in &script.told {
        let Some((code, _)) = decision.alert else {
            continue;
        };
        let open = open.entry((decision.agent, code)).or_default();
        match decision.done {
            Done::Raised => assert!(!core::mem::replace(open, true), "{decision:?}"),
            Done::Resolved => assert!(core::mem::replace(open, false), "{decision:?}"),
            Done::Counted => assert!(*open, "{decision:?}"),
            Done::Recorded | Done::Noted => {}
        }
    }
    let raised = |code| {
        let events = script.events().into_iter();
        events
            .filter(|event| *event == (code, EventKind::Raised))
            .count()
    };
    assert_eq!(raised(9001), script.alerts(9001).len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn one_silence_is_told_once(steps in proptest::collection::vec(step(), 1..40)) {
        let memory = MemoryStore::default();
        let mut script = begin(&memory);
        for step in &steps {
            play(&mut script, step);
        }
        once(&script);
        one_open_of_each(&memory);
        // In the end all is well again, and nothing stays open but what ends by itself.
        script.collector_ms = 0;
        script.window = None;
        for host in 0..AGENTS {
            script.true_ms += 1000;
            script.hosts[host].clock_ms = 0;
            script.restart(host, false);
        }
        script.run(4500);
        once(&script);
        let open = memory.alerts(&AlertFilter { firing: Some(true), ..AlertFilter::default() }).unwrap();
        prop_assert!(open.is_empty(), "{open:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn both_stores_decide_the_same(steps in proptest::collection::vec(step(), 1..12)) {
        let folder = Folder::new("presence-properties");
        let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
        let memory = MemoryStore::default();
        let mut told = Vec::new();
        for store in [&sqlite as &dyn Store, &memory] {
            let mut script = begin(store);
            for step in &steps {
                play(&mut script, step);
            }
            told.push(format!("{:?}", (&script.told, script.events(), store.alerts(&AlertFilter::default()))));
        }
        prop_assert_eq!(&told[0], &told[1]);
    }
}
