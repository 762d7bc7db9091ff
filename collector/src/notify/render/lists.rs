//! Messages that list: digest, summary, group, storm; mails that failed; the daily mail.

use super::super::notice::{Daily, ListKind, ListNotice, ListRow, MailFailed, Notice};
use super::document::Document;
use super::seen::coded;
use super::{name, names, numbers, pick, sentence, told};
use crate::limit::{MAIL_LIST, MAIL_ROWS};
use hansho::code::{self, Language};

/// Writes a list.
pub(super) fn list(notice: &Notice, list: &ListNotice, out: &mut Document) {
    let language = notice.language;
    out.section();
    let mut first = name(&list.customer);
    if let Some(system) = &list.system {
        first.push_str(&format!(" / {}", name(system)));
    }
    if let Some(team) = &list.team {
        first.push_str(&format!(
            "  {} {}",
            pick(language, "担当:", "Team:"),
            name(team)
        ));
    }
    out.text(first);
    let (from, to) = (
        numbers::day_minute(notice, list.from),
        numbers::day_minute(notice, list.to),
    );
    let zone = notice.zone.label();
    out.text(match language {
        Language::Ja => format!("対象の時間 {from} から {to} まで({zone})"),
        Language::En => format!("from {from} to {to} ({zone})"),
    });
    out.section();
    out.text(about(language, list));
    let (open, over): (Vec<&ListRow>, Vec<&ListRow>) =
        list.rows.iter().take(MAIL_ROWS).partition(|row| row.firing);
    for (rows, ja, en) in [(open, "発生中", "FIRING"), (over, "終わったもの", "OVER")] {
        out.heading(pick(language, ja, en));
        for row in rows {
            one(notice, row, out);
        }
    }
    let shown = u64::try_from(list.rows.len().min(MAIL_ROWS)).unwrap_or(0);
    let rest = list.total.saturating_sub(shown);
    if rest > 0 {
        out.section();
        out.text(match language {
            Language::Ja => format!("ほか{rest}件はページにあります。"),
            Language::En => format!("The page has {rest} more."),
        });
    }
    if let Some(link) = &notice.link {
        out.section();
        out.link(&sentence(link));
    }
    told(notice, out);
    for (key, value) in [
        ("kind", kind(list.kind).to_owned()),
        ("customer", name(&list.customer_id)),
        ("alerts", list.total.to_string()),
        ("from", notice.zone.rfc3339(list.from)),
        ("to", notice.zone.rfc3339(list.to)),
    ] {
        out.machine(key, value);
    }
}

const fn kind(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Digest => "digest",
        ListKind::Late => "late",
        ListKind::Group => "group",
        ListKind::Storm => "storm",
    }
}

fn about(language: Language, list: &ListNotice) -> String {
    let total = list.total;
    match (list.kind, language) {
        (ListKind::Digest, Language::Ja) => {
            format!("営業時間内に対応するアラートのまとめです({total}件)。")
        }
        (ListKind::Digest, Language::En) => {
            format!("Alerts for the working day ({total}).")
        }
        (ListKind::Late, Language::Ja) => format!(
            "収集サーバに遅れて届いた{total}件です。届いたときには、すべて復旧していました。"
        ),
        (ListKind::Late, Language::En) => {
            format!("{total} alerts arrived late; all were resolved when they came.")
        }
        (ListKind::Group, Language::Ja) => {
            format!("同じ時間に発生した{total}件を1通にまとめました。")
        }
        (ListKind::Group, Language::En) => {
            format!("{total} alerts of the same time, as one message.")
        }
        (ListKind::Storm, Language::Ja) => {
            format!("通知の上限に達したため、{total}件を1通にまとめました。")
        }
        (ListKind::Storm, Language::En) => {
            format!("{total} alerts as one message: the ceiling of messages was reached.")
        }
    }
}

fn one(notice: &Notice, row: &ListRow, out: &mut Document) {
    let language = notice.language;
    let mut line = format!(
        "{} {}/{}",
        code::display(row.code, row.firing),
        name(&row.system),
        name(&row.host)
    );
    if !row.subject.is_empty() {
        line.push_str(&format!(" {}", name(&row.subject)));
    }
    line.push_str(&format!(
        "  {}",
        numbers::what(language, row.code, row.value)
    ));
    out.text(line);
    let mut times = Vec::new();
    if let Some(since) = row.occurred {
        let since_words = numbers::dated(notice, since);
        times.push(format!("{} {since_words}", pick(language, "発生", "since")));
        if let Some(until) = row.recovered {
            let lasted = until
                .wall
                .as_millis()
                .saturating_sub(since.wall.as_millis());
            times.push(format!(
                "{} {}",
                pick(language, "継続", "lasted"),
                numbers::rough(language, lasted)
            ));
        }
    }
    if row.unknown {
        times.push(pick(language, "不明(無応答)", "unknown (silent)").to_owned());
    }
    if let Some(by) = &row.taken_by {
        times.push(format!(
            "{} {}",
            pick(language, "対応", "taken by"),
            name(by)
        ));
    }
    if !times.is_empty() {
        out.step(format!("   {}", times.join("  ")));
    }
    if let Some(link) = &row.link {
        out.fixed(format!("   {}", sentence(link)));
    }
}

/// Mails that a receiver does not get.
pub(super) fn mail_failed(notice: &Notice, failed: &MailFailed, out: &mut Document) {
    let language = notice.language;
    let (who, address) = (name(&failed.receiver), name(&failed.address));
    out.section();
    out.text(match language {
        Language::Ja => format!("{who}({address})へのメールが届いていません。"),
        Language::En => format!("Mails to {who} ({address}) do not arrive."),
    });
    out.text(match (language, failed.permanent) {
        (Language::Ja, true) => "メールサーバーが受け取りを拒否しました。再送しません。",
        (Language::Ja, false) => "再送を続けています。",
        (Language::En, true) => "The mail server refused them for good. They are not sent again.",
        (Language::En, false) => "They are tried again.",
    });
    out.section();
    let since = numbers::day_time(notice, failed.since);
    out.text(match language {
        Language::Ja => format!("最初の不達 {since}  合計 {}通", failed.undelivered),
        Language::En => format!("since {since}  undelivered {}", failed.undelivered),
    });
    out.text(format!(
        "{} {}",
        pick(language, "サーバーの返答", "the server said"),
        sentence(&failed.says)
    ));
    if !failed.instead.is_empty() {
        out.text(format!(
            "{} {}",
            pick(language, "代わりに通知した人", "told instead"),
            names(language, &failed.instead)
        ));
    }
    out.heading(pick(language, "届いていない内容", "WHAT DID NOT ARRIVE"));
    for (number, count) in failed.codes.iter().take(MAIL_LIST) {
        let code = coded(language, *number, true);
        out.text(match language {
            Language::Ja => format!("{code} {count}件"),
            Language::En => format!("{code}: {count}"),
        });
    }
    out.heading(pick(language, "今やること", "WHAT TO DO NOW"));
    for (index, step) in match language {
        Language::Ja => [
            "届いていない内容を、電話など別の方法で本人に伝える",
            "返答にあるとおり、宛先の誤り、容量、拒否の設定を直す",
            "直した後、hansho-collector mail test で届くことを確かめる",
        ],
        Language::En => [
            "Tell the receiver by another way what did not arrive",
            "Mend what the answer names: address, quota, a rule that refuses",
            "Then prove it with hansho-collector mail test",
        ],
    }
    .into_iter()
    .enumerate()
    {
        out.step(format!("{}. {step}", index.saturating_add(1)));
    }
    if let Some(link) = &notice.link {
        out.section();
        out.link(&sentence(link));
    }
    told(notice, out);
    let shown = code::display(9008, true).to_string();
    let (number, severity) = shown.split_once('-').unwrap_or((&shown, ""));
    for (key, value) in [
        ("code", number.to_owned()),
        ("severity", severity.to_owned()),
        ("state", "firing".to_owned()),
        ("subject", who),
        ("alert", name(&failed.alert)),
        ("started", notice.zone.rfc3339(failed.since)),
    ] {
        out.machine(key, value);
    }
}

/// The daily mail: that it arrives is what it proves.
pub(super) fn daily(notice: &Notice, daily: &Daily, out: &mut Document) {
    let language = notice.language;
    out.section();
    out.text(pick(
        language,
        "このメールが届くことで、収集サーバからの通知の経路が動いていることを確かめています。",
        "That this mail arrives shows that the way from the collector to you works.",
    ));
    out.text(pick(
        language,
        "届かない日があれば、収集サーバとメールサーバーを調べてください。",
        "On a day without it, look at the collector and the mail server.",
    ));
    let (host, version) = (name(&daily.collector), name(&daily.version));
    let (since, from) = (
        numbers::day_minute(notice, daily.running_since),
        numbers::day_minute(notice, daily.from),
    );
    out.heading(match language {
        Language::Ja => format!("{from} からの状況"),
        Language::En => format!("SINCE {from}"),
    });
    let lines = match language {
        Language::Ja => [
            format!("収集サーバ {host}  版 {version}  起動 {since}"),
            format!("エージェント {}台(無応答 {}台)", daily.agents, daily.silent),
            format!(
                "アラート 発生中 {}件  新規 {}件",
                daily.firing, daily.raised
            ),
            format!(
                "メール 送信 {}通  送信待ち {}通  不達 {}通",
                daily.delivered, daily.waiting, daily.failed
            ),
            format!("記録 受信 {}件  欠落 {}件", daily.frames, daily.lost),
        ],
        Language::En => [
            format!("collector {host}  version {version}  running since {since}"),
            format!("agents {} ({} silent)", daily.agents, daily.silent),
            format!("alerts firing {}  new {}", daily.firing, daily.raised),
            format!(
                "mails sent {}  waiting {}  failed {}",
                daily.delivered, daily.waiting, daily.failed
            ),
            format!("frames stored {}  lost {}", daily.frames, daily.lost),
        ],
    };
    for line in lines {
        out.text(line);
    }
    let memory =
        |kib: Option<u64>| kib.map_or_else(|| "-".to_owned(), |kib| numbers::memory(kib, 1));
    let (free, store) = (memory(daily.disk_free_kib), memory(daily.store_kib));
    out.text(match language {
        Language::Ja => format!("ディスクの空き {free}  保存データ {store}"),
        Language::En => format!("disk free {free}  store {store}"),
    });
    let backup = daily.backup.map(|at| numbers::day_minute(notice, at));
    out.text(match (language, backup) {
        (Language::Ja, Some(at)) => format!("最新のバックアップ {at}"),
        (Language::Ja, None) => "バックアップの記録がありません".to_owned(),
        (Language::En, Some(at)) => format!("newest backup {at}"),
        (Language::En, None) => "no backup is known of".to_owned(),
    });
    out.heading(pick(language, "確認が必要なこと", "TO LOOK AT"));
    if daily.remarks.is_empty() {
        out.text(pick(language, "ありません", "nothing"));
    }
    for remark in daily.remarks.iter().take(MAIL_LIST) {
        out.text(sentence(remark));
    }
    if let Some(link) = &notice.link {
        out.section();
        out.link(&sentence(link));
    }
    told(notice, out);
    for (key, value) in [
        ("kind", "daily".to_owned()),
        ("collector", host),
        ("agents", daily.agents.to_string()),
        ("silent", daily.silent.to_string()),
        ("firing", daily.firing.to_string()),
        ("from", notice.zone.rfc3339(daily.from)),
    ] {
        out.machine(key, value);
    }
}
