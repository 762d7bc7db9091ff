//! What a look costs: read, parse and quantise, against bare `pread`s of the same files with the same sizes in
//! the same run. The goal is at most twice the bare reads; the last lines print the ratio.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark may stop at whatever surprises it"
)]

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hansho::clock::{Uptime, WallTime};
use hansho::sample::{ProcReader, Quantiser, Reader, Sample, Snapshot, meminfo, vmstat};

/// The files of a look on a host, and whether they are read to their end.
const EVERY_LOOK: [(&str, bool); 6] = [
    ("/proc/meminfo", false),
    ("/proc/stat", false),
    ("/proc/loadavg", false),
    ("/proc/pressure/cpu", false),
    ("/proc/pressure/memory", false),
    ("/proc/pressure/io", false),
];
const WITH_COUNTERS: [(&str, bool); 2] = [
    ("/sys/devices/system/cpu/online", false),
    ("/proc/vmstat", true),
];

struct Bare {
    files: Vec<(File, bool)>,
    buffer: [u8; 8192],
}

impl Bare {
    fn open(with_counters: bool) -> Self {
        let more = if with_counters {
            &WITH_COUNTERS[..]
        } else {
            &[]
        };
        Self {
            files: EVERY_LOOK
                .iter()
                .chain(more)
                .filter_map(|&(path, whole)| Some((File::open(path).ok()?, whole)))
                .collect(),
            buffer: [0; 8192],
        }
    }

    fn read(&mut self) -> usize {
        let mut sum = 0;
        for (file, whole) in &self.files {
            if *whole {
                let mut filled = 0;
                while let Ok(count) = file.read_at(&mut self.buffer[filled..], filled as u64)
                    && count > 0
                {
                    filled += count;
                }
                sum += filled;
            } else {
                sum += file.read_at(&mut self.buffer[..4096], 0).unwrap_or(0);
            }
        }
        sum
    }
}

struct Whole {
    reader: ProcReader,
    quantiser: Quantiser,
    previous: Option<Snapshot>,
    uptime: Uptime,
}

impl Whole {
    fn open() -> Self {
        Self {
            reader: ProcReader::open(Path::new("/")).unwrap(),
            quantiser: Quantiser::new(),
            previous: None,
            uptime: Uptime::from_millis(1000),
        }
    }

    fn look(&mut self, with_counters: bool) {
        self.uptime = self.uptime.plus(1000);
        let wall = WallTime::from_millis(0);
        let snapshot = self.reader.look(self.uptime, wall, with_counters);
        let sample = Sample::between(self.previous.as_ref(), &snapshot);
        black_box(self.quantiser.reading(&sample));
        self.previous = Some(snapshot);
    }
}

/// Median of `rounds` turns of both, taken alternately so that whatever else the machine does hits both alike.
fn ratio(with_counters: bool, rounds: usize) -> (Duration, Duration) {
    let mut bare = Bare::open(with_counters);
    let mut whole = Whole::open();
    let mut times = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(bare.read());
        times[0].push(start.elapsed());
        let start = Instant::now();
        whole.look(with_counters);
        times[1].push(start.elapsed());
    }
    let [bare, whole] = times.map(|mut times| {
        times.sort_unstable();
        times[rounds / 2]
    });
    (bare, whole)
}

/// The parsers of the two longest files, without the kernel.
fn parsers(criterion: &mut Criterion) {
    let text = std::fs::read("/proc/meminfo").unwrap();
    criterion.bench_function("parse meminfo", |bencher| {
        bencher.iter(|| meminfo::parse(black_box(&text)));
    });
    let text = std::fs::read("/proc/vmstat").unwrap();
    criterion.bench_function("parse vmstat", |bencher| {
        bencher.iter(|| vmstat::parse(black_box(&text)));
    });
}

fn looks(criterion: &mut Criterion) {
    for with_counters in [false, true] {
        let name = if with_counters {
            "with counters"
        } else {
            "without counters"
        };
        let mut group = criterion.benchmark_group(name);
        group.warm_up_time(Duration::from_millis(500));
        group.measurement_time(Duration::from_secs(2));
        let mut bare = Bare::open(with_counters);
        group.bench_function("bare pread", |bencher| bencher.iter(|| bare.read()));
        let mut whole = Whole::open();
        group.bench_function("look, between, quantise", |bencher| {
            bencher.iter(|| whole.look(with_counters));
        });
        group.finish();
    }
    for with_counters in [false, true] {
        let (bare, whole) = ratio(with_counters, 20_000);
        println!(
            "ratio {} counters: {:.2} (bare {bare:?}, whole {whole:?}, medians; goal 2.00)",
            if with_counters { "with" } else { "without" },
            whole.as_secs_f64() / bare.as_secs_f64(),
        );
    }
}

criterion_group!(benches, parsers, looks);
criterion_main!(benches);
