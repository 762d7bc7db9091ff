//! A message as sections of lines, before it is plain text or HTML.

use super::clean::{escape, first, wrap};
use crate::limit::MAIL_CHARACTERS;
use hansho::code::Language;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Heading of a section.
    Heading(String),
    /// Text; broken where it is too long, later lines indented by so many spaces.
    Text(String, usize),
    /// A command or table row: never broken.
    Fixed(String),
    /// An address of a page: never broken.
    Link(String),
}

/// Sections, then what machines read.
#[derive(Debug)]
pub(super) struct Document {
    language: Language,
    sections: Vec<Vec<Line>>,
    machine: Vec<(&'static str, String)>,
}

impl Document {
    pub(super) const fn new(language: Language) -> Self {
        Self {
            language,
            sections: Vec::new(),
            machine: Vec::new(),
        }
    }

    /// Begins a section; an empty one leaves no trace.
    pub(super) fn section(&mut self) {
        self.sections.push(Vec::new());
    }

    /// Begins a section under a heading; without a further line the heading is left out too.
    pub(super) fn heading(&mut self, text: impl Into<String>) {
        self.sections.push(vec![Line::Heading(text.into())]);
    }

    fn push(&mut self, line: Line) {
        match self.sections.last_mut() {
            Some(section) => section.push(line),
            None => self.sections.push(vec![line]),
        }
    }

    pub(super) fn text(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.push(Line::Text(text, 0));
        }
    }

    /// A text whose later lines are indented: a numbered step.
    pub(super) fn step(&mut self, text: impl Into<String>) {
        self.push(Line::Text(text.into(), 3));
    }

    /// Never broken.
    pub(super) fn fixed(&mut self, text: impl Into<String>) {
        self.push(Line::Fixed(text.into()));
    }

    /// Only `http` and `https` become links.
    pub(super) fn link(&mut self, link: &str) {
        if link.starts_with("https://") || link.starts_with("http://") {
            self.push(Line::Link(link.to_owned()));
        } else {
            self.fixed(link);
        }
    }

    pub(super) fn machine(&mut self, key: &'static str, value: impl Into<String>) {
        self.machine.push((key, value.into()));
    }

    fn shown(&self) -> impl Iterator<Item = &Vec<Line>> {
        self.sections
            .iter()
            .filter(|section| !matches!(section.as_slice(), [] | [Line::Heading(_)]))
    }

    /// What machines read, a line each.
    pub(super) fn keys(&self) -> String {
        let mut out = String::new();
        for (key, value) in &self.machine {
            out.push_str(key);
            out.push_str(": ");
            out.push_str(if value.is_empty() { "-" } else { value });
            out.push('\n');
        }
        out
    }

    /// Plain text of at most [`MAIL_CHARACTERS`]; what machines read is never cut.
    pub(super) fn plain(&self) -> String {
        let mut text = String::new();
        for section in self.shown() {
            if !text.is_empty() {
                text.push('\n');
            }
            for line in section {
                match line {
                    Line::Heading(heading) => {
                        text.push_str(&self.marked(heading));
                        text.push('\n');
                    }
                    Line::Text(line, indent) => {
                        for part in wrap(line, *indent) {
                            text.push_str(&part);
                            text.push('\n');
                        }
                    }
                    Line::Fixed(line) | Line::Link(line) => {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
            }
        }
        let keys = self.keys();
        let cut = self.cut();
        let room = MAIL_CHARACTERS
            .saturating_sub(keys.chars().count())
            .saturating_sub(cut.chars().count())
            .saturating_sub(4);
        if text.chars().count() > room {
            let kept = first(&text, room);
            let whole = kept.rfind('\n').and_then(|end| kept.get(..end));
            text = format!("{}\n{cut}\n", whole.unwrap_or(kept));
        }
        if !keys.is_empty() {
            text.push_str("--\n");
            text.push_str(&keys);
        }
        text
    }

    fn marked(&self, heading: &str) -> String {
        match self.language {
            Language::Ja => format!("■ {heading}"),
            Language::En => heading.to_owned(),
        }
    }

    const fn cut(&self) -> &'static str {
        match self.language {
            Language::Ja => "(長いため、ここで切りました。続きはページにあります。)",
            Language::En => "(Cut here, for its length. The page has the rest.)",
        }
    }

    /// The same as HTML, without anything that is loaded from elsewhere.
    pub(super) fn html(&self) -> String {
        let mut out = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"></head>\n<body \
             style=\"font-family:sans-serif;line-height:1.5\">\n",
            self.language.tag()
        );
        let mut characters = 0_usize;
        'all: for section in self.shown() {
            for line in section {
                let (before, text, after) = match line {
                    Line::Heading(text) => ("<h2 style=\"font-size:1.1em\">", text, "</h2>\n"),
                    Line::Text(text, _) => ("<div>", text, "</div>\n"),
                    Line::Fixed(text) => (
                        "<div style=\"font-family:monospace;white-space:pre-wrap\">",
                        text,
                        "</div>\n",
                    ),
                    Line::Link(link) => {
                        let link = escape(link);
                        out.push_str(&format!("<div><a href=\"{link}\">{link}</a></div>\n"));
                        continue;
                    }
                };
                characters = characters.saturating_add(text.chars().count());
                if characters > MAIL_CHARACTERS {
                    out.push_str(&format!("<div>{}</div>\n", self.cut()));
                    break 'all;
                }
                out.push_str(before);
                out.push_str(&escape(text));
                out.push_str(after);
            }
            out.push_str("<br>\n");
        }
        let keys = self.keys();
        if !keys.is_empty() {
            out.push_str(&format!("<hr><pre>{}</pre>\n", escape(&keys)));
        }
        out.push_str("</body></html>\n");
        out
    }
}
