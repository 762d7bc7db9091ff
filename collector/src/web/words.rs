//! The words of the pages in both languages. What a code means stands in the registry, not here.

use super::codes::Language;

/// The words of one language.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named by the English word")]
pub struct Words {
    pub language: Language,
    pub other: &'static str,
    pub title: &'static str,
    pub firing: &'static str,
    pub nothing_fires: &'static str,
    pub resolved: &'static str,
    pub none_resolved: &'static str,
    pub systems: &'static str,
    pub no_agents: &'static str,
    pub test: &'static str,
    pub test_note: &'static str,
    pub error: &'static str,
    pub warning: &'static str,
    pub information: &'static str,
    pub since: &'static str,
    pub detected: &'static str,
    pub notified: &'static str,
    pub nobody_notified: &'static str,
    pub recovered: &'static str,
    pub resolved_at: &'static str,
    pub stored: &'static str,
    pub value: &'static str,
    pub level: &'static str,
    pub worst: &'static str,
    pub count: &'static str,
    pub meaning: &'static str,
    pub impact: &'static str,
    pub cause: &'static str,
    pub system_action: &'static str,
    pub do_now: &'static str,
    pub afterwards: &'static str,
    pub clear: &'static str,
    pub keep: &'static str,
    pub no_text: &'static str,
    pub agent: &'static str,
    pub host: &'static str,
    pub version: &'static str,
    pub last_seen: &'static str,
    pub never: &'static str,
    pub memory_used: &'static str,
    pub available: &'static str,
    pub cpu: &'static str,
    pub pressure: &'static str,
    pub latest_reading: &'static str,
    pub quantity: &'static str,
    pub changed_rules: &'static str,
    pub rule_disabled: &'static str,
    pub rule_from: &'static str,
    pub losses: &'static str,
    pub by_state_opened: &'static str,
    pub by_state_closed: &'static str,
    pub inferred: &'static str,
    pub clock_exact: &'static str,
    pub clock_confirmed: &'static str,
    pub clock_host: &'static str,
    pub clock_unset: &'static str,
    pub clock_unknown: &'static str,
    pub unknown: &'static str,
    pub absent: &'static str,
    pub not_found: &'static str,
    pub store_unreadable: &'static str,
    pub recovery_note: &'static str,
    pub more: &'static str,
    pub back: &'static str,
}

static JA: Words = Words {
    language: Language::Ja,
    other: "en",
    title: "半鐘",
    firing: "発生中のアラート",
    nothing_fires: "発生中のアラートはありません。",
    resolved: "最近の復旧",
    none_resolved: "復旧したアラートはまだありません。",
    systems: "システム",
    no_agents: "エージェントはまだ登録されていません。hansho-collector agent add で登録します。",
    test: "テスト",
    test_note: "hansho test による試験発報です。障害ではありません。",
    error: "エラー",
    warning: "警告",
    information: "情報",
    since: "発生",
    detected: "検知",
    notified: "通知",
    nobody_notified: "この版では通知しません",
    recovered: "回復",
    resolved_at: "復旧判定",
    stored: "収集サーバ受信",
    value: "値",
    level: "しきい値",
    worst: "最大・最悪",
    count: "回数",
    meaning: "何が起きているか",
    impact: "影響",
    cause: "考えられる原因(推定)",
    system_action: "半鐘が自動で行うこと",
    do_now: "今やること",
    afterwards: "管理者が後で行うこと",
    clear: "復旧の条件",
    keep: "残す記録",
    no_text: "このコードの説明は、この版の収集サーバにありません。",
    agent: "エージェント",
    host: "ホスト名",
    version: "版",
    last_seen: "最後の受信",
    never: "まだ受信していません",
    memory_used: "メモリ使用率",
    available: "利用可能メモリ",
    cpu: "CPU使用率",
    pressure: "停滞(PSI)",
    latest_reading: "最新の計測値",
    quantity: "項目",
    changed_rules: "既定から変更されたルール",
    rule_disabled: "無効",
    rule_from: "定義元",
    losses: "欠落した範囲",
    by_state_opened: "発生の記録は届いていません。発生中一覧から補いました。",
    by_state_closed: "復旧の記録は届いていません。発生中一覧から消えたので閉じました。",
    inferred: "発生の記録は届いていません。後の記録から補いました。",
    clock_exact: "収集サーバ基準",
    clock_confirmed: "ホストの時計(照合済み)",
    clock_host: "ホストの時計",
    clock_unset: "時計未設定(間隔のみ有効)",
    clock_unknown: "時計の質は不明",
    unknown: "不明",
    absent: "計測なし",
    not_found: "そのページはありません。",
    store_unreadable: "保存した記録を読めません。収集サーバのログを確認してください。",
    recovery_note: "値は正常に戻りました。業務が正常かどうかは、このページでは分かりません。",
    more: "ほかに",
    back: "一覧へ戻る",
};

static EN: Words = Words {
    language: Language::En,
    other: "ja",
    title: "hansho",
    firing: "Firing alerts",
    nothing_fires: "No alert is firing.",
    resolved: "Resolved lately",
    none_resolved: "No alert has been resolved yet.",
    systems: "Systems",
    no_agents: "No agent has been added yet; hansho-collector agent add adds one.",
    test: "TEST",
    test_note: "Raised by hansho test; this is no failure.",
    error: "error",
    warning: "warning",
    information: "information",
    since: "since",
    detected: "detected",
    notified: "notified",
    nobody_notified: "this version notifies nobody",
    recovered: "recovered",
    resolved_at: "judged resolved",
    stored: "received by the collector",
    value: "value",
    level: "level",
    worst: "worst",
    count: "count",
    meaning: "What it means",
    impact: "Impact",
    cause: "Likely causes (presumed)",
    system_action: "What hansho does by itself",
    do_now: "What to do now",
    afterwards: "What the administrator does afterwards",
    clear: "When it ends",
    keep: "What to keep",
    no_text: "This version of the collector has no text for this code.",
    agent: "agent",
    host: "host",
    version: "version",
    last_seen: "last heard",
    never: "never heard",
    memory_used: "memory used",
    available: "available",
    cpu: "CPU busy",
    pressure: "pressure (PSI)",
    latest_reading: "Latest reading",
    quantity: "quantity",
    changed_rules: "Rules changed from the defaults",
    rule_disabled: "disabled",
    rule_from: "defined in",
    losses: "Lost ranges",
    by_state_opened: "Its firing never arrived; it was opened from the agent's list of open alerts.",
    by_state_closed: "Its resolution never arrived; it was closed because the agent's list no longer has it.",
    inferred: "Its firing never arrived; it was concluded from a later record.",
    clock_exact: "collector's clock",
    clock_confirmed: "host's clock, confirmed",
    clock_host: "host's clock",
    clock_unset: "clock not set: only distances count",
    clock_unknown: "clock of unknown quality",
    unknown: "unknown",
    absent: "not measured",
    not_found: "There is no such page.",
    store_unreadable: "The stored records cannot be read; see the collector's log.",
    recovery_note: "The value is normal again. Whether the service is well, this page does not know.",
    more: "more",
    back: "back to the list",
};

/// By tag.
#[must_use]
pub fn by_tag(tag: &str) -> Option<&'static Words> {
    Language::from_tag(tag).map(of)
}

/// Of a language.
#[must_use]
pub fn of(language: Language) -> &'static Words {
    match language {
        Language::Ja => &JA,
        Language::En => &EN,
    }
}

/// By `Accept-Language` (RFC 9110, 12.5.4): the known language of the highest weight; Japanese where there is none.
#[must_use]
pub fn by_header(header: &str) -> &'static Words {
    let mut best: Option<(u32, &'static Words)> = None;
    for part in header.split(',').take(32) {
        let mut pieces = part.split(';');
        let tag = pieces.next().unwrap_or("").trim();
        let primary = tag.split('-').next().unwrap_or("").to_ascii_lowercase();
        let weight = pieces
            .find_map(|piece| piece.trim().strip_prefix("q="))
            .map_or(1000, weight);
        if let Some(words) = by_tag(&primary)
            && weight > 0
            && best.is_none_or(|(found, _)| weight > found)
        {
            best = Some((weight, words));
        }
    }
    best.map_or(&JA, |(_, words)| words)
}

/// A weight in thousandths: `0`, `1`, `0.8`, `0.85`; anything else counts as nothing.
fn weight(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let padded: String = part.chars().chain("000".chars()).take(3).collect();
    match (whole, padded.parse::<u32>()) {
        ("1", _) => 1000,
        ("0", Ok(thousandths)) => thousandths,
        _ => 0,
    }
}
