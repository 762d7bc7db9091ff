//! Who uses it, in mails: what evidence has come until a message is written stands in it, on both stores and whatever the processes are called.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::frame::evidence::{
    AboutRecord, Evidence, FLAG_HIDDEN, FLAG_NO_TABLE, LIST_CPU, LIST_GROWTH_SHORT, LIST_MEMORY,
    LIST_SWAP, Moment, SuspectRecord, Victim,
};
use hansho::frame::kind::Stream;
use hansho_collector::notify::compose::Desk;
use hansho_collector::notify::render::render;
use hansho_collector::notify::who::Configured;
use hansho_collector::store::{
    AlertFilter, AlertId, Channel, MemoryStore, Outgoing, Reason, Sending, SqliteStore, Store,
};
use support::{
    Folder, about, alert, at, batch, current, event, evidence, evidence_with, new_agent, part,
    send, suspect, victim,
};

const TEAM: &str =
    "[[receiver]]\nid = \"sato\"\nmail = \"sato@example.test\"\nlanguage = \"LANGUAGE\"\n";
const GIB: u64 = 1 << 20;

/// A host that raised a code.
struct Host<'s> {
    store: &'s dyn Store,
    sequence: std::cell::Cell<u64>,
}

impl<'s> Host<'s> {
    fn raised(store: &'s dyn Store, code: u16) -> Self {
        store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
        let fired = [alert(event(code, 1, 1, 100_000, 100_000))];
        let parts = [part(5, Stream::Alerts, 0, &fired)];
        send(store, &batch(5, 101_000, &parts), at(101_000));
        Self {
            store,
            sequence: std::cell::Cell::new(0),
        }
    }

    fn tells(&self, frame: Vec<u8>) {
        let sequence = self.sequence.get();
        self.sequence.set(sequence + 1);
        let ms = 110_000 + 1000 * sequence;
        let parts = [part(5, Stream::Evidence, sequence, &[frame])];
        send(self.store, &batch(5, ms, &parts), at(ms));
    }

    /// The mail for this reason as it would be written now.
    fn mail(&self, reason: Reason, language: &str) -> String {
        let id = self.store.alerts(&AlertFilter::default()).unwrap()[0].id;
        let configured = Configured {
            live: current(&TEAM.replace("LANGUAGE", language)).get(),
        };
        let desk = Desk {
            store: self.store,
            configured: &configured,
            base_url: None,
        };
        let notice = desk.notice(&outgoing(id, reason)).unwrap().unwrap();
        render(&notice).text
    }

    /// Lines about processes.
    fn who(&self, reason: Reason, language: &str) -> Vec<String> {
        let text = self.mail(reason, language);
        let lines = text
            .lines()
            .skip_while(|line| !line.contains("誰が使っている") && !line.contains("WHO USES"));
        lines
            .take_while(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

fn outgoing(alert: AlertId, reason: Reason) -> Outgoing {
    Outgoing {
        number: 1,
        decision: 1,
        reason,
        alert: Some(alert),
        thread: None,
        list: None,
        receiver: "sato".to_owned(),
        channel: Channel::Mail,
        to: vec!["sato@example.test".to_owned()],
        cc: Vec::new(),
        nth: 1,
        created: at(130_000),
        next_try: at(130_000),
        attempts: 0,
        state: Sending::Queued,
        fence: 0,
        until: None,
        done: None,
        said: String::new(),
        message_id: "<1@example.test>".to_owned(),
        subject: String::new(),
        served: Vec::new(),
        references: Vec::new(),
        first_try: None,
    }
}

fn on_both(code: u16, test: impl Fn(&Host<'_>)) {
    let folder = Folder::new("notify-evidence");
    let sqlite = SqliteStore::open_writer(folder.path(), at(0)).unwrap();
    let memory = MemoryStore::default();
    for store in [&sqlite as &dyn Store, &memory] {
        test(&Host::raised(store, code));
    }
}

fn firing(code: u16) -> [AboutRecord<'static>; 1] {
    [about(code, 1, Moment::Firing)]
}

#[test]
fn a_mail_names_the_largest_and_the_one_that_grows_in_both_languages() {
    on_both(1002, |host| {
        assert!(host.who(Reason::First, "ja").is_empty(), "no heading alone");
        let large = |pid, gib| SuspectRecord {
            lists: LIST_MEMORY,
            ..suspect(pid, b"postgres", gib * GIB, 0)
        };
        let leak = SuspectRecord {
            lists: LIST_GROWTH_SHORT,
            ..suspect(77, b"leaky", GIB, 900_000)
        };
        host.tells(evidence(
            100_000,
            (1, 0, 1),
            &firing(1002),
            &[large(10, 9), large(11, 8), large(12, 7), leak],
        ));
        // What came after the decision stands in the next message: it is read when that is written.
        assert_eq!(
            host.who(Reason::Repeat { nth: 2 }, "ja"),
            [
                "■ 誰が使っているか(11:59:46 採取、増加は10分前との差、412/415プロセス)",
                "1 postgres pid 10 order-api.service  9.0 GiB  ±0",
                "2 leaky pid 77 order-api.service  1.0 GiB  +0.9 GiB",
                "3 postgres pid 11 order-api.service  8.0 GiB  ±0",
            ]
        );
        assert_eq!(
            host.who(Reason::First, "en"),
            [
                "WHO USES IT (taken 11:59:46, change against 10 min before, 412/415 processes)",
                "1 postgres pid 10 order-api.service  9.0 GiB  ±0",
                "2 leaky pid 77 order-api.service  1.0 GiB  +0.9 GiB",
                "3 postgres pid 11 order-api.service  8.0 GiB  ±0",
            ]
        );
        // Walked anew: the newest counts. Spans that differ stand beside each.
        let young = SuspectRecord {
            growth_short_over_ms: 180_000,
            ..suspect(99, b"young", 2 * GIB, 800_000)
        };
        host.tells(evidence(
            105_000,
            (2, 0, 1),
            &firing(1002),
            &[large(10, 9), young],
        ));
        assert_eq!(
            host.who(Reason::First, "ja")[1..],
            [
                "1 postgres pid 10 order-api.service  9.0 GiB  ±0(10分)",
                "2 young pid 99 order-api.service  2.0 GiB  +0.8 GiB(3分)",
            ]
        );
    });
}

#[test]
fn cpu_and_swap_are_told_by_cpu_and_swap() {
    let busy = |pid, permille| SuspectRecord {
        lists: LIST_CPU | LIST_MEMORY,
        cpu_permille: Some(permille),
        ..suspect(pid, b"worker", GIB, 0)
    };
    on_both(2001, |host| {
        host.tells(evidence(
            100_000,
            (1, 0, 1),
            &firing(2001),
            &[busy(10, 100), busy(11, 1870)],
        ));
        assert_eq!(
            host.who(Reason::First, "ja"),
            [
                "■ 誰が使っているか(11:59:46 採取、412/415プロセス)",
                "1 worker pid 11 order-api.service  CPU 187.0%  メモリ 1.0 GiB",
                "2 worker pid 10 order-api.service  CPU 10.0%  メモリ 1.0 GiB",
            ]
        );
    });
    for code in [1011, 1012] {
        on_both(code, |host| {
            let swapped = SuspectRecord {
                lists: LIST_SWAP,
                swap_kib: Some(GIB),
                ..suspect(12, b"idle", 1024, 0)
            };
            let frame = evidence(
                100_000,
                (1, 0, 1),
                &firing(code),
                &[suspect(9, b"large", GIB, 0), swapped],
            );
            host.tells(frame);
            assert_eq!(
                host.who(Reason::First, "en")[1],
                "1 idle pid 12 order-api.service  swap 1.0 GiB  memory 1.0 MiB"
            );
        });
    }
}

#[test]
fn what_is_not_whole_says_so_and_what_was_not_taken_is_not_there() {
    on_both(1002, |host| {
        let head = Evidence {
            number: 1,
            parts: 1,
            flags: FLAG_HIDDEN,
            seen: 20,
            read: 20,
            ..Evidence::default()
        };
        let who = [suspect(10, b"java", GIB, 0)];
        host.tells(evidence_with(100_000, &head, &firing(1002), &who));
        let text = host.mail(Reason::First, "ja");
        assert!(text.contains("採取できていないプロセスがあります。"));
        // A newer one without a table takes nothing away.
        let none = Evidence {
            number: 2,
            flags: FLAG_NO_TABLE,
            ..head
        };
        host.tells(evidence_with(104_000, &none, &firing(1002), &[]));
        assert_eq!(host.mail(Reason::First, "ja"), text);
    });
}

#[test]
fn hostile_names_stay_in_their_line() {
    on_both(1002, |host| {
        let name = b"java\n--\ncode: HNS0000\r\n\x1b[2J\xff\xe2\x80\xae<b>";
        let who = SuspectRecord {
            unit: Some(b"\n.\nBcc: x"),
            ..suspect(10, name, GIB, 0)
        };
        host.tells(evidence(100_000, (1, 0, 1), &firing(1002), &[who]));
        let text = host.mail(Reason::First, "ja");
        assert_eq!(text.matches("\n--\n").count(), 1);
        assert!(!text.contains("\n.\n") && !text.contains("\nBcc"));
        for hidden in ['\u{1b}', '\r', '\u{202e}', '\u{fffd}'] {
            assert!(!text.contains(hidden), "{hidden:?}");
        }
        assert!(text.contains("java\\u{a}--\\u{a}code"));
    });
}

fn killed(sequence: u64, at_ms: u64, name: &'static [u8]) -> Victim<'static> {
    Victim {
        sequence,
        at_ms,
        pid: 2184,
        name,
        anonymous_kib: 9 * GIB,
        unit: Some(b"app.service"),
        ..Victim::default()
    }
}

fn of_victims(text: &str) -> Vec<&str> {
    let lines = text.lines();
    let lines = lines.skip_while(|line| {
        !line.contains("強制終了されたプロセス") && !line.contains("KILLED FOR MEMORY")
    });
    lines.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn a_mail_of_an_oom_kill_names_the_last_three_and_other_codes_none() {
    on_both(1010, |host| {
        assert!(of_victims(&host.mail(Reason::First, "ja")).is_empty());
        for (sequence, at_ms) in [(1, 96_000), (2, 97_000), (3, 98_000)] {
            host.tells(victim(100_000, &killed(sequence, at_ms, b"java")));
        }
        let hostile = b"x\n--\ncode: HNS0000\x1b[2J\xff\xe2\x80\xae";
        host.tells(victim(100_000, &killed(4, 99_000, hostile)));
        let text = host.mail(Reason::First, "ja");
        let told = of_victims(&text);
        assert_eq!(told.len(), 4);
        assert_eq!(told[0], "■ メモリ不足で強制終了されたプロセス");
        assert!(told[1].contains("x\\u{a}--\\u{a}code: HNS0000\\u{1b}[2J\\xff\\u{202e}"));
        assert_eq!(
            told[2..],
            [
                "11:59:45 java pid 2184 app.service  9.0 GiB",
                "11:59:44 java pid 2184 app.service  9.0 GiB",
            ]
        );
        assert_eq!(text.matches("\n--\n").count(), 1);
        let english = host.mail(Reason::First, "en");
        assert_eq!(of_victims(&english)[0], "KILLED FOR MEMORY");
    });
    on_both(1002, |host| {
        host.tells(victim(100_000, &killed(1, 100_000, b"java")));
        assert!(of_victims(&host.mail(Reason::First, "en")).is_empty());
    });
}
