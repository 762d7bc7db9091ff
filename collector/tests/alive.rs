//! Who watches the collector, with the program itself: `/healthz`, the dead man's signal, `watch`, the service manager.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod mail_common;
mod support;

use mail_common::{Postfix, certificate, parsed};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use support::Folder;
use support::serve::until;

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");

/// A process; stopped when dropped.
struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Running {
    fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(BINARY)
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        for stream in [
            Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
            Box::new(child.stderr.take().unwrap()),
        ] {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines() {
                    let line = line.unwrap();
                    said.lock().unwrap().push_str(&format!("{line}\n"));
                }
            });
        }
        Self { child, said }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits for a line that contains this.
    fn until(&self, words: &str) -> String {
        until(words, || {
            let said = self.said();
            said.lines()
                .find(|line| line.contains(words))
                .map(str::to_owned)
        })
    }

    /// Addresses of ingest and pages.
    fn addresses(&self) -> (SocketAddr, SocketAddr) {
        let line = self.until("listening ingest=");
        let mut found = line.split(' ').filter_map(|word| word.split_once('='));
        let mut next = || found.next().unwrap().1.parse().unwrap();
        (next(), next())
    }

    fn terminate(&mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of a GET.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let question = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

/// Answers every request with what `status` says, and counts them.
fn answering(status: Arc<Mutex<&'static str>>) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/healthz", listener.local_addr().unwrap());
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            if line.starts_with("GET /healthz ") {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            let status = *status.lock().unwrap();
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, count)
}

fn write(folder: &Folder, more: &str) {
    let text = format!(
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n{more}\n[pages]\nlisten = \"127.0.0.1:0\"\n\
         time_zone_offset = \"+09:00\"\n[store]\ndirectory = \"data\"\n"
    );
    fs::write(folder.path().join("collector.toml"), text).unwrap();
}

fn metric(pages: SocketAddr, name: &str) -> Option<u64> {
    let (_, text) = get(pages, "/metrics");
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("hansho_{name} ")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn the_signal_is_given_while_all_goes_on_and_held_back_while_the_store_is_locked() {
    let folder = Folder::new("alive");
    let (url, signals) = answering(Arc::new(Mutex::new("200 OK")));
    // Over TLS: the collector asks itself by its own certificate, in which no name of this host stands.
    let own = certificate(&["collector.example.jp"]);
    fs::write(folder.path().join("own.pem"), &own.certificate).unwrap();
    fs::write(folder.path().join("own.key"), &own.key).unwrap();
    write(&folder, "certificate = \"own.pem\"\nkey = \"own.key\"");
    let file = folder.path().join("collector.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        format!("{text}[watch]\nurl = \"{url}\"\ninterval = \"10s\"\n"),
    )
    .unwrap();
    let manager = folder.path().join("manager");
    let heard = UnixDatagram::bind(&manager).unwrap();
    let socket = manager.to_str().unwrap();
    let mut serve = Running::start(folder.path(), &["serve"], &[("NOTIFY_SOCKET", socket)]);
    let (_, pages) = serve.addresses();
    let mut buffer = [0; 64];
    let mut states = Vec::new();
    while !states.contains(&"READY=1".to_owned()) {
        let length = heard.recv(&mut buffer).unwrap();
        states.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    assert_eq!(get(pages, "/healthz"), (200, "ok\n".to_owned()));
    // No agent posts and nobody reads: the collector asks itself, and signals.
    until("a first signal", || {
        (signals.load(Ordering::SeqCst) > 0).then_some(())
    });
    assert!(metric(pages, "watch_signals_total").unwrap() > 0);

    // Another process holds the store's write lock: nothing is stored, judged or told.
    let lock = Command::new("python3")
        .args([
            "-c",
            "import sqlite3, sys\n\
             store = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
             store.execute('BEGIN IMMEDIATE')\n\
             print('locked', flush=True)\n\
             sys.stdin.read()",
        ])
        .arg(folder.path().join("data/collector.sqlite"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut lock = lock.unwrap();
    let mut locked = String::new();
    BufReader::new(lock.stdout.as_mut().unwrap())
        .read_line(&mut locked)
        .unwrap();
    assert_eq!(locked, "locked\n");
    let line = serve.until("the dead man's signal is not given");
    // Which of the two stands still first depends on when each had last gone on; the other follows within seconds.
    assert!(
        line.contains("held back, no progress of store")
            || line.contains("held back, no progress of sweep"),
        "{line}"
    );
    serve.until("sweep makes no progress");
    let (status, said) = get(pages, "/healthz");
    assert_eq!(status, 503, "{said}");
    assert!(metric(pages, "watch_signals_held_total").unwrap() > 0);
    // Both stand still now, whichever was first.
    for still in ["sweep", "store"].map(|part| format!("stands_still{{part=\"{part}\"}}")) {
        until("the metric", || {
            (metric(pages, &still) == Some(1)).then_some(())
        });
    }
    assert_eq!(metric(pages, "stands_still{part=\"ingest\"}"), Some(0));

    drop(lock.stdin.take());
    assert!(lock.wait().unwrap().success());
    serve.until("sweep makes progress again");
    let before = signals.load(Ordering::SeqCst);
    serve.until("the dead man's signal is given again");
    until("another signal", || {
        (signals.load(Ordering::SeqCst) > before).then_some(())
    });
    until("health", || (get(pages, "/healthz").0 == 200).then_some(()));
    // The manager hears of the end, and heard of life before.
    heard.set_nonblocking(true).unwrap();
    let mut listen = || {
        while let Ok(length) = heard.recv(&mut buffer) {
            states.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
    };
    // Room for its last word: a socket holds ten (net.unix.max_dgram_qlen), and a slow test has let more come than that.
    listen();
    assert_eq!(serve.terminate(), 0);
    listen();
    assert!(states.contains(&"WATCHDOG=1".to_owned()), "{states:?}");
    assert!(states.contains(&"STOPPING=1".to_owned()), "{states:?}");
}

#[test]
fn the_listener_answers_load_balancers_and_counts_nothing() {
    let folder = Folder::new("alive");
    write(&folder, "");
    let serve = Running::start(folder.path(), &["serve"], &[]);
    let (ingest, pages) = serve.addresses();
    assert_eq!(get(ingest, "/v1/alive"), (200, "alive\n".to_owned()));
    assert_eq!(metric(pages, "malformed_total"), Some(0));
    assert_eq!(get(ingest, "/elsewhere").0, 404);
    assert_eq!(metric(pages, "malformed_total"), Some(1));
}

#[test]
fn a_collector_that_watches_another_mails_after_misses_and_when_it_is_back() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("alive");
    fs::write(folder.path().join("ca.pem"), &own.certificate).unwrap();
    write(&folder, "");
    let file = folder.path().join("collector.toml");
    let text = fs::read_to_string(&file).unwrap();
    let mail = format!(
        "[mail]\nhost = \"localhost\"\nport = {}\nca_file = \"ca.pem\"\nfrom = \"hansho@example.jp\"\n",
        postfix.port
    );
    fs::write(&file, format!("{text}{mail}")).unwrap();
    let status = Arc::new(Mutex::new("200 OK"));
    let (url, asked) = answering(Arc::clone(&status));
    let arguments = [
        "watch",
        &url,
        "--every",
        "1s",
        "--after",
        "2",
        "--mail-to",
        "sato@example.jp",
    ];
    let mut watch = Running::start(folder.path(), &arguments, &[]);
    watch.until("mails go to sato@example.jp");
    until("a question", || {
        (asked.load(Ordering::SeqCst) > 0).then_some(())
    });
    *status.lock().unwrap() = "503 Service Unavailable";
    watch.until("missed 2 answers in a row: ");
    watch.until("mailed to sato@example.jp");
    *status.lock().unwrap() = "200 OK";
    watch.until("answers again, after");
    let mails = postfix.mails("sato", 2);
    let read: Vec<serde_json::Value> = mails.iter().map(|path| parsed(path)).collect();
    let find = |words: &str| {
        read.iter()
            .find(|mail| mail["headers"]["subject"].as_str().unwrap().contains(words))
            .unwrap_or_else(|| panic!("{words} in {read:?}"))
    };
    let down = find("収集サーバが応答しません");
    assert!(down["plain"].as_str().unwrap().contains("続けて 2回"));
    assert!(down["plain"].as_str().unwrap().contains("503"));
    let back = find("収集サーバが応答しています");
    assert!(back["plain"].as_str().unwrap().contains("再び正常に応答"));
    assert_eq!(watch.terminate(), 0);
}

#[test]
fn command_lines_of_watch_are_checked() {
    let folder = Folder::new("alive");
    write(&folder, "");
    for (arguments, code) in [
        (&["watch"][..], 64),
        (&["watch", "collector2"], 64),
        (&["watch", "http://a/", "--every", "0s"], 64),
        (&["watch", "http://a/", "--after", "0"], 64),
        (&["watch", "http://a/", "--mail-to", "nobody"], 64),
        (&["watch", "http://a/", "--json"], 64),
        (&["watch", "http://a/", "--mail-to", "a@example.jp"], 78),
        (&["watch", "http://a/", "--config", "missing.toml"], 66),
        (&["test-report"], 64),
        (&["test-report", "--system", "a/b", "--every", "1m"], 64),
        (&["test-report", "--system", "a/b", "--json", "--csv"], 64),
    ] {
        let output = Command::new(BINARY)
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}
