//! The end of an alert: what it says, what it does not, and what happened meanwhile.

use super::super::notice::{AlertNotice, Ending, Notice};
use super::alert::late;
use super::document::Document;
use super::seen::{coded, meanwhile, presumed};
use super::{name, numbers, pick, sentence, subject, times};
use hansho::code::Language;

/// Writes it.
pub(super) fn resolved(notice: &Notice, alert: &AlertNotice, ending: Ending, out: &mut Document) {
    let language = notice.language;
    out.section();
    ended(language, alert, ending, out);
    late(language, alert, out);
    out.section();
    resolved_times(notice, alert, ending, out);
    meanwhile(notice, alert, out);
    presumed(language, alert, out);
    out.heading(pick(language, "次に", "NEXT"));
    if let Some(report) = &alert.report {
        out.text(pick(
            language,
            "第一報の下書き",
            "Draft of the first report:",
        ));
        out.link(&sentence(report));
    }
    if let Some((taken, at)) = alert
        .owner
        .taken
        .as_ref()
        .and_then(|taken| Some((taken, taken.next_report?)))
    {
        let (at, by) = (numbers::minute(notice, at), name(&taken.by));
        out.text(match language {
            Language::Ja => format!("次回報告予定 {at}({by})"),
            Language::En => format!("Next report at {at} ({by})"),
        });
    }
    if let Some(link) = &notice.link {
        out.link(&sentence(link));
    }
}

/// How it ended, and what that does not say.
fn ended(language: Language, alert: &AlertNotice, ending: Ending, out: &mut Document) {
    let what = alert
        .value
        .and_then(|value| value.quantity)
        .and_then(|quantity| numbers::share_name(language, quantity));
    let code = coded(language, alert.identity.code, true);
    let event = alert.rule.is_some_and(|rule| rule.event);
    out.text(match (ending, language, what) {
        (Ending::Cleared, Language::Ja, _) if event => format!(
            "{code} は、解除時間の間、次の発生がありませんでした。業務が正常かどうかは、このメールでは分かりません。"
        ),
        (Ending::Cleared, Language::En, _) if event => format!(
            "{code}: no further event within the clear time. Whether the service is well, this mail does not know."
        ),
        (Ending::Cleared, Language::Ja, Some(what)) => format!(
            "{what}は正常に戻りました。業務が正常かどうかは、このメールでは分かりません。"
        ),
        (Ending::Cleared, Language::Ja, None) => format!(
            "{code} の値は解除しきい値まで戻りました。業務が正常かどうかは、このメールでは分かりません。"
        ),
        (Ending::Cleared, Language::En, Some(what)) => format!(
            "{what}: back to normal. Whether the service is well, this mail does not know."
        ),
        (Ending::Cleared, Language::En, None) => format!(
            "{code}: the value is back at its clear level. Whether the service is well, this mail does not know."
        ),
        (Ending::Withdrawn, Language::Ja, _) => format!(
            "{code} の判定が無効にされたか、設定から外されました。値が戻ったことを意味しません。"
        ),
        (Ending::Withdrawn, Language::En, _) => format!(
            "{code}: the rule was disabled or is no longer configured. It does not mean that the value is back."
        ),
        (Ending::Told, Language::Ja, _) => format!(
            "{code} は、エージェントが送った発生中の一覧にありませんでした。復旧の記録は届いていないため、いつ、なぜ終わったかは不明です。"
        ),
        (Ending::Told, Language::En, _) => format!(
            "{code}: the agent's list of open alerts no longer named it. When and why it ended is unknown."
        ),
        (Ending::Test, Language::Ja, _) => "試験が終わりました。".to_owned(),
        (Ending::Test, Language::En, _) => "The test is over.".to_owned(),
        (Ending::Moved, Language::Ja, _) => format!(
            "{code} の対象のサーバーは、別の管理先へ移されました。この件の通知は、これで終わりです。復旧したことを意味しません。"
        ),
        (Ending::Moved, Language::En, _) => format!(
            "{code}: its host was moved away, and this thread ends here for you. It does not mean that all is well again."
        ),
        (Ending::Retired, Language::Ja, _) => format!(
            "{code} の対象のエージェントは、監視の対象から外されました。復旧したことを意味しません。"
        ),
        (Ending::Retired, Language::En, _) => format!(
            "{code}: its agent was retired and is not expected any more. It does not mean that all is well again."
        ),
    });
    if ending != Ending::Cleared || alert.test {
        return;
    }
    let confirm = alert
        .response
        .as_ref()
        .and_then(|response| response.confirm.as_deref())
        .map(sentence);
    out.text(match (language, confirm) {
        (Language::Ja, Some(confirm)) => format!("{confirm}を確認してから終了してください。"),
        (Language::Ja, None) => {
            "サービスの画面と処理が動いていることを確認してから終了してください。".to_owned()
        }
        (Language::En, Some(confirm)) => format!("Check {confirm} before you close it."),
        (Language::En, None) => {
            "Check that the service answers and does its work before you close it.".to_owned()
        }
    });
}

fn resolved_times(notice: &Notice, alert: &AlertNotice, ending: Ending, out: &mut Document) {
    let language = notice.language;
    // Only of an end by the rule it is known that the value is back.
    let (end, end_en) = match ending {
        Ending::Cleared => ("復旧判定", "resolved"),
        _ => ("終了", "ended"),
    };
    let times = &alert.times;
    let mut line = Vec::new();
    let mut shown_day: Option<String> = None;
    for (moment, ja, en) in [
        (times.occurred, "発生", "occurred"),
        (times.detected, "検知", "detected"),
        (times.notified, "通知", "notified"),
    ] {
        if let Some(moment) = moment {
            let time = numbers::dated(notice, moment);
            let day = time.split_once(' ').map(|(day, _)| day.to_owned());
            // The day once, as long as it stays the same.
            let shown = match time.split_once(' ') {
                Some((_, rest)) if day == shown_day => rest.to_owned(),
                _ => time.clone(),
            };
            shown_day = day;
            line.push(format!("{} {shown}", pick(language, ja, en)));
        }
    }
    out.text(line.join("  "));
    if let Some(moment) = times.recovered {
        let clear = alert.rule.and_then(|rule| {
            let level = numbers::level(language, rule.clear?, rule.quantity);
            Some(match (language, rule.below) {
                (Language::Ja, false) => format!("{level}以下になった時刻"),
                (Language::Ja, true) => format!("{level}以上になった時刻"),
                (Language::En, false) => format!("fell to {level}"),
                (Language::En, true) => format!("rose to {level}"),
            })
        });
        times::row(notice, out, ("回復", "recovered"), moment, clear);
    }
    if let Some(moment) = times.resolved {
        let held = alert
            .rule
            .and_then(|rule| rule.clear_after_ms)
            .map(|millis| {
                let time = numbers::duration(language, millis);
                match language {
                    Language::Ja => format!("{time}継続"),
                    Language::En => format!("held for {time}"),
                }
            });
        times::row(notice, out, (end, end_en), moment, held);
    }
    if let Some(millis) = subject::lasted_ms(alert) {
        let time = numbers::duration(language, millis);
        out.text(match (language, times.recovered.is_some()) {
            (Language::Ja, true) => format!("継続 {time}(発生から回復まで)"),
            (Language::Ja, false) => format!("継続 {time}(発生から{end}まで)"),
            (Language::En, true) => format!("lasted {time} (from occurrence to recovery)"),
            (Language::En, false) => format!("lasted {time} (from occurrence to the end)"),
        });
    }
    let mut values = Vec::new();
    if let Some(worst) = alert.worst {
        values.push(times::worst_line(notice, worst, times::below(alert)));
    }
    if let Some(value) = alert.value {
        values.push(format!(
            "{} {}",
            pick(language, "現在", "now"),
            numbers::value(language, value)
        ));
    }
    out.text(values.join("  "));
}
