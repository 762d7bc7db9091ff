//! The commands for what people do, run as programs beside an open store.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::kind::Stream;
use hansho_collector::clock;
use hansho_collector::handling::audit;
use hansho_collector::store::{AlertFilter, AlertId, EventKind, SqliteStore, Store};
use hansho_collector::zone::Zone;
use std::process::Command;
use support::{Folder, alert, batch, event, hello, new_agent, part, send};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
const CONFIG: &str = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n\
                      time_zone_offset = \"+09:00\"\n[store]\ndirectory = \"data\"\n";

struct Desk {
    folder: Folder,
    /// Open for writing all the while, as by a running `serve`.
    store: SqliteStore,
    alert: AlertId,
}

fn desk() -> Desk {
    let folder = Folder::new("cli-handling");
    std::fs::write(folder.path().join("collector.toml"), CONFIG).unwrap();
    let now = clock::now();
    let store = SqliteStore::open_writer(&folder.path().join("data"), now).unwrap();
    store.add_agent(&new_agent(1, "web03"), now).unwrap();
    let frames = [hello(1, "web03"), alert(event(1002, 1, 1, 500, 500))];
    let posted = batch(5, 1000, &[part(5, Stream::Alerts, 0, &frames)]);
    send(&store, &posted, now);
    let alert = store.alerts(&AlertFilter::default()).unwrap()[0].id;
    Desk {
        folder,
        store,
        alert,
    }
}

impl Desk {
    /// Exit code, stdout, stderr.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(BINARY)
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn good(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
        out
    }

    fn bad(&self, code: i32, arguments: &[&str]) -> String {
        let (found, out, err) = self.run(arguments);
        assert_eq!((found, out.as_str()), (code, ""), "{arguments:?}: {err}");
        err
    }
}

#[test]
fn an_alert_is_taken_and_given_back() {
    let desk = desk();
    let id = desk.alert.to_string();
    let said = desk.good(&[
        "ack",
        &id,
        "--by",
        "佐藤",
        "--recovery",
        "+30m",
        "--next-report",
        "08:00",
        "--text",
        "再起動します",
    ]);
    assert!(
        said.starts_with(&format!("alert {id} taken, by 佐藤; recovery expected 2")),
        "{said}"
    );
    assert!(said.contains(" 08:00:00 +09:00"), "{said}");
    let said = desk.good(&[
        "--config",
        "collector.toml",
        "ack",
        &id.to_lowercase(),
        "--by",
        "鈴木",
    ]);
    assert!(said.contains("taken over from 佐藤, by 鈴木"), "{said}");
    assert!(
        desk.good(&["ack", &id, "--by", "鈴木"])
            .contains("unchanged")
    );
    assert!(
        desk.good(&["release", &id, "--by", "鈴木"])
            .contains("given back; 鈴木 had it")
    );
    let said = desk.bad(1, &["release", &id, "--by", "鈴木"]);
    assert_eq!(said, "hansho-collector: nobody has taken the alert\n");
    let mut kinds = Vec::new();
    desk.store
        .view(&mut |rows| {
            kinds = rows
                .events_of(desk.alert)?
                .iter()
                .map(|event| event.kind)
                .collect();
            Ok(())
        })
        .unwrap();
    assert_eq!(
        kinds,
        [
            EventKind::Raised,
            EventKind::Acknowledged,
            EventKind::Acknowledged,
            EventKind::Released
        ]
    );
}

#[test]
fn silences_windows_and_notes_are_made_listed_and_ended() {
    let desk = desk();
    let said = desk.good(&[
        "silence",
        "add",
        "--agent",
        "web03",
        "--code",
        "HNS1002-E",
        "--subject",
        "/var/*",
        "--until",
        "+2h",
        "--reason",
        "disk",
        "--by",
        "sato",
    ]);
    assert!(
        said.starts_with("silence 1 みらい商事/受注/web03 HNS1002 subject \"/var/*\" from 2"),
        "{said}"
    );
    assert_eq!(desk.good(&["silence", "list"]), said);
    let json = desk.good(&["silence", "list", "--json"]);
    assert!(
        json.contains("\"agent\":\"web03\"") && json.contains("\"code\":1002"),
        "{json}"
    );
    assert!(
        desk.good(&["silence", "end", "1", "--by", "suzuki"])
            .contains("(ended by suzuki)")
    );
    assert_eq!(desk.good(&["silence", "list"]), "");
    assert!(!desk.good(&["silence", "list", "--all"]).is_empty());
    assert!(
        desk.bad(1, &["silence", "end", "1", "--by", "x"])
            .contains("it ended at")
    );

    let said = desk.good(&[
        "window",
        "add",
        "--kind",
        "maintenance",
        "--system",
        "みらい商事/受注",
        "--from",
        "23:00",
        "--until",
        "02:00",
        "--ja",
        "定期保守",
        "--by",
        "sato",
    ]);
    assert!(
        said.contains("23:00:00 +09:00 until") && said.contains("02:00:00 +09:00 (next"),
        "{said}"
    );
    let said = desk.good(&[
        "window",
        "add",
        "--kind",
        "event",
        "--site",
        "みらい商事/東京",
        "--from",
        "00:00",
        "--until",
        "00:00",
        "--days",
        "mon,tue,wed,thu,fri,sat,sun",
        "--zone",
        "+09:00",
        "--en",
        "campaign",
        "--by",
        "sato",
    ]);
    assert!(
        said.contains("mon,tue,wed,thu,fri,sat,sun 00:00-00:00 +09:00 (holds until"),
        "{said}"
    );
    assert!(
        desk.good(&["window", "end", "2", "--by", "sato"])
            .contains("(next 2")
    );
    assert!(
        desk.bad(1, &["window", "end", "2", "--by", "sato"])
            .contains("does not hold now")
    );
    assert!(
        desk.good(&["window", "end", "2", "--for-good", "--by", "sato"])
            .contains("ended 2")
    );
    assert_eq!(desk.good(&["window", "list", "--json"]).lines().count(), 1);
    assert_eq!(desk.good(&["window", "list", "--all"]).lines().count(), 2);

    let id = desk.alert.to_string();
    assert_eq!(
        desk.good(&[
            "note",
            "add",
            "alert",
            &id,
            "--text",
            "two\nlines",
            "--by",
            "sato"
        ]),
        format!("note 1 on alert {id}\n")
    );
    desk.good(&[
        "note", "add", "agent", "web03", "--text", "old", "--by", "sato",
    ]);
    desk.good(&[
        "note",
        "add",
        "system",
        "みらい商事/受注",
        "--text",
        "x",
        "--by",
        "sato",
    ]);
    assert!(
        desk.good(&["note", "list", "alert", &id])
            .ends_with(" sato:\n  two\n  lines\n")
    );
    assert!(
        desk.good(&["note", "list", "agent", "web03", "--json"])
            .contains("\"text\":\"old\"")
    );
    assert!(
        desk.good(&["link", "rotate", "--by", "sato"])
            .starts_with("secret 1 signs")
    );
}

#[test]
fn the_audit_is_exported_by_month_and_customer() {
    let desk = desk();
    let id = desk.alert.to_string();
    desk.good(&[
        "ack",
        &id,
        "--by",
        "=cmd|' /C calc'!A0",
        "--text",
        "\"quoted\", and more",
    ]);
    desk.good(&["link", "rotate", "--by", "sato"]);
    // The month of the first command, in the configured zone.
    let mut moments = Vec::new();
    desk.store
        .view(&mut |rows| {
            let all = (hansho::clock::WallTime::from_millis(0), clock::now());
            audit::each(rows, None, all, &mut |entry| moments.push(entry.at))
        })
        .unwrap();
    let date = Zone::fixed("+09:00").unwrap().show(moments[0]);
    let month = &date[..7];
    let all = desk.good(&["audit", "--month", month]);
    let lines: Vec<&str> = all.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "\u{feff}number,time,by,via,action,on,customer,detail"
    );
    assert!(
        lines[1].starts_with("1,\"2")
            && lines[1].contains("+09:00\",\"'=cmd|' /C calc'!A0\",\"command\",\"acknowledge\"")
    );
    assert!(
        lines[1].ends_with("\"how=first text=\"\"\\\"\"quoted\\\"\", and more\"\"\""),
        "{}",
        lines[1]
    );
    assert_eq!(lines.len(), 4);
    let own = desk.good(&[
        "audit",
        "--month",
        month,
        "--customer",
        "みらい商事",
        "--json",
    ]);
    assert_eq!(own.lines().count(), 1);
    assert!(own.contains("\"action\":\"acknowledge\""));
    assert_eq!(desk.good(&["audit", "--month", "2020-02", "--json"]), "");
}

/// Exit code, command line (`ID` is the alert, `_` a space), and what is said.
const WRONG: [(i32, &str, &str); 28] = [
    (64, "ack ID", "needs --by"),
    (64, "ack", "no command `ack`"),
    (64, "ack 12 --by x", "ten letters and digits"),
    (
        64,
        "ack ID --by x --recovery soon",
        "--recovery \"soon\": allowed is 2026-11-24T03:20+09:00",
    ),
    (
        64,
        "ack ID --by x --reason x",
        "--reason does not belong to `ack",
    ),
    (64, "ack ID --by x --by y", "stands there twice"),
    (64, "ack ID --by x --nonsense", "--nonsense"),
    (1, "ack ID --by _", "the name is empty"),
    (1, "ack 0000000000 --by x", "no such alert"),
    (
        1,
        "ack ID --by x --recovery 2020-01-01T00:00",
        "the expected recovery is past",
    ),
    (64, "silence add --by x --until +1h", "needs --reason"),
    (
        1,
        "silence add --by x --until +1h --reason r",
        "a silence needs",
    ),
    (
        1,
        "silence add --by x --until +31d --reason r --code 1002",
        "lasts too long",
    ),
    (
        1,
        "silence add --by x --until +1h --reason r --customer mirai",
        "no customer \"mirai\"",
    ),
    (
        64,
        "silence add --by x --until +1h --reason r --code HNS1002-X",
        "--code",
    ),
    (
        64,
        "silence add --by x --until +1h --reason r --system order",
        "a customer, `/`",
    ),
    (
        64,
        "silence add --by x --until +1h --reason r --agent web03 --customer c",
        "different customers",
    ),
    (
        64,
        "window add --by x --kind party --from +1h --until +2h",
        "allowed are maintenance and event",
    ),
    (
        64,
        "window add --by x --kind event --from +1h --until +2h",
        "needs --customer",
    ),
    (
        64,
        "window add --by x --kind event --agent web03 --from +1h --until 02:00 --days mon",
        "with --days",
    ),
    (
        64,
        "window add --by x --kind event --agent web03 --from 01:00 --until 02:00 --days Montag",
        "allowed are mon,tue",
    ),
    (
        64,
        "window add --by x --kind event --agent web03 --from 01:00 --until 02:00 --zone +09:00",
        "belongs to --days",
    ),
    (64, "window end first --by x", "a number is needed"),
    (1, "window end 9 --by x", "no window 9"),
    (
        64,
        "note add cloud x --by x --text x",
        "allowed are alert, agent and system",
    ),
    (
        1,
        "note add agent web99 --by x --text x",
        "no agent `web99`",
    ),
    (64, "audit --month 2026-13", "--month \"2026-13\""),
    (
        66,
        "audit --month 2026-12 --config nowhere.toml",
        "no such file",
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_exit_code() {
    let desk = desk();
    let id = desk.alert.to_string();
    for (code, line, said) in WRONG {
        let arguments: Vec<&str> = line
            .split(' ')
            .map(|word| match word {
                "ID" => id.as_str(),
                "_" => " ",
                word => word,
            })
            .collect();
        let text = desk.bad(code, &arguments);
        assert!(text.contains(said), "{line}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    assert!(
        desk.good(&["window", "--help"])
            .contains("window add --kind")
    );
}
