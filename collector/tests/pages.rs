//! The pages: what is on them, in both languages, and that nothing an agent says becomes markup.
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::string_slice,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

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

/// Whether every script of a page is a file of the collector's own: nothing runs that stands in the page itself.
fn only_own_scripts(page: &str) -> bool {
    page.split("<script")
        .skip(1)
        .all(|rest| rest.starts_with(" src=\"/assets/") && rest.contains("></script>"))
}

#[test]
fn the_first_page_says_what_fires_and_what_to_do_in_both_languages() {
    let pages = start();
    busy(&pages);
    let ja = pages.body("/?lang=ja");
    let en = pages.body("/?lang=en");
    for (page, words) in [
        (
            &ja,
            [
                "lang=\"ja\"",
                "まず",
                "テスト",
                "発生",
                "2026-11-24 11:58:07 +09:00",
            ],
        ),
        (
            &en,
            [
                "lang=\"en\"",
                "First",
                "TEST",
                "since",
                "2026-11-24 11:58:07 +09:00",
            ],
        ),
    ] {
        for word in words {
            assert!(page.contains(word), "{word}");
        }
        for fact in [
            "HNS1002-E",
            "HNS2001-I",
            "HNS1010-E",
            "みらい商事",
            "95.8%",
            "http-equiv=\"refresh\"",
        ] {
            assert!(page.contains(fact), "{fact}");
        }
        assert!(only_own_scripts(page));
    }
    use hansho::code::{Language, name, text};
    assert!(ja.contains(name(1002, Language::Ja).unwrap()));
    assert!(en.contains(name(1002, Language::En).unwrap()));
    let step = text(1002, Language::Ja).unwrap().operator_action[0];
    assert!(ja.contains(step.split('`').next().unwrap()));
    // Real alerts stand above tests, both above what is resolved.
    let place = |what: &str| en.find(what).unwrap();
    assert!(place("HNS1002-E") < place("HNS1010-E"));
    assert!(place("HNS1010-E") < place("HNS2001-I"));
}

#[test]
fn the_language_comes_from_the_address_then_the_browser_then_is_japanese() {
    let pages = start();
    for (path, header, tag) in [
        ("/", "", "ja"),
        ("/", "Accept-Language: en-US,en;q=0.9\r\n", "en"),
        ("/", "Accept-Language: fr,en;q=0.2,ja;q=0.8\r\n", "ja"),
        ("/", "Accept-Language: ja;q=0,en;q=0.1\r\n", "en"),
        ("/?lang=ja", "Accept-Language: en\r\n", "ja"),
        ("/?lang=xx", "Accept-Language: en\r\n", "en"),
    ] {
        let (_, body) = pages.get(path, header);
        assert!(
            body.contains(&format!("<html lang=\"{tag}\">")),
            "{path} {header}"
        );
    }
}

#[test]
fn an_alert_a_code_and_an_agent_have_pages() {
    let pages = start();
    busy(&pages);
    let firing = pages
        .store
        .alerts(&AlertFilter {
            firing: Some(true),
            ..AlertFilter::default()
        })
        .unwrap();
    let id = firing
        .iter()
        .find(|alert| alert.identity.code == 1002)
        .unwrap()
        .id;
    let alert = pages.body(&format!("/a/{id}?lang=en"));
    for fact in [
        "HNS1002-E",
        "memory used",
        "memory_used",
        "What to do now",
        "web03",
        "95.8%",
    ] {
        assert!(alert.contains(fact), "{fact}");
    }
    assert!(pages.body("/codes/1002?lang=ja").contains("HNS1002-E"));
    // Reserved only: there is a page, and it says that there is no text.
    assert!(
        pages
            .body("/codes/4001?lang=en")
            .contains("no text for this code")
    );
    for path in [
        "/agents/web03?lang=en",
        "/agents/%E3%81%BF%E3%82%89%E3%81%84%E5%95%86%E4%BA%8B/%E5%8F%97%E6%B3%A8/web03?lang=en",
    ] {
        let agent = pages.body(path);
        for fact in [
            "web03.example",
            "memory available",
            "agent.toml:12",
            "30.0%",
            "12.3%",
        ] {
            assert!(agent.contains(fact), "{fact}");
        }
    }
}

#[test]
fn the_japanese_page_of_an_agent_is_japanese() {
    let pages = start();
    busy(&pages);
    let gap = part(5, Stream::Evidence, 3, &[vec![222, 1]]);
    // A gap counts once the agent was told and offers the same again.
    for sent in [1001, 1002] {
        let gap = std::slice::from_ref(&gap);
        send(&*pages.store, &batch(5, sent, gap), at(sent));
    }
    let agent = pages.body("/agents/web03?lang=ja");
    for word in [
        "メモリの空き(利用可能)",
        "CPU使用率(最大)",
        "メモリの逼迫(some)",
        "サーバー名",
        "組み込みから変更された判定",
        "メモリ使用量",
        "調査用の記録",
        "番号が飛んだ",
    ] {
        assert!(agent.contains(word), "{word}");
    }
    assert!(
        pages
            .body(&format!("{SYSTEM}?lang=ja"))
            .contains("メモリ 1.7%")
    );
}

/// Agent 1 (post interval 30 s) was heard at 1,000 ms for the last time: silent from 96,001 ms on.
#[test]
fn a_silent_agent_does_not_look_alive() {
    let late = start_at(|| at(96_000));
    busy(&late);
    for path in ["/?lang=ja", "/agents/web03?lang=ja", SYSTEM] {
        let page = late.body(path);
        assert!(!page.contains("応答がありません"), "{path}");
        assert!(!page.contains("class=\"badge doubt\">無応答"), "{path}");
    }
    let silent = start_at(|| at(96_001));
    busy(&silent);
    let alert = silent.store.alerts(&AlertFilter::default()).unwrap();
    let find = |code| alert.iter().find(|alert| alert.identity.code == code);
    let firing = format!("/a/{}", find(1002).unwrap().id);
    for (path, words) in [
        (
            "/?lang=ja",
            [
                "class=\"badge doubt\">無応答 1",
                "不明",
                "11:58:08 +09:00 を最後に応答がありません。",
            ],
        ),
        (
            "/?lang=en",
            [
                "badge doubt\">Silent 1",
                "Unknown since 2026-11-24 11:58:08",
                "web03",
            ],
        ),
        (
            &format!("{SYSTEM}?lang=en"),
            ["badge doubt\">Silent", "Unknown since", "readings of"],
        ),
        (
            "/agents/web03?lang=ja",
            ["無応答", "不明", "無応答になる前の値です。"],
        ),
        (
            "/agents/web03?lang=en",
            ["No answer since", "Unknown since", "before the silence"],
        ),
        (
            &format!("{firing}?lang=ja"),
            ["不明", "その後も続いているかは", "E unknown"],
        ),
        (
            &format!("{firing}?lang=en"),
            ["Unknown since", "has not answered", "E unknown"],
        ),
    ] {
        let page = silent.body(path);
        for word in words {
            assert!(page.contains(word), "{path}: {word}");
        }
    }
    // What is over is over, whether the agent is silent or not.
    let over = format!("/a/{}?lang=en", find(2001).unwrap().id);
    assert!(!silent.body(&over).contains("Unknown since"));
}

#[test]
fn an_agent_that_was_never_heard_or_said_no_hello_is_judged_by_the_default() {
    let pages = start_at(|| at(96_001));
    let store = &*pages.store;
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    for path in ["/?lang=en", "/agents/web03?lang=en"] {
        let page = pages.body(path);
        assert!(page.contains("never heard"), "{path}");
        assert!(!page.contains("badge doubt\">Silent"), "{path}");
    }
    send(store, &batch(5, 1000, &[]), at(1000));
    assert!(pages.body("/?lang=en").contains("badge doubt\">Silent 1"));
    assert!(
        pages
            .body("/agents/web03?lang=en")
            .contains("No answer since")
    );
}

#[test]
fn a_sign_of_life_that_cannot_be_stored_counts_at_once_and_a_replay_does_not() {
    let pages = start_at(|| at(96_001));
    busy(&pages);
    let header = |sent_ms| *batch(5, sent_ms, &[]).header();
    // Replayed: not after the last batch of the run.
    pages.signs.heard(&header(1000), at(90_000));
    assert!(pages.body("/?lang=en").contains("badge doubt\">Silent 1"));
    pages.signs.heard(&header(1001), at(91_000));
    assert!(!pages.body("/?lang=en").contains("badge doubt\">Silent"));
    let system = format!("{SYSTEM}?lang=en");
    for path in [system.as_str(), "/agents/web03?lang=en"] {
        let page = pages.body(path);
        assert!(!page.contains("No answer since"), "{path}");
        assert!(page.contains("2026-11-24 11:59:38 +09:00"), "{path}");
    }
    assert_eq!(pages.store.agents().unwrap()[0].last_seen, Some(at(1000)));
}

#[test]
fn an_end_says_what_it_was() {
    let pages = start();
    let store = &*pages.store;
    store.add_agent(&new_agent(1, "web03"), at(0)).unwrap();
    let ended = |code, reason| {
        alert(Event {
            reason: Some(reason),
            ..event(code, 2, 1, 500, 600)
        })
    };
    let frames = [
        hello(1, "h"),
        alert(event(1001, 1, 1, 500, 500)),
        ended(1001, 4),
        ended(1010, 5),
        ended(2001, 7),
        alert(event(2002, 1, 1, 500, 500)),
        support::state(700, 0, 1, &[]),
        alert(Event {
            reason: Some(6),
            ..event(2004, 1, 1, 800, 800)
        }),
    ];
    send(
        store,
        &batch(5, 1000, &[part(5, Stream::Alerts, 0, &frames)]),
        at(1000),
    );
    let alerts = store.alerts(&AlertFilter::default()).unwrap();
    let home = pages.body("/?lang=ja");
    for (code, ja, en, normal) in [
        (
            1001,
            "解除の条件が解除時間続きました。",
            "condition to clear held",
            true,
        ),
        (
            1010,
            "次の事象はありませんでした。",
            "No further event",
            false,
        ),
        (
            2001,
            "判定が無効にされたか、設定から外されました。",
            "rule was disabled",
            false,
        ),
        (
            2002,
            "発生中の一覧にありませんでした。",
            "list of open alerts did not name",
            false,
        ),
        (
            2004,
            "発生と復旧を繰り返しています。",
            "again and again",
            false,
        ),
    ] {
        let found = alerts.iter().find(|alert| alert.identity.code == code);
        let id = found.unwrap().id;
        let page = pages.body(&format!("/a/{id}?lang=ja"));
        assert!(page.contains(ja), "{code}");
        assert!(home.contains(&format!("/a/{id}")), "{code}");
        assert_eq!(
            page.contains("値は解除しきい値まで戻りました"),
            normal,
            "{code}"
        );
        assert!(
            pages.body(&format!("/a/{id}?lang=en")).contains(en),
            "{code}"
        );
    }
    // Neither of these is a resolution by the rule's own judgement.
    for word in [
        "判定の取り下げ",
        "終了(発生中の一覧による)",
        "発生と復旧の繰り返し",
    ] {
        assert!(home.contains(word), "{word}");
    }
}

#[test]
fn what_is_not_there_is_404_and_every_answer_has_its_headers() {
    let pages = start();
    let long = "/a/".to_owned() + &"A".repeat(2000);
    for path in [
        "/nothing",
        "/a/0000000000",
        "/a/..%2f..",
        "/a/%00",
        "/codes/0",
        "/codes/99999",
        "/codes/x",
        "/agents/none",
        "/agents/%ff",
        &long,
    ] {
        let (head, _) = pages.get(path, "");
        assert!(
            head.starts_with("http/1.1 404") || head.starts_with("http/1.1 400"),
            "{path}: {head}"
        );
        for header in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{path}: {header}");
        }
    }
}

#[test]
fn nothing_that_an_agent_or_a_name_says_becomes_markup() {
    let pages = start();
    let hostile = "<script>alert(1)</script>\"'&";
    let store = &*pages.store;
    let agent = NewAgent {
        customer: hostile.to_owned(),
        system: hostile.to_owned(),
        name: hostile.to_owned(),
        ..new_agent(1, "")
    };
    store.add_agent(&agent, at(0)).unwrap();
    let frames = [
        hello(1, hostile),
        config(9, 0, 1, 1002, hostile),
        alert(Event {
            subject: hostile,
            ..event(1002, 1, 1, 500, 500)
        }),
        alert(Event {
            subject: hostile,
            ..event(60_000, 1, 1, 500, 500)
        }),
    ];
    let gap = part(5, Stream::Evidence, 3, &[vec![222, 1]]);
    send(
        store,
        &batch(5, 1000, &[part(5, Stream::Alerts, 0, &frames), gap]),
        at(1000),
    );
    let mut paths = vec!["/".to_owned(), "/agents/0000000000000001".to_owned()];
    for alert in store.alerts(&AlertFilter::default()).unwrap() {
        paths.push(format!("/a/{}", alert.id));
    }
    for path in paths {
        let page = pages.body(&path);
        assert!(only_own_scripts(&page), "{path}");
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"),
            "{path}"
        );
        let mut encoded = String::new();
        for byte in hostile.bytes().filter(|byte| !byte.is_ascii_alphanumeric()) {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        assert!(
            !page.contains(&format!("href=\"/agents/{hostile}")),
            "{path}"
        );
    }
}

#[test]
fn healthz_is_what_the_writer_says() {
    let mut pages = start();
    let jobs = pages.jobs.take().unwrap();
    let writer = std::thread::spawn(move || {
        for healthy in [true, false] {
            match jobs.recv().unwrap() {
                Job::Ping(reply) => reply.send(healthy).unwrap(),
                Job::Batch(..) | Job::Join(..) => unreachable!("nobody posts"),
            }
        }
    });
    assert!(pages.get("/healthz", "").0.starts_with("http/1.1 200"));
    assert!(pages.get("/healthz", "").0.starts_with("http/1.1 503"));
    writer.join().unwrap();
    // The writer is gone.
    assert!(pages.get("/healthz", "").0.starts_with("http/1.1 503"));
    pages
        .metrics
        .damage
        .note("database disk image is malformed");
    let (head, body) = pages.get("/healthz", "");
    assert!(head.starts_with("http/1.1 503"));
    assert_eq!(
        body,
        "the store is damaged: database disk image is malformed\n"
    );
}

#[test]
fn metrics_are_prometheus_text_of_what_is_stored() {
    let pages = start();
    busy(&pages);
    let text = pages.body("/metrics");
    for line in [
        "hansho_frames_stored_total{stream=\"alerts\"} 6",
        "hansho_frames_stored_total{stream=\"readings\"} 1",
        "hansho_duplicates_total{stream=\"alerts\"} 0",
        "hansho_agents 1",
        "hansho_alerts_firing 2",
        "hansho_readings_stored_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(
            name.starts_with("hansho_") && value.parse::<f64>().is_ok(),
            "{line}"
        );
    }
    assert_eq!(pages.store.frames(AgentId(1)).unwrap().len(), 7);
}

#[test]
fn a_connection_to_the_pages_ends_at_its_time_and_places_come_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let bounded = web::listen::Bounded::with(listener, 1, Duration::from_millis(200));
    let (queue, _jobs) = sync_channel(4);
    let store = Arc::new(MemoryStore::default());
    let gate = gate(&store);
    let token = token(&gate);
    let site = Site {
        writing: Arc::clone(&store) as Arc<dyn Store>,
        store,
        gate,
        queue,
        metrics: Arc::new(Metrics::default()),
        signs: Arc::new(SignsOfLife::default()),
        now: || at(0),
        zone: Zone::utc(),
        newest: watch::channel(0).1,
        current: support::current(""),
        masters: support::masters(),
    };
    runtime.spawn(async move { axum::serve(bounded, web::service(Arc::new(site))).await });
    // One that dawdles holds the only place; the next is served when its time is over.
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    let mut next = TcpStream::connect(address).unwrap();
    next.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        next,
        "GET / HTTP/1.1\r\nHost: c\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let mut page = String::new();
    next.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let mut rest = Vec::new();
    assert_eq!(slow.read_to_end(&mut rest).unwrap_or(0), 0);
}

/// What a browser is given beside the pages: it may keep it for ever, since the address changes with the content.
#[test]
fn style_and_scripts_come_from_the_program_itself() {
    let pages = start();
    let home = pages.body("/");
    let addresses: Vec<&str> = home
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert!(addresses.len() >= 2, "{addresses:?}");
    for address in addresses {
        let (head, body) = pages.get(address, "");
        assert!(head.starts_with("http/1.1 200"), "{address}: {head}");
        assert!(head.contains("immutable"), "{head}");
        assert!(!body.is_empty());
    }
    let (head, _) = pages.get("/assets/nothing.js", "");
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

/// Charts: columns as JSON, of the span asked for, as long as the axis; a field that was not measured is null.
#[test]
fn charts_get_their_columns() {
    let pages = start();
    busy(&pages);
    let body = pages.body("/charts/0000000000000001?hours=1");
    let data: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(data["charts"].as_array().unwrap().len(), 3);
    assert_eq!(data["offset_s"], 9 * 3600);
    let points = data["time"].as_array().unwrap().len();
    assert!(points > 0);
    for (key, column) in data["columns"].as_object().unwrap() {
        assert_eq!(column.as_array().unwrap().len(), points, "{key}");
    }
    assert_eq!(data["columns"]["cpu_steal"][0], serde_json::Value::Null);
    let codes: Vec<&str> = data["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"HNS1002-E"), "{codes:?}");
    let (head, _) = pages.get("/charts/nobody", "");
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

/// An open page hears of what happens without asking.
#[test]
fn an_open_page_is_told_that_something_changed() {
    let pages = start();
    let mut stream = TcpStream::connect(pages.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        stream,
        "GET /live HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer {}\r\n\r\n",
        pages.token
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut next_state = || {
        loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(number) = line.strip_prefix("data: ") {
                return number.parse::<u64>().unwrap();
            }
        }
    };
    assert_eq!(next_state(), 0);
    busy(&pages);
    assert!(next_state() > 0);
}
