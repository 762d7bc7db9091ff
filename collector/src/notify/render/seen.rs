//! What was seen beside the value: who uses it, what happened meanwhile, what is presumed.

use super::super::notice::{
    AlertNotice, During, Happening, Notice, Suspect, SuspectBy, Suspects, Taken, What,
};
use super::document::Document;
use super::{name, numbers, pick, sentence};
use crate::limit::{MAIL_LIST, MAIL_SUSPECTS, MAIL_VICTIMS};
use hansho::code::{self, Language};

/// `HNS1002-E メモリ使用率 危険`.
pub(super) fn coded(language: Language, number: u16, raised: bool) -> String {
    let code = code::display(number, raised);
    match code::name(number, language) {
        Some(name) => format!("{code} {name}"),
        None => code.to_string(),
    }
}

/// `佐藤が確認「order-api を再起動します」 復旧見込み 03:20`.
pub(super) fn taken_line(notice: &Notice, taken: &Taken) -> String {
    let language = notice.language;
    let by = name(&taken.by);
    let mut line = match language {
        Language::Ja => format!("{by}が確認"),
        Language::En => format!("taken by {by}"),
    };
    if let Some(note) = &taken.note {
        let note = sentence(note);
        line.push_str(&match language {
            Language::Ja => format!("「{note}」"),
            Language::En => format!(": \"{note}\""),
        });
    }
    for (moment, ja, en) in [
        (taken.recovery_expected, "復旧見込み", "recovery expected"),
        (taken.next_report, "次回報告", "next report"),
    ] {
        if let Some(moment) = moment {
            line.push_str(&format!(
                "  {} {}",
                pick(language, ja, en),
                numbers::minute(notice, moment)
            ));
        }
    }
    line
}

/// Who uses it: each process in a line.
pub(super) fn suspects(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let Some(found) = &alert.suspects else {
        return;
    };
    let language = notice.language;
    let taken = numbers::second(notice, found.taken);
    let (seen, all) = (found.seen, found.all);
    let against = against(language, found);
    out.heading(match (language, &against) {
        (Language::Ja, Some(against)) => {
            format!("誰が使っているか({taken} 採取、増加は{against}前との差、{seen}/{all}プロセス)")
        }
        (Language::Ja, None) => format!("誰が使っているか({taken} 採取、{seen}/{all}プロセス)"),
        (Language::En, Some(against)) => format!(
            "WHO USES IT (taken {taken}, change against {against} before, {seen}/{all} processes)"
        ),
        (Language::En, None) => format!("WHO USES IT (taken {taken}, {seen}/{all} processes)"),
    });
    for (index, row) in found.rows.iter().take(MAIL_SUSPECTS).enumerate() {
        let mut line = format!(
            "{} {} pid {}",
            index.saturating_add(1),
            name(&row.name),
            row.pid
        );
        if let Some(unit) = &row.unit {
            line.push_str(&format!(" {}", name(unit)));
        }
        for figure in figures(language, found.by, row, against.is_some()) {
            line.push_str(&format!("  {figure}"));
        }
        out.fixed(line);
    }
    if found.partial {
        out.text(pick(
            language,
            "採取できていないプロセスがあります。ここにないプロセスが多く使っていることがあります。",
            "Not every process could be looked at: one that is not here may use more.",
        ));
    }
}

/// Whom the kernel killed: each process in a line, the last first.
pub(super) fn victims(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    if alert.victims.is_empty() {
        return;
    }
    out.heading(pick(
        notice.language,
        "メモリ不足で強制終了されたプロセス",
        "KILLED FOR MEMORY",
    ));
    for one in alert.victims.iter().take(MAIL_VICTIMS) {
        let at = numbers::second(notice, one.at);
        let mut line = format!("{at} {} pid {}", name(&one.name), one.pid);
        if let Some(unit) = &one.unit {
            line.push_str(&format!(" {}", name(unit)));
        }
        line.push_str(&format!("  {}", numbers::memory(one.anonymous_kib, 1)));
        out.fixed(line);
    }
}

/// Over how long they grew, where that is the same of all.
fn against(language: Language, found: &Suspects) -> Option<String> {
    let changes = found.rows.iter().filter_map(|row| row.change);
    let mut spans = changes.map(|(_, over_ms)| numbers::rough(language, over_ms));
    let first = spans.next().filter(|_| found.by == SuspectBy::Memory)?;
    spans.all(|span| span == first).then_some(first)
}

/// What it uses, that first by which they are put in order.
fn figures(language: Language, by: SuspectBy, row: &Suspect, same_span: bool) -> Vec<String> {
    let memory = row.resident_kib.map(|kib| numbers::memory(kib, 1));
    let change = row.change.map(|(kib, over_ms)| {
        let change = numbers::change(kib);
        if same_span {
            return change;
        }
        let span = numbers::rough(language, over_ms);
        match language {
            Language::Ja => format!("{change}({span})"),
            Language::En => format!("{change} in {span}"),
        }
    });
    let first = match by {
        SuspectBy::Memory => None,
        SuspectBy::Cpu => row
            .cpu_permille
            .map(|permille| format!("CPU {}", numbers::percent(u64::from(permille)))),
        SuspectBy::Swap => row.swap_kib.map(|kib| {
            let swap = pick(language, "スワップ", "swap");
            format!("{swap} {}", numbers::memory(kib, 1))
        }),
    };
    let told = match (by, &first) {
        (SuspectBy::Memory, _) => [None, memory, change],
        (_, first) => {
            let named = |kib| format!("{} {kib}", pick(language, "メモリ", "memory"));
            [first.clone(), memory.map(named), None]
        }
    };
    told.into_iter().flatten().collect()
}

/// What happened since it fired.
pub(super) fn meanwhile(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let language = notice.language;
    out.heading(pick(
        language,
        "その間に起きたこと",
        "WHAT HAPPENED MEANWHILE",
    ));
    for happening in alert.meanwhile.iter().take(MAIL_LIST) {
        out.step(format!(
            "{} {}",
            numbers::minute(notice, happening.at),
            what(notice, happening)
        ));
    }
    let more = alert.meanwhile.len().saturating_sub(MAIL_LIST);
    if more > 0 {
        out.text(match language {
            Language::Ja => format!("ほか{more}件"),
            Language::En => format!("and {more} more"),
        });
    }
    out.text(during(language, alert.during));
}

/// `OOM Killer: なし  サーバー再起動: なし  計測の欠け: なし`.
fn during(language: Language, during: During) -> String {
    let count = |count: u64| match (count, language) {
        (0, _) => pick(language, "なし", "none").to_owned(),
        (count, Language::Ja) => format!("{count}回"),
        (count, Language::En) => count.to_string(),
    };
    let mut parts = Vec::new();
    if let Some(kills) = during.oom_kills {
        parts.push(format!(
            "{} {}",
            pick(language, "OOM Killer:", "OOM kills:"),
            count(kills)
        ));
    }
    if let Some(boots) = during.boots {
        parts.push(format!(
            "{} {}",
            pick(language, "サーバー再起動:", "reboots:"),
            count(boots)
        ));
    }
    if let Some(millis) = during.gap_ms {
        let gap = match millis {
            0 => count(0),
            millis => numbers::duration(language, millis),
        };
        parts.push(format!(
            "{} {gap}",
            pick(language, "計測の欠け:", "readings missing:")
        ));
    }
    parts.join("  ")
}

fn what(notice: &Notice, happening: &Happening) -> String {
    let language = notice.language;
    match &happening.what {
        What::Taken(taken) => taken_line(notice, taken),
        What::Released { by } => match language {
            Language::Ja => format!("{}が対応を外れました", name(by)),
            Language::En => format!("given back by {}", name(by)),
        },
        What::Noted { by, text } => match language {
            Language::Ja => format!("{}のメモ「{}」", name(by), sentence(text)),
            Language::En => format!("note of {}: \"{}\"", name(by), sentence(text)),
        },
        What::Escalated { to } => match language {
            Language::Ja => format!("{}へ通知", name(to)),
            Language::En => format!("{} told", name(to)),
        },
        What::Code { number, firing } => {
            let code = coded(language, *number, *firing);
            match (language, firing) {
                (Language::Ja, true) => format!("{code} 発生"),
                (Language::Ja, false) => format!("{code} 復旧"),
                (Language::En, true) => format!("{code} raised"),
                (Language::En, false) => format!("{code} resolved"),
            }
        }
        What::Booted => pick(language, "サーバーが再起動しました", "the host booted").to_owned(),
        What::ConfigChanged => pick(
            language,
            "エージェントの設定が変わりました",
            "the agent's configuration changed",
        )
        .to_owned(),
        What::Gap { lasted_ms } => {
            let lasted = numbers::duration(language, *lasted_ms);
            match language {
                Language::Ja => format!("計測の欠け {lasted}"),
                Language::En => format!("readings missing for {lasted}"),
            }
        }
        What::Text(text) => sentence(text),
    }
}

/// Presumed causes, under a heading that says so.
pub(super) fn presumed(language: Language, alert: &AlertNotice, out: &mut Document) {
    out.heading(pick(
        language,
        "原因(推定・未確定)",
        "CAUSE (presumed, not confirmed)",
    ));
    for cause in alert.presumed.iter().take(MAIL_LIST) {
        out.text(sentence(cause));
    }
}
