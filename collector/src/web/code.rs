//! The codes: a list that can be searched, and a page for each with the registry's text and what customers agreed.

use super::frame::{self, Live, View};
use super::words_plan::{self as words, Words};
use super::{Site, alert, pieces};
use crate::codes;
use crate::config::Response;
use crate::people::Scope;
use hansho::code::{Entry, Urgency};
use maud::{Markup, html};

/// Longest text that is searched for, in characters.
const SEARCH_CHARACTERS: usize = 64;

/// Builds the list of those codes that have `search` in number, name or text.
pub fn list(site: &Site, view: &View, search: &str) -> Markup {
    let said = words::of(view.words.language);
    let search: String = search.trim().chars().take(SEARCH_CHARACTERS).collect();
    let wanted = search.to_lowercase();
    let live = site.current.get();
    let found: Vec<&Entry> = codes::all()
        .iter()
        .filter(|entry| wanted.is_empty() || matches(view, entry, &wanted))
        .collect();
    let responses = |code: u16| {
        let all = live.directory.tables().responses.iter();
        all.filter(|response| response.code == code && sees(view, response))
            .count()
    };
    let content = html! {
        h1 { (said.codes) }
        form.row method="get" action="/codes" role="search" {
            @if view.explicit { input type="hidden" name="lang" value=(view.words.language.tag()); }
            label { (said.search) input type="search" name="q" value=(search) placeholder=(said.search_hint) maxlength=(SEARCH_CHARACTERS); }
            button { (said.search) }
        }
        @if found.is_empty() { p role="status" { (said.none_found) } } @else {
            div.scroll tabindex="0" role="region" aria-label=(said.codes) { table {
                thead { tr {
                    th scope="col" { (said.code) } th scope="col" { (said.name) } th scope="col" { (said.severity) }
                    th scope="col" { (said.urgency) } th.n scope="col" { (said.responses) }
                } }
                tbody { @for entry in found {
                    tr class=(entry.severity.letter()) {
                        th scope="row" { a.code href=(frame::link(view, &format!("/codes/{}", entry.number))) { (codes::display(entry.number, true)) } }
                        td { (codes::name(entry.number, view.words.language)) @if entry.raised_by.is_none() { " " span.dim { "(" (said.reserved) ")" } } }
                        td { (frame::severity(view.words, entry.severity)) }
                        td { (urgency(said, entry.urgency)) }
                        td.n { (responses(entry.number)) }
                    }
                } }
            } }
        }
    };
    frame::page(view, said.codes, "/codes", Live::No, content)
}

fn matches(view: &View, entry: &Entry, wanted: &str) -> bool {
    let language = view.words.language;
    let has = |text: &str| text.to_lowercase().contains(wanted);
    has(&codes::display(entry.number, true))
        || has(codes::name(entry.number, language))
        || has(entry.slug)
        || codes::text(entry.number, language)
            .is_some_and(|text| has(text.meaning) || has(text.cause) || has(text.impact))
}

const fn urgency(said: &Words, urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Now => said.now,
        Urgency::WorkingHours => said.working_hours,
        Urgency::Record => said.record,
    }
}

/// Whether the viewer sees a response: that of another customer does not exist for them.
fn sees(view: &View, response: &Response) -> bool {
    response
        .customer
        .as_deref()
        .is_none_or(|customer| view.viewer().scope == Scope::All || view.viewer().sees(customer))
}

/// Builds the page of one; `None` where the registry has no such number.
pub fn page(site: &Site, view: &View, code: &str) -> Option<Markup> {
    let number: u16 = code.parse().ok()?;
    let entry = codes::all().iter().find(|entry| entry.number == number)?;
    let words = view.words;
    let said = words::of(words.language);
    let display = codes::display(number, true);
    let live = site.current.get();
    let responses: Vec<&Response> = live
        .directory
        .tables()
        .responses
        .iter()
        .filter(|response| response.code == number && sees(view, response))
        .collect();
    let content = html! {
        h1 { (display) " " (codes::name(number, words.language)) }
        p { (frame::severity(words, codes::severity(number))) ", " (urgency(said, entry.urgency)) }
        @for response in &responses {
            section.response {
                h2 { (said.responses) ": " (place(said, response)) }
                p.dim {
                    (said.source) ": " (alert::top::source_name(&live.directory.source(response)))
                    @if let Some(document) = &response.document { ", " (said.document) " " (document.get(words.language)) }
                }
                @if !response.first_action.is_empty() {
                    div.do { ol { @for step in &response.first_action { li { (pieces::lines(step.get(words.language))) } } } }
                }
                (alert::top::limits(view, response))
            }
        }
        (texts(view, number))
    };
    let path = format!("/codes/{number}");
    Some(frame::page(view, &display, &path, Live::No, content))
}

fn place(said: &Words, response: &Response) -> String {
    let parts = [&response.customer, &response.system, &response.host];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    let mut place = if parts.is_empty() {
        said.everybody.to_owned()
    } else {
        parts.join("/")
    };
    if let Some(subject) = &response.subject {
        place.push_str(&format!(" {}", subject.as_str()));
    }
    place
}

/// The texts of a code, what to do first.
pub fn texts(view: &View, code: u16) -> Markup {
    let words = view.words;
    let Some(text) = codes::text(code, words.language) else {
        return html! { p { (words.no_text) } };
    };
    html! {
        h2 { (words.meaning) } p { (frame::prose(text.meaning)) }
        h2 { (words.do_now) } (frame::steps(text))
        @for (title, body) in [
            (words.impact, text.impact),
            (words.cause, text.cause),
            (words.system_action, text.system_action),
            (words.afterwards, text.administrator_action),
            (words.clear, text.clear),
            (words.keep, text.evidence),
        ] {
            h2 { (title) } p { (frame::prose(body)) }
        }
    }
}
