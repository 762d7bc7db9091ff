//! Forms that go through, and forms that are refused.

use super::*;

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
