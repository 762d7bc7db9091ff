//! The words of the pages in both languages. What a code means stands in the registry, not here.

use crate::codes::Language;

/// The words of one language.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named by the English word")]
pub struct Words {
    pub language: Language,
    pub other: &'static str,
    pub title: &'static str,
    pub nothing_fires: &'static str,
    pub no_agents: &'static str,
    pub test: &'static str,
    pub test_note: &'static str,
    pub error: &'static str,
    pub warning: &'static str,
    pub information: &'static str,
    pub since: &'static str,
    pub detected: &'static str,
    pub notified: &'static str,
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
    pub inferred: &'static str,
    pub clock_confirmed: &'static str,
    pub clock_host: &'static str,
    pub clock_unset: &'static str,
    pub clock_unknown: &'static str,
    pub unknown: &'static str,
    pub absent: &'static str,
    pub not_found: &'static str,
    pub store_unreadable: &'static str,
    pub ended: &'static str,
    pub reason: &'static str,
    pub reason_held: &'static str,
    pub reason_event: &'static str,
    pub reason_repeated: &'static str,
    pub reason_flapping: &'static str,
    pub reason_test: &'static str,
    pub reason_cleared: &'static str,
    pub reason_quiet: &'static str,
    pub reason_withdrawn: &'static str,
    pub reason_retired: &'static str,
    pub reason_told: &'static str,
    pub resolved_word: &'static str,
    pub withdrawn_word: &'static str,
    pub retired_word: &'static str,
    pub told_word: &'static str,
    pub test_over_word: &'static str,
    pub over_word: &'static str,
    pub note_cleared: &'static str,
    pub note_quiet: &'static str,
    pub note_withdrawn: &'static str,
    pub note_told: &'static str,
    pub flapping: &'static str,
    pub silent: &'static str,
    pub unknown_unread: &'static str,
    pub before_silence: &'static str,
    pub registry: &'static str,
    pub processors: &'static str,
    pub more: &'static str,
    pub back: &'static str,
}

static JA: Words = Words {
    language: Language::Ja,
    other: "en",
    title: "hansho",
    nothing_fires: "発生中のアラートはありません。",
    no_agents: "エージェントはまだ登録されていません。hansho-collector agent add で登録します。",
    test: "テスト",
    test_note: "hansho test による試験の発報です。障害ではありません。",
    error: "エラー",
    warning: "警告",
    information: "情報",
    since: "発生",
    detected: "検知",
    notified: "通知",
    recovered: "回復",
    resolved_at: "復旧判定",
    stored: "収集サーバ受信",
    value: "値",
    level: "しきい値",
    worst: "最悪値",
    count: "回数",
    meaning: "何が起きているか",
    impact: "影響",
    cause: "原因",
    system_action: "hansho の動作",
    do_now: "今やること",
    afterwards: "管理者が行うこと",
    clear: "復旧の条件",
    keep: "残っている記録",
    no_text: "このコードの説明は、この版の収集サーバにありません。",
    agent: "エージェント",
    host: "サーバー名",
    version: "エージェントの版",
    last_seen: "最後の受信",
    never: "まだ受信していません",
    memory_used: "メモリ使用率",
    available: "空き(利用可能)",
    cpu: "CPU使用率",
    pressure: "逼迫(最大)",
    latest_reading: "最新の計測値",
    quantity: "項目",
    changed_rules: "組み込みから変更された判定",
    rule_disabled: "無効",
    rule_from: "定義元",
    losses: "欠落",
    by_state_opened: "発生の記録は届いていません。発生中の一覧から補いました。",
    inferred: "発生の記録は届いていません。後の記録から補いました。",
    clock_confirmed: "サーバーの時計(照合済み)",
    clock_host: "サーバーの時計",
    clock_unset: "時計未設定(間隔のみ有効)",
    clock_unknown: "時計の質は不明",
    unknown: "不明",
    absent: "計測なし",
    not_found: "そのページはありません。",
    store_unreadable: "保存した記録を読めません。原因は収集サーバのログにあります。",
    ended: "終了",
    reason: "理由",
    reason_held: "発報の条件が規定の時間続きました。",
    reason_event: "事象が発生しました。",
    reason_repeated: "復旧の前に、同じ事象がまた発生しました。",
    reason_flapping: "短い間に発生と復旧を繰り返しています。解除時間を3倍にして判定しています。",
    reason_test: "hansho test による試験です。",
    reason_cleared: "解除の条件が解除時間続きました。",
    reason_quiet: "解除時間の間、次の事象はありませんでした。",
    reason_retired: "このサーバーのエージェントが登録から外されました。",
    reason_withdrawn: "判定が無効にされたか、設定から外されました。",
    reason_told: "エージェントが送った発生中の一覧にありませんでした。",
    resolved_word: "復旧",
    withdrawn_word: "判定の取り下げ",
    retired_word: "監視の終了",
    told_word: "終了(発生中の一覧による)",
    test_over_word: "試験の終了",
    over_word: "終了",
    note_cleared: "値は解除しきい値まで戻りました。業務が正常かどうかは、このページでは分かりません。",
    note_quiet: "起きた事象の影響が残っていないかどうかは、このページでは分かりません。",
    note_withdrawn: "値が戻ったことを意味しません。",
    note_told: "復旧の記録は届いていません。いつ、なぜ終わったかは不明です。",
    flapping: "発生と復旧の繰り返し",
    silent: "無応答",
    unknown_unread: "計測値が得られていません。今も続いているかは不明です。",
    before_silence: "無応答になる前の値です。",
    registry: "コード一覧の版",
    processors: "CPU の数",
    more: "ほかに",
    back: "一覧へ戻る",
};

static EN: Words = Words {
    language: Language::En,
    other: "ja",
    title: "hansho",
    nothing_fires: "No alert is firing.",
    no_agents: "No agent has been added yet; hansho-collector agent add adds one.",
    test: "TEST",
    test_note: "Raised by hansho test; this is no failure.",
    error: "error",
    warning: "warning",
    information: "information",
    since: "since",
    detected: "detected",
    notified: "notified",
    recovered: "recovered",
    resolved_at: "judged resolved",
    stored: "received by the collector",
    value: "value",
    level: "level",
    worst: "worst",
    count: "count",
    meaning: "What it means",
    impact: "Impact",
    cause: "Cause",
    system_action: "What hansho does",
    do_now: "What to do now",
    afterwards: "What the administrator does",
    clear: "When it ends",
    keep: "Evidence",
    no_text: "This version of the collector has no text for this code.",
    agent: "agent",
    host: "host name",
    version: "agent version",
    last_seen: "last heard",
    never: "never heard",
    memory_used: "memory used",
    available: "available",
    cpu: "CPU busy",
    pressure: "pressure, highest",
    latest_reading: "Latest reading",
    quantity: "quantity",
    changed_rules: "Rules changed from the defaults",
    rule_disabled: "disabled",
    rule_from: "defined in",
    losses: "Losses",
    by_state_opened: "Its firing never arrived; it was opened from the agent's list of open alerts.",
    inferred: "Its firing never arrived; it was concluded from a later record.",
    clock_confirmed: "host's clock, confirmed",
    clock_host: "host's clock",
    clock_unset: "clock not set: only distances count",
    clock_unknown: "clock of unknown quality",
    unknown: "unknown",
    absent: "not measured",
    not_found: "There is no such page.",
    store_unreadable: "The stored records cannot be read; see the collector's log.",
    ended: "ended",
    reason: "reason",
    reason_held: "The condition to raise held for its time.",
    reason_event: "An event occurred.",
    reason_repeated: "The same event occurred again before the end.",
    reason_flapping: "It fires and resolves again and again; it needs three times its clear time now.",
    reason_test: "A test by hansho test.",
    reason_cleared: "The condition to clear held for its time.",
    reason_quiet: "No further event came within its time.",
    reason_retired: "The agent of this host was retired.",
    reason_withdrawn: "The rule was disabled or is no longer configured.",
    reason_told: "The agent's list of open alerts did not name it.",
    resolved_word: "resolved",
    withdrawn_word: "rule withdrawn",
    retired_word: "agent retired",
    told_word: "ended (by the agent's list)",
    test_over_word: "test over",
    over_word: "ended",
    note_cleared: "The value is back at its clear level. Whether the service is well, this page does not know.",
    note_quiet: "Whether the event left traces, this page does not know.",
    note_withdrawn: "It does not mean that the value is back.",
    note_told: "Its resolution never arrived: when and why it ended is unknown.",
    flapping: "flapping",
    silent: "silent",
    unknown_unread: "There is no reading: whether it still burns is unknown.",
    before_silence: "Values from before the silence.",
    registry: "version of the codes",
    processors: "processors",
    more: "more",
    back: "back to the list",
};

impl Words {
    /// Since when an agent is silent.
    #[must_use]
    pub fn silent_since(&self, time: &str) -> String {
        match self.language {
            Language::Ja => format!("{time} を最後に応答がありません。"),
            Language::En => format!("No answer since {time}."),
        }
    }

    /// Why it is not known whether an alert of a silent agent still burns.
    #[must_use]
    pub fn unknown_since(&self, time: &str) -> String {
        match self.language {
            Language::Ja => {
                format!("{time} を最後に応答がありません。その後も続いているかは不明です。")
            }
            Language::En => format!("Unknown since {time}: the agent has not answered since then."),
        }
    }

    /// Of which time readings are.
    #[must_use]
    pub fn readings_of(&self, time: &str) -> String {
        match self.language {
            Language::Ja => format!("{time} の計測値"),
            Language::En => format!("readings of {time}"),
        }
    }
}

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
