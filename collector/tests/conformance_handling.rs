//! Rows of what people did: SQLite keeps what the model in memory keeps.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::{
    AckEnd, AckEnding, Acknowledgement, AlertId, AuditEntry, AuditFilter, Days, LinkSecret,
    Matcher, MemoryStore, Note, NoteOn, Schedule, Silence, SqliteStore, Store, StoreError, Texts,
    Via, Weekly, Window, WindowKind, WindowScope,
};
use support::{Folder, at};

/// Runs work on both stores, and compares what it says.
fn on_both<T: PartialEq + core::fmt::Debug>(
    work: impl Fn(&mut dyn AllRows) -> Result<T, StoreError>,
) -> T {
    let folder = Folder::new("handling");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    let mut said = Vec::new();
    for store in [&sqlite as &dyn Store, &memory] {
        store
            .transact(&mut |rows| {
                said.push(work(rows)?);
                Ok(())
            })
            .unwrap();
    }
    let memory = said.pop().unwrap();
    let sqlite = said.pop().unwrap();
    assert_eq!(sqlite, memory);
    sqlite
}

fn acknowledgement(alert: u64, number: u32) -> Acknowledgement {
    Acknowledgement {
        alert: AlertId(alert),
        number,
        by: "佐藤".to_owned(),
        via: Via::Page,
        at: at(u64::from(number)),
        expected_recovery: None,
        next_report: None,
        text: String::new(),
        over: false,
        request: None,
        ended: None,
    }
}

#[test]
fn acknowledgements_are_kept_in_order_and_one_holds() {
    let alert = (9 << 40) | 7;
    let (open, all, every) = on_both(|rows| {
        let mut first = acknowledgement(alert, 1);
        first.expected_recovery = Some(at(1_000));
        first.next_report = Some(at(2_000));
        first.text = "再起動します".to_owned();
        first.request = Some("r1".to_owned());
        rows.put_acknowledgement(&first)?;
        first.ended = Some(AckEnd {
            at: at(2),
            by: "鈴木".to_owned(),
            how: AckEnding::TakenOver,
        });
        rows.put_acknowledgement(&first)?;
        let second = Acknowledgement {
            over: true,
            via: Via::Link,
            ..acknowledgement(alert, 2)
        };
        rows.put_acknowledgement(&second)?;
        rows.put_acknowledgement(&acknowledgement(8, 1))?;
        assert_eq!(rows.acknowledgement(AlertId(1))?, None);
        Ok((
            rows.acknowledgement(AlertId(alert))?,
            rows.acknowledgements(AlertId(alert))?,
            rows.all_acknowledged()?,
        ))
    });
    assert_eq!(open.unwrap().number, 2);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].ended.as_ref().unwrap().by, "鈴木");
    assert_eq!(
        every.iter().map(|row| row.alert.0).collect::<Vec<_>>(),
        [8, alert]
    );
}

fn silence(id: u64, from: u64, until: u64) -> Silence {
    Silence {
        id,
        matcher: Matcher::default(),
        from: at(from),
        until: at(until),
        reason: "disk is being replaced".to_owned(),
        by: "sato".to_owned(),
        via: Via::Api,
        created: at(0),
        ended: None,
    }
}

#[test]
fn silences_are_found_until_they_end() {
    let (ids, whole) = on_both(|rows| {
        assert_eq!(rows.next_silence()?, 1);
        let mut first = silence(1, 0, 100);
        first.matcher = Matcher {
            customer: Some("mirai".to_owned()),
            system: Some("order".to_owned()),
            agent: Some("web03".to_owned()),
            code: Some(1002),
            subject: Some("/var/*".to_owned()),
        };
        rows.put_silence(&first)?;
        rows.put_silence(&silence(2, 200, 300))?;
        let mut third = silence(3, 0, 1_000);
        third.ended = Some((at(50), "suzuki".to_owned()));
        rows.put_silence(&third)?;
        assert_eq!(rows.next_silence()?, 4);
        let mut ids = Vec::new();
        for since in [0, 49, 50, 99, 100, 299, 300] {
            let found = rows.silences(at(since))?;
            ids.push(found.iter().map(|silence| silence.id).collect::<Vec<_>>());
        }
        assert_eq!(rows.silence(9)?, None);
        Ok((ids, [rows.silence(1)?, rows.silence(3)?]))
    });
    let expected: [&[u64]; 7] = [&[1, 2, 3], &[1, 2, 3], &[1, 2], &[1, 2], &[2], &[2], &[]];
    assert_eq!(ids, expected);
    assert_eq!(whole[0].clone().unwrap().matcher.subject.unwrap(), "/var/*");
}

fn window(id: u64, schedule: Schedule) -> Window {
    Window {
        id,
        kind: WindowKind::Maintenance,
        scope: WindowScope {
            customer: "mirai".to_owned(),
            system: None,
            site: None,
            agent: None,
        },
        schedule,
        texts: Texts {
            ja: "定期保守".to_owned(),
            en: String::new(),
        },
        by: "sato".to_owned(),
        via: Via::Command,
        created: at(0),
        cut: None,
        ended: None,
    }
}

#[test]
fn windows_of_both_schedules_come_back_as_they_were() {
    let weekly = Schedule::Weekly(Weekly {
        days: Days::from_bits(0b100_0001),
        from_minute: 1380,
        until_minute: 120,
        offset_minutes: -210,
        since: at(0),
        last: None,
    });
    let once = Schedule::Once {
        from: at(10),
        until: at(100),
    };
    let all = on_both(|rows| {
        assert_eq!(rows.next_window()?, 1);
        rows.put_window(&window(1, once))?;
        let mut second = window(2, weekly);
        second.kind = WindowKind::Event;
        second.scope.system = Some("order".to_owned());
        second.scope.site = Some("tokyo".to_owned());
        second.scope.agent = Some("web03".to_owned());
        rows.put_window(&second)?;
        second.cut = Some(at(5));
        rows.put_window(&second)?;
        let mut third = window(3, weekly);
        third.ended = Some((at(20), "suzuki".to_owned()));
        rows.put_window(&third)?;
        let all = rows.windows(at(0))?;
        assert_eq!(all[1], second);
        assert_eq!(rows.windows(at(20))?.len(), 2);
        assert_eq!(rows.windows(at(100))?, [second]);
        assert_eq!(rows.window(3)?, Some(third));
        assert_eq!(rows.next_window()?, 4);
        Ok(all)
    });
    assert_eq!(all.len(), 3);
}

#[test]
fn notes_stand_on_one_thing_each() {
    let found = on_both(|rows| {
        let system = NoteOn::System {
            customer: "mirai".to_owned(),
            system: "order".to_owned(),
        };
        let places = [
            NoteOn::Alert(AlertId(7)),
            NoteOn::Agent(AgentId(7)),
            system,
            NoteOn::Agent(AgentId(u64::MAX)),
        ];
        for round in 0..2 {
            for place in &places {
                rows.append_note(&Note {
                    number: 99,
                    on: place.clone(),
                    by: "sato".to_owned(),
                    via: Via::Page,
                    at: at(round),
                    text: "two\nlines".to_owned(),
                })?;
            }
        }
        let mut found = Vec::new();
        for place in &places {
            assert_eq!(rows.count_notes(place)?, 2);
            found.push(rows.notes(place)?);
        }
        Ok(found)
    });
    let numbers: Vec<u64> = found.iter().flatten().map(|note| note.number).collect();
    assert_eq!(numbers, [1, 5, 2, 6, 3, 7, 4, 8]);
}

fn entry(customer: &str, at_ms: u64) -> AuditEntry {
    AuditEntry {
        number: 0,
        at: at(at_ms),
        by: "sato".to_owned(),
        via: Via::Page,
        action: "acknowledge".to_owned(),
        on: "000000000A".to_owned(),
        customer: customer.to_owned(),
        detail: "text=x".to_owned(),
    }
}

#[test]
fn the_audit_is_filtered_and_paged() {
    let everything = AuditFilter {
        customer: None,
        from: WallTime::from_millis(0),
        until: WallTime::from_millis(u64::MAX),
        after: 0,
        limit: 100,
    };
    on_both(|rows| {
        for (customer, at_ms) in [("mirai", 0), ("", 1), ("other", 2), ("mirai", 3)] {
            rows.append_audit(&entry(customer, at_ms))?;
        }
        let mut numbers = Vec::new();
        for filter in [
            everything,
            AuditFilter {
                customer: Some("mirai"),
                ..everything
            },
            AuditFilter {
                customer: Some(""),
                ..everything
            },
            AuditFilter {
                from: at(1),
                until: at(3),
                ..everything
            },
            AuditFilter {
                after: 1,
                limit: 2,
                ..everything
            },
        ] {
            let found = rows.audit(&filter)?;
            numbers.push(found.iter().map(|entry| entry.number).collect::<Vec<_>>());
        }
        let expected: [&[u64]; 5] = [&[1, 2, 3, 4], &[1, 4], &[2], &[2, 3], &[2, 3]];
        assert_eq!(numbers, expected);
        rows.audit(&everything)
    });
}

#[test]
fn the_audit_of_sqlite_refuses_changes() {
    let folder = Folder::new("audit");
    let store = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    store
        .transact(&mut |rows| rows.append_audit(&entry("mirai", 0)))
        .unwrap();
    let path = folder.path().join("collector.sqlite");
    let main = rusqlite::Connection::open(path).unwrap();
    for change in ["UPDATE audit SET person = 'x'", "DELETE FROM audit"] {
        let refused = main.execute(change, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[test]
fn secrets_of_links_come_back() {
    let secrets = on_both(|rows| {
        for number in [2, 1, 3] {
            rows.put_link_secret(&LinkSecret {
                number,
                secret: [u8::try_from(number).unwrap(); 32],
                created: at(u64::from(number)),
            })?;
        }
        rows.delete_link_secret(1)?;
        rows.link_secrets()
    });
    assert_eq!(secrets.len(), 2);
    assert_eq!(format!("{:?}", secrets[0]), "LinkSecret(2, ..)");
}
