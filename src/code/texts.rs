//! What people read about a code that can be raised. Text is frozen once its code can be raised.

use super::names::Language;
use super::{texts_en, texts_ja};

/// The texts of one code in one language. Commands stand in backticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Number of the code.
    pub number: u16,
    /// What is so, as a fact.
    pub meaning: &'static str,
    /// What follows for the users of the host.
    pub impact: &'static str,
    /// What it usually comes from: presumption, and marked as one.
    pub cause: &'static str,
    /// What hansho does by itself.
    pub system_action: &'static str,
    /// What the operator on duty does now, step by step.
    pub operator_action: &'static [&'static str],
    /// What the administrator of the system does afterwards.
    pub administrator_action: &'static str,
    /// When the alert ends, and what its end does not say.
    pub clear: &'static str,
    /// What to keep for the report.
    pub evidence: &'static str,
}

/// The texts of a code; `None` for a number that is only reserved or not known.
#[must_use]
pub fn text(number: u16, language: Language) -> Option<&'static Text> {
    all(language).find(|text| text.number == number)
}

/// All texts of a language, in the order of the numbers.
pub fn all(language: Language) -> impl Iterator<Item = &'static Text> {
    match language {
        Language::En => texts_en::ALL,
        Language::Ja => texts_ja::ALL,
    }
    .iter()
    .flat_map(|part| part.iter())
}

impl Text {
    /// Every piece of text, in the order in which it is shown.
    pub fn pieces(&self) -> impl Iterator<Item = &'static str> {
        [self.meaning, self.impact, self.cause, self.system_action]
            .into_iter()
            .chain(self.operator_action.iter().copied())
            .chain([self.administrator_action, self.clear, self.evidence])
    }

    /// The commands of this text, as they stand in backticks. UNIT, COLLECTOR and AGENT in them stand for a service,
    /// the collector's host name and the agent's name there.
    pub fn commands(&self) -> impl Iterator<Item = &'static str> {
        self.pieces()
            .flat_map(|piece| piece.split('`').skip(1).step_by(2))
    }
}

/// A step of [`Text::operator_action`] in its two parts: the words, and the command to copy where it has one.
#[must_use]
pub fn step_parts(step: &'static str) -> (&'static str, Option<&'static str>) {
    match step.split_once('`') {
        Some((words, rest)) => (
            words.trim_end(),
            rest.split_once('`').map(|(command, _)| command),
        ),
        None => (step, None),
    }
}

/// Every command of every text of a language, with the number of its code; the tests run them, and check that those
/// of hansho itself are understood.
pub fn commands(language: Language) -> impl Iterator<Item = (u16, &'static str)> {
    all(language).flat_map(|text| text.commands().map(|command| (text.number, command)))
}
