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
