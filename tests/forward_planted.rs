//! The planted bug loses frames, as it must for the kill test to be worth anything:
//! `cargo test --features planted --test forward_planted`.
#![cfg(feature = "planted")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop"
)]

mod forward_common;

use forward_common::server::{Server, reply};
use forward_common::{BOOT, Collector, TestHost, TestRings, run_of, settings};
use hansho::forward::client::{Client, Timeouts};
use hansho::forward::connector::TrustSettings;
use hansho::forward::forwarder::Forwarder;
use hansho::forward::news::News;
use hansho::forward::pace::Outcome;
use hansho::frame::Stream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A collector that dies with the batch of frames 3 to 5 in its hands, before it commits, and is started again. How many
/// frames of 9 it has in the end, and how far it was told as stored while it was dead.
fn played() -> (usize, u64) {
    let collector = Arc::new(Mutex::new(Collector::default()));
    let (shared, dead) = (collector.clone(), Arc::new(AtomicUsize::new(0)));
    let dying = dead.clone();
    let server = Server::plain(move |body, wire| {
        if dying.load(Ordering::SeqCst) == 1 {
            return false;
        }
        let answer = shared.lock().unwrap().take(body);
        reply(wire, "200 OK", "", &answer)
    });
    let rings = TestRings::default();
    let timeouts = Timeouts {
        post: Duration::from_secs(60),
        connect: Duration::from_secs(60),
    };
    let (trust, state) = (TrustSettings::default(), Arc::default());
    let client = Client::with(vec![server.url()], trust, BOOT, state, timeouts).unwrap();
    let mut forwarder = Forwarder::new(settings(), client, rings.clone(), TestHost::default());
    let mut told = 0;
    for round in 0..3_u64 {
        rings.write(1, Stream::Alerts, round * 3..round * 3 + 3);
        dead.store(usize::from(round == 1), Ordering::SeqCst);
        for _ in 0..3 {
            if matches!(forwarder.post(), Outcome::Done { .. }) {
                break;
            }
        }
        if round == 1 {
            let stored = forwarder.host().told.iter().filter_map(|news| match news {
                News::Stored { next, .. } => Some(*next),
                _ => None,
            });
            told = stored.max().unwrap();
        }
    }
    assert_eq!(forwarder.wanted(run_of(1), Stream::Alerts), Some(9));
    let stored = collector.lock().unwrap().stored.len();
    (stored, told)
}

/// Run by the test below with the variable set.
#[test]
#[ignore = "only with HANSHO_PLANT"]
fn with_the_variable() {
    assert_eq!(played(), (6, 6));
}

#[test]
fn the_plant_loses_what_the_collector_never_committed() {
    // Compiled in, but not chosen: nothing is lost.
    assert_eq!(played(), (9, 3));
    let inner = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "with_the_variable", "--include-ignored"])
        .env("HANSHO_PLANT", "cursor-before-answer")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(inner.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}
