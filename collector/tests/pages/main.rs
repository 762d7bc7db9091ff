//! The pages: what is on them, in both languages, and that nothing an agent says becomes markup. [`words`] what they say of alerts,
//! codes and agents; [`evidence`] of processes; [`silent`] of agents that are silent; [`machines`] healthz, metrics, charts, scripts, the stream of open pages.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod evidence;
mod machines;
mod silent;
#[path = "../support/mod.rs"]
mod support;
mod words;

use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, Stream};
use hansho_collector::handling::Who;
use hansho_collector::ingest::{Job, Metrics, SignsOfLife};
use hansho_collector::people::tokens::NewToken;
use hansho_collector::people::{Gate, Role, Scope, Settings};
use hansho_collector::store::{AlertFilter, MemoryStore, NewAgent, Store, Via};
use hansho_collector::web::{self, Site};
use hansho_collector::zone::Zone;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use support::{Event, alert, at, batch, config, event, hello, new_agent, part, readings, send};
use tokio::runtime::Runtime;
use tokio::sync::watch;

struct Pages {
    address: SocketAddr,
    /// Of an API token that sees everything.
    token: String,
    store: Arc<MemoryStore>,
    signs: Arc<SignsOfLife>,
    metrics: Arc<Metrics>,
    jobs: Option<Receiver<Job>>,
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
}

fn start() -> Pages {
    start_at(|| at(1000))
}

fn start_at(now: fn() -> WallTime) -> Pages {
    let signs = Arc::new(SignsOfLife::default());
    let metrics = Arc::new(Metrics::default());
    let store = Arc::new(MemoryStore::default());
    let (queue, jobs) = sync_channel(4);
    let gate = gate(&store);
    let token = token(&gate);
    let (newest_known, newest) = watch::channel(0);
    let site = Arc::new(Site {
        store: Arc::clone(&store) as Arc<dyn Store>,
        gate,
        writing: Arc::clone(&store) as Arc<dyn Store>,
        queue,
        metrics: Arc::clone(&metrics),
        signs: Arc::clone(&signs),
        now,
        zone: Zone::fixed("+09:00").unwrap(),
        newest,
        current: support::current(""),
        masters: support::masters(),
    });
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
    runtime.spawn(web::live::watch(
        Arc::clone(&site),
        newest_known,
        stopping.clone(),
    ));
    runtime.spawn(web::serve(listener, site, stopping));
    Pages {
        address,
        token,
        store,
        signs,
        metrics,
        jobs: Some(jobs),
        _stop: stop,
        _runtime: runtime,
    }
}

fn gate(store: &Arc<MemoryStore>) -> Gate {
    let store = Arc::clone(store) as Arc<dyn Store>;
    Gate::new(Arc::clone(&store), store, Settings::default())
}

fn token(gate: &Gate) -> String {
    let token = NewToken {
        name: "test".to_owned(),
        role: Role::Viewer,
        scope: Scope::All,
        expires: None,
    };
    let by = Who {
        name: "test".to_owned(),
        via: Via::Command,
        scope: Scope::All,
    };
    gate.add_token(&token, &by, at(0)).unwrap().token()
}

impl Pages {
    /// Status line and header, and body.
    fn get(&self, path: &str, header: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nAuthorization: Bearer {}\r\n{header}\r\n",
            self.token
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    fn body(&self, path: &str) -> String {
        let (head, body) = self.get(path, "");
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        body
    }
}

/// An agent that fires 1002, has a resolved 2001, a test, a reading and a rule of its own.
fn busy(pages: &Pages) {
    let store = &*pages.store;
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let frames = [
        hello(1, "web03.example"),
        config(9, 0, 1, 1002, "agent.toml:12"),
        alert(event(1002, 1, 1, 500, 500)),
        alert(event(2001, 1, 1, 600, 600)),
        alert(event(2001, 2, 1, 600, 700)),
        alert(Event {
            test: true,
            ..event(1010, 1, 1, 800, 800)
        }),
    ];
    let parts = [
        part(5, Stream::Alerts, 0, &frames),
        part(5, Stream::Readings, 0, &[readings(900, &[3200])]),
    ];
    send(store, &batch(5, 1000, &parts), at(1000));
}

/// The system of [`new_agent`].
const SYSTEM: &str = "/systems/%E3%81%BF%E3%82%89%E3%81%84%E5%95%86%E4%BA%8B/%E5%8F%97%E6%B3%A8";
