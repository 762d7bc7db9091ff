//! The words of an alert's page: what happened, who was told and why.

use super::bilingual::bilingual;
use crate::codes::{self, Language};
use crate::store::{
    AckEnding, BackCause, BootReason, DoubleSign, EventKind, Outcome, Presumed, Reason, Sending,
    SilenceCause, Via,
};

bilingual! {
    timeline: "経過", "What happened";
    times: "時刻と値", "Times and values";
    told: "誰に知らせたか、その理由", "Who was told, and why";
    nobody_told: "この件で通知の判断はまだありません。", "Nothing has been decided about it yet.";
    messages: "送った通知", "Messages";
    decisions: "判断", "Decisions";
    evidence: "残っている記録", "Evidence";
    around: "発生前後の推移", "Charts around it";
    agent_page: "サーバーのページ", "Page of the host";
    explained: "このコードの説明", "About this code";
    code_page: "コードのページ", "Page of the code";
    to: "宛先", "to";
    by_mail: "メール", "mail";
    by_webhook: "Webhook", "webhook";
    by_alertmanager: "Alertmanager", "Alertmanager";
    attempts: "試行", "attempts";
    said_so: "最後の結果", "outcome so far";
    told_before: "復元前に通知済みとみなし、送信していません", "taken for told before the restore, not sent";
    known: "分かっていること", "What is known";
    presumed: "推定(未確定)", "Presumed, not confirmed";
    last_sign: "最後の受信", "last heard";
    planned_until: "届けられた予定の終わり", "announced until";
    announced: "届けの内容", "announced as";
    wrote: "メモ", "note";
    forecast: "予測", "forecast";
    forecast_note: "今の増え方が続いた場合です。", "If it goes on like this.";
}

/// What happened to an alert; `None` for what its own rows say better.
#[must_use]
pub const fn event(language: Language, kind: EventKind) -> Option<&'static str> {
    let (ja, en) = match kind {
        EventKind::Raised => ("発報", "raised"),
        EventKind::Resolved => ("復旧判定", "resolved"),
        EventKind::Ended => ("終わった後に届きました", "arrived when it was over"),
        EventKind::Reopened => (
            "続いていたため、発生中に戻しました",
            "open after all: its agent says so",
        ),
        EventKind::Repeated => ("同じ事象がまた発生", "occurred again"),
        EventKind::Unknown => (
            "続いているか不明になりました",
            "unknown whether it still holds",
        ),
        EventKind::Known => (
            "エージェントの応答が戻りました",
            "its agent answers for it again",
        ),
        EventKind::Acknowledged | EventKind::Released | EventKind::Noted => return None,
        EventKind::Other => ("新しい版の記録", "a record of a newer version"),
    };
    Some(match language {
        Language::Ja => ja,
        Language::En => en,
    })
}

/// Why somebody is told something, or is not.
#[must_use]
pub fn reason(language: Language, reason: Reason) -> String {
    let (ja, en) = match reason {
        Reason::First => ("最初の通知", "first message about it"),
        Reason::Drill => ("試験", "a test"),
        Reason::Late => ("発生より遅れて届いたため", "it came late"),
        Reason::Digest => ("業務時間のまとめに入れる", "goes into the digest"),
        Reason::Grouped => (
            "同じシステムで多数のため1通にまとめる",
            "many of one system at once: one message",
        ),
        Reason::Storm => (
            "通知の上限を超えたため1通にまとめる",
            "more than the receiver's ceiling: one summary",
        ),
        Reason::FamilyEnds => (
            "関連するアラートがすべて終わった",
            "all of the family ended",
        ),
        Reason::Acknowledged => ("対応する人が決まった", "somebody took it"),
        Reason::Released => ("対応する人が外れた", "whoever had it gave it back"),
        Reason::QuietEnded => ("通知を止める理由がなくなった", "what kept it quiet ended"),
        Reason::Evidence => ("記録が後から届いた", "evidence came afterwards"),
        Reason::RecoveryOverdue => (
            "復旧見込みの時刻を過ぎた",
            "the promised recovery is overdue",
        ),
        Reason::ReportDue => ("次回報告の時刻になった", "the next report is due"),
        Reason::Fallback => (
            "当番にもチームにも通知先がないため、予備の通知先へ",
            "nobody on duty and none of the team has a receiver: the fallback",
        ),
        Reason::Renewed => (
            "発生が続いているため、Alertmanager へ6時間ごとに送り直す",
            "open: told to Alertmanager again each six hours",
        ),
        Reason::MovedHere => (
            "サーバーの管理先が変わり、新しい担当へ",
            "the host came from elsewhere: told to those responsible now",
        ),
        Reason::MovedAway => (
            "サーバーの管理先が変わったことを、前の担当へ",
            "the host went elsewhere: told to those responsible before",
        ),
        Reason::RecordOnly => ("画面のみの扱い", "stays on the page"),
        Reason::ToldWithReturn => (
            "応答再開のメールで通知済み(無応答のスレッド)",
            "told with the return of its host, in the thread of the silence",
        ),
        Reason::NotRaisedToAnyone => (
            "発生を誰にも知らせていないため、終わりも知らせない",
            "ended, and nobody had been told of it",
        ),
        Reason::NoReceiver => ("知らせる相手がいない", "no route leads to a receiver"),
        Reason::Counted => (
            "同じ事象の回数のみ増えた",
            "another event of it: only counted",
        ),
        Reason::BecameUnknown => ("続いているか不明になった", "unknown whether it still holds"),
        Reason::KnownAgain => ("エージェントの応答が戻った", "its agent answers again"),
        Reason::Noted => ("メモが書かれた", "a note was written"),
        Reason::Daily => ("通知の経路の日次確認", "the daily mail: it proves the way"),
        Reason::NoNews => ("知らせる変化ではない", "no news for people"),
        Reason::Worsened { .. }
        | Reason::Repeat { .. }
        | Reason::Escalated { .. }
        | Reason::PassedOver { .. }
        | Reason::Silenced { .. }
        | Reason::InWindow { .. }
        | Reason::Suppressed { .. }
        | Reason::StillOpenInFamily { .. } => return numbered(language, reason),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
    .to_owned()
}

/// The same of a reason that has a number.
fn numbered(language: Language, reason: Reason) -> String {
    let code = |number: u16| codes::display(number, true);
    match reason {
        Reason::Worsened { from } => match language {
            Language::Ja => format!("{} から悪化", code(from)),
            Language::En => format!("worsened from {}", code(from)),
        },
        Reason::Repeat { nth } => match language {
            Language::Ja => format!("対応がないまま続いているため再通知({nth}通目)"),
            Language::En => format!("open and not taken: message {nth}"),
        },
        Reason::Escalated { level } => match language {
            Language::Ja => format!("確認がないため第{level}当番へ"),
            Language::En => format!("nobody took it: number {level} on duty"),
        },
        Reason::PassedOver { level } => match language {
            Language::Ja => format!("前の当番に通知先がないため第{level}当番へ"),
            Language::En => {
                format!("those on duty before have no receiver: number {level} at once")
            }
        },
        Reason::Silenced { silence } => match language {
            Language::Ja => format!("通知停止 {silence} のため"),
            Language::En => format!("silence {silence} holds"),
        },
        Reason::InWindow { window } => match language {
            Language::Ja => format!("作業の予定 {window} のため"),
            Language::En => format!("maintenance window {window} holds"),
        },
        Reason::Suppressed { by } => match language {
            Language::Ja => format!("{} の発生中のため(抑止)", code(by)),
            Language::En => format!("{} explains it", code(by)),
        },
        Reason::StillOpenInFamily { by } => match language {
            Language::Ja => format!("関連する {} がまだ発生中", code(by)),
            Language::En => format!("{} of the family stands for it", code(by)),
        },
        _ => reason.word().to_owned(),
    }
}

/// What a decision led to.
#[must_use]
pub const fn outcome(language: Language, outcome: Outcome) -> &'static str {
    let (ja, en) = match outcome {
        Outcome::Told => ("知らせた", "told"),
        Outcome::Listed => ("まとめに入れた", "goes into a list"),
        Outcome::Quiet => ("知らせない", "nobody is told"),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// Where a message stands.
#[must_use]
pub const fn sending(language: Language, state: Sending) -> &'static str {
    let (ja, en) = match state {
        Sending::Queued => ("送信待ち", "waiting to be sent"),
        Sending::Claimed => ("送信中", "being sent"),
        Sending::Delivered => (
            "相手のサーバーが受け取りました",
            "taken by the receiver's server",
        ),
        Sending::Refused => ("拒否されました", "refused"),
        Sending::GivenUp => ("届かず、打ち切りました", "given up"),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// How an acknowledgement ended.
#[must_use]
pub fn ack_end(language: Language, how: AckEnding, by: &str) -> String {
    match (language, how) {
        (Language::Ja, AckEnding::Released) => format!("{by} が対応を外れました"),
        (Language::Ja, AckEnding::TakenOver) => format!("{by} が引き継ぎました"),
        (Language::Ja, AckEnding::Renewed | AckEnding::Other) => format!("{by} が更新しました"),
        (Language::En, AckEnding::Released) => format!("given back by {by}"),
        (Language::En, AckEnding::TakenOver) => format!("taken over by {by}"),
        (Language::En, AckEnding::Renewed | AckEnding::Other) => format!("renewed by {by}"),
    }
}

/// Who took it.
#[must_use]
pub fn took(language: Language, by: &str) -> String {
    match language {
        Language::Ja => format!("{by} が対応"),
        Language::En => format!("{by} took it"),
    }
}

/// By which way.
#[must_use]
pub const fn via(language: Language, via: Via) -> &'static str {
    let (ja, en) = match via {
        Via::Page => ("画面", "page"),
        Via::Link => ("メールのリンク", "link of a mail"),
        Via::Api => ("API", "API"),
        Via::Command => ("コマンド", "command"),
        Via::Other => ("不明", "unknown"),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// Why an agent is silent, as far as it is known.
#[must_use]
pub const fn silence(language: Language, cause: SilenceCause) -> &'static str {
    let (ja, en) = match cause {
        SilenceCause::Unknown => (
            "停止・障害・通信断のどれかは、まだ分かりません。",
            "Stopped, dead or cut off: that is not known yet.",
        ),
        SilenceCause::StoppedInOrder => (
            "正常な手順で停止しました。予定の届けはありません。",
            "It stopped in order, and announced nothing.",
        ),
        SilenceCause::Overdue => (
            "届けられた予定の終わりを過ぎています。",
            "What was announced is over.",
        ),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// Why an agent is back.
#[must_use]
pub const fn back(language: Language, cause: BackCause) -> &'static str {
    let (ja, en) = match cause {
        BackCause::NetworkOnly => (
            "サーバーとエージェントは動いていました。通信だけが途絶えていました。",
            "Host and agent went on; only the way between was cut.",
        ),
        BackCause::AgentRestarted => (
            "サーバーは動いていました。エージェントが起動し直しました。",
            "The host went on; the agent was started again.",
        ),
        BackCause::Rebooted => ("サーバーが再起動しました。", "The host was rebooted."),
        BackCause::OtherMachine => (
            "別の機械になっています(交換または復元)。",
            "It is another machine: replaced or restored.",
        ),
        BackCause::Unknown => (
            "戻った理由は分かりません。",
            "Why it is back cannot be known.",
        ),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// What the host says of its reboot.
#[must_use]
pub const fn boot(language: Language, reason: BootReason) -> &'static str {
    let (ja, en) = match reason {
        BootReason::Ordered => (
            "サーバーの記録: 正常な手順の再起動",
            "the host says: rebooted in order",
        ),
        BootReason::Panic => (
            "サーバーの記録: カーネルパニック",
            "the host says: kernel panic",
        ),
        BootReason::Watchdog => (
            "サーバーの記録: ウォッチドッグによるリセット",
            "the host says: reset by a watchdog",
        ),
        BootReason::Power => (
            "サーバーの記録: 電源断または外部からのリセット",
            "the host says: power lost, or reset from outside",
        ),
        BootReason::Unknown => (
            "サーバーの記録に再起動の理由はありません",
            "the host does not say why it was rebooted",
        ),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// What led to a silence, presumed.
#[must_use]
pub const fn presumed(language: Language, what: Presumed) -> &'static str {
    let (ja, en) = match what {
        Presumed::OomKill => (
            "直前に OOM Killer が動いていました。",
            "The OOM killer was at work shortly before.",
        ),
        Presumed::MemoryExhausted => (
            "直前にメモリの空きがほとんどありませんでした。",
            "Memory was nearly used up shortly before.",
        ),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// By what two agents of one identity were told apart.
#[must_use]
pub const fn double(language: Language, sign: DoubleSign) -> &'static str {
    let (ja, en) = match sign {
        DoubleSign::Frames => (
            "同じ番号の記録が、違う内容で届きました。",
            "Records of one number came with other content.",
        ),
        DoubleSign::Runs => (
            "2つの起動(run)が交互に送っています。",
            "Two runs send in turn.",
        ),
        DoubleSign::Machines => (
            "機械の識別が行き来しています。",
            "The machine id goes back and forth.",
        ),
        DoubleSign::Boots => (
            "前の起動が終わる前に、別の起動が始まりました。",
            "A boot began before the one before had ended.",
        ),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}
