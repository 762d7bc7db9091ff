//! Frames for the property tests.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test may stop"
)]

use hansho::clock::Uptime;
use hansho::frame::Kind;
use hansho::frame::body::{
    self, Alert, Boot, Config, Found, Goodbye, Hello, Leave, Readings, State,
};
use hansho::frame::evidence::{Evidence, Victim};
use hansho::limit::FRAME_BYTES;
use proptest::collection::vec;
use proptest::prelude::*;

fn word() -> impl Strategy<Value = String> {
    "[a-z0-9/._ あ-ん]{0,24}"
}

/// A frame of `body`.
pub(crate) fn encode<T: serde::Serialize>(kind: Kind, uptime: Uptime, body: &T) -> Vec<u8> {
    body::encode(kind, uptime, body, &mut [0; FRAME_BYTES])
        .unwrap()
        .to_vec()
}

/// A valid frame of any kind but Loss.
#[expect(clippy::too_many_lines, reason = "one arm a kind")]
pub(crate) fn frame() -> impl Strategy<Value = Vec<u8>> {
    let uptime = prop_oneof![0..100_000_u64, any::<u64>()].prop_map(Uptime::from_millis);
    let numbers = (
        any::<[u64; 4]>(),
        any::<[u32; 4]>(),
        any::<[u8; 4]>(),
        any::<[Option<u64>; 5]>(),
    );
    (
        0..12_u8,
        uptime,
        [word(), word(), word(), word()],
        numbers,
        vec(any::<u8>(), 0..200),
    )
        .prop_map(|(which, uptime, words, (long, int, byte, maybe), bytes)| {
            let [version, host, kernel, architecture] = &words;
            let code = u16::from(byte[0]) << 5;
            match which {
                0 => {
                    let body = Hello {
                        version,
                        host,
                        kernel,
                        architecture,
                        cores: int[0],
                        memory_total_kib: long[0],
                        run_number: long[1],
                        sample_interval_ms: int[1],
                        report_interval_ms: int[2],
                        post_interval_ms: int[3],
                        registry_version: code,
                        registry_hash: long[2],
                        config_hash: long[3],
                        machine_id_hash: long[0],
                        flags: byte[1],
                    };
                    encode(Kind::Hello, uptime, &body)
                }
                1 => {
                    let parts = byte[0].saturating_add(1);
                    let body = Config {
                        config_hash: long[0],
                        part: byte[1] % parts,
                        parts,
                        rules: &bytes,
                    };
                    encode(Kind::Config, uptime, &body)
                }
                2 => {
                    let parts = byte[0].saturating_add(1);
                    encode(
                        Kind::State,
                        uptime,
                        &State {
                            part: byte[1] % parts,
                            parts,
                            open: &bytes,
                        },
                    )
                }
                3 => {
                    let body = Alert {
                        code,
                        subject: host,
                        transition: byte[0],
                        reason: byte[1],
                        flags: byte[2],
                        episode: int[0],
                        fired_ms: long[0],
                        since_ms: long[1],
                        quantity: byte[3],
                        value: maybe[0],
                        total: maybe[1],
                        level: maybe[2],
                        worst: maybe[3],
                        forecast_ms: maybe[4],
                        count: int[1],
                    };
                    encode(Kind::Alert, uptime, &body)
                }
                4 => encode(
                    Kind::Goodbye,
                    uptime,
                    &Goodbye {
                        reason: byte[0],
                        planned_ms: long[0],
                        text: host,
                    },
                ),
                10 => {
                    let body = Victim {
                        sequence: long[0],
                        at_ms: long[1],
                        pid: int[0],
                        name: host.as_bytes(),
                        uid: maybe[0].map(|_| int[1]),
                        oom_score_adj: maybe[1].map(|_| i16::from(byte[0])),
                        anonymous_kib: long[2],
                        file_kib: long[3],
                        shared_kib: maybe[2],
                        short: byte[1],
                        group: &bytes,
                        unit: maybe[3].map(|_| kernel.as_bytes()),
                        container: maybe[4].map(|_| version.as_bytes()),
                    };
                    encode(Kind::Victim, uptime, &body)
                }
                9 => {
                    let parts = byte[0].saturating_add(1);
                    let body = Evidence {
                        number: int[0],
                        part: byte[1] % parts,
                        parts,
                        flags: byte[2],
                        walk_began_ms: maybe[0],
                        walk_ended_ms: maybe[1],
                        seen: int[1],
                        read: int[2],
                        refused: int[3],
                        gone: int[0],
                        failed: int[1],
                        threads: long[0],
                        about: host.as_bytes(),
                        suspects: &bytes,
                    };
                    encode(Kind::Evidence, uptime, &body)
                }

                5 => encode(
                    Kind::Leave,
                    uptime,
                    &Leave {
                        what: byte[0],
                        planned_ms: long[0],
                        text: host,
                    },
                ),
                6 => {
                    let body = Boot {
                        booted_wall_ms: maybe[0],
                        init_started_ms: maybe[1],
                        last_end: byte[0],
                        last_reason: byte[1],
                        last_uptime_ms: maybe[2],
                        last_boot: byte[2],
                        kernel_dumps: maybe[3].map(|_| int[0]),
                        watchdog_bootstatus: maybe[4].map(|_| int[1]),
                    };
                    encode(Kind::Boot, uptime, &body)
                }
                7 => encode(Kind::Found, uptime, &Found { found: &bytes }),
                _ => {
                    let body = Readings {
                        interval_ms: int[0],
                        quantum_shift: byte[0],
                        flags: byte[1],
                        count: code,
                        packed: &bytes,
                    };
                    encode(
                        if which == 8 {
                            Kind::Readings
                        } else {
                            Kind::History
                        },
                        uptime,
                        &body,
                    )
                }
            }
        })
}
