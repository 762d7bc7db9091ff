//! Notes, responses, the week; hostile names stay text.

use super::*;

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
