//! A message about one alert: whose, what it means, since when, what to do, who uses it, history, take it.

use super::super::notice::{AlertNotice, Happened, Identity, Notice, Owner, Taken};
use super::document::Document;
use super::ending::resolved;
use super::response::to_do;
use super::seen::{coded, meanwhile, presumed, suspects, taken_line, victims};
use super::{name, names, numbers, pick, presence, sentence, subject, times, told};
use hansho::code::{self, Language, texts};

/// Writes it.
pub(super) fn write(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let language = notice.language;
    out.section();
    if alert.test {
        out.text(pick(
            language,
            "これは hansho test による試験です。障害ではありません。",
            "This is a test by hansho test. Nothing is wrong.",
        ));
        out.section();
    }
    owner(notice, alert, out);
    match &alert.happened {
        Happened::Resolved(ending) => resolved(notice, alert, *ending, out),
        Happened::Silent(silence) => presence::silent(notice, alert, silence, out),
        Happened::Back(back) => presence::back(notice, alert, back, out),
        _ => firing(notice, alert, out),
    }
    told(notice, out);
    machine(notice, alert, out);
}

fn firing(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let language = notice.language;
    changed(notice, alert, out);
    meaning(notice, alert, out);
    times::firing(notice, alert, out);
    to_do(language, alert, out);
    victims(notice, alert, out);
    suspects(notice, alert, out);
    meanwhile(notice, alert, out);
    presumed(language, alert, out);
    if let Some(history) = &alert.history {
        times::history(notice, history, out);
    }
    take(notice, alert, out);
}

/// Whose it is.
fn owner(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let language = notice.language;
    let owner = &alert.owner;
    let system = owner.system_full.as_deref().unwrap_or(&owner.system);
    let mut first = name(&owner.customer);
    if !system.is_empty() {
        first.push_str(&format!(" / {}", name(system)));
    }
    if let Some(host) = &owner.host {
        first.push_str(&format!(" / {}", name(host)));
    }
    let place: Vec<String> = [&owner.environment, &owner.site]
        .into_iter()
        .flatten()
        .map(|part| name(part))
        .collect();
    if !place.is_empty() {
        first.push_str(&match language {
            Language::Ja => format!("({})", place.join("・")),
            Language::En => format!(" ({})", place.join(", ")),
        });
    }
    out.text(first);
    if owner.host.is_some() && !alert.identity.subject.is_empty() {
        out.text(format!(
            "{} {}",
            pick(language, "対象:", "Subject:"),
            name(&alert.identity.subject)
        ));
    }
    hosts(language, alert, out);
    let mut second = Vec::new();
    for (who, ja, en) in [
        (&owner.team, "担当:", "Team:"),
        (&owner.on_duty, "当番:", "On duty:"),
    ] {
        if let Some(who) = who {
            second.push(format!("{} {}", pick(language, ja, en), name(who)));
        }
    }
    let open = !matches!(alert.happened, Happened::Resolved(_) | Happened::Back(_));
    match &owner.taken {
        Some(taken) => second.push(taken_by(notice, taken)),
        None if open => second.push(
            pick(
                language,
                "確認: まだ誰も確認していません",
                "Taken: by nobody yet",
            )
            .to_owned(),
        ),
        None => {}
    }
    out.text(second.join("  "));
    if open && owner.taken.is_none() {
        escalation(notice, owner, out);
    }
}

fn hosts(language: Language, alert: &AlertNotice, out: &mut Document) {
    if alert.hosts.is_empty() {
        return;
    }
    let listed = names(language, &alert.hosts);
    let all = alert.hosts_total.map(|hosts| match language {
        Language::Ja => format!("({hosts}台)"),
        Language::En => format!(" ({hosts})"),
    });
    out.text(format!(
        "{}{} {listed}",
        pick(language, "対象のサーバー", "Hosts"),
        all.unwrap_or_default()
    ));
}

fn taken_by(notice: &Notice, taken: &Taken) -> String {
    let (by, at) = (name(&taken.by), numbers::minute(notice, taken.at));
    match notice.language {
        Language::Ja => format!("対応: {by}({at} 確認)"),
        Language::En => format!("Taken: by {by} ({at})"),
    }
}

fn escalation(notice: &Notice, owner: &Owner, out: &mut Document) {
    let Some(next) = &owner.next else {
        return;
    };
    let (at, to, rank) = (numbers::minute(notice, next.at), name(&next.to), next.rank);
    out.text(match notice.language {
        Language::Ja => format!("{at} までに確認がなければ、第{rank}当番 {to} へ通知します。"),
        Language::En => format!("Unless taken by {at}, number {rank} on duty is told: {to}."),
    });
}

/// What is new about an alert that was told before.
fn changed(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let language = notice.language;
    out.section();
    let owner = &alert.owner;
    match &alert.happened {
        Happened::Worsened { from } => {
            let (before, now) = (
                coded(language, *from, true),
                coded(language, alert.identity.code, true),
            );
            out.text(match language {
                Language::Ja => format!("{before} から {now} に悪化しました。"),
                Language::En => format!("It went from {before} to {now}."),
            });
        }
        Happened::Repeated { nth } => out.text(match language {
            Language::Ja => format!("発生が続いています。この件の{nth}回目の通知です。"),
            Language::En => format!("It still fires. This is message {nth} about it."),
        }),
        Happened::Acknowledged => {
            if let Some(taken) = &owner.taken {
                out.text(taken_line(notice, taken));
            }
        }
        Happened::Released { by } => {
            let by = name(by);
            out.text(match language {
                Language::Ja => format!("{by}が対応を外れました。今は誰も対応していません。"),
                Language::En => format!("{by} gave it back. Nobody works on it now."),
            });
        }
        Happened::Escalated { rank, untaken_ms } => {
            let time = numbers::rough(language, *untaken_ms);
            out.text(match language {
                Language::Ja => {
                    format!("{time}の間、誰も確認していません。第{rank}当番への通知です。")
                }
                Language::En => {
                    format!("Nobody took it for {time}. This goes to number {rank} on duty.")
                }
            });
        }
        Happened::Evidence => out.text(pick(
            language,
            "最初の通知の後に届いた記録を知らせます。",
            "This is what arrived after the first message.",
        )),
        _ => {}
    }
}

/// What is happening: facts first; the forecast is a sentence of its own.
fn meaning(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let language = notice.language;
    let number = alert.identity.code;
    out.heading(pick(language, "何が起きているか", "WHAT IT MEANS"));
    let general = texts::text(number, language);
    match general {
        Some(text) => out.text(text.meaning),
        None => out.text(coded(language, number, true)),
    }
    let agreed = alert
        .response
        .as_ref()
        .and_then(|response| response.impact.as_deref());
    match (agreed, general) {
        (Some(impact), _) => out.text(format!(
            "{} {}",
            pick(language, "業務への影響:", "For the service:"),
            sentence(impact)
        )),
        (None, Some(text)) => out.text(text.impact),
        (None, None) => {}
    }
    if let Some(forecast) = alert.forecast {
        let (now, then) = (notice.written.as_millis(), forecast.at.as_millis());
        let at = numbers::minute(notice, forecast.at);
        let after = numbers::rough(language, then.saturating_sub(now));
        out.text(match language {
            Language::Ja if then <= now => {
                format!("発報時の増え方では、{at}頃に空きがなくなる見込みでした(予測)。")
            }
            Language::Ja => {
                format!("今の増え方が続くと、約{after}後({at}頃)に空きがなくなる見込みです(予測)。")
            }
            Language::En if then <= now => {
                format!("At the growth of then, nothing was left at about {at} (forecast).")
            }
            Language::En => format!(
                "If it grows on like this, nothing is left in about {after}, at {at} (forecast)."
            ),
        });
    }
    late(language, alert, out);
}

/// That the message comes long after the alert.
pub(super) fn late(language: Language, alert: &AlertNotice, out: &mut Document) {
    if let Some(millis) = alert.late_ms {
        let time = numbers::rough(language, millis);
        out.text(match language {
            Language::Ja => format!("この発報は、検知から{time}遅れて収集サーバに届きました。"),
            Language::En => format!("This reached the collector {time} after it fired."),
        });
    }
}

/// Where to take it.
fn take(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let Some(link) = &notice.link else {
        return;
    };
    let language = notice.language;
    let link = sentence(link);
    if alert.owner.taken.is_some() {
        out.section();
        out.link(&link);
        return;
    }
    out.heading(pick(language, "対応する", "TAKE IT"));
    out.link(&link);
    out.text(pick(
        language,
        "開くだけでは確認になりません。ページの「対応します」を押してください。",
        "Opening the page takes nothing. Press \"I take it\" there.",
    ));
}

/// What machines read: fixed keys, identities instead of names.
fn machine(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let Identity {
        code: number,
        customer,
        system,
        host,
        subject: about,
        alert: id,
        started,
    } = &alert.identity;
    let raised = !matches!(alert.happened, Happened::Resolved(_));
    let shown = code::display(*number, raised).to_string();
    let (code, severity) = shown.split_once('-').unwrap_or((&shown, ""));
    for (key, value) in [
        ("code", code.to_owned()),
        ("severity", severity.to_owned()),
        ("state", subject::machine_state(alert).to_owned()),
        ("customer", name(customer)),
        ("system", name(system)),
        ("host", host.as_deref().map(name).unwrap_or_default()),
        ("subject", name(about)),
        ("alert", name(id)),
        ("started", notice.zone.rfc3339(*started)),
    ] {
        out.machine(key, value);
    }
    if alert.test {
        out.machine("test", "true");
    }
}
