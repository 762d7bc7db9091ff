//! What `status` says to people, in Japanese and English.

use super::moment::{ago, span, utc};
use super::output::{shown, table};
use super::status::{Open, Ring, Status};
use super::status_told::Told;
use hansho::code::Language;

/// One of two texts.
#[derive(Clone, Copy)]
struct Tongue(Language);

impl Tongue {
    const fn say(self, en: &'static str, ja: &'static str) -> &'static str {
        match self.0 {
            Language::En => en,
            Language::Ja => ja,
        }
    }

    /// A number, or that it is not known.
    fn count(self, value: Option<u64>) -> String {
        value.map_or_else(|| "-".into(), |value| value.to_string())
    }
}

/// The status as lines.
pub(crate) fn words(status: &Status, language: Language) -> String {
    let tongue = Tongue(language);
    let mut lines = Vec::new();
    agent(status, tongue, &mut lines);
    configuration(status, tongue, &mut lines);
    rings(status, tongue, &mut lines);
    collector(status, tongue, &mut lines);
    for pending in &status.pending {
        let what = format!("{} {}", pending.display, shown(&pending.subject));
        lines.push((tongue.say("pending", "判定中"), what.trim_end().into()));
    }
    let open = status.open.len().to_string();
    lines.push((tongue.say("open alerts", "発生中のアラート"), open));
    let mut text: String = lines
        .into_iter()
        .map(|(head, words)| format!("{head}: {words}\n"))
        .collect();
    let rows: Vec<_> = status
        .open
        .iter()
        .map(|open| row(open, status.now_uptime_ms, tongue))
        .collect();
    text.push_str(&table(&rows));
    text
}

type Lines = Vec<(&'static str, String)>;

/// Which configuration is in force, and why it is another than the files say.
fn configuration(status: &Status, tongue: Tongue, lines: &mut Lines) {
    let head = tongue.say("configuration", "設定");
    let earlier = tongue.say(
        "the last accepted one is in force; refused: ",
        "最後に読み込めた設定で動作中。拒否された設定の誤り: ",
    );
    let words = match (&status.in_force, &status.configuration_fault) {
        (Some(running), fault) => {
            if let Some(refused) = &running.refused {
                let mended = tongue.say(
                    "; the files are good now (systemctl reload hansho)",
                    "。ファイルは修正済み(systemctl reload hansho で反映)",
                );
                let mended = if fault.is_none() { mended } else { "" };
                format!("{earlier}{}{mended}", shown(refused))
            } else if let Some(fault) = fault {
                let would = tongue.say(
                    "in force; its files have changed since, and a reload would refuse them: ",
                    "有効。ファイルはその後に変更されており、再読み込みすると拒否される。誤り: ",
                );
                format!("{would}{}", shown(fault))
            } else if status.files_changed && running.later.is_empty() {
                tongue
                    .say(
                        "in force; its files have changed since (systemctl reload hansho)",
                        "有効。ファイルはその後に変更されている(systemctl reload hansho で反映)",
                    )
                    .into()
            } else if running.later.is_empty() {
                tongue.say("in force", "有効").into()
            } else {
                let later = tongue.say(
                    "in force; act when the agent is started again: ",
                    "有効。エージェントの再起動後に反映: ",
                );
                format!("{later}{}", shown(&running.later.join(", ")))
            }
        }
        (None, Some(fault)) => {
            let start = tongue.say(
                "refused, a start goes by the last accepted one: ",
                "拒否される。起動すると、最後に読み込めた設定で動く。誤り: ",
            );
            format!("{start}{}", shown(fault))
        }
        (None, None) => return,
    };
    lines.push((head, words));
}

fn agent(status: &Status, tongue: Tongue, lines: &mut Lines) {
    let running = if status.running {
        tongue.say("running", "稼働中")
    } else {
        tongue.say("not running", "停止")
    };
    let because = match tongue.0 {
        Language::En => status.because.replace('_', " "),
        Language::Ja => match status.because {
            "lock_held" => "メモリリングを使用中",
            "socket_answers" => "問い合わせに応答",
            "stopped_in_order" => "正常に停止",
            "ended_without_goodbye" => "停止の記録なしに終了",
            _ => "今回のサーバー起動後の記録なし",
        }
        .into(),
    };
    let head = tongue.say("agent", "エージェント");
    lines.push((head, format!("{running} ({because})")));
    if let (Some(run), Some(number)) = (&status.run, status.run_number) {
        let number_is = tongue.say("number", "番号");
        let head = tongue.say("run", "起動(run)");
        lines.push((head, format!("{run}, {number_is} {number}")));
    }
    let nothing = tongue.say("nothing in this boot", "今回のサーバー起動後はなし");
    let written = status
        .last_sign_ms_ago
        .map_or_else(|| nothing.into(), |ms| ago(ms, tongue.0));
    lines.push((tongue.say("last written", "最後の記録"), written));
    for process in &status.processes {
        let name = shown(process.name.as_deref().unwrap_or("?"));
        let (resident, locked) = (
            tongue.count(process.resident_kib),
            tongue.count(process.locked_kib),
        );
        let memory = match tongue.0 {
            Language::En => format!("{resident} KiB resident, {locked} KiB locked"),
            Language::Ja => format!("使用中 {resident} KiB、固定 {locked} KiB"),
        };
        let head = tongue.say("process", "プロセス");
        lines.push((head, format!("{} {name}, {memory}", process.pid)));
    }
    let told = &status.told;
    if told.is_known() {
        let [watcher, forwarder, scout] = [
            told.restarts_watcher,
            told.restarts_forwarder,
            told.restarts_scout,
        ]
        .map(|count| tongue.count(count));
        let restarts = format!("watcher {watcher}, forwarder {forwarder}, scout {scout}");
        lines.push((tongue.say("restarts", "再起動の回数"), restarts));
        let dropped = tongue.count(told.lines_dropped);
        lines.push((
            tongue.say("log lines dropped", "書けなかったログの行"),
            dropped,
        ));
    }
}

fn rings(status: &Status, tongue: Tongue, lines: &mut Lines) {
    let memory = ring(&status.memory_ring, tongue);
    lines.push((tongue.say("memory ring", "メモリリング"), memory));
    if let Some(refused @ 1..) = status.told.ring_refused {
        let head = tongue.say(
            "not taken by the memory ring",
            "メモリリングに入らなかった件数",
        );
        lines.push((head, refused.to_string()));
    }
    let mut disk = ring(&status.disk_ring, tongue);
    disk.push_str(&disk_faults(&status.told, tongue));
    lines.push((tongue.say("disk ring", "ディスクリング"), disk));
    for held in &status.streams {
        let words = match tongue.0 {
            Language::En => format!(
                "{} held, {} not acknowledged",
                held.held, held.not_acknowledged
            ),
            Language::Ja => format!("保存 {} 件、未送信 {} 件", held.held, held.not_acknowledged),
        };
        lines.push((stream(held.stream, tongue), words));
    }
    for gone in status.departed.iter().filter(|gone| !gone.settled) {
        let (run, number, count) = (&gone.run, gone.run_number, gone.count());
        let of = stream(gone.stream, tongue);
        let words = match tongue.0 {
            Language::En => format!(
                "run {run}, number {number}: {of}, {count} records; whether the collector has them is not known yet"
            ),
            Language::Ja => format!(
                "起動(run) {run}(番号 {number})の{of} {count} 件(保存済みかどうかは収集サーバに未確認)"
            ),
        };
        let head = tongue.say(
            "overwritten before it was acknowledged",
            "収集サーバの応答前に上書き",
        );
        lines.push((head, words));
    }
}

/// A stream, for people.
fn stream(word: &'static str, tongue: Tongue) -> &'static str {
    match (word, tongue.0) {
        ("alerts", Language::Ja) => "アラートの記録",
        ("readings", Language::Ja) => "計測値",
        ("evidence", Language::Ja) => "証拠の記録",
        (word, _) => word,
    }
}

fn ring(ring: &Ring, tongue: Tongue) -> String {
    let state = match tongue.0 {
        Language::En => ring.state.replace('_', " "),
        Language::Ja => match ring.state {
            "ok" => "正常",
            "off" => "使わない設定",
            "missing" => "ファイルなし",
            "not_allowed" => "読む権限なし",
            "no_ring" => "リングではないファイル",
            "no_superblock" => "読める管理情報なし",
            _ => "読み取り失敗",
        }
        .into(),
    };
    let bytes = ring
        .bytes
        .map_or_else(String::new, |bytes| format!(", {} KiB", bytes / 1024));
    let damaged = match (ring.damaged_blocks, tongue.0) {
        (0, _) => String::new(),
        (count, Language::En) => format!(", {count} damaged blocks"),
        (count, Language::Ja) => format!(", 破損 {count} ブロック"),
    };
    format!("{} {state}{bytes}{damaged}", shown(&ring.path))
}

/// The last error of the disk ring, in the words of the system.
fn disk_faults(told: &Told, tongue: Tongue) -> String {
    let faults = told.disk_faults.unwrap_or(0);
    let last = told
        .disk_fault_errno
        .and_then(|errno| i32::try_from(errno).ok())
        .filter(|errno| *errno > 0)
        .map(std::io::Error::from_raw_os_error);
    match (last, faults, tongue.0) {
        (None, 0, _) => String::new(),
        (None, count, Language::En) => format!(", {count} faults"),
        (None, count, Language::Ja) => format!(", 失敗 {count} 回"),
        (Some(error), count, Language::En) => format!(", last fault: {error}, {count} faults"),
        (Some(error), count, Language::Ja) => {
            format!(", 最後のエラー: {error}, 失敗 {count} 回")
        }
    }
}

fn collector(status: &Status, tongue: Tongue, lines: &mut Lines) {
    if status.collectors == 0 {
        let nothing = tongue.say("none configured: nothing is sent", "設定なし(送信しない)");
        lines.push((tongue.say("collector", "収集サーバ"), nothing.into()));
        return;
    }
    let told = &status.told;
    let unknown = tongue.say(
        "not known: no agent answers",
        "不明(エージェントが応答しない)",
    );
    let answer = match (told.last_answer_uptime_ms, told.last_answer_wall_ms) {
        _ if !told.is_known() => unknown.into(),
        (None, _) => tongue.say("none yet", "まだない").into(),
        (Some(at), wall) => {
            let since = ago(status.now_uptime_ms.saturating_sub(at), tongue.0);
            wall.map_or_else(|| since.clone(), |wall| format!("{since} ({})", utc(wall)))
        }
    };
    lines.push((
        tongue.say("last answer of the collector", "収集サーバの最後の応答"),
        answer,
    ));
    if !told.is_known() {
        return;
    }
    lines.push((
        tongue.say("last post", "最後の送信"),
        last_post(told, tongue),
    ));
    let (readings, alerts, refused) = (
        tongue.count(told.lost_readings),
        tongue.count(told.lost_alerts),
        tongue.count(told.refused_frames),
    );
    let lost = match tongue.0 {
        Language::En => format!("{readings} readings, {alerts} alert records"),
        Language::Ja => format!("計測値 {readings} 件、アラートの記録 {alerts} 件"),
    };
    lines.push((tongue.say("lost", "欠落"), lost));
    let head = tongue.say("refused by the collector", "収集サーバが拒否した件数");
    lines.push((head, refused));
}

fn last_post(told: &Told, tongue: Tongue) -> String {
    let mut words = match told.last_outcome.as_deref() {
        Some("done") => tongue.say("taken", "受け取られた"),
        Some("more") => tongue.say("taken, more follows", "受け取られた(続きを送信中)"),
        Some("retry") => tongue.say("failed, is tried again", "失敗(やり直す)"),
        Some("refused") => tongue.say(
            "refused, is tried again slowly",
            "拒否された(間隔をあけてやり直す)",
        ),
        Some("unauthentic") => tongue.say(
            "an answer that is not the collector's (a portal, a proxy or another key)",
            "収集サーバのものではない応答(認証画面、プロキシ、または異なる鍵)",
        ),
        Some("too_large") => tongue.say(
            "too large, is tried smaller",
            "大きすぎた(小さくしてやり直す)",
        ),
        Some("stuck") => tongue.say(
            "answered, but nothing was taken",
            "応答はあるが受け取られない",
        ),
        Some(other) => other,
        None => "-",
    }
    .to_owned();
    match (told.last_status, tongue.0) {
        (None | Some(0), _) => {}
        (Some(status), Language::En) => words.push_str(&format!(", last HTTP status {status}")),
        (Some(status), Language::Ja) => {
            words.push_str(&format!("、最後の HTTP 状態コード {status}"))
        }
    }
    match (told.posts_failed_in_row, tongue.0) {
        (None | Some(0), _) => {}
        (Some(count), Language::En) => words.push_str(&format!(", {count} failed in a row")),
        (Some(count), Language::Ja) => words.push_str(&format!("、{count} 回続けて失敗")),
    }
    words
}

fn row(open: &Open, now_uptime_ms: u64, tongue: Tongue) -> Vec<String> {
    let since = match (open.since_uptime_ms, tongue.0) {
        (0, Language::En) => "since before this boot".into(),
        (0, Language::Ja) => "サーバーの起動前から".into(),
        (at, Language::En) => format!("for {}", span(now_uptime_ms.saturating_sub(at), tongue.0)),
        (at, Language::Ja) => format!("{}間", span(now_uptime_ms.saturating_sub(at), tongue.0)),
    };
    let moment = open.since_wall_ms.map_or_else(String::new, utc);
    let episode = match tongue.0 {
        Language::En => format!("episode {}", open.episode),
        Language::Ja => format!("{} 回目", open.episode),
    };
    let flapping = if open.flapping {
        tongue.say("flapping", "発生と復旧の繰り返し")
    } else {
        ""
    };
    vec![
        format!("  {}", open.display),
        open.value_text.clone(),
        since,
        moment,
        episode,
        flapping.into(),
        format!("{} {}", open.name, shown(&open.subject)),
    ]
}
