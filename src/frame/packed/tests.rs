use super::*;
use proptest::prelude::*;

fn reading() -> impl Strategy<Value = Reading> {
    (
        0..5_000_u64,
        proptest::collection::vec(
            proptest::option::weighted(0.8, prop_oneof![0..70_u32, any::<u32>()]),
            FIELDS,
        ),
        proptest::bool::weighted(0.3),
    )
        .prop_map(|(gap, values, counters)| {
            let mut reading = Reading::empty(Uptime::from_millis(gap), WallTime::default(), 7);
            for (field, value) in Field::ALL.into_iter().zip(values) {
                let counter = COUNTER_FIELDS & (1 << field as u64) != 0;
                reading.set(field, value.filter(|_| counters || !counter));
            }
            reading
        })
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(mut readings in proptest::collection::vec(reading(), 1..40)) {
        let mut uptime = 0;
        for reading in &mut readings {
            uptime = reading.uptime.plus(uptime).as_millis();
            reading.uptime = Uptime::from_millis(uptime);
        }
        let mut packer = Packer::<8192>::new(1000);
        for reading in &readings {
            prop_assert_eq!(packer.push(reading), Ok(()));
        }
        let body = packer.body().unwrap();
        let back: Result<Vec<_>, _> = Unpacker::new(&body, readings[0].uptime).collect();
        prop_assert_eq!(back.unwrap(), readings);
    }

    #[test]
    fn a_full_packer_keeps_what_it_had(readings in proptest::collection::vec(reading(), 1..40)) {
        let mut packer = Packer::<150>::new(1000);
        let mut taken = Vec::new();
        let mut uptime = 0;
        for mut reading in readings {
            uptime = reading.uptime.plus(uptime).as_millis();
            reading.uptime = Uptime::from_millis(uptime);
            match packer.push(&reading) {
                Ok(()) => taken.push(reading),
                Err(why) => prop_assert_eq!(why, NotTaken::Full),
            }
        }
        if let Some(body) = packer.body() {
            let back: Result<Vec<_>, _> = Unpacker::new(&body, taken[0].uptime).collect();
            prop_assert_eq!(back.unwrap(), taken);
        }
    }

    #[test]
    fn any_bytes_are_readings_or_cut(bytes in proptest::collection::vec(any::<u8>(), 0..300), count: u16) {
        let body = Readings { interval_ms: 1000, quantum_shift: 200, flags: 255, count, packed: &bytes };
        prop_assert!(Unpacker::new(&body, Uptime::from_millis(u64::MAX)).count() <= READINGS_PER_FRAME);
    }
}

/// The example of docs/FRAME.md, reckoned there by hand.
#[test]
fn the_example_of_the_document() {
    let mut first = Reading::empty(Uptime::from_millis(5000), WallTime::default(), 8);
    for (field, value) in [
        (Field::CpuBusy, 250),
        (Field::CpuUser, 200),
        (Field::CpuSystem, 50),
        (Field::MemoryTotal, 63_685),
    ] {
        first.set(field, Some(value));
    }
    let mut second = first;
    second.uptime = Uptime::from_millis(6000);
    second.set(Field::CpuBusy, Some(300));
    second.set(Field::CpuUser, Some(251));
    let mut packer = Packer::<512>::new(1000);
    packer.push(&first).unwrap();
    packer.push(&second).unwrap();
    let mut buffer = [0; 64];
    let body = packer.body().unwrap();
    let frame = crate::frame::body::encode(
        crate::frame::Kind::History,
        first.uptime,
        &body,
        &mut buffer,
    );
    let hex: Vec<String> = frame
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let hex = hex.join(" ");
    assert_eq!(
        hex,
        "30 88 27 e8 07 08 00 02 0d 89 e2 a1 3f 98 a3 d6 b8 fc 81 81 f9 00"
    );
    assert!(include_str!("../../../docs/FRAME.md").contains(&hex));
    assert_eq!(packer.model.live(u64::MAX), 1 << Field::CpuBusy as u64);
}

/// A field that this version does not know is read and dropped, in the base and after it.
#[test]
fn a_field_of_a_later_version_is_dropped() {
    let mut buffer = [0; 64];
    let mut bits = BitWriter::at(&mut buffer, 0);
    let present = 1 << Field::CpuBusy as u64 | 1 << 40 | 1 << 63;
    write_mask(&mut bits, present).unwrap();
    for value in [250, 70_000, 3] {
        bits.number(value).unwrap();
    }
    bits.bits(0, 3).unwrap();
    bits.bits(1, 1).unwrap();
    bits.bits(1, 1).unwrap();
    write_mask(&mut bits, 1 << (40 - NEAR)).unwrap();
    let mut model = Model::new();
    for (index, difference) in [(Field::CpuBusy as usize, 50), (40, -70_000)] {
        bits.golomb(zigzag(difference) - 1, model.shift(index))
            .unwrap();
        model.learn(index, zigzag(difference) - 1);
    }
    let length = bits.len().div_ceil(8);
    let body = Readings {
        interval_ms: 1000,
        quantum_shift: 0,
        flags: 0,
        count: 2,
        packed: &buffer[..length],
    };
    let readings: Vec<Reading> = Unpacker::new(&body, Uptime::default())
        .map(Result::unwrap)
        .collect();
    let known = |reading: &Reading| {
        Field::ALL
            .into_iter()
            .filter_map(|field| Some((field, reading.get(field)?)))
            .collect::<Vec<_>>()
    };
    assert_eq!(known(&readings[0]), [(Field::CpuBusy, 250)]);
    assert_eq!(known(&readings[1]), [(Field::CpuBusy, 300)]);
}

/// Values at the ends of their range, and leaps between them.
#[test]
fn the_greatest_leaps_come_back() {
    let mut packer = Packer::<8192>::new(1);
    let mut readings = Vec::new();
    for round in 0..20_u64 {
        let mut reading = Reading::empty(Uptime::from_millis(round * 3), WallTime::default(), 31);
        for field in Field::ALL {
            let high = !(round + field as u64).is_multiple_of(3);
            reading.set(field, Some(if high { u32::MAX } else { 0 }));
        }
        packer.push(&reading).unwrap();
        readings.push(reading);
    }
    let body = packer.body().unwrap();
    let back: Result<Vec<_>, _> = Unpacker::new(&body, readings[0].uptime).collect();
    assert_eq!(back.unwrap(), readings);
}

/// A second reading with a presence or a residual that no packer writes.
#[test]
fn a_contradictory_reading_is_cut() {
    let second = |write: &dyn Fn(&mut BitWriter<'_>)| {
        let mut buffer = [0; 64];
        let mut bits = BitWriter::at(&mut buffer, 0);
        write_mask(&mut bits, 1 << Field::CpuSteal as u64).unwrap();
        bits.number(4).unwrap();
        write(&mut bits);
        let length = bits.len().div_ceil(8);
        let body = Readings {
            interval_ms: 1000,
            quantum_shift: 0,
            flags: 0,
            count: 2,
            packed: &buffer[..length],
        };
        Unpacker::new(&body, Uptime::default())
            .last()
            .unwrap()
            .map(|reading| reading.get(Field::CpuSteal))
    };
    let far = |bits: &mut BitWriter<'_>, field: Field, residual: u64| {
        bits.bits(0, 3).unwrap();
        bits.bits(1, 1).unwrap();
        write_mask(bits, 1 << (field as u32 - NEAR)).unwrap();
        bits.golomb(residual, 2).unwrap();
    };
    assert_eq!(second(&|bits| far(bits, Field::CpuSteal, 1)), Ok(Some(5)));
    assert_eq!(
        second(&|bits| far(bits, Field::Shmem, 1)),
        Err(Cut),
        "Shmem is absent"
    );
    assert_eq!(
        second(&|bits| far(bits, Field::CpuSteal, 8)),
        Err(Cut),
        "below 0"
    );
    let toggle = |bits: &mut BitWriter<'_>, counters: u64, field: Field| {
        bits.bits(0b010 | counters << 2, 3).unwrap();
        write_mask(bits, 1 << field as u64).unwrap();
        bits.bits(0, 1).unwrap();
    };
    assert_eq!(second(&|bits| toggle(bits, 0, Field::CpuSteal)), Ok(None));
    assert_eq!(second(&|bits| toggle(bits, 1, Field::OomKill)), Ok(Some(4)));
    assert_eq!(
        second(&|bits| toggle(bits, 0, Field::OomKill)),
        Err(Cut),
        "counters are not in it"
    );
}

#[test]
fn the_mean_follows_and_a_leap_is_bounded() {
    let mut model = Model::new();
    assert_eq!((model.shift(3), model.live(u64::MAX)), (2, 0));
    model.learn(3, 84);
    assert_eq!((model.shift(3), model.live(u64::MAX)), (4, 1 << 3));
    assert_eq!(model.live(0), 0);
    model.learn(3, u64::MAX);
    assert_eq!(model.shift(3), 18);
    for _ in 0..60 {
        model.learn(3, 0);
    }
    assert_eq!((model.shift(3), model.live(u64::MAX)), (0, 0));
}
