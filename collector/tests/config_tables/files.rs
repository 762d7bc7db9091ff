//! The files beside collector.toml: rosters and holidays.

use super::*;

#[test]
fn a_roster_is_read_as_spreadsheets_write_it() {
    let config = roster(
        b"\xef\xbb\xbffrom,to,first,second,third\r\n\"2026/11/24 9:00\",2026/11/24 17:30,a,,\r\n,,,,\r\n2026-11-25,2026-11-26,b,a,\r\n2026-11-24T17:30,2026-11-24 24:00,b",
    )
    .unwrap();
    let roster = config.tables.teams["t"].roster.as_ref().unwrap();
    let lines: Vec<usize> = roster.shifts.iter().map(|shift| shift.line).collect();
    assert_eq!(lines, [2, 5, 4]);
    // A date alone includes its day: two days.
    let last = &roster.shifts[2];
    assert_eq!(last.to - last.from, 2 * 24 * 60);
    assert_eq!(last.on_duty, ["b", "a"]);
    assert!(roster.gaps().is_empty());
}

#[test]
fn mistakes_in_a_roster_have_their_line() {
    let rows = |rows: &str| format!("from,to,first,second,third\n{rows}").into_bytes();
    let places = |csv: Vec<u8>| {
        let mistakes = roster(&csv).unwrap_err();
        let mistakes = mistakes.into_iter();
        mistakes
            .map(|(line, key)| format!("{line} {key}"))
            .collect::<Vec<_>>()
    };
    for (csv, expected) in [
        (Vec::new(), vec!["1 header"]),
        (b"from,to,first\n".to_vec(), vec!["1 header"]),
        (
            b"from,to,first,second,third\n\xff\xfe".to_vec(),
            vec!["0 encoding"],
        ),
        (rows("2026-02-29,2026-03-01,a,,\n"), vec!["2 from"]),
        (rows("2026-03-01,tomorrow,a,,\n"), vec!["2 to"]),
        (
            rows("2026-03-01 10:00,2026-03-01 10:00,a,,\n"),
            vec!["2 to"],
        ),
        (
            rows("2026-03-01,2026-03-02,,a,\n"),
            vec!["2 first", "2 second"],
        ),
        (rows("2026-03-01,2026-03-02,x,,\n"), vec!["2 first"]),
        (rows("2026-03-01,2026-03-02,a,a,\n"), vec!["2 second"]),
        (rows("2026-03-01,2026-03-02,a,,b\n"), vec!["2 third"]),
        (rows("2026-03-01,2026-03-02,a,b,,x\n"), vec!["2 row"]),
        // The day of `to` is included, so the second begins too early; the third lies within the first.
        (
            rows(
                "2026-03-01,2026-03-05,a,,\n2026-03-05,2026-03-06,b,,\n2026-03-02,2026-03-02 12:00,b,,\n",
            ),
            vec!["4 from", "3 from"],
        ),
    ] {
        assert_eq!(
            places(csv.clone()),
            expected,
            "{}",
            String::from_utf8_lossy(&csv)
        );
    }
    // Midnight: one ends where the next begins.
    assert!(
        roster(&rows(
            "2026-03-01,2026-03-04,a,,\n2026-03-05,2026-03-06,b,,\n"
        ))
        .is_ok()
    );
    let huge = rows(&"nonsense\n".repeat(20_000));
    assert!(roster(&huge).unwrap_err().len() <= 1000);
}

/// 国民の祝日・休日月日,国民の祝日・休日名称 in Shift_JIS, as `iconv -t SHIFT_JIS` writes it.
const HEADER_SJIS: &[u8] = b"\x8d\x91\x96\xaf\x82\xcc\x8fj\x93\xfa\x81E\x8bx\x93\xfa\x8c\x8e\x93\xfa,\x8d\x91\x96\xaf\x82\xcc\x8fj\x93\xfa\x81E\x8bx\x93\xfa\x96\xbc\x8f\xcc\r\n";

#[test]
fn the_file_of_the_cabinet_office_is_read_as_it_comes() {
    let mut bytes = HEADER_SJIS.to_vec();
    // 元日, and 勤労感謝の日.
    bytes.extend_from_slice(b"2026/1/1,\x8c\xb3\x93\xfa\r\n2026/11/23,\x8b\xce\x98J\x8a\xb4\x8e\xd3\x82\xcc\x93\xfa\r\n");
    let read = holidays(&bytes).unwrap().tables.holidays.unwrap();
    assert_eq!(read.days[&Date::new(2026, 1, 1).unwrap()], "元日");
    assert_eq!(read.days[&Date::new(2026, 11, 23).unwrap()], "勤労感謝の日");
    assert_eq!(read.last(), Date::new(2026, 11, 23));
    let utf8 = "\u{feff}国民の祝日・休日月日,国民の祝日・休日名称\n2026/1/1,元日\n";
    assert!(holidays(utf8.as_bytes()).is_ok());
    for (rows, expected) in [
        (
            &b"2026/1/32,x\r\n2026/1/1,y\r\n2026/1/1,z\r\n2026/2/1\r\n"[..],
            vec![(2, "date"), (4, "date"), (5, "row")],
        ),
        (b"2026/1/1,\r\n", vec![(2, "name")]),
        (b"", vec![(1, "rows")]),
        (b"2026/1/1,\x81\x00\r\n", vec![(0, "encoding")]),
    ] {
        let mut bytes = HEADER_SJIS.to_vec();
        bytes.extend_from_slice(rows);
        let expected: Vec<(usize, String)> = expected
            .into_iter()
            .map(|(line, key)| (line, key.to_owned()))
            .collect();
        assert_eq!(holidays(&bytes).unwrap_err(), expected);
    }
    assert_eq!(
        holidays(b"date,name\n2026/1/1,x\n").unwrap_err(),
        [(1, "header".to_owned())]
    );
}
