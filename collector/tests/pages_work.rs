//! What people do on the pages: forms that go through, forms that are refused with what was typed, what is hostile, whose it is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "support/browser.rs"]
mod browser;
mod support;

use browser::{Answer, Browser, Served, customers, encoded, serve, serve_configured};
use hansho::frame::kind::Stream;
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::people::{Role, Scope};
use hansho_collector::store::{AlertFilter, NewAgent, NoteOn, Store, WindowKind};
use support::{Event, alert, at, bytes, event, hello, key, new_agent, part, send};

/// An agent `name` of a customer and system that fires 1002 for a subject.
fn firing(served: &Served, id: u64, place: [&str; 3], subject: &str) {
    let [customer, system, name] = place.map(str::to_owned);
    let agent = NewAgent {
        customer,
        system,
        ..new_agent(id, &name)
    };
    served.store.add_agent(&agent, at(0)).unwrap();
    let frames = [
        hello(1, "host.example"),
        alert(Event {
            subject,
            ..event(1002, 1, 1, 500, 500)
        }),
    ];
    let batch = bytes(id, 5, 1, 1000, &[part(5, Stream::Alerts, 0, &frames)]);
    let batch = AuthenticatedBatch::open(&batch, &key(id)).unwrap();
    send(&*served.store, &batch, at(1000));
}

fn alert_of(served: &Served, agent: u64) -> String {
    let alerts = served.store.alerts(&AlertFilter::default()).unwrap();
    let found = alerts.iter().find(|alert| alert.agent.0 == agent).unwrap();
    found.id.to_string()
}

/// Sends a form of a page, and opens where it leads to.
fn done(browser: &mut Browser, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = browser.fill(page, path, fields);
    assert_eq!(answer.status, 303, "{path}: {}", answer.body);
    let to = answer.location().to_owned();
    let shown = browser.get(to.split('#').next().unwrap());
    assert_eq!(shown.status, 200, "{to}");
    assert!(shown.body.contains("role=\"status\""), "{to}");
    shown
}

#[test]
fn an_alert_is_taken_renewed_given_back_noted_and_silenced() {
    let served = serve();
    firing(&served, 1, ["A", "shop", "web"], "/data");
    served.account("sato", Role::Operator, customers(&["A"]));
    let mut sato = served.logged_in("sato");
    let page = format!("/a/{}", alert_of(&served, 1));
    let path = |what: &str| format!("{page}/{what}");
    let english = format!("{page}?lang=en");
    assert!(sato.get(&english).body.contains("Nobody has taken it"));
    let shown = done(
        &mut sato,
        &english,
        &format!("{}?lang=en", path("take")),
        &[
            ("recovery", "+30m"),
            ("report", "+2h"),
            ("text", "order-api is restarted\nthen we look"),
            ("request", "r1"),
        ],
    );
    for words in [
        "taken by: sato",
        "recovery expected",
        "order-api is restarted<br>then we look",
        "sato took it",
        "Say something new",
        "I give it back",
    ] {
        assert!(shown.body.contains(words), "{words}: {}", shown.body);
    }
    // The fleet says so too.
    let fleet = sato.get("/?lang=ja").body;
    assert!(
        fleet.contains("対応: sato") && fleet.contains("復旧見込み"),
        "{fleet}"
    );
    let shown = done(&mut sato, &page, &path("note"), &[("text", "ログを残した")]);
    assert!(shown.body.contains("ログを残した"));
    let shown = done(&mut sato, &page, &path("release"), &[]);
    assert!(shown.body.contains("まだ誰も対応していません"));
    let silence = [("what", "this"), ("until", "+1h"), ("reason", "増設待ち")];
    let shown = done(&mut sato, &page, &path("silence"), &silence);
    assert!(shown.body.contains("通知停止中"));
    let listed = sato.get("/silences?lang=en").body;
    assert!(
        listed.contains("A/shop/web HNS1002 subject &quot;/data&quot;"),
        "{listed}"
    );
    let shown = done(&mut sato, "/silences", "/silences/end", &[("silence", "1")]);
    assert!(shown.body.contains("今とこれからの通知停止はありません"));
    // All of it stands in the audit, by page.
    let mut audit = Vec::new();
    served
        .store
        .view(&mut |rows| {
            let filter = hansho_collector::store::AuditFilter {
                customer: Some("A"),
                from: at(0),
                until: at(u64::from(u32::MAX)),
                after: 0,
                limit: 100,
            };
            audit = rows.audit(&filter)?;
            Ok(())
        })
        .unwrap();
    let actions: Vec<String> = audit
        .iter()
        .map(|entry| format!("{} {} {}", entry.by, entry.via.word(), entry.action))
        .collect();
    assert_eq!(
        actions,
        [
            "sato page acknowledge",
            "sato page note",
            "sato page release",
            "sato page silence_add",
            "sato page silence_end"
        ]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row a refusal")]
fn what_is_refused_says_why_and_keeps_what_was_typed() {
    let served = serve();
    firing(&served, 1, ["A", "shop", "web"], "");
    served.account("sato", Role::Operator, customers(&["A"]));
    let mut sato = served.logged_in("sato");
    let page = format!("/a/{}", alert_of(&served, 1));
    let long = "あ".repeat(1001);
    for (path, fields, ja, kept) in [
        (
            format!("{page}/take"),
            vec![("recovery", "someday"), ("text", "kept <b>text</b>")],
            "時刻を読み取れません",
            "kept &lt;b&gt;text&lt;/b&gt;",
        ),
        (
            format!("{page}/take"),
            vec![("recovery", "+90d"), ("text", "kept")],
            "復旧見込みが先すぎます(30日以内)",
            "value=\"+90d\"",
        ),
        (
            format!("{page}/take"),
            vec![("recovery", ""), ("text", long.as_str())],
            "内容が長すぎます(1000文字まで)",
            long.as_str(),
        ),
        (
            format!("{page}/note"),
            vec![("text", "\u{202e}evil")],
            "文字の向きを変える文字",
            "evil",
        ),
        (
            format!("{page}/release"),
            vec![],
            "今は誰も対応していません",
            "HNS1002-E",
        ),
        (
            format!("{page}/silence"),
            vec![("what", "host"), ("until", ""), ("reason", "why not")],
            "終了の時刻が空です",
            "why not",
        ),
        (
            format!("{page}/silence"),
            vec![("what", "host"), ("until", "+1h"), ("reason", " ")],
            "理由が空です",
            "<option value=\"host\" selected>",
        ),
        (
            "/silences".to_owned(),
            vec![("place", ""), ("until", "+1h"), ("reason", "everything")],
            "顧客、システム、サーバー、コード、対象のどれかが必要です",
            "everything",
        ),
        (
            "/silences".to_owned(),
            vec![("place", "B/shop"), ("until", "+1h"), ("reason", "theirs")],
            "担当の範囲にありません",
            "value=\"B/shop\"",
        ),
        (
            "/silences".to_owned(),
            vec![("place", "A/shpo"), ("until", "+1h"), ("reason", "typo")],
            "そのシステムはありません",
            "value=\"A/shpo\"",
        ),
        (
            "/windows".to_owned(),
            vec![
                ("place", "A/shop"),
                ("ja", "作業"),
                ("from", "2026-11-25T10:00"),
                ("until", "2026-11-25T09:00"),
            ],
            "終了が開始より前です",
            "value=\"2026-11-25T10:00\"",
        ),
        (
            "/windows".to_owned(),
            vec![
                ("place", "A"),
                ("kind", "event"),
                ("ja", "作業"),
                ("schedule", "weekly"),
                ("from_clock", "01:00"),
                ("until_clock", "02:00"),
            ],
            "曜日が必要です",
            "value=\"event\" checked",
        ),
        (
            "/windows/end".to_owned(),
            vec![("window", "9"), ("what", "series")],
            "予定 9 はありません",
            "予定",
        ),
    ] {
        let shown = if path.starts_with("/a/") {
            page.clone()
        } else {
            path.trim_end_matches("/end").to_owned()
        };
        let answer = sato.fill(&shown, &path, &fields);
        assert_eq!(answer.status, 422, "{path} {fields:?}: {}", answer.body);
        assert!(answer.body.contains("role=\"alert\""), "{path}");
        assert!(answer.body.contains(ja), "{path} {ja}: {}", answer.body);
        assert!(answer.body.contains(kept), "{path} {kept}");
        // In English too, with other words.
        let english = sato.fill(&shown, &format!("{path}?lang=en"), &fields);
        assert_eq!(english.status, 422);
        assert!(english.body.contains("Not recorded."), "{path}");
        assert!(!english.body.contains(ja), "{path}");
    }
    let mut left = None;
    served
        .store
        .view(&mut |rows| {
            left = Some((rows.silences(at(0))?.len(), rows.windows(at(0))?.len()));
            Ok(())
        })
        .unwrap();
    assert_eq!(left, Some((0, 0)));
}

#[test]
fn windows_are_announced_once_and_weekly_and_end_early() {
    let served = serve();
    firing(&served, 1, ["A", "shop", "web"], "");
    served.account("sato", Role::Operator, Scope::All);
    let mut sato = served.logged_in("sato");
    // It is 2026-11-24 11:58:08 +09:00, a Tuesday.
    let once = [
        ("place", "A/shop/web"),
        ("kind", "maintenance"),
        ("ja", "ディスク交換"),
        ("schedule", "once"),
        ("until", "2026-11-24T13:00"),
    ];
    let shown = done(&mut sato, "/windows", "/windows", &once).body;
    assert!(shown.contains("ディスク交換") && shown.contains("13:00:00 +09:00"));
    let weekly = [
        ("place", "A"),
        ("kind", "event"),
        ("ja", "朝市"),
        ("en", "morning market"),
        ("schedule", "weekly"),
        ("day", "tue"),
        ("day", "sat"),
        ("from_clock", "11:00"),
        ("until_clock", "12:30"),
    ];
    let shown = done(&mut sato, "/windows", "/windows", &weekly).body;
    assert!(shown.contains("tue,sat 11:00-12:30 +09:00"), "{shown}");
    // Both stand where they hold, in the language of the page; the maintenance keeps quiet.
    let alert = format!("/a/{}", alert_of(&served, 1));
    let system = sato.get("/systems/A/shop?lang=en").body;
    assert!(system.contains("morning market") && system.contains("ディスク交換"));
    let page = sato.get(&format!("{alert}?lang=ja")).body;
    assert!(
        page.contains("朝市") && page.contains("作業中 (13:00 まで)"),
        "{page}"
    );
    let end = |id: &'static str, what: &'static str| [("window", id), ("what", what)];
    done(
        &mut sato,
        "/windows",
        "/windows/end",
        &end("2", "occurrence"),
    );
    assert!(!sato.get(&alert).body.contains("朝市"));
    assert!(sato.get("/windows").body.contains("朝市"), "next Saturday");
    done(&mut sato, "/windows", "/windows/end", &end("2", "series"));
    done(
        &mut sato,
        "/windows",
        "/windows/end",
        &end("1", "occurrence"),
    );
    assert!(
        sato.get("/windows")
            .body
            .contains("今とこれからの予定はありません")
    );
    let mut kinds = Vec::new();
    served
        .store
        .view(&mut |rows| {
            for id in [1, 2] {
                kinds.push(rows.window(id)?.unwrap().kind);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(kinds, [WindowKind::Maintenance, WindowKind::Event]);
}

#[test]
fn notes_stand_on_systems_and_agents() {
    let served = serve();
    firing(&served, 1, ["A", "shop", "web"], "");
    served.account("sato", Role::Operator, customers(&["A"]));
    let mut sato = served.logged_in("sato");
    let system = "/systems/A/shop";
    let shown = done(
        &mut sato,
        system,
        "/systems/A/shop/note",
        &[("text", "on the system")],
    );
    assert!(shown.body.contains("on the system"));
    let agent = "/agents/A/shop/web";
    let shown = done(
        &mut sato,
        agent,
        "/agent-notes/A/shop/web",
        &[("text", "on the host")],
    );
    assert!(shown.body.contains("on the host") && !shown.body.contains("on the system"));
    let mut notes = 0;
    served
        .store
        .view(&mut |rows| {
            notes = rows.count_notes(&NoteOn::System {
                customer: "A".to_owned(),
                system: "shop".to_owned(),
            })?;
            Ok(())
        })
        .unwrap();
    assert_eq!(notes, 1);
}

const AGREED: &str = r#"
[[receiver]]
id = "hook"
alertmanager = { url = "http://127.0.0.1:9" }
[[team]]
id = "ops"
receivers = ["hook"]
name = { ja = "<i>運用</i>", en = "<i>Ops</i>" }
telephone = "03-0000-0000"
[[customer]]
id = "A"
name = { ja = "<b>顧客</b>", en = "<b>Customer</b>" }
[[system]]
customer = "A"
id = "shop"
name = { ja = "<u>店</u>", en = "<u>Shop</u>" }
team = "ops"
[[customer]]
id = "B"
name = "B"
[[response]]
code = "HNS1002"
customer = "A"
impact = "<em>impact</em>"
first_action = [{ ja = "<h1>手順</h1>", en = "<h1>step</h1>" }]
must_not = ["<marquee>stop</marquee>"]
document = "<s>DOC</s>"
telephone = "03-1111-1111"
[[response]]
code = "HNS1002"
customer = "B"
first_action = ["only for B"]
"#;

#[test]
fn what_was_agreed_stands_first_with_its_source_and_only_for_whom_it_is() {
    let served = serve_configured(AGREED);
    firing(&served, 1, ["A", "shop", "web"], "");
    firing(&served, 2, ["B", "shop", "web"], "");
    let a = served.token("a", Role::Viewer, customers(&["A"]));
    let mut a = served.program(&a);
    let page = a.get(&format!("/a/{}?lang=en", alert_of(&served, 1))).body;
    for words in [
        "&lt;b&gt;Customer&lt;/b&gt;",
        "&lt;u&gt;Shop&lt;/u&gt;",
        "&lt;i&gt;Ops&lt;/i&gt;",
        "&lt;h1&gt;step&lt;/h1&gt;",
        "&lt;marquee&gt;stop&lt;/marquee&gt;",
        "&lt;s&gt;DOC&lt;/s&gt;, collector.toml:",
        "href=\"tel:0311111111\"",
        "Do not",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(
        !page.contains("/etc/hansho"),
        "where files are is nobody's business"
    );
    let do_it = page.find("&lt;h1&gt;step").unwrap();
    let general = page.find("About this code").unwrap();
    assert!(do_it < general);
    // A viewer has no forms.
    assert!(
        !page.contains("/take\"") && !page.contains("<textarea"),
        "{page}"
    );
    let code = a.get("/codes/1002?lang=en").body;
    assert!(code.contains("&lt;h1&gt;step") && !code.contains("only for B"));
    let fleet = a.get("/?lang=ja").body;
    assert!(fleet.contains("&lt;h1&gt;手順") && !fleet.contains("only for B"));
    let found = a.get("/codes?q=hns1002&lang=en").body;
    assert!(found.contains("HNS1002-E") && !found.contains("HNS2001"));
    assert!(
        a.get("/codes?q=zzzz&lang=en")
            .body
            .contains("Nothing found")
    );
}

#[test]
fn hostile_names_and_texts_stay_text_on_every_page() {
    let served = serve();
    let hostile = "<script>alert(1)</script>\"'&";
    firing(&served, 1, [hostile, hostile, hostile], hostile);
    served.account("sato", Role::Operator, Scope::All);
    let mut sato = served.logged_in("sato");
    let alert = format!("/a/{}", alert_of(&served, 1));
    let path = |what: &str| format!("{alert}/{what}");
    done(&mut sato, &alert, &path("take"), &[("text", hostile)]);
    done(&mut sato, &alert, &path("note"), &[("text", hostile)]);
    let silence = [("what", "host"), ("until", "+1h"), ("reason", hostile)];
    done(&mut sato, &alert, &path("silence"), &silence);
    // A place is typed with slashes, and this customer's name has one: the window is of nobody, and refused.
    let window = [
        ("place", hostile),
        ("ja", hostile),
        ("until", "2026-11-24T13:00"),
    ];
    let refused = sato.fill("/windows", "/windows", &window);
    assert_eq!(refused.status, 422);
    let system = format!("/systems/{}/{}", encoded(hostile), encoded(hostile));
    let searched = format!("/codes?q={}", encoded(hostile));
    let placed = format!("/windows?place={}", encoded(hostile));
    let mut pages = vec![("refused".to_owned(), refused.body)];
    for page in [
        "/",
        &alert,
        &system,
        "/agents/0000000000000001",
        "/silences",
        &placed,
        &searched,
        "/noise",
    ] {
        for language in ["ja", "en"] {
            let mark = if page.contains('?') { '&' } else { '?' };
            let answer = sato.get(&format!("{page}{mark}lang={language}"));
            assert_eq!(answer.status, 200, "{page}");
            pages.push((page.to_owned(), answer.body));
        }
    }
    for (name, page) in pages {
        assert!(!page.contains("<script>alert"), "{name}");
        assert!(!page.contains(hostile), "{name}");
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "{name}"
        );
    }
}

#[test]
fn the_week_says_what_makes_noise_and_what_to_do() {
    let served = serve();
    firing(&served, 1, ["A", "shop", "web"], "");
    firing(&served, 2, ["B", "shop", "web"], "");
    let a = served.token("a", Role::Viewer, customers(&["A"]));
    let page = served.program(&a).get("/noise?week=2026-W48&lang=en").body;
    assert!(page.contains("A/shop/web") && !page.contains("B/shop/web"));
    assert!(
        page.contains("Alerts of the week: <strong>1</strong>"),
        "{page}"
    );
    assert!(
        page.contains("Five times or more"),
        "what to do stands beside it"
    );
    // How much each receiver gets is for those who see all.
    assert!(!page.contains("Messages by receiver"));
    let before = served.program(&a).get("/noise?week=2026-W40&lang=en").body;
    assert!(before.contains("Alerts of the week: <strong>0</strong>"));
    assert!(before.contains("2026-W39") && before.contains("2026-W41"));
    let all = served.token("all", Role::Viewer, Scope::All);
    let page = served.program(&all).get("/noise?week=no&lang=en").body;
    assert!(page.contains("2026-W48") && page.contains("Messages by receiver"));
}
