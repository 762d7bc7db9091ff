//! Example messages of every kind: for `mail preview`, for checking templates before they are used, and for the golden
//! files of the tests. The customer and its people are invented.

use super::notice::{
    AlertNotice, Back, BackCause, Body, CollectorState, Daily, During, Ending, Episode, Escalation,
    Excerpt, Forecast, Goodbye, Growth, Happened, Happening, History, Identity, ListKind,
    ListNotice, ListRow, MailFailed, Measured, Notice, Owner, Peers, Records, Response, RuleWords,
    Silence, Suspect, SuspectBy, Suspects, Taken, Times, Told, What, Why, Worst, exact,
};
use crate::zone::Zone;
use hansho::clock::WallTime;
use hansho::code::Language;
use hansho::rule::{Level, Quantity};

/// Kinds with an example, by the word of `--kind`.
pub const KINDS: [&str; 18] = [
    "raised",
    "worsened",
    "repeated",
    "acknowledged",
    "released",
    "escalated",
    "evidence",
    "resolved",
    "silent",
    "site_silent",
    "back",
    "retired",
    "test",
    "digest",
    "late",
    "storm",
    "mail_failed",
    "daily",
];

/// 2026-11-24 02:58:07 in Japan.
const OCCURRED_MS: u64 = 1_795_456_687_000;
const MINUTE_MS: u64 = 60_000;
const GIB: u64 = 1024 * 1024;

fn at(after_ms: u64) -> WallTime {
    WallTime::from_millis(OCCURRED_MS.saturating_add(after_ms))
}

fn before(ms: u64) -> WallTime {
    WallTime::from_millis(OCCURRED_MS.saturating_sub(ms))
}

fn pick(language: Language, ja: &str, en: &str) -> String {
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
    .to_owned()
}

/// The example of a kind, about the code where the kind is about one; `None` for an unknown kind.
#[must_use]
pub fn example(kind: &str, language: Language, code: u16) -> Option<Notice> {
    let mut alert = firing(language, code);
    let (why, body, written) = match kind {
        "raised" => (Why::First, None, 62_000),
        "worsened" => {
            alert.happened = Happened::Worsened { from: 1001 };
            (Why::Worsened, None, 62_000)
        }
        "repeated" => {
            alert.happened = Happened::Repeated { nth: 2 };
            (Why::Repeat, None, 60 * MINUTE_MS)
        }
        "acknowledged" => {
            alert.happened = Happened::Acknowledged;
            alert.owner.taken = Some(taken(language));
            (Why::Acknowledged, None, 4 * MINUTE_MS)
        }
        "released" => {
            alert.happened = Happened::Released {
                by: pick(language, "佐藤", "Sato"),
            };
            (Why::Released, None, 9 * MINUTE_MS)
        }
        "escalated" => {
            alert.happened = Happened::Escalated {
                rank: 2,
                untaken_ms: 5 * MINUTE_MS,
            };
            alert.owner.on_duty = Some(pick(language, "鈴木", "Suzuki"));
            alert.owner.next = Some(Escalation {
                at: at(11 * MINUTE_MS),
                rank: 3,
                to: pick(language, "高橋", "Takahashi"),
            });
            (Why::Escalated, None, 6 * MINUTE_MS)
        }
        "evidence" => {
            alert.happened = Happened::Evidence;
            (Why::Evidence, None, 2 * MINUTE_MS)
        }
        "test" => {
            alert.test = true;
            (Why::Drill, None, 62_000)
        }
        "resolved" => {
            resolved(language, &mut alert);
            (Why::Resolved, None, 22 * MINUTE_MS)
        }
        "silent" => {
            silent(language, &mut alert);
            (Why::First, None, 10 * MINUTE_MS)
        }
        "site_silent" => {
            site_silent(language, &mut alert);
            (Why::Grouped, None, 10 * MINUTE_MS)
        }
        "back" => {
            back(language, &mut alert);
            (Why::Back, None, 20 * MINUTE_MS)
        }
        "retired" => {
            retired(language, &mut alert);
            (Why::Retired, None, 20 * MINUTE_MS)
        }
        "digest" => (Why::Digest, Some(list(language, ListKind::Digest)), 0),
        "late" => (Why::Late, Some(list(language, ListKind::Late)), 0),
        "storm" => (Why::Storm, Some(list(language, ListKind::Storm)), 0),
        "mail_failed" => (Why::DeliveryFailed, Some(mail_failed(language)), 0),
        "daily" => (Why::Daily, Some(daily(language)), 0),
        _ => return None,
    };
    let link = match &body {
        Some(Body::List(_)) => "https://hansho.example.jp/c/mirai".to_owned(),
        Some(Body::Daily(_)) => "https://hansho.example.jp/".to_owned(),
        Some(Body::MailFailed(_)) => "https://hansho.example.jp/a/3F9Q1".to_owned(),
        _ => format!("https://hansho.example.jp/a/{}", alert.identity.alert),
    };
    Some(Notice {
        language,
        zone: Zone::of_rule("JST-9").unwrap_or_else(Zone::utc),
        written: at(written),
        why,
        told: Told {
            to: vec![pick(language, "佐藤", "Sato")],
            cc: vec![pick(language, "受注運用ML", "order-ops")],
        },
        link: Some(link),
        thread_subject: None,
        body: body.unwrap_or_else(|| Body::Alert(Box::new(alert))),
    })
}

fn used(permille: u64) -> Measured {
    let total = 16_357_785;
    Measured {
        quantity: Some(Quantity::MemoryUsed),
        value: permille.saturating_mul(total).div_ceil(1000),
        total: Some(total),
    }
}

fn share(permille: u16) -> Level {
    Level {
        permille: Some(permille),
        absolute: None,
    }
}

fn firing(language: Language, code: u16) -> AlertNotice {
    AlertNotice {
        happened: Happened::Raised,
        test: false,
        owner: owner(language),
        identity: Identity {
            code,
            customer: "mirai".to_owned(),
            system: "order".to_owned(),
            host: Some("web03".to_owned()),
            subject: String::new(),
            alert: "3F9K2".to_owned(),
            started: at(0),
        },
        times: Times {
            occurred: Some(exact(at(0))),
            detected: Some(exact(at(60_000))),
            notified: Some(exact(at(62_000))),
            recovered: None,
            resolved: None,
        },
        value: Some(used(960)),
        worst: None,
        count: None,
        excerpt: Excerpt {
            available_kib: Some(660_603),
            growth: Some(Growth {
                per_hour: 8_808_038,
                over_ms: 28 * MINUTE_MS,
            }),
            hour_ago: Some(used(714)),
            day_ago: Some(used(708)),
            memory_full_permille: Some(62),
            swap_used_kib: Some(17 * GIB / 10),
            swap_total_kib: Some(2 * GIB),
            cpu_permille: None,
        },
        forecast: Some(Forecast { at: at(302_000) }),
        rule: Some(RuleWords {
            quantity: Quantity::MemoryUsed,
            raise: share(950),
            raise_after_ms: 60_000,
            clear: Some(share(900)),
            clear_after_ms: Some(5 * MINUTE_MS),
            event: false,
            below: false,
        }),
        during: During::default(),
        response: Some(response(language)),
        suspects: Some(suspects()),
        victims: Vec::new(),
        meanwhile: Vec::new(),
        presumed: Vec::new(),
        history: Some(History {
            same_code: Some(1),
            last: Some(Episode {
                at: before(15 * 24 * 60 * MINUTE_MS + 23 * 60 * MINUTE_MS + 53 * MINUTE_MS),
                lasted_ms: Some(27 * MINUTE_MS),
            }),
            boots: Some(vec![before(11 * 24 * 60 * MINUTE_MS + 23 * 60 * MINUTE_MS)]),
            config_changes: Some(Vec::new()),
            windows: Some(Vec::new()),
        }),
        hosts: Vec::new(),
        hosts_total: None,
        late_ms: None,
        report: None,
    }
}

fn owner(language: Language) -> Owner {
    Owner {
        customer: pick(language, "みらい商事", "Mirai"),
        system: pick(language, "受注", "order"),
        system_full: Some(pick(language, "受注システム", "order system")),
        host: Some("web03".to_owned()),
        environment: Some(pick(language, "本番", "production")),
        site: Some(pick(language, "東京DC", "Tokyo DC")),
        team: Some(pick(language, "受注運用チーム", "order operations")),
        on_duty: Some(pick(language, "佐藤", "Sato")),
        taken: None,
        next: Some(Escalation {
            at: at(6 * MINUTE_MS),
            rank: 2,
            to: pick(language, "鈴木", "Suzuki"),
        }),
    }
}

fn taken(language: Language) -> Taken {
    Taken {
        by: pick(language, "佐藤", "Sato"),
        at: at(4 * MINUTE_MS),
        note: Some(pick(
            language,
            "order-api を再起動します",
            "restarting order-api",
        )),
        recovery_expected: Some(at(22 * MINUTE_MS)),
        next_report: Some(at(5 * 60 * MINUTE_MS + 113_000)),
    }
}

fn response(language: Language) -> Response {
    Response {
        source: pick(language, "みらい商事", "Mirai"),
        document: Some(match language {
            Language::Ja => "MS-OPS-017".to_owned(),
            Language::En => "procedure MS-OPS-017".to_owned(),
        }),
        impact: Some(pick(
            language,
            "注文の確定に時間がかかり、止まるおそれがあります。",
            "orders take long to confirm, and may stop.",
        )),
        steps: vec![
            pick(
                language,
                "hansho top --once で、1位が order-api のままか確認する",
                "With hansho top --once, see whether order-api is still the first",
            ),
            pick(
                language,
                "再起動の前にログを残す\njournalctl -u order-api --since -30min > order-api.log",
                "Keep the log before a restart\njournalctl -u order-api --since -30min > order-api.log",
            ),
            pick(
                language,
                "order-api の再起動は当番の判断で可\nsystemctl restart order-api",
                "Who is on duty may restart order-api\nsystemctl restart order-api",
            ),
        ],
        confirm: Some(pick(
            language,
            "画面・注文の受付",
            "the pages and that orders are taken",
        )),
        must_not: vec![pick(
            language,
            "postgresql の停止・再起動",
            "stop or restart postgresql",
        )],
        decides: Some(pick(language, "受注運用 課長", "head of order operations")),
        telephone: Some("03-0000-0000".to_owned()),
    }
}

fn suspects() -> Suspects {
    let row = |name: &str, pid, unit: &str, resident_kib, change_kib| Suspect {
        name: name.to_owned(),
        pid,
        unit: Some(unit.to_owned()),
        resident_kib: Some(resident_kib),
        change: Some((change_kib, 10 * MINUTE_MS)),
        swap_kib: None,
        cpu_permille: None,
    };
    Suspects {
        taken: at(5_000),
        seen: 212,
        all: 212,
        partial: false,
        by: SuspectBy::Memory,
        rows: vec![
            row("java", 2184, "order-api", 98 * GIB / 10, 1_468_006),
            row("postgres", 1033, "postgresql", 21 * GIB / 10, 0),
            row("fluentd", 911, "fluentd", 419_430, 0),
        ],
    }
}

fn resolved(language: Language, alert: &mut AlertNotice) {
    alert.happened = Happened::Resolved(Ending::Cleared);
    alert.owner.taken = Some(taken(language));
    alert.times.recovered = Some(exact(at(1_067_000)));
    alert.times.resolved = Some(exact(at(1_367_000)));
    alert.value = Some(used(394));
    alert.worst = Some(Worst {
        value: used(987),
        at: Some(exact(at(365_000))),
        available_kib: Some(212_651),
    });
    alert.during = During {
        oom_kills: Some(0),
        boots: Some(0),
        gap_ms: Some(0),
    };
    alert.meanwhile = vec![
        Happening {
            at: at(4 * MINUTE_MS),
            what: What::Taken(Taken {
                next_report: None,
                ..taken(language)
            }),
        },
        Happening {
            at: at(17 * MINUTE_MS),
            what: What::Text(pick(
                language,
                "order-api: pid 2184(9.8 GiB)が終了、pid 30917(0.9 GiB)が起動",
                "order-api: pid 2184 (9.8 GiB) ended, pid 30917 (0.9 GiB) started",
            )),
        },
    ];
    alert.presumed = vec![pick(
        language,
        "order-api の java が 28分で 約3.9 GiB 増加。増加の理由は未確認です。",
        "java of order-api grew by about 3.9 GiB in 28 min. Why is not confirmed.",
    )];
    alert.report = Some("https://hansho.example.jp/i/118/report".to_owned());
}

fn silent(language: Language, alert: &mut AlertNotice) {
    alert.identity.code = 9001;
    alert.identity.alert = "3F9M7".to_owned();
    alert.identity.started = at(444_000);
    alert.owner.next = None;
    alert.value = None;
    alert.excerpt = Excerpt {
        memory_full_permille: Some(410),
        cpu_permille: Some(880),
        ..Excerpt::default()
    };
    alert.happened = Happened::Silent(Box::new(Silence {
        last_heard: Some(at(444_000)),
        judged: at(624_000),
        goodbye: Goodbye::None,
        peers: Some(Peers {
            answering: 11,
            silent: 0,
        }),
        collector: CollectorState::Well,
        memory: Some(used(987)),
        open: vec![1002],
    }));
    alert.presumed = vec![pick(
        language,
        "極端なメモリ不足による停滞・停止の可能性が高い",
        "it stands still or went down for want of memory",
    )];
    alert.response = Some(Response {
        source: pick(language, "みらい商事", "Mirai"),
        document: None,
        impact: None,
        steps: vec![
            pick(
                language,
                "別の経路で確認する: ping、ssh、仮想基盤のコンソール",
                "Look by another way: ping, ssh, the console of the virtualisation platform",
            ),
            pick(
                language,
                "コンソールが動かないとき: 個別手順 MS-OPS-003(強制再起動は課長の承認が必要)",
                "Where the console does not answer: procedure MS-OPS-003 (a reset needs the head's consent)",
            ),
            pick(
                language,
                "サービスの画面が見えるか確認し、見えなければ受注運用へ電話",
                "See whether the service's pages answer; where not, call order operations",
            ),
        ],
        confirm: None,
        must_not: Vec::new(),
        decides: None,
        telephone: None,
    });
}

fn site_silent(language: Language, alert: &mut AlertNotice) {
    silent(language, alert);
    alert.identity.code = 9005;
    alert.identity.alert = "3F9N0".to_owned();
    alert.identity.system = String::new();
    alert.owner.system = String::new();
    alert.owner.system_full = None;
    alert.owner.environment = None;
    alert.identity.host = None;
    alert.identity.subject = "mirai/osaka".to_owned();
    alert.owner.host = None;
    alert.owner.site = Some(pick(language, "大阪DC", "Osaka DC"));
    alert.hosts = ["db01", "db02", "web01"].map(str::to_owned).to_vec();
    alert.hosts_total = Some(300);
    alert.excerpt = Excerpt::default();
    alert.presumed = vec![pick(
        language,
        "拠点の回線または電源の障害の可能性が高い",
        "the line or the power of the site failed",
    )];
    alert.response = None;
    if let Happened::Silent(silence) = &mut alert.happened {
        silence.memory = None;
        silence.open = Vec::new();
        silence.peers = Some(Peers {
            answering: 0,
            silent: 299,
        });
    }
}

fn back(language: Language, alert: &mut AlertNotice) {
    silent(language, alert);
    alert.identity.code = 9003;
    alert.happened = Happened::Back(Back {
        silent_since: Some(at(444_000)),
        back_at: at(1_200_000),
        cause: BackCause::Rebooted {
            reason: None,
            planned: false,
        },
        records: Records::Complete,
    });
    alert.presumed = vec![pick(
        language,
        "再起動の直前まで HNS1002 が発生していました。メモリ不足による再起動の可能性があります。",
        "HNS1002 fired until just before. It may have been for want of memory.",
    )];
    alert.response = None;
}

/// Nobody waits any more for a host that had been silent for three minutes.
fn retired(language: Language, alert: &mut AlertNotice) {
    silent(language, alert);
    alert.happened = Happened::Resolved(Ending::Retired);
    alert.rule = None;
    alert.times = Times {
        occurred: Some(exact(at(444_000))),
        detected: Some(exact(at(624_000))),
        notified: Some(exact(at(625_000))),
        resolved: Some(exact(at(1_200_000))),
        ..alert.times
    };
    let silent_for = Measured {
        quantity: Some(Quantity::TickLate),
        value: 181_000,
        total: None,
    };
    alert.worst = Some(Worst {
        value: silent_for,
        at: None,
        available_kib: None,
    });
    alert.presumed = Vec::new();
    alert.response = None;
}

fn list(language: Language, kind: ListKind) -> Body {
    let row = |code, firing: bool, host: &str, after_ms, value| ListRow {
        code,
        firing,
        unknown: false,
        system: pick(language, "受注", "order"),
        host: host.to_owned(),
        subject: String::new(),
        occurred: Some(exact(at(after_ms))),
        recovered: (!firing).then(|| exact(at(after_ms.saturating_add(27 * MINUTE_MS)))),
        value,
        taken_by: None,
        link: None,
    };
    let still = kind != ListKind::Late;
    let mut rows = vec![
        row(1001, still, "web01", 0, Some(used(842))),
        row(2001, false, "web02", 40 * MINUTE_MS, None),
    ];
    if let Some(first) = rows.first_mut().filter(|_| still) {
        first.taken_by = Some(pick(language, "鈴木", "Suzuki"));
        first.link = Some("https://hansho.example.jp/a/3F9KB".to_owned());
    }
    Body::List(Box::new(ListNotice {
        kind,
        customer: pick(language, "みらい商事", "Mirai"),
        customer_id: "mirai".to_owned(),
        system: None,
        team: Some(pick(language, "受注運用チーム", "order operations")),
        from: before(8 * 60 * MINUTE_MS),
        to: at(6 * 60 * MINUTE_MS),
        rows,
        total: match kind {
            ListKind::Storm => 35,
            _ => 2,
        },
    }))
}

fn mail_failed(language: Language) -> Body {
    Body::MailFailed(Box::new(MailFailed {
        receiver: pick(language, "佐藤", "Sato"),
        address: "sato@example.jp".to_owned(),
        since: at(62_000),
        undelivered: 3,
        says: "550 5.1.1 <sato@example.jp>: Recipient address rejected: User unknown".to_owned(),
        permanent: true,
        codes: vec![(1002, 1), (1003, 2)],
        instead: vec![pick(language, "鈴木", "Suzuki")],
        alert: "3F9Q1".to_owned(),
    }))
}

fn daily(language: Language) -> Body {
    Body::Daily(Box::new(Daily {
        collector: "collector01".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        running_since: before(11 * 24 * 60 * MINUTE_MS),
        from: before(24 * 60 * MINUTE_MS),
        agents: 312,
        silent: 1,
        firing: 2,
        raised: 9,
        delivered: 41,
        waiting: 0,
        failed: 3,
        frames: 1_214_880,
        lost: 0,
        disk_free_kib: Some(212 * GIB),
        store_kib: Some(3 * GIB / 2),
        backup: Some(before(60 * MINUTE_MS)),
        remarks: vec![pick(
            language,
            "佐藤へのメールが届いていません(HNS9008)",
            "Mails to Sato do not arrive (HNS9008)",
        )],
    }))
}
