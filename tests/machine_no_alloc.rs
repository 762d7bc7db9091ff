//! After its start the machine allocates nothing: counted by the allocator itself.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test may stop at whatever surprises it"
)]

mod alloc_common;
mod machine_support;

use alloc_common::allocations;
use hansho::clock::Uptime;
use hansho::code::builtin_rules;
use hansho::frame::Stream;
use hansho::limit::CHECKPOINT_BYTES;
use hansho::machine::{Input, Journal, Machine, TakeOver, Tick};
use machine_support::{SECOND, at, hello, look, settings, used};

/// Counts, in fixed memory.
#[derive(Default)]
struct Counted {
    frames: [u64; 4],
    lines: u64,
}

impl Journal for Counted {
    fn record(&mut self, stream: Stream, _: Uptime, _: &[u8]) {
        if let Some(frames) = self.frames.get_mut(usize::from(stream.number())) {
            *frames += 1;
        }
    }

    fn say(&mut self, _: &str) {
        self.lines += 1;
    }
}

#[test]
fn ten_thousand_ticks_with_transitions_allocate_nothing() {
    let mut machine =
        Box::new(Machine::new(settings(), builtin_rules()).unwrap_or_else(|_| panic!("rules")));
    let mut out = Counted::default();
    let mut checkpoint = Box::new([0; CHECKPOINT_BYTES]);
    machine.hello(at(0), &hello(), &mut out);
    machine.taken_over(at(0), &TakeOver::new(), &mut out);

    let before = allocations();
    for second in 1..=10_000_u64 {
        // Full for ten minutes, empty for ten; now and then late; the cache goes up and down.
        let full = second / 600 % 2 == 1;
        let mut snapshot = if full {
            used(second * SECOND, 990)
        } else {
            look(second * SECOND)
        };
        if full {
            snapshot.memory.page_cache_kib = Some(1_000);
        }
        snapshot.counters.oom_kill = Some(second / 1_000);
        let late_ms = if second % 997 == 0 { 40_000 } else { 0 };
        machine.step(
            at(second * SECOND),
            Input::Tick(&Tick {
                snapshot,
                late_ms,
                disk_ring_fault: Some(true),
                configuration_refused: second % 700 < 350,
                ..Tick::default()
            }),
            &mut out,
        );
        if second % 500 == 0 {
            for input in [
                Input::Answered,
                Input::Test { code: 1002 },
                Input::Refused { count: 1 },
                Input::RunAhead,
                Input::Lost {
                    stream: Stream::Alerts,
                    count: 1,
                },
            ] {
                machine.step(at(second * SECOND), input, &mut out);
            }
        }
        assert!(machine.checkpoint(checkpoint.as_mut_slice()).is_ok());
    }
    let after = allocations();
    assert_eq!(after - before, 0);
    let [alerts, readings, _, history] = out.frames;
    assert!(out.lines >= 100, "{} transitions", out.lines);
    assert!(alerts > out.lines && readings >= 1_000 && history >= 166);
}
