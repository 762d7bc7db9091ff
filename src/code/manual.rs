//! The manual of the codes, `docs/CODES.md` and `docs/CODES.ja.md`, written from the registry.

use super::describe::{Defaults, defaults};
use super::entry::{Entry, RaisedBy, Urgency};
use super::names::{Language, name};
use super::render::display;
use super::table::{HOST_ABSENT, TABLE};
use super::texts::{Text, text};

/// The headings of one language, for manual, table and `explain`.
#[derive(Clone, Copy, Debug)]
pub struct Headings {
    /// Title of the manual.
    pub title: &'static str,
    /// What the manual says first.
    pub preface: &'static str,
    /// Code.
    pub code: &'static str,
    /// Name.
    pub name: &'static str,
    /// Urgency.
    pub urgency: &'static str,
    /// Raised by.
    pub raised_by: &'static str,
    /// Shown where nobody raises the code yet.
    pub reserved: &'static str,
    /// Built-in rule.
    pub defaults: &'static str,
    /// Family.
    pub family: &'static str,
    /// Suppressed by.
    pub suppressed_by: &'static str,
    /// Since.
    pub since: &'static str,
    /// Meaning.
    pub meaning: &'static str,
    /// Impact.
    pub impact: &'static str,
    /// Cause.
    pub cause: &'static str,
    /// System action.
    pub system_action: &'static str,
    /// Operator action.
    pub operator_action: &'static str,
    /// Administrator action.
    pub administrator_action: &'static str,
    /// Clear.
    pub clear: &'static str,
    /// Evidence.
    pub evidence: &'static str,
}

/// The headings of a language.
#[must_use]
pub const fn headings(language: Language) -> &'static Headings {
    match language {
        Language::En => &HEADINGS_EN,
        Language::Ja => &HEADINGS_JA,
    }
}

static HEADINGS_EN: Headings = Headings {
    title: "The codes of hansho",
    preface: "Written from the registry by `hansho codes --format markdown --lang en`; do not edit by hand.\n\n\
        A number never changes its meaning and never comes back. The letter is display: I (information), W (warning) or \
        E (error) while raised, always I when resolved, so that a log trap on `-E` does not take a recovery for a \
        failure. Urgency is another thing, when somebody has to act: *now*, in *working hours*, or when it is looked into anyway (*record*). \
        Codes marked as reserved have their number and name, and are not raised by this version.\n\n\
        The rules below are those in force without a configuration; a `[[rule]]` in agent.toml overrides them. A gate \
        must hold to raise, not to stay raised. Where the customer has a response of its own, that one stands above the \
        general steps given here. In commands, UNIT stands for a service, COLLECTOR for the collector's host name and \
        AGENT for the agent's name there; `hansho-collector` is a command of the collector, run in the directory of its collector.toml.",
    code: "Code",
    name: "Name",
    urgency: "Urgency",
    raised_by: "Raised by",
    reserved: "reserved",
    defaults: "Built-in rule",
    family: "Family",
    suppressed_by: "Not notified while one of these fires",
    since: "Since",
    meaning: "Meaning",
    impact: "Impact",
    cause: "Cause",
    system_action: "What hansho does",
    operator_action: "What to do now",
    administrator_action: "What the administrator does",
    clear: "End",
    evidence: "Evidence",
};

static HEADINGS_JA: Headings = Headings {
    title: "hansho のコード一覧",
    preface: "`hansho codes --format markdown --lang ja` が登録内容から作成します。手で編集しません。用語は \
        [GLOSSARY.ja.md](GLOSSARY.ja.md) に従います。\n\n\
        番号の意味は変わらず、再利用もしません。末尾の文字は表示です。発生中は I(情報)・W(警告)・E(エラー)、復旧後は必ず I \
        になります。このため、`-E` を待つログ監視が復旧を障害として扱うことはありません。緊急度は別のもので、いつ対応するかを示し\
        ます。「すぐ」、「営業時間」、「記録」(調べるときに参照)の3つです。「予約」のコードは番号と名称だけが決まっており、\
        この版では発報しません。\n\n\
        組み込みの判定は、設定がない場合のものです。agent.toml の `[[rule]]` で変えられます。条件は、発報のときにだけ必要です。\
        お客様ごとの個別手順がある場合は、ここに書かれた一般の手順より優先します。コマンドの UNIT はサービス名、COLLECTOR は\
        収集サーバのサーバー名、AGENT は収集サーバでのエージェントの名前に置き換えます。`hansho-collector` は収集サーバの\
        コマンドで、collector.toml のあるディレクトリで実行します。",
    code: "コード",
    name: "名称",
    urgency: "緊急度",
    raised_by: "発報元",
    reserved: "予約",
    defaults: "組み込みの判定",
    family: "系列",
    suppressed_by: "次の発生中は通知を抑止",
    since: "導入した版",
    meaning: "意味",
    impact: "影響",
    cause: "原因",
    system_action: "hansho の動作",
    operator_action: "今やること",
    administrator_action: "管理者が行うこと",
    clear: "復旧の条件",
    evidence: "残っている記録",
};

/// The urgency in a language.
#[must_use]
pub const fn urgency_name(urgency: Urgency, language: Language) -> &'static str {
    match (language, urgency) {
        (Language::En, Urgency::Now) => "now",
        (Language::En, Urgency::WorkingHours) => "working hours",
        (Language::En, Urgency::Record) => "record",
        (Language::Ja, Urgency::Now) => "すぐ",
        (Language::Ja, Urgency::WorkingHours) => "営業時間",
        (Language::Ja, Urgency::Record) => "記録",
    }
}

/// Who raises, in a language.
#[must_use]
pub const fn raised_by_name(raised_by: RaisedBy, language: Language) -> &'static str {
    match (language, raised_by) {
        (Language::En, RaisedBy::Agent) => "agent",
        (Language::En, RaisedBy::Collector) => "collector",
        (Language::Ja, RaisedBy::Agent) => "エージェント",
        (Language::Ja, RaisedBy::Collector) => "収集サーバ",
    }
}

/// A built-in rule in one line; quantities by their names in agent.toml.
#[must_use]
pub fn rule_line(rule: &Defaults, language: Language) -> String {
    let ja = language == Language::Ja;
    let all = |levels: &[String]| levels.join(if ja { " かつ " } else { " and " });
    let raise = all(&rule.raise);
    let mut out = String::new();
    if rule.kind == "event" {
        out.push_str(&if ja {
            format!(
                "1回ごとに発報({raise}以上)、その後 {} なければ復旧",
                rule.clear_after
            )
        } else {
            format!(
                "event of {raise} or more, ends after {} without another",
                rule.clear_after
            )
        });
    } else {
        if let Some(window) = &rule.window {
            out.push_str(&if ja {
                format!("{window} の平均 ")
            } else {
                format!("mean of {window} ")
            });
        }
        let clear = all(&rule.clear);
        let (above, below) = (&rule.raise_after, &rule.clear_after);
        out.push_str(&match (rule.direction, ja) {
            // 5% 以下, but 24 時間以内.
            ("below", true) if raise.ends_with('%') => {
                format!("{raise}以下が {above} → {clear}以上が {below}")
            }
            ("below", true) => format!("{raise}以内が {above} → {clear}以上が {below}"),
            ("below", false) => {
                format!("at most {raise} for {above} → at least {clear} for {below}")
            }
            (_, true) => format!("{raise}以上が {above} → {clear}以下が {below}"),
            (_, false) => format!("at least {raise} for {above} → at most {clear} for {below}"),
        });
    }
    if let Some(gate) = &rule.gate {
        let level = all(&gate.level);
        let quantity = gate.quantity;
        out.push_str(&match (gate.test, ja) {
            ("above", false) => format!("; only with {quantity} at least {level}"),
            ("below", false) => format!("; only with {quantity} below {level}"),
            (_, false) => format!("; only where {quantity} is absent"),
            ("above", true) => format!("、条件 {quantity} {level}以上"),
            ("below", true) => format!("、条件 {quantity} {level}未満"),
            (_, true) => format!("、条件 {quantity} が得られない"),
        });
    }
    if let Some(fallback) = &rule.fallback {
        let (raise, clear) = (all(&fallback.raise), all(&fallback.clear));
        out.push_str(&if ja {
            format!(
                "、得られない場合は {} {raise}以上 → {clear}以下",
                fallback.quantity
            )
        } else {
            format!(
                "; where it is absent, {} at least {raise} → at most {clear}",
                fallback.quantity
            )
        });
    }
    if !rule.subjects.is_empty() {
        let subjects = rule.subjects.join(", ");
        out.push_str(&if ja {
            format!("、対象ごと: {subjects}")
        } else {
            format!("; each of {subjects}")
        });
    }
    out
}

/// The whole manual in a language, ending with a line feed.
#[must_use]
pub fn markdown(language: Language) -> String {
    let heads = headings(language);
    let mut out = format!("# {}\n\n{}\n\n", heads.title, heads.preface);
    out.push_str(&format!(
        "| {} | {} | {} | {} |\n|---|---|---|---|\n",
        heads.code, heads.name, heads.urgency, heads.raised_by
    ));
    for known in TABLE {
        let shown = display(known.number, true).to_string();
        let shown = match text(known.number, language) {
            Some(_) => format!("[{shown}](#hns{})", known.number),
            None => shown,
        };
        out.push_str(&format!(
            "| {shown} | {} | {} | {} |\n",
            name(known.number, language).unwrap_or(known.slug),
            urgency_name(known.urgency, language),
            known
                .raised_by
                .map_or(heads.reserved, |by| raised_by_name(by, language)),
        ));
    }
    relations(&mut out, language);
    for known in TABLE {
        if let Some(text) = text(known.number, language) {
            section(&mut out, known, text, language);
        }
    }
    out
}

/// Families in their order, and who suppresses whom.
fn relations(out: &mut String, language: Language) {
    let heads = headings(language);
    out.push_str(&format!("\n## {}\n\n", heads.family));
    let mut families: Vec<&'static str> = Vec::new();
    for (family, _) in TABLE.iter().filter_map(|known| known.family) {
        if !families.contains(&family.as_str()) {
            families.push(family.as_str());
        }
    }
    for family in families {
        let mut members: Vec<(u8, u16)> = TABLE
            .iter()
            .filter_map(|known| Some((known.family?, known.number)))
            .filter(|((of, _), _)| of.as_str() == family)
            .map(|((_, rank), number)| (rank, number))
            .collect();
        members.sort_unstable();
        let mut chain = String::new();
        let mut before = None;
        for (rank, number) in members {
            let join = match before {
                None => "",
                Some(earlier) if earlier == rank => " + ",
                Some(_) => " → ",
            };
            chain.push_str(&format!("{join}HNS{number}"));
            before = Some(rank);
        }
        out.push_str(&format!("- {family}: {chain}\n"));
    }
    out.push_str(&format!("\n## {}\n\n", heads.suppressed_by));
    for known in TABLE.iter().filter(|known| !known.suppressed_by.is_empty()) {
        out.push_str(&format!(
            "- HNS{}: {}\n",
            known.number,
            list(known.suppressed_by)
        ));
    }
    out.push_str(&match language {
        Language::En => {
            format!("- HNS1000 to HNS8999: HNS{HOST_ABSENT} of the same host (unknown meanwhile)\n")
        }
        Language::Ja => {
            format!("- HNS1000〜HNS8999: 同じサーバーの HNS{HOST_ABSENT}(その間は「不明」)\n")
        }
    });
}

fn list(numbers: &[u16]) -> String {
    numbers
        .iter()
        .map(|number| format!("HNS{number}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn section(out: &mut String, known: &Entry, text: &Text, language: Language) {
    let heads = headings(language);
    let number = known.number;
    out.push_str(&format!(
        "\n<a id=\"hns{number}\"></a>\n\n## {} {}\n\n",
        display(number, true),
        name(number, language).unwrap_or(known.slug)
    ));
    let mut item = |head: &str, body: &str| {
        out.push_str(&format!("- **{head}**: {body}\n"));
    };
    item(heads.urgency, urgency_name(known.urgency, language));
    if let Some((quantity, RaisedBy::Collector)) = known.quantity.zip(known.raised_by) {
        let by = raised_by_name(RaisedBy::Collector, language);
        item(heads.raised_by, &format!("{by} ({})", quantity.name()));
    } else if let Some(quantity) = known.quantity {
        let rule = defaults(number).map_or_else(String::new, |rule| rule_line(&rule, language));
        item(heads.defaults, &format!("{}: {rule}", quantity.name()));
    }
    if let Some((family, rank)) = known.family {
        item(heads.family, &format!("{} ({rank})", family.as_str()));
    }
    if !known.suppressed_by.is_empty() {
        item(heads.suppressed_by, &list(known.suppressed_by));
    }
    item(heads.since, known.since);
    let mut part = |head: &str, body: &str| {
        out.push_str(&format!("\n**{head}**: {body}\n"));
    };
    part(heads.meaning, text.meaning);
    part(heads.impact, text.impact);
    part(heads.cause, text.cause);
    part(heads.system_action, text.system_action);
    let mut steps = String::new();
    for (place, step) in text.operator_action.iter().enumerate() {
        steps.push_str(&format!("\n{}. {step}", place.saturating_add(1)));
    }
    out.push_str(&format!("\n**{}**\n{steps}\n", heads.operator_action));
    let mut part = |head: &str, body: &str| {
        out.push_str(&format!("\n**{head}**: {body}\n"));
    };
    part(heads.administrator_action, text.administrator_action);
    part(heads.clear, text.clear);
    part(heads.evidence, text.evidence);
}
