//! What the pages say, in both languages, and that hostile words stay words.

use super::*;

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
            .body("/codes/4003?lang=en")
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
            "x-hansho-collector: 1",
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
