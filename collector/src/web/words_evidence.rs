//! The words of evidence: who used what, how far it can be trusted, what changed.

use super::bilingual::bilingual;
use crate::codes::Language;
use crate::notify::render::numbers;
use crate::store::evidence::List;
use hansho::frame::evidence::Moment;

bilingual! {
    comma: "、", "; ";
    used: "どのプロセスが使っていたか", "Who used it";
    of_agent: "プロセスの記録", "Evidence of processes";
    none: "プロセスの記録は届いていません。", "No evidence of processes has arrived.";
    no_table: "プロセスの一覧はありません。エージェントのプロセスの採取が動いていないか、まだ一巡していません。", "There is no table of processes: nothing walks them on this host, or no walk has ended yet.";
    hidden: "ほかの利用者のプロセスは、エージェントから見えません(hidepid)。", "Processes of other users are hidden from the agent (hidepid).";
    cut: "採取が最後まで進んでいません。この一覧にないプロセスが多く使っていることがあります。", "The walk did not come to its end: a process that is not here may use more.";
    fresh: "後から採り直した一覧です。", "Walked anew after the moment.";
    empty: "一覧にプロセスはありません。", "No process is listed.";
    process: "プロセス", "Process";
    change: "前の記録との差", "Since the one before";
    started: "新しく起動", "started since";
    not_listed: "前は一覧外", "not listed before";
    container: "コンテナ", "container";
    host_parent: "親", "parent";
    threads: "スレッド", "threads";
    unread: "不明", "unknown";
    others: "ほかの順位に載ったプロセス", "Processes of the other lists";
    earlier: "ほかの時点の記録", "At other moments";
    gone: "前の記録にあり、今は載っていないプロセス(終了したか、順位が下がりました)", "Listed before and not now (ended, or fell behind)";
    first_one: "このアラートの最初の記録です。差はありません。", "The first about this alert: nothing to compare it with.";
    other_boot: "前の記録はサーバーの再起動より前のため、比べられません。", "The one before is of an earlier boot and cannot be compared.";
    killed: "メモリ不足で強制終了されたプロセス", "Killed for memory";
    no_victim: "強制終了されたプロセスの記録は届いていません。", "No record of whom the kernel killed has arrived.";
    time: "時刻", "Time";
    user_id: "ユーザーID", "User id";
    anonymous: "匿名メモリ", "Anonymous memory";
    short: "不足したもの", "What was short";
    short_host: "サーバーのメモリ", "the host's memory";
    short_group: "コントロールグループの上限", "the limit of its control group";
    short_nodes: "割り当てられたノードのメモリ", "the memory of its nodes";
    never_fired: "発報に至っていません", "has not fired";
    no_alert: "アラートの保存なし", "its alert is not stored";
    open_alert: "アラート", "alert";
}

/// When in the life of an alert.
#[must_use]
pub const fn moment(language: Language, moment: Moment) -> &'static str {
    let (ja, en) = match moment {
        Moment::Pending => ("発報の前", "before it fired"),
        Moment::Firing => ("発報時", "when it fired"),
        Moment::Resolved => ("復旧時", "when it resolved"),
        Moment::Unknown => ("時点不明", "at an unknown moment"),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// The head of a column.
#[must_use]
pub const fn column(language: Language, list: List) -> &'static str {
    let (ja, en) = match list {
        List::Memory => ("メモリ", "Memory"),
        List::GrowthShort => ("増加(約10分)", "Growth (10 min)"),
        List::GrowthLong => ("増加(約1日)", "Growth (a day)"),
        List::Cpu => ("CPU", "CPU"),
        List::Swap => ("スワップ", "Swap"),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// Place in a list.
#[must_use]
pub fn rank(language: Language, place: usize) -> String {
    match language {
        Language::Ja => format!("{place}位"),
        Language::En => format!("#{place}"),
    }
}

/// `415プロセスのうち412を採取(3は読めず、2は採取前に終了)`.
#[must_use]
pub fn coverage(language: Language, seen: u32, read: u32, unreadable: u32, gone: u32) -> String {
    let mut parts = Vec::new();
    match language {
        Language::Ja => {
            if unreadable > 0 {
                parts.push(format!("{unreadable}は読めず"));
            }
            if gone > 0 {
                parts.push(format!("{gone}は採取前に終了"));
            }
            let rest = if parts.is_empty() {
                String::new()
            } else {
                format!("({})", parts.join("、"))
            };
            format!("{seen}プロセスのうち{read}を採取{rest}")
        }
        Language::En => {
            parts.push(format!("{read} of {seen} processes"));
            if unreadable > 0 {
                parts.push(format!("{unreadable} not readable"));
            }
            if gone > 0 {
                parts.push(format!("{gone} ended before they were read"));
            }
            parts.join("; ")
        }
    }
}

/// How long a walk took, and how old it was.
#[must_use]
pub fn walk(language: Language, took_ms: u64, age_ms: u64) -> String {
    // A walk of some dozens of processes takes less than uptimes tell.
    let took = match (took_ms, language) {
        (0, Language::Ja) => "1ミリ秒未満".to_owned(),
        (0, Language::En) => "less than 1 ms".to_owned(),
        (took_ms, _) => numbers::span(language, took_ms),
    };
    let age = numbers::span(language, age_ms);
    match language {
        Language::Ja => format!("一巡に{took}、終わったのは記録の{age}前"),
        Language::En => format!("the walk took {took} and ended {age} before"),
    }
}

/// Age of a row.
#[must_use]
pub fn ago(language: Language, ms: u64) -> String {
    let age = numbers::rough(language, ms);
    match language {
        Language::Ja => format!("{age}前の値"),
        Language::En => format!("as of {age} before"),
    }
}

/// Over how long it grew.
#[must_use]
pub fn over(language: Language, ms: u64) -> String {
    let span = numbers::rough(language, ms);
    match language {
        Language::Ja => format!("{span}で"),
        Language::En => format!("in {span}"),
    }
}

/// That a part is missing; counted from 1.
#[must_use]
pub fn missing(language: Language, part: u32, parts: u8) -> String {
    match language {
        Language::Ja => format!("{parts}個のうち{part}個目の部分が届いていません。"),
        Language::En => format!("Part {part} of {parts} is missing."),
    }
}

/// More of them.
#[must_use]
pub fn more(language: Language, count: usize) -> String {
    match language {
        Language::Ja => format!("ほか{count}件"),
        Language::En => format!("and {count} more"),
    }
}

/// That only the newest stand here.
#[must_use]
pub fn newest(language: Language, count: usize) -> String {
    match language {
        Language::Ja => format!("新しいほうから{count}件です。残りはAPIで見られます。"),
        Language::En => format!("The newest {count}; the API has the rest."),
    }
}
