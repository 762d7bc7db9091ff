//! The words of the fleet, of systems and of agents.

use super::bilingual::bilingual;
use crate::codes::Language;

bilingual! {
    skip: "本文へ", "Skip to the content";
    menu: "メニュー", "Menu";
    fleet: "全体", "Fleet";
    codes: "コード", "Codes";
    windows: "予定", "Windows";
    silences: "通知停止", "Silences";
    noise: "週間", "Weekly";
    live_lost: "自動更新が途切れています。再接続しています。", "Live updates are interrupted; reconnecting.";
    live_out: "ログインが切れたか、権限が変わりました。このままでは送信できません。入力中の内容を控えてから、ページを開き直す必要があります。", "Your login ended, or what it lets you see changed. Note what you are typing, then open the page again.";
    live_again: "開き直す", "Open again";
    errors: "エラー", "Errors";
    warnings: "警告", "Warnings";
    untaken: "未対応", "Not taken";
    silent: "無応答", "Silent";
    hosts: "サーバー", "Hosts";
    burning: "発生中", "Firing";
    no_customers: "表示できるシステムはありません。", "There is no system that you may see.";
    by_customer: "顧客別", "By customer";
    quiet_systems: "静かなシステム", "Quiet systems";
    never: "未受信", "never heard";
    planned: "予定内", "planned";
    tests: "試験", "tests";
    taken_by: "対応", "taken by";
    nobody: "まだ誰も対応していません", "Nobody has taken it";
    recovery: "復旧見込み", "recovery expected";
    report: "次回報告", "next report";
    first: "まず", "First";
    silenced: "通知停止中", "silenced";
    maintenance: "作業中", "maintenance";
    event: "イベント中", "event";
    system: "システム", "System";
    team: "担当", "Team";
    on_duty: "当番", "On duty";
    no_team: "担当が決まっていません", "No team owns it";
    roster_gap: "当番表に今の行がありません", "the roster has no row for now";
    no_roster: "当番表なし", "no roster";
    telephone: "電話", "Telephone";
    environment: "環境", "Environment";
    site: "拠点", "Site";
    agents: "エージェント", "Agents";
    state: "状態", "State";
    answers: "応答あり", "answers";
    version: "版", "version";
    config_hash: "設定", "configuration";
    registry: "コード一覧", "registry";
    same: "同じ", "same";
    other: "相違", "differs";
    last_post: "最後の受信", "last post";
    retired: "撤去済み", "retired";
    next_page: "続き", "next";
    first_page: "先頭へ", "first page";
    notes: "メモ", "Notes";
    no_notes: "メモはありません。", "There are no notes.";
    windows_now: "今の予定", "Windows that hold now";
    charts: "推移", "Charts";
    days_7: "7日", "7 d";
    days_30: "30日", "30 d";
    hour_1: "1時間", "1 h";
    hours_6: "6時間", "6 h";
    hours_24: "24時間", "24 h";
    drag: "図の上をドラッグすると、その期間を表示します。記録のない時間は空けて表示します。", "Drag over a chart to look at a part. Times without records stay empty.";
    chart_failed: "図のデータを読めません。下の表を使えます。", "The chart's data cannot be read. The table below has the figures.";
    chart_loading: "図を描いています。図には JavaScript が必要です。同じ値は下の表にあります。", "Drawing. Charts need JavaScript; the table below has the same figures.";
    as_table: "表で見る", "As a table";
    time: "時刻", "time";
    highest: "最大", "highest";
    lowest: "最小", "lowest";
    no_readings: "この期間の計測値はありません。", "There are no readings of this time.";
    alerts_of_agent: "アラートの履歴", "Alerts so far";
    no_alerts: "アラートはありません。", "There are no alerts.";
    presence: "応答の状況", "Presence";
    clock: "時計のずれ", "clock off by";
    machine_changed: "別の機械から届いた時刻", "another machine since";
    doubled: "同じ識別のエージェントが2つ見えた時刻", "two agents with one identity seen";
    alert_gaps: "届かなかったアラート記録", "alert records missing";
    planned_until: "予定の終わり", "planned until";
    absent: "無応答と判定し、通知しました", "silent; people were told";
    with_site: "拠点ごと無応答", "silent with its site";
    ended_lately: "この24時間に終わったアラート", "Ended within 24 hours";
    inventory: "構成", "Inventory";
}

/// `12台`, `12 hosts`.
#[must_use]
pub fn hosts(language: Language, number: u64) -> String {
    match (language, number) {
        (Language::Ja, _) => format!("{number}台"),
        (Language::En, 1) => "1 host".to_owned(),
        (Language::En, _) => format!("{number} hosts"),
    }
}

/// `12システム`, `12 systems`.
#[must_use]
pub fn systems(language: Language, number: u64) -> String {
    match (language, number) {
        (Language::Ja, _) => format!("{number}システム"),
        (Language::En, 1) => "1 system".to_owned(),
        (Language::En, _) => format!("{number} systems"),
    }
}

/// `ほか3件`, `3 more`.
#[must_use]
pub fn more(language: Language, number: u64) -> String {
    match language {
        Language::Ja => format!("ほか{number}件"),
        Language::En => format!("{number} more"),
    }
}

/// `03:20 まで`, `until 03:20`.
#[must_use]
pub fn until(language: Language, time: &str) -> String {
    match language {
        Language::Ja => format!("{time} まで"),
        Language::En => format!("until {time}"),
    }
}
