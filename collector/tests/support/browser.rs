//! Pages served from a store in memory, and browsers that visit them.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

use super::support::at;
use hansho::clock::WallTime;
use hansho_collector::handling::Who;
use hansho_collector::ingest::{Metrics, SignsOfLife};
use hansho_collector::people::accounts::Rights;
use hansho_collector::people::tokens::NewToken;
use hansho_collector::people::{Gate, Role, Scope, Settings};
use hansho_collector::store::{MemoryStore, Store, Via};
use hansho_collector::web::{self, Site};
use hansho_collector::zone::Zone;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The password of every account in tests.
pub const PASSWORD: &str = "correct horse battery";

pub struct Served {
    pub address: SocketAddr,
    pub store: Arc<MemoryStore>,
    /// On the same store; it counts failed logins of its own.
    pub gate: Gate,
    now: fn() -> WallTime,
    /// While it is there, streams of open pages stay open.
    _told: watch::Sender<u64>,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
}

pub fn serve() -> Served {
    serve_with(|| at(1000), Settings::default())
}

/// With more in collector.toml.
pub fn serve_configured(more: &str) -> Served {
    start(|| at(1000), Settings::default(), more)
}

pub fn serve_with(now: fn() -> WallTime, settings: Settings) -> Served {
    start(now, settings, "")
}

fn start(now: fn() -> WallTime, settings: Settings, more: &str) -> Served {
    let store = Arc::new(MemoryStore::default());
    let shared = || Arc::clone(&store) as Arc<dyn Store>;
    // There is no writer: /healthz says 503 at once.
    let (queue, _) = sync_channel(4);
    let (told, newest) = watch::channel(0);
    let site = Site {
        store: shared(),
        writing: shared(),
        gate: Gate::new(shared(), shared(), settings),
        queue,
        metrics: Arc::new(Metrics::default()),
        signs: Arc::new(SignsOfLife::default()),
        now,
        zone: Zone::fixed("+09:00").unwrap(),
        current: super::support::current(more),
        newest,
        masters: super::support::masters(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    runtime.spawn(web::serve(listener, Arc::new(site), stopping));
    Served {
        address,
        gate: Gate::new(shared(), shared(), Settings::default()),
        store,
        now,
        _told: told,
        _stop: stop,
        _runtime: runtime,
    }
}

/// The test itself, as one who acts.
pub fn by() -> Who {
    Who {
        name: "test".to_owned(),
        via: Via::Command,
        scope: Scope::All,
    }
}

pub fn customers(names: &[&str]) -> Scope {
    Scope::Customers(names.iter().map(|name| (*name).to_owned()).collect())
}

impl Served {
    pub fn account(&self, name: &str, role: Role, scope: Scope) {
        let rights = Rights {
            role,
            scope,
            disabled: false,
        };
        self.gate
            .add_account(name, Some(PASSWORD), &rights, None, &by(), (self.now)())
            .unwrap();
    }

    pub fn token(&self, name: &str, role: Role, scope: Scope) -> String {
        let token = NewToken {
            name: name.to_owned(),
            role,
            scope,
            expires: None,
        };
        let made = self.gate.add_token(&token, &by(), (self.now)());
        made.unwrap().token()
    }

    /// Accounts and tokens, without when they were used.
    pub fn everybody(&self) -> String {
        let (accounts, mut tokens) = self.gate.everybody().unwrap();
        for token in &mut tokens {
            token.used = None;
        }
        format!("{accounts:?}{tokens:?}")
    }

    pub fn browser(&self) -> Browser {
        Browser::at(self.address)
    }

    /// A browser that is logged in.
    pub fn logged_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.login(name, PASSWORD);
        assert_eq!(answer.status, 303, "{}", answer.body);
        browser
    }

    /// A program with a token.
    pub fn program(&self, token: &str) -> Browser {
        let mut program = self.browser();
        program.header("Authorization", &format!("Bearer {token}"));
        program
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn location(&self) -> &str {
        self.header("location").unwrap_or("")
    }

    pub fn cookies(&self) -> Vec<&str> {
        let set = self.headers.iter().filter(|(key, _)| key == "set-cookie");
        set.map(|(_, value)| value.as_str()).collect()
    }

    /// What the first form of the page sends back.
    pub fn csrf(&self) -> String {
        let mark = "name=\"csrf\" value=\"";
        let from = self.body.find(mark).map(|at| at + mark.len());
        let from = from.unwrap_or_else(|| panic!("no form: {}", self.body));
        self.body[from..from + 64].to_owned()
    }
}

/// Keeps cookies as a browser does, and follows nothing.
#[derive(Clone)]
pub struct Browser {
    address: SocketAddr,
    pub cookies: BTreeMap<String, String>,
    pub headers: Vec<(String, String)>,
}

pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

pub fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{}={}", encoded(key), encoded(value)))
        .collect();
    pairs.join("&")
}

/// The stream of an open page.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    /// The next event and its data; `None` at the end of the stream.
    pub fn next(&mut self) -> Option<(String, String)> {
        let (mut event, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("event: ") {
                event = name.to_owned();
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = text.to_owned();
            } else if line.is_empty() && !event.is_empty() {
                return Some((event, data));
            }
        }
    }

    /// All events up to the end of the stream.
    pub fn rest(&mut self) -> Vec<String> {
        core::iter::from_fn(|| self.next().map(|(event, _)| event)).collect()
    }
}

impl Browser {
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            cookies: BTreeMap::new(),
            headers: Vec::new(),
        }
    }

    /// Opens `/live`, as a page does.
    pub fn live(&self) -> Stream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // What a test may hang, no measure of anything.
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
            .write_all(self.head("GET", "/live").as_bytes())
            .unwrap();
        stream.write_all(b"\r\n").unwrap();
        let mut stream = BufReader::new(stream);
        let mut status = String::new();
        stream.read_line(&mut status).unwrap();
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        Stream(stream)
    }

    /// The first lines of a request.
    fn head(&self, method: &str, path: &str) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            head += &format!("Cookie: {}\r\n", pairs.join("; "));
        }
        head
    }

    pub fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub fn send(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut head = self.head(method, path);
        for (name, value) in more {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        // A body that is refused may not be read to its end.
        stream.write_all(body.as_bytes()).ok();
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            text.extend_from_slice(&piece[..read]);
            // A stream of events has no end: that it begins is enough.
            let so_far = String::from_utf8_lossy(&text);
            if so_far.contains("text/event-stream") && so_far.contains("\r\n\r\n") {
                break;
            }
        }
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{method} {path}: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap_or((line, "")))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let answer = Answer {
            status: status.parse().unwrap(),
            headers,
            body: body.to_owned(),
        };
        for cookie in answer.cookies() {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// Sends a form as it is.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        self.send("POST", path, &kind, &form(fields))
    }

    /// Opens `page` and sends a form with what its own form has to send back.
    pub fn fill(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.get(page).csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.post(path, &all)
    }

    pub fn login(&mut self, name: &str, password: &str) -> Answer {
        let fields = [("name", name), ("password", password), ("next", "/")];
        self.fill("/login", "/login", &fields)
    }

    pub fn is_in(&mut self) -> bool {
        let answer = self.get("/account");
        match answer.status {
            200 => true,
            303 if answer.location().starts_with("/login") => false,
            _ => panic!("{answer:?}"),
        }
    }
}
