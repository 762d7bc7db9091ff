//! The page of one code: the registry's text.

use super::codes;
use super::frame::{self, View};
use maud::{Markup, html};

/// Builds it; `None` where the registry has no such number.
pub fn page(view: &View, code: &str) -> Option<Markup> {
    let number: u16 = code.parse().ok()?;
    if !codes::known(number) {
        return None;
    }
    let words = view.words;
    let display = codes::display(number, true);
    let content = html! {
        h2 { (display) " " (codes::name(number, words.language)) }
        p { (frame::severity(words, codes::severity(number))) }
        (texts(view, number))
    };
    let path = format!("/codes/{number}");
    Some(frame::page(view, &display, &path, false, content))
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
