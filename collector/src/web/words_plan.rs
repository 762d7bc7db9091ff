//! The words of forms, windows, silences, codes and the weekly page.

use super::bilingual::bilingual;
use crate::codes::Language;
use crate::handling::Refused;

bilingual! {
    take: "対応します", "I take it";
    take_over: "引き継いで対応します", "I take it over";
    renew: "内容を更新", "Say something new";
    release: "対応を外れます", "I give it back";
    more: "復旧見込み・次回報告・ひとこと", "Expected recovery, next report, a word";
    expected: "復旧見込み", "Expected recovery";
    next_report: "次回報告", "Next report";
    text: "ひとこと", "A word";
    time_hint: "03:20 または +30m", "03:20 or +30m";
    bad_time: "時刻を読み取れません。使える形: 03:20、2026-11-24T03:20、+30m、+2h、+1d", "The time cannot be read. Allowed: 03:20, 2026-11-24T03:20, +30m, +2h, +1d";
    over_already: "このアラートはすでに終わっています。対応の記録は残せます。", "This alert is over already; it can be taken all the same.";
    note: "メモを書く", "Write a note";
    note_save: "メモを残す", "Save the note";
    silence_this: "通知を止める", "Silence";
    silence_what: "止める範囲", "What";
    this_alert: "このアラートと同じもの(コード・対象・サーバー)", "This alert (code, subject, host)";
    this_code_host: "このサーバーのこのコード", "This code on this host";
    this_code_system: "このシステムのこのコード", "This code in this system";
    this_host: "このサーバーのすべて", "Everything on this host";
    until: "いつまで", "Until";
    reason: "理由", "Reason";
    silence_make: "通知を止める", "Silence it";
    silence_note: "発生と記録は続きます。通知だけを止めます。", "It still fires and is recorded; only nobody is told.";
    done_taken: "確認を記録しました。", "Recorded: you have it.";
    done_released: "対応から外れたことを記録しました。", "Recorded: you gave it back.";
    done_note: "メモを残しました。", "The note is saved.";
    done_silence: "通知を止めました。", "It is silenced.";
    done_silence_end: "通知停止を終えました。", "The silence has ended.";
    done_window: "予定を登録しました。", "The window is announced.";
    done_window_end: "予定を終えました。", "The window has ended.";
    not_done: "記録できませんでした。", "Not recorded.";
    silences: "通知停止", "Silences";
    no_silences: "今とこれからの通知停止はありません。", "No silence holds or is to come.";
    add_silence: "通知停止を登録", "Add a silence";
    place: "範囲(顧客/システム/サーバー)", "Where (CUSTOMER/SYSTEM/HOST)";
    place_hint: "顧客だけ、顧客/システム、顧客/システム/サーバー。空欄はすべての顧客です。", "CUSTOMER, CUSTOMER/SYSTEM or CUSTOMER/SYSTEM/HOST; empty for all customers.";
    window_place_hint: "顧客だけ、顧客/システム、顧客/システム/サーバー。", "CUSTOMER, CUSTOMER/SYSTEM or CUSTOMER/SYSTEM/HOST.";
    code: "コード", "Code";
    subject: "対象(* は任意の文字列、? は任意の1文字)", "Subject (* any text, ? any character)";
    from: "いつから(空欄は今から)", "From (empty: now)";
    by: "登録", "by";
    what: "対象", "What";
    when: "時間", "When";
    state: "状態", "State";
    holds: "有効", "holds";
    to_come: "これから", "to come";
    end_now: "終える", "End";
    end_occurrence: "今回を終える", "End this one";
    end_series: "すべて終える", "End for good";
    windows: "予定", "Windows";
    no_windows: "今とこれからの予定はありません。", "No window holds or is to come.";
    add_window: "予定を登録", "Announce a window";
    kind: "種類", "Kind";
    maintenance: "作業(通知を止め、その間の停止を計画停止として扱います)", "Maintenance (silences; a stop within it is a planned one)";
    event: "イベント(キャンペーン・リリース。通知は止めません)", "Event (campaign, release: silences nothing)";
    maintenance_short: "作業", "maintenance";
    event_short: "イベント", "event";
    site: "拠点(空欄はすべて)", "Site (empty: all)";
    content: "内容", "What it is";
    title_ja: "内容(日本語)", "What it is (Japanese)";
    title_en: "内容(英語。空欄なら日本語と同じ)", "What it is (English; empty: as in Japanese)";
    once: "1回", "Once";
    weekly: "毎週", "Every week";
    begin: "開始", "Begin";
    end: "終了", "End";
    days: "曜日", "Days";
    mon: "月", "Mon";
    tue: "火", "Tue";
    wed: "水", "Wed";
    thu: "木", "Thu";
    fri: "金", "Fri";
    sat: "土", "Sat";
    sun: "日", "Sun";
    from_clock: "開始時刻", "From";
    until_clock: "終了時刻(開始以前なら翌日)", "Until (the next day where not later)";
    last: "最終日時(空欄なら続く)", "Last (empty: goes on)";
    codes: "コード一覧", "Codes";
    search: "検索", "Search";
    search_hint: "番号、名前、説明の一部", "Part of the number, name or text";
    none_found: "見つかりません。", "Nothing found.";
    name: "名前", "Name";
    severity: "重さ", "Severity";
    urgency: "急ぎ方", "Urgency";
    responses: "個別手順", "Responses";
    reserved: "番号の予約のみ", "only reserved";
    now: "すぐ通知", "at once";
    working_hours: "業務時間にまとめて", "working hours";
    record: "画面のみ", "page only";
    everybody: "すべての顧客", "every customer";
    impact: "業務への影響", "Impact";
    must_not: "してはいけないこと", "Do not";
    decides: "判断できる人", "Who may decide";
    document: "手順書", "Document";
    telephone: "電話", "Telephone";
    source: "出典", "Source";
    general: "一般の手順", "general procedure";
    noise: "週間の通知量", "Noise of the week";
    week: "週", "Week";
    show: "表示", "Show";
    previous: "前の週", "week before";
    next: "次の週", "week after";
    top: "多いもの(コード × サーバー)", "Most often (code × host)";
    top_do: "5回以上なら、しきい値かしきい時間を見直すか、原因を直します。両方しないなら、通知先を「画面のみ」にします。", "Five times or more: change level or time, or mend the cause; where neither is done, route it to the page only.";
    standing: "24時間を超えて続いたもの", "Standing over 24 hours";
    standing_do: "続いているものは、作業を計画するか、しきい値を実際の使い方に合わせます。", "Plan the work, or fit the level to how the host is used.";
    flapping: "発生と復旧を繰り返したもの", "Flapping";
    flapping_do: "同じ日に3回以上です。解除しきい値を離すか、解除時間を延ばします。", "Three times or more on one day: set the clear level further off, or the clear time longer.";
    untaken: "誰も対応しないまま終わったもの", "Closed without being taken";
    untaken_do: "対応が要らないなら通知を減らします。要るなら、当番が確認を押せているかを見ます。", "Where nobody needs to act: tell less. Where somebody does: see why nobody takes them.";
    load: "受け取った通知の数(人・日)", "Messages by receiver and day";
    load_do: "1人1日に10件を超える日が続くと、見落としが増えます。上の表から減らすものを選びます。", "More than 10 a person and day, again and again, is more than people read: choose from the tables above what to lessen.";
    nothing: "ありません。", "None.";
    times: "回数", "times";
    total_time: "合計", "in all";
    still_open: "継続中", "still open";
    host: "サーバー", "Host";
    since: "発生", "since";
    receiver: "受け手", "Receiver";
    total: "合計", "total";
    no_told: "この週に送った通知はありません。", "No message was sent in this week.";
    alerts_total: "この週のアラート", "Alerts of the week";
}

/// What a refusal names, in Japanese.
fn thing(what: &str) -> &'static str {
    match what {
        "the name" => "名前",
        "the text" => "内容",
        "the Japanese text" => "内容(日本語)",
        "the English text" => "内容(英語)",
        "the reason" => "理由",
        "the note" => "メモ",
        "the customer" | "a customer" => "顧客",
        "the system" | "a system" => "システム",
        "the site" => "拠点",
        "the agent" | "an agent" => "サーバー",
        "the subject" => "対象",
        "the expected recovery" => "復旧見込み",
        "the next report" => "次回報告",
        "the end" => "終了の時刻",
        "the begin" => "開始の時刻",
        "a silence" | "silences" => "通知停止",
        "a maintenance" => "作業",
        "an event" => "イベント",
        "windows" => "予定",
        "notes on it" => "メモ",
        "acknowledgements of this alert" => "このアラートの確認",
        _ => "項目",
    }
}

/// Why something was not done; `time` shows a moment.
#[must_use]
pub fn refused(
    language: Language,
    refused: &Refused,
    time: &dyn Fn(hansho::clock::WallTime) -> String,
) -> String {
    let said = of(language);
    let why = match language {
        Language::En => match refused {
            Refused::Ended(at) => format!("it ended at {}", time(*at)),
            other => other.to_string(),
        },
        Language::Ja => match refused {
            Refused::NoAlert => "そのアラートはありません。".to_owned(),
            Refused::NoAgent => "そのサーバーはありません。".to_owned(),
            Refused::NoSystem => "そのシステムはありません。".to_owned(),
            Refused::NoCustomer(customer) => {
                format!("顧客「{customer}」のサーバーはありません。")
            }
            Refused::NoSilence(number) => format!("通知停止 {number} はありません。"),
            Refused::NoWindow(number) => format!("予定 {number} はありません。"),
            Refused::NoToken(number) => format!("登録用トークン {number} はありません。"),
            Refused::Beyond(customer) if customer.is_empty() => {
                "すべての顧客に及ぶ操作は、この権限ではできません。".to_owned()
            }
            Refused::Beyond(customer) => {
                format!("顧客「{customer}」は、担当の範囲にありません。")
            }
            Refused::Ended(at) => format!("{} にすでに終わっています。", time(*at)),
            Refused::NotNow => {
                "今は予定の時間ではありません。すべて終えることはできます。".to_owned()
            }
            Refused::NotTaken => "今は誰も対応していません。".to_owned(),
            Refused::Empty(what) => format!("{}が空です。", thing(what)),
            Refused::TooLong { what, most } => {
                format!("{}が長すぎます({most}文字まで)。", thing(what))
            }
            Refused::Hostile(what) => format!(
                "{}には、制御文字や文字の向きを変える文字を使えません。",
                thing(what)
            ),
            Refused::Past(what) => format!("{}が過ぎた時刻です。", thing(what)),
            Refused::TooFar { what, days } => {
                format!("{}が先すぎます({days}日以内)。", thing(what))
            }
            Refused::TooLasting { what, days } => {
                format!("{}が長すぎます({days}日以内)。", thing(what))
            }
            Refused::Backwards => "終了が開始より前です。".to_owned(),
            Refused::Everything => {
                "顧客、システム、サーバー、コード、対象のどれかが必要です。".to_owned()
            }
            Refused::Needs { narrower, wider } => {
                format!("{}には{}も必要です。", thing(narrower), thing(wider))
            }
            Refused::NoDays => "毎週の予定には曜日が必要です。".to_owned(),
            Refused::BadClock => {
                "時刻は 00:00 から 23:59、UTC との差は 14:00 までです。".to_owned()
            }
            Refused::TooMany { what, most } => {
                format!("{}が多すぎます({most}件まで)。", thing(what))
            }
        },
    };
    format!("{} {why}", said.not_done)
}
