//! Open pages: the stream that tells them of news ends where their person may not see it any more.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::indexing_slicing,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "support/browser.rs"]
mod browser;
mod support;

use browser::{Browser, PASSWORD, Stream, serve_with};
use hansho::clock::WallTime;
use hansho_collector::limit::SESSION_IDLE_MS;
use hansho_collector::people::secret::Secret;
use hansho_collector::people::{Role, Scope, Settings};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use support::serve::Serving;
use support::{Folder, at};

const BINARY: &str = env!("CARGO_BIN_EXE_hansho-collector");
const CONFIG: &str = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\n\
                      [store]\ndirectory = \"data\"\n";

fn said(here: &Path, words: &str) -> String {
    let mut child = Command::new(BINARY)
        .args(words.split(' '))
        .current_dir(here)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no password may have ended.
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{PASSWORD}").ok();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words}");
    String::from_utf8(output.stdout).unwrap()
}

/// Somebody who has logged in, with an open page.
fn open(serving: &Serving, name: &str) -> (Browser, Stream) {
    let mut browser = Browser::at(serving.pages.parse().unwrap());
    assert_eq!(browser.login(name, PASSWORD).status, 303);
    let stream = begun(&browser);
    (browser, stream)
}

fn begun(browser: &Browser) -> Stream {
    let mut stream = browser.live();
    assert_eq!(stream.next().unwrap().0, "state");
    stream
}

/// It ends, with the word for it, without anything having happened to alerts.
fn ends(stream: &mut Stream) {
    let mut events = stream.rest();
    events.retain(|event| event != "beat");
    assert_eq!(events, ["ended"]);
}

#[test]
fn a_stream_ends_with_the_right_to_see_it() {
    let folder = Folder::new("live");
    let here = folder.path();
    fs::write(here.join("collector.toml"), CONFIG).unwrap();
    said(here, "account add kanri --role admin");
    for name in ["sato", "suzuki", "tanaka", "ito"] {
        said(here, &format!("account add {name} --role operator"));
    }
    let token = said(here, "token add wall --role viewer");
    let serving = Serving::start(here, "collector.toml");
    let (mut admin, mut admins) = open(&serving, "kanri");
    // Shut out, on the command line: another process.
    let (mut sato, mut stream) = open(&serving, "sato");
    said(here, "account disable sato");
    ends(&mut stream);
    assert!(!sato.is_in());
    // Logged out, from another page of the same browser; another browser of the same person stays.
    let (mut suzuki, mut stream) = open(&serving, "suzuki");
    let (mut elsewhere, mut other) = open(&serving, "suzuki");
    assert_eq!(suzuki.fill("/account", "/logout", &[]).status, 303);
    ends(&mut stream);
    assert!(elsewhere.is_in());
    // A new password ends all.
    said(here, "account password suzuki");
    ends(&mut other);
    // Another scope or role: the page has to be built anew, and whoever comes may come.
    let (mut tanaka, mut stream) = open(&serving, "tanaka");
    let change = |role: &'static str| {
        [
            ("name", "tanaka"),
            ("role", role),
            ("scope", "some"),
            ("customers", "A"),
        ]
    };
    let fields = change("operator");
    assert_eq!(
        admin.fill("/accounts", "/accounts/change", &fields).status,
        303
    );
    ends(&mut stream);
    assert!(tanaka.is_in());
    let mut stream = begun(&tanaka);
    let fields = change("viewer");
    assert_eq!(
        admin.fill("/accounts", "/accounts/change", &fields).status,
        303
    );
    ends(&mut stream);
    // A token that is revoked.
    let mut wall = Browser::at(serving.pages.parse().unwrap());
    wall.header("Authorization", &format!("Bearer {}", token.trim_end()));
    let mut stream = begun(&wall);
    said(here, "token revoke wall");
    ends(&mut stream);
    assert_eq!(wall.get("/live").status, 401);
    // All that while nobody else was disturbed.
    let (_, mut itos) = open(&serving, "ito");
    said(here, "account disable ito");
    ends(&mut itos);
    assert!(admin.is_in());
    said(here, "account password kanri");
    ends(&mut admins);
}

#[test]
fn a_stream_ends_with_its_session_and_does_not_prolong_it() {
    static CLOCK: AtomicU64 = AtomicU64::new(0);
    fn now() -> WallTime {
        at(CLOCK.load(Ordering::SeqCst))
    }
    let served = serve_with(now, Settings::default());
    served.account("sato", Role::Viewer, Scope::All);
    let browser = served.logged_in("sato");
    let mut stream = begun(&browser);
    let secret = Secret::from_hex(&browser.cookies["hansho"]).unwrap();
    let held = |ms| served.gate.find_session(&secret, at(ms)).unwrap().is_ok();
    assert!(held(SESSION_IDLE_MS - 1));
    // What the streams asks counts as no use.
    assert!(!held(SESSION_IDLE_MS));
    CLOCK.store(SESSION_IDLE_MS, Ordering::SeqCst);
    ends(&mut stream);
}
