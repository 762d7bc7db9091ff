//! Which frames are taken. What is refused here is refused for ever: the agent replaces it by a Loss.

use crate::limit::NUMBER_LIMIT;
use hansho::clock::Uptime;
use hansho::frame::answer::RefusedReason;
use hansho::frame::body::{self, Alert, Body, FoundRecord, OpenRecord, Readings, RuleRecord};
use hansho::frame::evidence::{AboutRecord, SuspectRecord, Victim};
use hansho::frame::kind::Stream;
use hansho::frame::packed::Unpacker;
use hansho::limit::{
    EVIDENCE_PARTS, STATE_PARTS, SUBJECT_BYTES, VICTIM_GROUP_BYTES, VICTIM_NAME_BYTES,
};

/// Decodes a frame of `stream` that covers the sequences up to `last`, to the bottom of its body. `left` is how many readings
/// the frames of its batch may still bring.
///
/// # Errors
/// Why it is refused.
pub fn check<'f>(
    stream: Stream,
    last: u64,
    frame: &'f [u8],
    left: &mut u32,
) -> Result<(Uptime, Body<'f>), RefusedReason> {
    let (uptime, body) = body::decode(frame).map_err(|_| RefusedReason::Malformed)?;
    if !belongs(stream, &body) {
        return Err(RefusedReason::WrongStream);
    }
    if let Body::Readings(readings) | Body::History(readings) = &body {
        // Asked before anything is unpacked.
        *left = left
            .checked_sub(u32::from(readings.count))
            .ok_or(RefusedReason::Malformed)?;
    }
    let numbers = last < NUMBER_LIMIT && uptime.as_millis() < NUMBER_LIMIT;
    if numbers && whole(&body, uptime) {
        Ok((uptime, body))
    } else {
        Err(RefusedReason::Malformed)
    }
}

fn belongs(stream: Stream, body: &Body<'_>) -> bool {
    match body {
        Body::Hello(_)
        | Body::Boot(_)
        | Body::Config(_)
        | Body::State(_)
        | Body::Alert(_)
        | Body::Leave(_)
        | Body::Goodbye(_) => stream == Stream::Alerts,
        Body::Readings(_) | Body::Found(_) => stream == Stream::Readings,
        Body::Evidence(_) | Body::Victim(_) => stream == Stream::Evidence,
        Body::History(_) => stream == Stream::History,
        Body::Loss(_) | Body::Unknown(_) => true,
    }
}

/// Whether what postcard took as bytes is well formed too.
fn whole(body: &Body<'_>, uptime: Uptime) -> bool {
    match body {
        Body::Readings(readings) | Body::History(readings) => {
            readings.quantum_shift < 32 && unpacks(readings, uptime)
        }
        Body::Alert(alert) => alert.subject.len() <= SUBJECT_BYTES && alert_numbers(alert),
        Body::State(state) => {
            state.parts <= STATE_PARTS
                && state.part < state.parts
                && body::elements::<OpenRecord<'_>>(state.open)
                    .all(|record| record.is_ok_and(|record| open_record(&record)))
        }
        Body::Config(config) => {
            config.part < config.parts
                && body::elements::<RuleRecord<'_>>(config.rules)
                    .all(|record| record.is_ok_and(|record| record.subject.len() <= SUBJECT_BYTES))
        }
        Body::Found(found) => body::elements::<FoundRecord<'_>>(found.found).all(|record| {
            record.is_ok_and(|record| {
                record.subject.len() <= SUBJECT_BYTES
                    && [Some(record.value), record.total, Some(record.age_ms)]
                        .into_iter()
                        .all(small)
            })
        }),
        Body::Evidence(evidence) => {
            evidence.parts <= EVIDENCE_PARTS
                && evidence.part < evidence.parts
                && body::elements::<AboutRecord<'_>>(evidence.about)
                    .all(|record| record.is_ok_and(|record| record.subject.len() <= SUBJECT_BYTES))
                && body::elements::<SuspectRecord<'_>>(evidence.suspects)
                    .all(|record| record.is_ok_and(|record| suspect(&record)))
        }
        Body::Victim(found) => victim(found),
        Body::Hello(_)
        | Body::Boot(_)
        | Body::Leave(_)
        | Body::Goodbye(_)
        | Body::Loss(_)
        | Body::Unknown(_) => true,
    }
}

fn victim(victim: &Victim<'_>) -> bool {
    let sizes = [
        Some(victim.anonymous_kib),
        Some(victim.file_kib),
        victim.shared_kib,
        Some(victim.sequence),
        Some(victim.at_ms),
    ];
    let texts = [victim.unit, victim.container];
    victim.name.len() <= VICTIM_NAME_BYTES
        && victim.group.len() <= VICTIM_GROUP_BYTES
        && texts
            .into_iter()
            .flatten()
            .all(|text| text.len() <= SUBJECT_BYTES)
        && sizes.into_iter().all(small)
}

fn suspect(record: &SuspectRecord<'_>) -> bool {
    let texts = [
        Some(record.name),
        record.user,
        record.unit,
        record.container,
    ];
    texts
        .into_iter()
        .flatten()
        .all(|text| text.len() <= SUBJECT_BYTES)
        && small(record.memory_kib)
        && small(record.swap_kib)
        && record.start_ticks < NUMBER_LIMIT
        && record.read_ms < NUMBER_LIMIT
}

/// No honest agent gets near the limit: greatest values of windows are below 2^44.
fn small(value: Option<u64>) -> bool {
    value.is_none_or(|value| value < NUMBER_LIMIT)
}

fn alert_numbers(alert: &Alert<'_>) -> bool {
    [
        Some(alert.fired_ms),
        Some(alert.since_ms),
        alert.value,
        alert.total,
        alert.level,
        alert.worst,
        alert.forecast_ms,
    ]
    .into_iter()
    .all(small)
}

fn open_record(record: &OpenRecord<'_>) -> bool {
    record.subject.len() <= SUBJECT_BYTES
        && [
            Some(record.fired_ms),
            Some(record.since_ms),
            record.value,
            record.worst,
        ]
        .into_iter()
        .all(small)
}

fn unpacks(readings: &Readings<'_>, uptime: Uptime) -> bool {
    let mut count = 0_u16;
    for reading in Unpacker::new(readings, uptime) {
        if reading.is_err() {
            return false;
        }
        count = count.saturating_add(1);
    }
    count == readings.count
}

#[cfg(test)]
mod tests {
    use super::check;
    use hansho::clock::Uptime;
    use hansho::frame::answer::RefusedReason;
    use hansho::frame::body::{self, Found, FoundRecord};
    use hansho::frame::cursor::Writer;
    use hansho::frame::kind::{Kind, Stream};
    use hansho::limit::{FRAME_BYTES, SUBJECT_BYTES};

    fn found(subject: &str, value: u64) -> Vec<u8> {
        let record = FoundRecord {
            quantity: 60,
            subject,
            value,
            total: Some(100),
            age_ms: 5,
        };
        let mut list = [0; FRAME_BYTES];
        let mut writer = Writer::new(&mut list);
        body::push_element(&mut writer, &record).unwrap();
        let body = Found {
            found: writer.written(),
        };
        let mut frame = [0; FRAME_BYTES];
        body::encode(Kind::Found, Uptime::from_millis(7), &body, &mut frame)
            .unwrap()
            .to_vec()
    }

    #[test]
    fn what_was_found_is_taken_among_readings_and_looked_at_to_the_bottom() {
        let taken = |stream, frame: &[u8]| check(stream, 0, frame, &mut 10).map(|_| ());
        let good = found("/var", 50);
        assert_eq!(taken(Stream::Readings, &good), Ok(()));
        assert_eq!(
            taken(Stream::Alerts, &good),
            Err(RefusedReason::WrongStream)
        );
        let long = "/".repeat(SUBJECT_BYTES.saturating_add(1));
        for bad in [found(&long, 50), found("/var", u64::MAX)] {
            assert_eq!(taken(Stream::Readings, &bad), Err(RefusedReason::Malformed));
        }
    }
}
