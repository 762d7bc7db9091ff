//! The page behind a signed link: mail scanners may open it as often as they like, only the form takes the alert.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod support;

use hansho::clock::WallTime;
use hansho::frame::kind::Stream;
use hansho_collector::handling::link;
use hansho_collector::limit::{LINK_GETS, LINK_POSTS, LINK_REFUSALS};
use hansho_collector::store::{
    Acknowledgement, AlertFilter, AlertId, LinkSecret, MemoryStore, Store, Via,
};
use hansho_collector::web::link::{Links, router};
use hansho_collector::zone::Zone;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{NOW, alert, at, batch, event, hello, new_agent, part, send};
use tokio::runtime::Runtime;

const SECRET: LinkSecret = LinkSecret {
    number: 1,
    secret: [5; 32],
    created: WallTime::from_millis(NOW),
};

/// The clock of one test: each has a function of its own, since a clock is a plain function.
macro_rules! clock {
    () => {{
        static MS: AtomicU64 = AtomicU64::new(NOW);
        fn now() -> WallTime {
            WallTime::from_millis(MS.load(Ordering::SeqCst))
        }
        (&MS, now as fn() -> WallTime)
    }};
}

struct Site {
    address: SocketAddr,
    store: Arc<MemoryStore>,
    alert: AlertId,
    _runtime: Runtime,
}

fn start(now: fn() -> WallTime) -> Site {
    let store = Arc::new(MemoryStore::default());
    store.add_agent(&new_agent(1, "<web03>"), at(0)).unwrap();
    let frames = [hello(1, "web03"), alert(event(1002, 1, 1, 500, 500))];
    let posted = batch(5, 1000, &[part(5, Stream::Alerts, 0, &frames)]);
    send(&*store, &posted, at(0));
    store
        .transact(&mut |rows| rows.put_link_secret(&SECRET))
        .unwrap();
    let alert = store.alerts(&AlertFilter::default()).unwrap()[0].id;
    let links = Links {
        reading: Arc::clone(&store) as Arc<dyn Store>,
        writing: Arc::clone(&store) as Arc<dyn Store>,
        now,
        zone: Zone::fixed("+09:00").unwrap(),
        uses: Mutex::default(),
    };
    let runtime = Runtime::new().unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, router(Arc::new(links))).await });
    Site {
        address,
        store,
        alert,
        _runtime: runtime,
    }
}

impl Site {
    fn token(&self, receiver: &str) -> String {
        link::sign(&SECRET, self.alert, receiver, link::expiry(at(0)))
    }

    /// Head and body.
    fn ask(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    fn get(&self, token: &str) -> (String, String) {
        self.ask("GET", &format!("/l/{token}?lang=ja"), "")
    }

    fn post(&self, token: &str, body: &str) -> (String, String) {
        self.ask("POST", &format!("/l/{token}?lang=ja"), body)
    }

    fn held(&self) -> Vec<Acknowledgement> {
        let mut rows_of = Vec::new();
        self.store
            .view(&mut |rows| {
                rows_of = rows.acknowledgements(self.alert)?;
                Ok(())
            })
            .unwrap();
        rows_of
    }

    fn events(&self) -> u64 {
        let mut newest = 0;
        self.store
            .view(&mut |rows| {
                newest = rows.newest_event()?;
                Ok(())
            })
            .unwrap();
        newest
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The name of the request that stands hidden in a form.
fn request(body: &str) -> String {
    let place = body.find("name=\"request\" value=\"").unwrap() + 22;
    body[place..].chars().take(16).collect()
}

#[test]
fn opening_a_link_again_and_again_changes_nothing() {
    let (_, now) = clock!();
    let site = start(now);
    let token = site.token("sato");
    let before = site.events();
    for round in 0..60 {
        for method in ["GET", "HEAD"] {
            let (head, body) = site.ask(method, &format!("/l/{token}"), "");
            assert_eq!(status(&head), 200, "{round}");
            assert_eq!(body.is_empty(), method == "HEAD");
        }
    }
    assert!(site.held().is_empty());
    assert_eq!(site.events(), before);
    // Other methods are no form.
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let (head, _) = site.ask(method, &format!("/l/{token}"), "");
        assert_eq!(status(&head), 405, "{method}");
    }
    assert!(site.held().is_empty());
}

#[test]
fn the_page_says_whose_since_how_bad_and_what_to_do() {
    let (_, now) = clock!();
    let site = start(now);
    let (head, ja) = site.get(&site.token("受注運用ML"));
    assert!(head.contains("referrer-policy: no-referrer"));
    assert!(head.contains("cache-control: no-store"));
    assert!(head.contains("x-robots-tag: noindex"));
    for fact in [
        "lang=\"ja\"",
        "みらい商事 / 受注 / &lt;web03&gt;",
        "HNS1002-E",
        "まだ誰も確認していません",
        "95.8%",
        "2026-11-24 11:58:07 +09:00",
        "受注運用ML",
        "今やること",
        "対応します",
        "開くだけでは確認になりません",
        "method=\"post\"",
    ] {
        assert!(ja.contains(fact), "{fact}");
    }
    assert!(!ja.contains("<script"));
    let path = format!("/l/{}?lang=en", site.token("sato"));
    let (_, en) = site.ask("GET", &path, "");
    for fact in [
        "lang=\"en\"",
        "nobody has taken it yet",
        "I take it",
        "What to do now",
    ] {
        assert!(en.contains(fact), "{fact}");
    }
}

#[test]
fn the_form_takes_the_alert_as_the_receiver_once() {
    let (_, now) = clock!();
    let site = start(now);
    let token = site.token("sato");
    let (_, body) = site.get(&token);
    let request = request(&body);
    let form = format!(
        "request={request}&name=&recovery=%2B30m&report=%2B1h&text=%E5%86%8D%E8%B5%B7%E5%8B%95%3Cb%3E"
    );
    let (head, body) = site.post(&token, &form);
    assert_eq!(status(&head), 200, "{body}");
    assert!(body.contains("確認を記録しました"));
    assert!(body.contains("再起動&lt;b&gt;"));
    let held = site.held();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].by.as_str(), held[0].via), ("sato", Via::Link));
    assert_eq!(held[0].expected_recovery, Some(at(30 * 60_000)));
    assert_eq!(held[0].next_report, Some(at(60 * 60_000)));
    // The button pressed twice.
    let (_, body) = site.post(&token, &form);
    assert!(body.contains("記録済みです"), "{body}");
    assert_eq!(site.held().len(), 1);
    // Another receiver's link takes it over, with a name that is given.
    let other = site.token("受注運用ML");
    let (_, body) = site.get(&other);
    assert!(body.contains("引き継いで対応します"));
    let (_, body) = site.post(&other, "name=%E9%88%B4%E6%9C%A8");
    assert!(body.contains("sato から引き継ぎ"), "{body}");
    assert_eq!(site.held()[1].by, "鈴木 (受注運用ML)");
}

#[test]
fn a_form_that_is_wrong_says_why_and_changes_nothing() {
    let (_, now) = clock!();
    let site = start(now);
    let token = site.token("sato");
    for (form, code, said) in [
        ("recovery=yesterday&text=kept", 422, "時刻を読み取れないか"),
        ("text=%E2%80%AEmoor", 422, "文字の向き"),
        ("name=a%0Ab", 422, "文字の向き"),
        ("recovery=2020-01-01T00:00", 422, "時刻を読み取れないか"),
        ("text=%FF", 200, "確認を記録しました"),
    ] {
        let before = site.held().len();
        let (head, body) = site.post(&token, form);
        assert_eq!(status(&head), code, "{form}");
        assert!(body.contains(said), "{form}: {body}");
        if code == 422 {
            assert_eq!(site.held().len(), before);
            assert_eq!(body.contains("kept"), form.contains("kept"));
        }
    }
    let (head, _) = site.post(&token, &format!("text={}", "x".repeat(20_000)));
    assert_eq!(status(&head), 413);
    assert_eq!(site.held().len(), 1);
}

#[test]
fn a_link_that_does_not_work_says_so() {
    let (ms, now) = clock!();
    let site = start(now);
    let token = site.token("sato");
    let stranger = LinkSecret {
        secret: [6; 32],
        ..SECRET
    };
    let forged = link::sign(&stranger, site.alert, "sato", link::expiry(at(0)));
    for (token, code) in [("x", 404), (forged.as_str(), 404), (&token[..20], 404)] {
        for method in ["GET", "POST"] {
            let (head, body) = site.ask(method, &format!("/l/{token}?lang=ja"), "");
            assert_eq!(status(&head), code);
            assert!(body.contains("このリンクは使えません"), "{body}");
        }
    }
    ms.store(link::expiry(at(0)).as_millis(), Ordering::SeqCst);
    let (head, body) = site.post(&token, "");
    assert_eq!(status(&head), 410);
    assert!(body.contains("期限"));
    assert!(site.held().is_empty());
}

#[test]
fn links_are_bounded_each_by_itself() {
    let (ms, now) = clock!();
    let site = start(now);
    let (token, other) = (site.token("sato"), site.token("suzuki"));
    for _ in 0..LINK_POSTS {
        assert_eq!(status(&site.post(&token, "").0), 200);
    }
    let (head, _) = site.post(&token, "");
    assert_eq!(status(&head), 429);
    assert!(head.contains("retry-after: 60"));
    assert_eq!(status(&site.post(&other, "").0), 200);
    for _ in 0..LINK_GETS {
        assert_eq!(status(&site.get(&token).0), 200);
    }
    assert_eq!(status(&site.get(&token).0), 429);
    // Whoever tries many that do not work stops nobody's that does.
    for _ in 0..LINK_REFUSALS {
        assert_eq!(status(&site.get("x").0), 404);
    }
    assert_eq!(status(&site.get("x").0), 429);
    assert_eq!(status(&site.get(&other).0), 200);
    ms.store(NOW + 60_000, Ordering::SeqCst);
    assert_eq!(status(&site.post(&token, "").0), 200);
}
