//! What is around every page, and the pieces that several pages share.

use super::assets;
use super::codes::{self, Severity, Text};
use super::guard::{Entered, Way};
use super::reason::{self, Ending};
use super::values;
use super::words::Words;
use super::words_people;
use crate::people::{Action, Viewer};
use crate::plain::shown;
use crate::store::{Agent, StoredAlert};
use crate::zone::Zone;
use hansho::clock::WallTime;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// For whom a page is, and when.
pub struct View {
    /// Words.
    pub words: &'static Words,
    /// The language stands in the address.
    pub explicit: bool,
    /// Now.
    pub now: WallTime,
    /// Zone of the times.
    pub zone: Zone,
    /// Who looks.
    pub entered: Entered,
}

impl View {
    /// Who looks.
    #[must_use]
    pub const fn viewer(&self) -> &Viewer {
        &self.entered.viewer
    }

    /// What forms send back.
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.entered.csrf
    }

    /// A time with its zone.
    #[must_use]
    pub fn time(&self, moment: WallTime) -> String {
        self.zone.show(moment)
    }
}

/// What stands in the head of every page.
fn head(title: &str, refresh: bool) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width,initial-scale=1";
            @if refresh { noscript { meta http-equiv="refresh" content="5"; } }
            title { (title) }
            link rel="stylesheet" href=(assets::address("style.css"));
            @if refresh { script src=(assets::address("live.js")) defer {} }
        }
    }
}

/// A page.
pub fn page(view: &View, title: &str, path: &str, refresh: bool, content: Markup) -> Markup {
    let words = view.words;
    let body = html! {
        header {
            h1 { a href=(link(view, "/")) { (words.title) } }
            p {
                span.dim { (view.time(view.now)) " " }
                a href={ (path) "?lang=" (words.other) } lang=(words.other) {
                    @if words.other == "en" { "English" } @else { "日本語" }
                }
            }
            (who(view))
        }
        main #main data-live { (content) }
    };
    around(words, title, refresh, &body)
}

/// Who is logged in, and the way out.
fn who(view: &View) -> Markup {
    let said = words_people::of(view.words.language);
    let viewer = view.viewer();
    html! {
        nav {
            @if view.entered.way == Way::Token { (viewer.name) }
            @else { a href=(link(view, "/account")) { (viewer.name) } }
            @if viewer.may(Action::ManageAccounts, None).is_ok() {
                " " a href=(link(view, "/accounts")) { (said.accounts) }
            }
            @if matches!(view.entered.way, Way::Session(_)) {
                " " form.inline method="post" action="/logout" {
                    input type="hidden" name="csrf" value=(view.csrf());
                    button { (said.logout) }
                }
            }
        }
    }
}

fn around(words: &Words, title: &str, refresh: bool, body: &Markup) -> Markup {
    let whole_title = if title == words.title {
        title.to_owned()
    } else {
        format!("{title} - {}", words.title)
    };
    let page = html! {
        (DOCTYPE)
        html lang=(words.language.tag()) {
            (head(&whole_title, refresh))
            body { (body) }
        }
    };
    quiet(page)
}

/// Leaves out what nobody sees or what turns text round, wherever on the page it stands: subjects and names are a host's words.
/// Tags are made harmless where the text is put in.
fn quiet(page: Markup) -> Markup {
    if page.0.chars().all(shown) {
        return page;
    }
    PreEscaped(page.0.chars().filter(|c| shown(*c)).collect())
}

/// A page for somebody who is not logged in.
pub fn bare(words: &'static Words, title: &str, content: &Markup) -> Markup {
    around(words, title, false, &html! { main { (content) } })
}

/// A page that only says something.
pub fn message(words: &'static Words, text: &str) -> Markup {
    let content = html! { p { (text) } p { a href="/" { (words.back) } } };
    bare(words, words.title, &content)
}

/// An address within the site that keeps the language chosen in the address.
pub fn link(view: &View, path: &str) -> String {
    if view.explicit {
        format!("{path}?lang={}", view.words.language.tag())
    } else {
        path.to_owned()
    }
}

/// The address of an agent's page.
pub fn agent_path(agent: &Agent) -> String {
    let encoded: Vec<String> = [&agent.customer, &agent.system, &agent.name]
        .into_iter()
        .map(|part| encoded(part))
        .collect();
    format!("/agents/{}", encoded.join("/"))
}

/// Percent-encoding of a path segment (RFC 3986, 2.1).
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The word of a severity.
pub fn severity(words: &Words, severity: Severity) -> &'static str {
    match severity {
        Severity::Error => words.error,
        Severity::Warning => words.warning,
        Severity::Information => words.information,
    }
}

/// A registry text with its commands in backticks marked up.
pub fn prose(text: &str) -> Markup {
    html! {
        @for (index, piece) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

/// The steps of what to do now.
pub fn steps(text: &Text) -> Markup {
    html! { ol { @for step in text.operator_action { li { (prose(step)) } } } }
}

/// One line with code, name, subject, badges and whose it is; and what is not known of it, `silent` being since when its
/// agent is.
pub fn headline(
    view: &View,
    alert: &StoredAlert,
    owner: Option<&Agent>,
    silent: Option<WallTime>,
) -> Markup {
    let words = view.words;
    let code = alert.identity.code;
    let severity = codes::severity(code);
    let unknown = reason::unknown(view, alert, silent);
    html! {
        p {
            @if alert.identity.test { span.badge { (words.test) } " " }
            @if unknown.is_some() { span.badge.doubt { (words.unknown) } " " }
            a.code href=(link(view, &format!("/a/{}", alert.id))) { (codes::display(code, alert.firing)) }
            " "
            @match Ending::of(alert) {
                None => { strong { (self::severity(words, severity)) } }
                Some(ending) => { (ending.word(words)) }
            }
            " " strong { (codes::name(code, words.language)) }
            @if !alert.identity.subject.is_empty() { " " code { (alert.identity.subject) } }
            @if reason::flaps(alert) { " " span.badge.doubt { (words.flapping) } }
        }
        @if let Some(unknown) = &unknown { p.doubtful { (unknown) } }
        @if let Some(agent) = owner {
            p { (agent.customer) " / " (agent.system) " / " a href=(link(view, &agent_path(agent))) { (agent.name) } }
        }
        @if alert.identity.test { p { (words.test_note) } }
    }
}

/// The class that colours an alert.
pub fn class(view: &View, alert: &StoredAlert, silent: Option<WallTime>) -> String {
    let letter = if alert.firing {
        codes::severity(alert.identity.code).letter()
    } else {
        'I'
    };
    let test = if alert.identity.test { " test" } else { "" };
    let unknown = match reason::unknown(view, alert, silent) {
        Some(_) => " unknown",
        None => "",
    };
    format!("alert {letter}{test}{unknown}")
}

/// Why it was raised or how it ended, value, level, worst and count, where they are known.
pub fn judged(words: &Words, alert: &StoredAlert) -> Markup {
    let shown = |number: u64| values::value(alert.quantity, number, alert.total);
    html! {
        @match Ending::of(alert) {
            None => { @if let Some(why) = reason::raised(words, alert) { dt { (words.reason) } dd { (why) } } }
            Some(ending) => { dt { (words.reason) } dd { (ending.reason(words)) } }
        }
        @if let Some(value) = alert.value { dt { (words.value) } dd { (shown(value)) } }
        @if let Some(level) = alert.level { dt { (words.level) } dd { (shown(level)) } }
        @if let Some(worst) = alert.worst { dt { (words.worst) } dd { (shown(worst)) } }
        @if alert.count > 1 { dt { (words.count) } dd { (alert.count) } }
    }
}

/// What was concluded instead of told.
pub fn concluded(words: &Words, alert: &StoredAlert) -> Markup {
    html! {
        @if alert.by.opened_by_state { p.dim { (words.by_state_opened) } }
        @if alert.by.firing_inferred { p.dim { (words.inferred) } }
    }
}
