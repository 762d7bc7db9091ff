//! Messages about a host or site that is silent, and about its return.

use super::super::notice::{
    AlertNotice, Back, BackCause, CollectorState, Goodbye, Notice, Peers, Records, Silence,
};
use super::alert::late;
use super::document::Document;
use super::response::to_do;
use super::seen::{coded, meanwhile, presumed};
use super::{name, names, numbers, pick, sentence};
use crate::limit::MAIL_LIST;
use crate::store::BootReason;
use hansho::code::Language;

/// What the message is about: the host, or the site.
fn who(notice: &Notice, alert: &AlertNotice) -> String {
    match (&alert.owner.host, &alert.owner.site) {
        (Some(host), _) => name(host),
        (None, Some(site)) => name(site),
        (None, None) => pick(notice.language, "この拠点", "this site").to_owned(),
    }
}

/// Silent: what is known, and what is not.
pub(super) fn silent(notice: &Notice, alert: &AlertNotice, silence: &Silence, out: &mut Document) {
    let language = notice.language;
    let who = who(notice, alert);
    let site = alert.owner.host.is_none();
    out.heading(pick(language, "何が起きているか", "WHAT IT MEANS"));
    out.text(match (language, site) {
        (Language::Ja, false) => format!(
            "{who} からの連絡が途絶えました。サーバーが止まっているか、通信できないかは、まだ分かりません。"
        ),
        (Language::Ja, true) => format!(
            "{who} の複数のサーバーからの連絡が同時に途絶えました。サーバーが止まっているか、通信できないかは、まだ分かりません。"
        ),
        (Language::En, false) => format!(
            "Nothing is heard of {who}. Whether the host is down or cannot be reached is not known yet."
        ),
        (Language::En, true) => format!(
            "Nothing is heard of several hosts of {who} since the same time. Whether they are down or cannot be reached is not known yet."
        ),
    });
    late(language, alert, out);
    out.heading(pick(language, "分かっていること", "WHAT IS KNOWN"));
    known(notice, alert, silence, out);
    to_do_silent(language, alert, out);
    meanwhile(notice, alert, out);
    out.section();
    out.text(pick(
        language,
        "戻りしだい、理由(再起動・通信断・メモリ不足など)と、その間の記録を同じスレッドで知らせます。",
        "When it is back, the cause (reboot, network, memory) and the records of the time follow in this thread.",
    ));
    out.text(pick(
        language,
        "手元に残っている記録は、戻るまで失われません(サーバーのディスクが無事な場合)。",
        "What the host has recorded is not lost until then, as long as its disk is sound.",
    ));
    if let Some(link) = &notice.link {
        out.section();
        out.link(&sentence(link));
    }
}

fn known(notice: &Notice, alert: &AlertNotice, silence: &Silence, out: &mut Document) {
    let language = notice.language;
    let judged = numbers::second(notice, silence.judged);
    out.text(match (language, silence.last_heard) {
        (Language::Ja, Some(last)) => {
            format!(
                "最後の受信 {}  判定 {judged}",
                numbers::day_time(notice, last)
            )
        }
        (Language::Ja, None) => {
            format!("最後の受信 なし(登録後、一度も届いていません)  判定 {judged}")
        }
        (Language::En, Some(last)) => {
            format!(
                "last heard {}  judged {judged}",
                numbers::day_time(notice, last)
            )
        }
        (Language::En, None) => format!("last heard: never since it was added  judged {judged}"),
    });
    out.text(goodbye(notice, &silence.goodbye));
    if let Some(peers) = silence.peers {
        out.text(peers_line(language, peers));
    }
    out.text(match (language, silence.collector) {
        (Language::Ja, CollectorState::Well) => {
            "収集サーバ この間に停止・遅延はありません".to_owned()
        }
        (Language::En, CollectorState::Well) => "collector  neither stopped nor late".to_owned(),
        (Language::Ja, CollectorState::Late { by_ms }) => format!(
            "収集サーバ この間に {} 停止または遅延していました",
            numbers::rough(language, by_ms)
        ),
        (Language::En, CollectorState::Late { by_ms }) => format!(
            "collector  stopped or late for {}",
            numbers::rough(language, by_ms)
        ),
    });
    out.text(last_values(language, alert, silence));
    for code in silence.open.iter().take(MAIL_LIST) {
        let code = coded(language, *code, true);
        out.text(match language {
            Language::Ja => format!("当時の発生 {code}(以後「不明」扱い)"),
            Language::En => format!("firing then  {code} (unknown since)"),
        });
    }
    let alone = silence
        .peers
        .is_some_and(|peers| peers.answering > 0 && peers.silent == 0);
    let line = pick(
        language,
        "拠点の回線の障害ではなさそうです",
        "it is not the line of the site",
    );
    let presumed = alone.then_some(line).into_iter();
    let given = alert.presumed.iter().map(String::as_str).take(MAIL_LIST);
    for cause in presumed.chain(given) {
        let cause = sentence(cause);
        out.text(match language {
            Language::Ja => format!("推定 {cause}(未確定)"),
            Language::En => format!("presumed  {cause} (not confirmed)"),
        });
    }
}

fn goodbye(notice: &Notice, goodbye: &Goodbye) -> String {
    let language = notice.language;
    match goodbye {
        Goodbye::None => pick(
            language,
            "停止の連絡 なし(計画停止・シャットダウンの届けはありません)",
            "farewell  none (no stop was announced, none was in order)",
        )
        .to_owned(),
        Goodbye::Stopped { at } => {
            let at = numbers::second(notice, *at);
            match language {
                Language::Ja => format!("停止の連絡 {at} に正常終了の手順で停止(予告はありません)"),
                Language::En => format!("farewell  stopped in order at {at}, not announced"),
            }
        }
        Goodbye::Overdue { reason, until } => {
            let (reason, until) = (sentence(reason), numbers::day_minute(notice, *until));
            match language {
                Language::Ja => {
                    format!("停止の連絡 予告あり「{reason}」 {until} までの予定を過ぎています")
                }
                Language::En => {
                    format!("farewell  announced (\"{reason}\"), was due back at {until}")
                }
            }
        }
    }
}

fn peers_line(language: Language, peers: Peers) -> String {
    let Peers { answering, silent } = peers;
    match (language, answering, silent) {
        (Language::Ja, 0, 0) => "同じ拠点 ほかのサーバーはありません".to_owned(),
        (Language::Ja, _, 0) => format!("同じ拠点 他の{answering}台は正常に応答しています"),
        (Language::Ja, ..) => {
            format!("同じ拠点 他の{silent}台も無応答、{answering}台は応答しています")
        }
        (Language::En, 0, 0) => "same site  no other hosts".to_owned(),
        (Language::En, _, 0) => {
            format!("same site  the other {answering} answer")
        }
        (Language::En, ..) => {
            format!("same site  {silent} others are silent too, {answering} answer")
        }
    }
}

fn last_values(language: Language, alert: &AlertNotice, silence: &Silence) -> String {
    let mut parts = Vec::new();
    if let Some(memory) = silence.memory {
        parts.push(format!(
            "{} {}",
            pick(language, "メモリ", "memory"),
            numbers::value(language, memory)
        ));
    }
    if let Some(permille) = alert.excerpt.memory_full_permille {
        parts.push(format!("memory full {}", numbers::percent(permille)));
    }
    if let Some(permille) = alert.excerpt.cpu_permille {
        parts.push(format!("CPU {}", numbers::percent(permille)));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!(
        "{} {}",
        pick(language, "最後の値", "last values"),
        parts.join("  ")
    )
}

/// The customer's response; without one the way that holds for every silent host.
fn to_do_silent(language: Language, alert: &AlertNotice, out: &mut Document) {
    let agreed = alert
        .response
        .as_ref()
        .is_some_and(|response| !response.steps.is_empty());
    let registered = hansho::code::text(alert.identity.code, language).is_some();
    if agreed || registered {
        to_do(language, alert, out);
        return;
    }
    out.heading(pick(language, "今やること", "WHAT TO DO NOW"));
    for (index, step) in match language {
        Language::Ja => [
            "別の経路で確認する: ping、ssh、仮想基盤のコンソール",
            "コンソールでも動かないとき、再起動の前に個別手順と判断できる人を確かめる",
            "サービスの画面が見えるか確認し、見えなければ担当へ電話する",
        ],
        Language::En => [
            "Look by another way: ping, ssh, the console of the virtualisation platform",
            "Where the console does not answer either: find the procedure and who may decide before you reset the host",
            "See whether the service answers its users; where it does not, call the team",
        ],
    }
    .into_iter()
    .enumerate()
    {
        out.step(format!("{}. {step}", index.saturating_add(1)));
    }
}

/// Back: why, as far as it can be known, and what of its records is here.
pub(super) fn back(notice: &Notice, alert: &AlertNotice, back: &Back, out: &mut Document) {
    let language = notice.language;
    let who = who(notice, alert);
    out.section();
    out.text(match language {
        Language::Ja => format!(
            "{who} からの連絡が戻りました。業務が正常かどうかは、このメールでは分かりません。"
        ),
        Language::En => {
            format!("{who} is heard again. Whether the service is well, this mail does not know.")
        }
    });
    late(language, alert, out);
    out.section();
    let back_at = numbers::day_time(notice, back.back_at);
    if let Some(since) = back.silent_since {
        let lasted = back.back_at.as_millis().saturating_sub(since.as_millis());
        let (since, lasted) = (
            numbers::day_time(notice, since),
            numbers::duration(language, lasted),
        );
        out.text(match language {
            Language::Ja => format!("最後の受信 {since}  再開 {back_at}  無応答 {lasted}"),
            Language::En => format!("last heard {since}  back {back_at}  silent for {lasted}"),
        });
    } else {
        out.text(match language {
            Language::Ja => format!("再開 {back_at}"),
            Language::En => format!("back {back_at}"),
        });
    }
    out.text(cause(language, &back.cause));
    out.text(match (language, back.records) {
        (Language::Ja, Records::Arriving) => "記録 無応答の間の分を受信中です".to_owned(),
        (Language::Ja, Records::Complete) => "記録 無応答の間の分はすべて届きました".to_owned(),
        (Language::Ja, Records::Lost { frames }) => {
            format!("記録 無応答の間の {frames} 件が欠落しました")
        }
        (Language::En, Records::Arriving) => {
            "records  those of the silence are arriving".to_owned()
        }
        (Language::En, Records::Complete) => {
            "records  those of the silence are all here".to_owned()
        }
        (Language::En, Records::Lost { frames }) => {
            format!("records  {frames} frames of the silence are lost")
        }
    });
    if !alert.hosts.is_empty() {
        out.text(format!(
            "{} {}",
            pick(language, "戻ったサーバー", "hosts that are back"),
            names(language, &alert.hosts)
        ));
    }
    meanwhile(notice, alert, out);
    presumed(language, alert, out);
    to_do(language, alert, out);
    if let Some(link) = &notice.link {
        out.section();
        out.link(&sentence(link));
    }
}

fn cause(language: Language, cause: &BackCause) -> String {
    match cause {
        BackCause::Rebooted { reason, planned } => {
            let planned = match planned {
                true => pick(language, "予告あり", "announced"),
                false => pick(language, "予告なし", "not announced"),
            };
            let reason = reason.as_deref().map(sentence);
            match (language, reason) {
                (Language::Ja, Some(reason)) => {
                    format!("理由 サーバーの再起動({planned}、記録: {reason})")
                }
                (Language::Ja, None) => {
                    format!("理由 サーバーの再起動({planned}、再起動した原因は不明)")
                }
                (Language::En, Some(reason)) => {
                    format!("cause  the host rebooted ({planned}; recorded: {reason})")
                }
                (Language::En, None) => {
                    format!("cause  the host rebooted ({planned}; why is unknown)")
                }
            }
        }
        BackCause::AgentRestarted => pick(
            language,
            "理由 エージェントだけの再起動(サーバーは動いていました)",
            "cause  only the agent was restarted; the host ran on",
        )
        .to_owned(),
        BackCause::NetworkOnly => pick(
            language,
            "理由 通信のみ(サーバーとエージェントは動いていました)",
            "cause  the network only; host and agent ran on",
        )
        .to_owned(),
        BackCause::OtherMachine => pick(
            language,
            "理由 別のサーバーが同じ名前で応答しています(交換、または別の機器への復元)",
            "cause  another machine answers under this name: replaced, or restored elsewhere",
        )
        .to_owned(),
        BackCause::Unknown => pick(language, "理由 不明", "cause  unknown").to_owned(),
    }
}

/// What a host says of how it went down; `None` where it does not know.
#[must_use]
pub const fn boot_words(language: Language, boot: BootReason) -> Option<&'static str> {
    Some(match boot {
        BootReason::Ordered => pick(language, "通常の手順で停止", "stopped in order"),
        BootReason::Panic => pick(language, "カーネルパニック", "kernel panic"),
        BootReason::Watchdog => pick(
            language,
            "ハードウェアのウォッチドッグによるリセット",
            "reset by the hardware watchdog",
        ),
        BootReason::Power => pick(
            language,
            "電源断、または外部からのリセット",
            "power lost, or reset from outside",
        ),
        BootReason::Unknown => return None,
    })
}
