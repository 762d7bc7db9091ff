//! Writes a [`Notice`]: subject, plain text, and HTML with the same content. Facts and presumptions never share a sentence,
//! a section without data is left out, and what hosts or people wrote is made harmless ([`clean`]).

mod alert;
pub mod clean;
mod document;
mod ending;
mod lists;
pub mod numbers;
mod presence;
mod response;
mod seen;
mod subject;
mod times;

use super::notice::{AlertNotice, Body, Notice, Told, Why};
use crate::limit::{MAIL_LIST, MAIL_NAME_CHARACTERS, MAIL_TEXT_CHARACTERS};
use document::Document;
use hansho::code::Language;
pub use presence::boot_words;

/// A message as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Subject: one harmless line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML, for receivers who asked for it.
    pub html: String,
    /// The lines for machines that end the text.
    pub machine: String,
}

/// Writes a message.
#[must_use]
pub fn render(notice: &Notice) -> Rendered {
    let mut out = Document::new(notice.language);
    match &notice.body {
        Body::Alert(alert) => alert::write(notice, alert, &mut out),
        Body::List(list) => lists::list(notice, list, &mut out),
        Body::MailFailed(failed) => lists::mail_failed(notice, failed, &mut out),
        Body::Daily(daily) => lists::daily(notice, daily, &mut out),
    }
    Rendered {
        subject: subject::subject(notice),
        text: out.plain(),
        html: out.html(),
        machine: out.keys(),
    }
}

/// The state of an alert in a word, as in its subject.
#[must_use]
pub const fn state(language: Language, alert: &AlertNotice) -> &'static str {
    subject::state(language, alert)
}

/// One of two texts.
const fn pick(language: Language, ja: &'static str, en: &'static str) -> &'static str {
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

/// A name made harmless.
fn name(text: &str) -> String {
    clean::line(text, MAIL_NAME_CHARACTERS)
}

/// A sentence made harmless.
fn sentence(text: &str) -> String {
    clean::line(text, MAIL_TEXT_CHARACTERS)
}

/// Names in a row, the first [`MAIL_LIST`].
fn names(language: Language, all: &[String]) -> String {
    let shown: Vec<String> = all.iter().take(MAIL_LIST).map(|one| name(one)).collect();
    let rest = all.len().saturating_sub(shown.len());
    let mut text = shown.join(pick(language, "、", ", "));
    if rest > 0 {
        text.push_str(&match language {
            Language::Ja => format!(" ほか{rest}件"),
            Language::En => format!(" and {rest} more"),
        });
    }
    text
}

/// Who gets it, and why.
fn told(notice: &Notice, out: &mut Document) {
    let language = notice.language;
    out.section();
    let Told { to, cc } = &notice.told;
    if !to.is_empty() || !cc.is_empty() {
        let mut line = format!(
            "{} {}",
            pick(language, "通知先:", "Told:"),
            names(language, to)
        );
        if !cc.is_empty() {
            line.push_str(&format!("  (Cc) {}", names(language, cc)));
        }
        out.text(line);
    }
    out.text(format!(
        "{} {}",
        pick(language, "通知の理由:", "Why you get this:"),
        why(language, notice.why)
    ));
}

/// Why a message is sent, in words.
#[must_use]
pub const fn why(language: Language, why: Why) -> &'static str {
    match why {
        Why::First => pick(language, "最初の通知", "first message about it"),
        Why::Worsened => pick(language, "悪化", "it got worse"),
        Why::Repeat => pick(language, "発生が続いているため再通知", "it still fires"),
        Why::Grouped => pick(
            language,
            "同時に発生した分を1通にまとめました",
            "several at once, as one message",
        ),
        Why::Storm => pick(
            language,
            "通知の上限に達したためまとめました",
            "more messages than the ceiling, as one",
        ),
        Why::Resolved => pick(language, "復旧", "it ended"),
        Why::Ended => pick(
            language,
            "終了(復旧したかどうかは不明)",
            "it ended; whether all is well again is unknown",
        ),
        Why::Retired => pick(
            language,
            "監視の対象から外されたため終了",
            "it ended because its agent was retired",
        ),
        Why::Acknowledged => pick(language, "担当者が確認しました", "somebody took it"),
        Why::Released => pick(
            language,
            "担当者が対応を外れました",
            "somebody gave it back",
        ),
        Why::Escalated => pick(
            language,
            "時間内に確認がなかったため、次の当番へ通知しました",
            "nobody took it in time: the next on duty is told",
        ),
        Why::PassedOver => pick(
            language,
            "前の当番に通知先がないため、次の当番へすぐに通知しました",
            "whoever is on duty before has no receiver: the next is told at once",
        ),
        Why::Fallback => pick(
            language,
            "当番にもチームにも通知先がないため、予備の通知先へ通知しました",
            "nobody on duty and none of the team has a receiver: the fallback is told",
        ),
        Why::MovedHere => pick(
            language,
            "サーバーの管理先がこちらへ変わり、発生が続いています",
            "the host was moved here while it fires",
        ),
        Why::MovedAway => pick(
            language,
            "サーバーの管理先が変わりました",
            "the host was moved away",
        ),
        Why::Back => pick(language, "連絡が戻りました", "the host is back"),
        Why::Evidence => pick(
            language,
            "最初の通知の後に記録が届きました",
            "evidence came after the first message",
        ),
        Why::Late => pick(
            language,
            "復旧済みの記録が遅れて届きました",
            "it arrived late, after its end",
        ),
        Why::Digest => pick(language, "定時のまとめ", "digest of the working day"),
        Why::SilenceEnded => pick(
            language,
            "通知停止が終わり、発生が続いています",
            "a silence ended and it still fires",
        ),
        Why::Drill => pick(language, "試験", "a test"),
        Why::DeliveryFailed => pick(language, "通知不達", "messages are not delivered"),
        Why::Daily => pick(language, "日次の確認", "daily mail"),
    }
}
