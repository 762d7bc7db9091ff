//! Agents that are silent, or were never heard.

use super::*;

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
