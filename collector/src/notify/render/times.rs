//! The sections of an alert's figures: since when, how bad, by which rule, and the last 30 days.

use super::super::notice::{
    AlertNotice, Excerpt, Growth, History, Measured, Notice, RuleWords, Times, Worst,
};
use super::document::Document;
use super::{name, numbers, pick};
use crate::limit::MAIL_LIST;
use crate::store::Dated;
use hansho::code::Language;
use hansho::rule::{Quantity, Unit};

/// "Since when, how bad" of an alert that fires.
pub(super) fn firing(notice: &Notice, alert: &AlertNotice, out: &mut Document) {
    let language = notice.language;
    let zone = notice.zone.label();
    out.heading(match language {
        Language::Ja => format!("いつから・どの程度(時刻は {zone}、収集サーバ基準)"),
        Language::En => format!("SINCE WHEN, HOW BAD (times in {zone}, by the collector)"),
    });
    let Times {
        occurred,
        detected,
        notified,
        ..
    } = alert.times;
    if let Some(moment) = occurred {
        let crossed = alert
            .rule
            .filter(|rule| !rule.event)
            .map(|rule| crossed(language, rule));
        row(notice, out, ("発生", "occurred"), moment, crossed);
    }
    if let Some(moment) = detected {
        let held = alert
            .rule
            .filter(|rule| rule.raise_after_ms > 0)
            .map(|rule| {
                let time = numbers::duration(language, rule.raise_after_ms);
                match language {
                    Language::Ja => format!("{time}継続"),
                    Language::En => format!("held for {time}"),
                }
            });
        row(notice, out, ("検知", "detected"), moment, held);
    }
    if let Some(moment) = notified {
        row(notice, out, ("通知", "notified"), moment, None);
    }
    if let Some(value) = alert.value {
        out.text(now(language, value, alert.excerpt.available_kib));
    }
    if let Some(count) = alert.count.filter(|count| *count > 1) {
        out.text(match language {
            Language::Ja => format!("回数 {count}"),
            Language::En => format!("count {count}"),
        });
    }
    if let Some(worst) = alert.worst {
        out.text(worst_line(notice, worst, below(alert)));
    }
    excerpt(language, alert.value, &alert.excerpt, out);
    if let Some(rule) = alert.rule {
        out.text(rule_line(language, rule));
    }
}

/// Whether low values are the bad ones.
pub(super) fn below(alert: &AlertNotice) -> bool {
    alert.rule.is_some_and(|rule| rule.below)
}

pub(super) fn row(
    notice: &Notice,
    out: &mut Document,
    (ja, en): (&'static str, &'static str),
    moment: Dated,
    note: Option<String>,
) {
    let mut line = format!(
        "{} {}",
        pick(notice.language, ja, en),
        numbers::dated(notice, moment)
    );
    if let Some(note) = note {
        line.push_str("  ");
        line.push_str(&note);
    }
    out.text(line);
}

fn crossed(language: Language, rule: RuleWords) -> String {
    let level = numbers::level(language, rule.raise, rule.quantity);
    match (language, rule.below) {
        (Language::Ja, false) => format!("{level}以上になった時刻"),
        (Language::Ja, true) => format!("{level}以下になった時刻"),
        (Language::En, false) => format!("reached {level}"),
        (Language::En, true) => format!("fell to {level}"),
    }
}

/// `現在 96.0%(使用 14.97 / 全体 15.60 GiB、利用可能 0.63 GiB)`.
fn now(language: Language, value: Measured, available_kib: Option<u64>) -> String {
    let shown = numbers::value(language, value);
    let is_kib = value.quantity.map(Quantity::unit) == Some(Unit::Kib);
    let mut details = Vec::new();
    if let Some(total) = value.total.filter(|_| is_kib) {
        let of = numbers::memory_of(value.value, total, 2);
        let (used, total) = of.split_once('/').unwrap_or((&of, ""));
        details.push(match language {
            Language::Ja => format!("使用 {used} / 全体 {total}"),
            Language::En => format!("{used} of {total}"),
        });
    }
    if let Some(kib) = available_kib {
        let kib = numbers::memory(kib, 2);
        details.push(match language {
            Language::Ja => format!("利用可能 {kib}"),
            Language::En => format!("available {kib}"),
        });
    }
    match (details.is_empty(), language) {
        (true, Language::Ja) => format!("現在 {shown}"),
        (true, Language::En) => format!("now {shown}"),
        (false, Language::Ja) => format!("現在 {shown}({})", details.join("、")),
        (false, Language::En) => format!("now {shown} ({})", details.join(", ")),
    }
}

/// `最大 98.7%(03:04:12、利用可能 0.20 GiB)`.
pub(super) fn worst_line(notice: &Notice, worst: Worst, below: bool) -> String {
    let language = notice.language;
    let value = numbers::value(language, worst.value);
    let mut details = Vec::new();
    if let Some(at) = worst.at {
        details.push(numbers::second(notice, at.wall));
    }
    if let Some(kib) = worst.available_kib {
        details.push(format!(
            "{} {}",
            pick(language, "利用可能", "available"),
            numbers::memory(kib, 2)
        ));
    }
    let what = match below {
        false => pick(language, "最大", "highest"),
        true => pick(language, "最小", "lowest"),
    };
    match (details.is_empty(), language) {
        (true, _) => format!("{what} {value}"),
        (false, Language::Ja) => format!("{what} {value}({})", details.join("、")),
        (false, Language::En) => format!("{what} {value} ({})", details.join(", ")),
    }
}

fn excerpt(language: Language, value: Option<Measured>, excerpt: &Excerpt, out: &mut Document) {
    let mut past = Vec::new();
    if let Some(growth) = excerpt.growth {
        past.push(growth_text(language, value, growth));
    }
    for (measured, ja, en) in [
        (excerpt.hour_ago, "1時間前", "1 h ago"),
        (excerpt.day_ago, "24時間前", "24 h ago"),
    ] {
        if let Some(measured) = measured {
            past.push(format!(
                "{} {}",
                pick(language, ja, en),
                numbers::value(language, measured)
            ));
        }
    }
    out.text(past.join("  "));
    let mut beside = Vec::new();
    if let Some(permille) = excerpt.memory_full_permille {
        let stall = pick(language, "停滞 memory full", "stall memory full");
        beside.push(format!("{stall} {}", numbers::percent(permille)));
    }
    if let Some(used) = excerpt.swap_used_kib {
        let swap = pick(language, "スワップ", "swap");
        let amount = match excerpt.swap_total_kib {
            Some(total) => numbers::memory_of(used, total, 1),
            None => numbers::memory(used, 1),
        };
        beside.push(format!("{swap} {amount}"));
    }
    if let Some(permille) = excerpt.cpu_permille {
        beside.push(format!("CPU {}", numbers::percent(permille)));
    }
    out.text(beside.join("  "));
}

/// `増加 +8.4 GiB/時(直近28分)`.
fn growth_text(language: Language, value: Option<Measured>, growth: Growth) -> String {
    let unit = value.and_then(|value| value.quantity).map(Quantity::unit);
    let amount = match unit {
        Some(Unit::Kib) => numbers::change(growth.per_hour),
        _ => format!("{:+}", growth.per_hour),
    };
    let over = numbers::rough(language, growth.over_ms);
    match (language, growth.per_hour < 0) {
        (Language::Ja, false) => format!("増加 {amount}/時(直近{over})"),
        (Language::Ja, true) => format!("減少 {amount}/時(直近{over})"),
        (Language::En, false) => format!("growth {amount}/h (last {over})"),
        (Language::En, true) => format!("shrinks {amount}/h (last {over})"),
    }
}

/// `しきい値 95%以上に達してから60秒(途中90%以下なし、解除 90%以下が5分)`.
fn rule_line(language: Language, rule: RuleWords) -> String {
    let side = |below: bool| match (language, below) {
        (Language::Ja, false) => "以上",
        (Language::Ja, true) => "以下",
        (Language::En, false) => " or more",
        (Language::En, true) => " or less",
    };
    let time = |millis| numbers::duration(language, millis);
    let clear_time = rule.clear_after_ms;
    if rule.event {
        return match (language, clear_time) {
            (Language::Ja, Some(millis)) => {
                format!("判定 1回で発報(解除 次の事象なしが{})", time(millis))
            }
            (Language::Ja, None) => "判定 1回で発報".to_owned(),
            (Language::En, Some(millis)) => {
                format!(
                    "rule fires at once (clear: no further event for {})",
                    time(millis)
                )
            }
            (Language::En, None) => "rule fires at once".to_owned(),
        };
    }
    let raise = format!(
        "{}{}",
        numbers::level(language, rule.raise, rule.quantity),
        side(rule.below)
    );
    let after = time(rule.raise_after_ms);
    let clear = rule.clear.map(|level| {
        format!(
            "{}{}",
            numbers::level(language, level, rule.quantity),
            side(!rule.below)
        )
    });
    match (language, clear) {
        (Language::Ja, Some(clear)) => {
            let clears = clear_time.map_or_else(String::new, |millis| {
                format!("、解除 {clear}が{}", time(millis))
            });
            format!("しきい値 {raise}に達してから{after}(途中{clear}なし{clears})")
        }
        (Language::Ja, None) => format!("しきい値 {raise}に達してから{after}"),
        (Language::En, Some(clear)) => {
            let clears = clear_time.map_or_else(String::new, |millis| {
                format!("; clear: {clear} for {}", time(millis))
            });
            format!("rule {raise} for {after} (not {clear} in between{clears})")
        }
        (Language::En, None) => format!("rule {raise} for {after}"),
    }
}

/// "Last 30 days".
pub(super) fn history(notice: &Notice, history: &History, out: &mut Document) {
    let language = notice.language;
    out.heading(pick(language, "この30日", "LAST 30 DAYS"));
    if let Some(count) = history.same_code {
        out.text(same_code(notice, count, history));
    }
    let mut beside = Vec::new();
    if let Some(boots) = &history.boots {
        beside.push(moments(notice, ("サーバー起動", "boots"), boots));
    }
    if let Some(changes) = &history.config_changes {
        beside.push(moments(
            notice,
            ("監視設定の変更", "configuration changes"),
            changes,
        ));
    }
    out.text(beside.join("  "));
    match history.windows.as_deref() {
        None => {}
        Some([]) => out.text(pick(
            language,
            "予定(キャンペーン・作業)なし",
            "planned (campaigns, work): none",
        )),
        Some(windows) => {
            for window in windows.iter().take(MAIL_LIST) {
                out.text(format!(
                    "{} {}",
                    pick(language, "予定", "planned"),
                    name(window)
                ));
            }
        }
    }
}

fn same_code(notice: &Notice, count: u64, history: &History) -> String {
    let language = notice.language;
    let last = history.last.map(|last| {
        let at = numbers::day_minute(notice, last.at);
        match last.lasted_ms {
            Some(millis) => {
                let lasted = numbers::rough(language, millis);
                format!("{at}{}{lasted}", pick(language, "、", ", "))
            }
            None => at,
        }
    });
    match (language, last, count) {
        (Language::Ja, _, 0) => "同じコード なし".to_owned(),
        (Language::Ja, Some(last), 1) => format!("同じコード 1回({last})"),
        (Language::Ja, Some(last), _) => format!("同じコード {count}回(最新 {last})"),
        (Language::Ja, None, _) => format!("同じコード {count}回"),
        (Language::En, _, 0) => "same code: never".to_owned(),
        (Language::En, Some(last), 1) => format!("same code: once ({last})"),
        (Language::En, Some(last), _) => format!("same code: {count} times (newest {last})"),
        (Language::En, None, _) => format!("same code: {count} times"),
    }
}

fn moments(
    notice: &Notice,
    (ja, en): (&'static str, &'static str),
    all: &[hansho::clock::WallTime],
) -> String {
    let language = notice.language;
    let what = pick(language, ja, en);
    let mut shown: Vec<String> = all
        .iter()
        .rev()
        .take(3)
        .map(|moment| numbers::day_minute(notice, *moment))
        .collect();
    shown.reverse();
    let more = all.len().saturating_sub(shown.len());
    match (shown.is_empty(), more) {
        (true, _) => format!("{what} {}", pick(language, "なし", "none")),
        (false, 0) => format!("{what} {}", shown.join(pick(language, "、", ", "))),
        (false, more) => {
            let list = shown.join(pick(language, "、", ", "));
            match language {
                Language::Ja => format!("{what} {list} ほか{more}回"),
                Language::En => format!("{what} {list} and {more} more"),
            }
        }
    }
}
