//! Subjects: `[HNS1002-E 発生] CUSTOMER/SYSTEM HOST name value`.

use super::super::notice::{
    AlertNotice, Back, BackCause, Body, Ending, Happened, ListKind, Measured, Notice, Silence,
};
use super::{clean, name, numbers, pick};
use crate::limit::MAIL_SUBJECT_CHARACTERS;
use hansho::code::{self, Language};

/// The subject of a message, or that of its thread where the receiver asked for one that never changes.
pub(super) fn subject(notice: &Notice) -> String {
    let language = notice.language;
    let text = match (&notice.thread_subject, &notice.body) {
        (Some(constant), _) => constant.clone(),
        (None, Body::Alert(alert)) => of_alert(notice, alert),
        (None, Body::List(list)) => {
            let whose = match &list.system {
                Some(system) => format!("{}/{}", name(&list.customer), name(system)),
                None => name(&list.customer),
            };
            let word = match list.kind {
                ListKind::Digest => pick(language, "まとめ", "digest"),
                ListKind::Late => pick(language, "遅延到着", "arrived late"),
                ListKind::Group => pick(language, "複数発生", "several"),
                ListKind::Storm => pick(language, "通知集約", "many"),
            };
            let firing = list.rows.iter().filter(|row| row.firing).count();
            match language {
                Language::Ja if list.kind == ListKind::Late => {
                    format!("[HNS {word}] {whose} 復旧済み {}件", list.total)
                }
                Language::Ja => {
                    format!("[HNS {word}] {whose} {}件(発生中 {firing}件)", list.total)
                }
                Language::En if list.kind == ListKind::Late => {
                    format!("[HNS {word}] {whose} {} resolved already", list.total)
                }
                Language::En => {
                    format!("[HNS {word}] {whose} {} ({firing} firing)", list.total)
                }
            }
        }
        (None, Body::MailFailed(failed)) => {
            let code = code::display(9008, true);
            let who = name(&failed.receiver);
            match language {
                Language::Ja => format!(
                    "[{code} 通知不達] {who} へのメール{}通が届いていません",
                    failed.undelivered
                ),
                Language::En => format!(
                    "[{code} not delivered] {} mails to {who} did not arrive",
                    failed.undelivered
                ),
            }
        }
        (None, Body::Daily(daily)) => {
            let host = name(&daily.collector);
            match language {
                Language::Ja => format!(
                    "[HNS 日次] {host} エージェント {}台(無応答 {}台) 発生中 {}件",
                    daily.agents, daily.silent, daily.firing
                ),
                Language::En => format!(
                    "[HNS daily] {host} {} agents ({} silent), {} alerts firing",
                    daily.agents, daily.silent, daily.firing
                ),
            }
        }
    };
    clean::line(&text, MAIL_SUBJECT_CHARACTERS)
}

/// The state in a subject.
pub(super) const fn state(language: Language, alert: &AlertNotice) -> &'static str {
    match &alert.happened {
        Happened::Raised => pick(language, "発生", "raised"),
        Happened::Worsened { .. } => pick(language, "悪化", "worse"),
        Happened::Repeated { .. } => pick(language, "継続", "still firing"),
        Happened::Resolved(Ending::Cleared) => pick(language, "復旧", "resolved"),
        Happened::Resolved(_) => pick(language, "終了", "ended"),
        Happened::Silent(_) => pick(language, "無応答", "silent"),
        Happened::Back(_) => pick(language, "応答再開", "back"),
        Happened::Acknowledged => pick(language, "対応中", "taken"),
        Happened::Released { .. } => pick(language, "対応解除", "given back"),
        Happened::Escalated { .. } => pick(language, "未確認", "nobody took it"),
        Happened::Evidence => pick(language, "追加情報", "evidence"),
    }
}

/// What has become of an alert, as machines read it.
pub(super) const fn machine_state(alert: &AlertNotice) -> &'static str {
    match &alert.happened {
        Happened::Resolved(_) => "resolved",
        Happened::Back(_) => "back",
        _ => "firing",
    }
}

fn of_alert(notice: &Notice, alert: &AlertNotice) -> String {
    let language = notice.language;
    let owner = &alert.owner;
    let raised = !matches!(alert.happened, Happened::Resolved(_));
    let code = code::display(alert.identity.code, raised);
    let test = if alert.test {
        pick(language, "テスト ", "TEST ")
    } else {
        ""
    };
    let mut text = format!(
        "[{test}{code} {}] {}",
        state(language, alert),
        name(&owner.customer)
    );
    if !owner.system.is_empty() {
        text.push_str(&format!("/{}", name(&owner.system)));
    }
    // An incident of a site has no host; its subject is an identity, its site a name.
    let places = match &owner.host {
        Some(host) => [Some(host.as_str()), Some(alert.identity.subject.as_str())],
        None => [owner.site.as_deref(), None],
    };
    for part in places.into_iter().flatten().filter(|part| !part.is_empty()) {
        text.push(' ');
        text.push_str(&name(part));
    }
    text.push(' ');
    text.push_str(&match &alert.happened {
        Happened::Silent(silence) => silent(language, alert, silence),
        Happened::Back(back) => came_back(language, back),
        Happened::Resolved(_) => {
            let what = numbers::what(language, alert.identity.code, shown(alert));
            match lasted_ms(alert) {
                Some(millis) => match language {
                    Language::Ja => format!("{what}({})", numbers::rough(language, millis)),
                    Language::En => format!("{what} ({})", numbers::rough(language, millis)),
                },
                None => what,
            }
        }
        _ => numbers::what(language, alert.identity.code, shown(alert)),
    });
    text
}

/// The value; of what happens at once the gravest, since by its end nothing of it is left to be measured.
fn shown(alert: &AlertNotice) -> Option<Measured> {
    match (&alert.worst, alert.count) {
        (Some(worst), Some(_)) => Some(worst.value),
        _ => alert.value,
    }
}

/// From occurrence to recovery, or to its end where the recovery is not known.
pub(super) fn lasted_ms(alert: &AlertNotice) -> Option<u64> {
    let from = alert.times.occurred?;
    let to = alert.times.recovered.or(alert.times.resolved)?;
    to.wall.as_millis().checked_sub(from.wall.as_millis())
}

fn silent(language: Language, alert: &AlertNotice, silence: &Silence) -> String {
    let since = silence
        .last_heard
        .and_then(|last| silence.judged.as_millis().checked_sub(last.as_millis()));
    let time = since.map(|millis| numbers::rough(language, millis));
    let hosts = alert
        .hosts_total
        .filter(|_| alert.owner.host.is_none())
        .map(|hosts| match language {
            Language::Ja => format!("{hosts}台 "),
            Language::En => format!("{hosts} hosts, "),
        })
        .unwrap_or_default();
    match (language, time) {
        (Language::Ja, Some(time)) => format!("{hosts}{time}間応答なし"),
        (Language::Ja, None) => format!("{hosts}応答なし"),
        (Language::En, Some(time)) => format!("{hosts}no answer for {time}"),
        (Language::En, None) => format!("{hosts}no answer"),
    }
}

fn came_back(language: Language, back: &Back) -> String {
    let cause = match &back.cause {
        BackCause::Rebooted { planned: true, .. } => {
            pick(language, "計画した再起動", "planned reboot")
        }
        BackCause::Rebooted { planned: false, .. } => {
            pick(language, "計画外の再起動", "unplanned reboot")
        }
        BackCause::AgentRestarted => pick(language, "エージェントの再起動", "agent restarted"),
        BackCause::NetworkOnly => pick(language, "通信復旧", "network only"),
        BackCause::OtherMachine => pick(language, "別のサーバーが応答", "another machine"),
        BackCause::Unknown => pick(language, "理由は不明", "cause unknown"),
    };
    let lasted = back
        .silent_since
        .and_then(|since| back.back_at.as_millis().checked_sub(since.as_millis()));
    match (language, lasted) {
        (Language::Ja, Some(millis)) => {
            format!("{cause}(無応答 {})", numbers::rough(language, millis))
        }
        (Language::En, Some(millis)) => {
            format!("{cause} (silent for {})", numbers::rough(language, millis))
        }
        (_, None) => cause.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::example::example;
    use crate::notify::notice::Worst;
    use hansho::rule::Quantity;

    /// An OOM kill: one was counted, and the reading since has none.
    fn killed(kind: &str) -> String {
        let mut notice = example(kind, Language::Ja, 1010).unwrap();
        if let Body::Alert(alert) = &mut notice.body {
            let kills = |value| Measured {
                quantity: Some(Quantity::OomKill),
                value,
                total: None,
            };
            alert.value = Some(kills(0));
            alert.worst = Some(Worst {
                value: kills(1),
                at: None,
                available_kib: None,
            });
            alert.count = Some(1);
        }
        subject(&notice)
    }

    #[test]
    fn what_happened_once_is_not_told_as_zero_times() {
        for kind in ["raised", "resolved"] {
            let subject = killed(kind);
            assert!(subject.contains("OOM Killer 発動 1回"), "{subject}");
        }
    }
}
