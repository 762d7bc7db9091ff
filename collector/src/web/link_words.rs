//! The words of the page behind a signed link, in both languages.

use crate::codes::Language;
use crate::handling::Refused;
use crate::handling::acknowledge::TakenHow;

/// The words of one language.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named by the English word")]
pub struct LinkWords {
    pub for_receiver: &'static str,
    pub holder: &'static str,
    pub nobody: &'static str,
    pub opened_only: &'static str,
    pub valid_until: &'static str,
    pub add: &'static str,
    pub your_name: &'static str,
    pub recovery: &'static str,
    pub next_report: &'static str,
    pub text: &'static str,
    pub not_said: &'static str,
    pub minutes_15: &'static str,
    pub minutes_30: &'static str,
    pub hour_1: &'static str,
    pub hours_2: &'static str,
    pub hours_4: &'static str,
    pub hours_8: &'static str,
    pub take: &'static str,
    pub take_over: &'static str,
    pub over: &'static str,
    pub taken: &'static str,
    pub renewed: &'static str,
    pub same: &'static str,
    pub again: &'static str,
    pub no_link: &'static str,
    pub expired: &'static str,
    pub too_often: &'static str,
    pub bad_time: &'static str,
    pub bad_form: &'static str,
    pub not_done: &'static str,
    pub details: &'static str,
    pub state_firing: &'static str,
    pub name_text: &'static str,
}

static JA: LinkWords = LinkWords {
    for_receiver: "宛先",
    holder: "確認",
    nobody: "まだ誰も確認していません",
    opened_only: "開くだけでは確認になりません。ボタンを押すと、確認として記録します。",
    valid_until: "このリンクの期限",
    add: "名前・復旧見込み・次回報告・ひとことを添える",
    your_name: "名前(空欄なら宛先の名前)",
    recovery: "復旧見込み",
    next_report: "次回報告",
    text: "ひとこと",
    not_said: "未定",
    minutes_15: "15分後",
    minutes_30: "30分後",
    hour_1: "1時間後",
    hours_2: "2時間後",
    hours_4: "4時間後",
    hours_8: "8時間後",
    take: "対応します",
    take_over: "引き継いで対応します",
    over: "このアラートはすでに終わっています。",
    taken: "確認を記録しました。",
    renewed: "内容を更新しました。",
    same: "同じ内容で確認済みです。",
    again: "この確認は記録済みです。その後の状況は下のとおりです。",
    no_link: "このリンクは使えません。メールの中で途中から切れている場合は、全体をアドレス欄に貼り付けます。それでも使えない場合は、ログインしてアラートを開きます。",
    expired: "このリンクは期限(24時間)を過ぎました。ログインすると、アラートを開けます。",
    too_often: "操作の回数が多すぎます。1分後にやり直せます。",
    bad_time: "時刻を読み取れないか、過ぎた時刻です。選び直すと記録できます。",
    bad_form: "送られた内容を読み取れません。ページを開き直すと、やり直せます。",
    not_done: "記録できませんでした。",
    details: "アラートの詳細(ログインが必要)",
    state_firing: "発生中",
    name_text: "名前とひとことには、制御文字や文字の向きを変える文字を使えません。",
};

static EN: LinkWords = LinkWords {
    for_receiver: "sent to",
    holder: "taken by",
    nobody: "nobody has taken it yet",
    opened_only: "Opening this page does not take the alert. To take it, press the button.",
    valid_until: "this link ends",
    add: "add a name, times, a word",
    your_name: "your name (the receiver's where empty)",
    recovery: "recovery expected",
    next_report: "next report",
    text: "a word",
    not_said: "not known",
    minutes_15: "in 15 minutes",
    minutes_30: "in 30 minutes",
    hour_1: "in 1 hour",
    hours_2: "in 2 hours",
    hours_4: "in 4 hours",
    hours_8: "in 8 hours",
    take: "I take it",
    take_over: "I take it over",
    over: "This alert is over already.",
    taken: "Recorded: you have it.",
    renewed: "Recorded: what you said was renewed.",
    same: "You have it already, with the same words.",
    again: "This was recorded before. How things stand since then is below.",
    no_link: "This link does not work. See whether the mail cut it; otherwise log in and open the alert.",
    expired: "This link has ended (24 hours). Log in and open the alert.",
    too_often: "Too often. Wait a minute and try again.",
    bad_time: "The time cannot be read. Please choose again.",
    bad_form: "What was sent cannot be read. Please open the page again.",
    not_done: "Not recorded.",
    details: "the alert in detail (needs a login)",
    state_firing: "firing",
    name_text: "Name and word must not have control characters or such that turn the direction of text.",
};

/// Of a language.
#[must_use]
pub fn of(language: Language) -> &'static LinkWords {
    match language {
        Language::Ja => &JA,
        Language::En => &EN,
    }
}

/// What became of a form.
#[must_use]
pub fn taken(language: Language, how: &TakenHow) -> String {
    let words = of(language);
    let plain = match how {
        TakenHow::First => words.taken,
        TakenHow::Renewed => words.renewed,
        TakenHow::Same => words.same,
        TakenHow::Again => words.again,
        TakenHow::TookOver { from } => {
            return match language {
                Language::Ja => format!("{from} から引き継ぎ、確認を記録しました。"),
                Language::En => format!("Recorded: you took it over from {from}."),
            };
        }
    };
    plain.to_owned()
}

/// Why a form was not taken.
#[must_use]
pub fn refused(language: Language, refused: &Refused) -> String {
    let words = of(language);
    let why = match (refused, language) {
        (Refused::Hostile(_), _) => words.name_text.to_owned(),
        (Refused::TooLong { most, .. }, Language::Ja) => {
            format!("長すぎます({most}文字まで)。")
        }
        (Refused::TooLong { most, .. }, Language::En) => {
            format!("It is too long: allowed are {most} characters.")
        }
        (Refused::Past(_) | Refused::TooFar { .. }, _) => words.bad_time.to_owned(),
        (Refused::TooMany { .. }, _) => words.too_often.to_owned(),
        (other, _) => format!("({other})"),
    };
    format!("{} {why}", words.not_done)
}
