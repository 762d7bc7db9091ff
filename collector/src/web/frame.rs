//! What is around every page, and the pieces that several pages share.

use super::assets;
use super::guard::{Entered, Way};
use super::reason::{self, Ending};
use super::values;
use super::words::Words;
use super::words_fleet;
use super::words_people;
use crate::codes::{self, Severity, Text};
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

/// How a page keeps itself current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// It does not.
    No,
    /// Its live parts do; without JavaScript it does not, since somebody may be typing.
    Parts,
    /// Its live parts do; without JavaScript the whole page is fetched again and again.
    Whole,
}

/// What stands in the head of every page.
fn head(title: &str, live: Live, charts: bool) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width,initial-scale=1";
            @if live == Live::Whole { noscript { meta http-equiv="refresh" content="30"; } }
            title { (title) }
            link rel="stylesheet" href=(assets::address("style.css"));
            @if live != Live::No { script src=(assets::address("live.js")) defer {} }
            @if charts {
                link rel="stylesheet" href=(assets::address("uplot.css"));
                script src=(assets::address("uplot.js")) defer {}
                script src=(assets::address("chart.js")) defer {}
            }
        }
    }
}

/// A page. Its live parts have an `id` and `data-live`.
pub fn page(view: &View, title: &str, path: &str, live: Live, content: Markup) -> Markup {
    whole(view, title, path, (live, false), content)
}

/// A page with charts.
pub fn page_with_charts(
    view: &View,
    title: &str,
    path: &str,
    live: Live,
    content: Markup,
) -> Markup {
    whole(view, title, path, (live, true), content)
}

fn whole(
    view: &View,
    title: &str,
    path: &str,
    (live, charts): (Live, bool),
    content: Markup,
) -> Markup {
    let words = view.words;
    let said = words_fleet::of(words.language);
    let body = html! {
        a.skip href="#main" { (said.skip) }
        header.top {
            a.brand href=(link(view, "/")) { (words.title) }
            nav aria-label=(said.menu) { ul {
                @for (address, name) in [
                    ("/", said.fleet), ("/windows", said.windows), ("/silences", said.silences), ("/codes", said.codes),
                    ("/noise", said.noise),
                ] {
                    li { a href=(link(view, address)) aria-current=[(address == path).then_some("page")] { (name) } }
                }
            } }
            div.aside {
                @if live != Live::No {
                    span #live-lost .live-lost role="status" hidden data-page=(path) { (said.live_lost) }
                    span #live-out .live-lost role="status" hidden { (said.live_out) " " a href=(path) { (said.live_again) } }
                }
                span #now data-live { (view.time(view.now)) }
                (who(view))
                a href={ (path) "?lang=" (words.other) } lang=(words.other) {
                    @if words.other == "en" { "English" } @else { "日本語" }
                }
            }
        }
        main #main { (content) }
    };
    around(words, title, (live, charts), &body)
}

/// Who is logged in, and the way out.
fn who(view: &View) -> Markup {
    let said = words_people::of(view.words.language);
    let viewer = view.viewer();
    html! {
        @if view.entered.way == Way::Token { span { (viewer.name) } }
        @else { a href=(link(view, "/account")) { (viewer.name) } }
        @if viewer.may(Action::ManageAccounts, None).is_ok() {
            a href=(link(view, "/accounts")) { (said.accounts) }
        }
        @if matches!(view.entered.way, Way::Session(_)) {
            form.inline method="post" action="/logout" {
                input type="hidden" name="csrf" value=(view.csrf());
                button.plain { (said.logout) }
            }
        }
    }
}

fn around(words: &Words, title: &str, (live, charts): (Live, bool), body: &Markup) -> Markup {
    let whole_title = if title == words.title {
        title.to_owned()
    } else {
        format!("{title} - {}", words.title)
    };
    let page = html! {
        (DOCTYPE)
        html lang=(words.language.tag()) {
            (head(&whole_title, live, charts))
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
    around(
        words,
        title,
        (Live::No, false),
        &html! { main { (content) } },
    )
}

/// A page that only says something.
pub fn message(words: &'static Words, text: &str) -> Markup {
    let content = html! { p { (text) } p { a href="/" { (words.back) } } };
    bare(words, words.title, &content)
}

/// An address within the site that keeps the language chosen in the address. It may have parameters and a fragment.
pub fn link(view: &View, path: &str) -> String {
    if !view.explicit {
        return path.to_owned();
    }
    let (path, fragment) = path.split_once('#').unwrap_or((path, ""));
    let mark = if path.contains('?') { '&' } else { '?' };
    let fragment_mark = if fragment.is_empty() { "" } else { "#" };
    let tag = view.words.language.tag();
    format!("{path}{mark}lang={tag}{fragment_mark}{fragment}")
}

/// The address of a system's page.
pub fn system_path(customer: &str, system: &str) -> String {
    format!("/systems/{}/{}", encoded(customer), encoded(system))
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

/// One line with code, name, subject and badges; and what is not known of it, `silent` being since when its agent is.
pub fn headline(view: &View, alert: &StoredAlert, silent: Option<WallTime>) -> Markup {
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
    let shown = |number: u64| values::value(words.language, alert.quantity, number, alert.total);
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
