//! What to do now, what not, and whom to ask.

use super::super::notice::{AlertNotice, Response};
use super::document::Document;
use super::{name, pick, sentence};
use crate::limit::MAIL_LIST;
use hansho::code::{Language, texts};

/// What to do now: the customer's response, else the registry's general text.
pub(super) fn to_do(language: Language, alert: &AlertNotice, out: &mut Document) {
    let agreed = alert.response.as_ref();
    match agreed {
        Some(response) if !response.steps.is_empty() => {
            agreed_steps(language, alert, response, out)
        }
        _ => general_steps(language, alert.identity.code, out),
    }
    if let Some(response) = agreed {
        limits(language, response, out);
    }
}

fn agreed_steps(language: Language, alert: &AlertNotice, response: &Response, out: &mut Document) {
    let mut source = name(&response.source);
    if let Some(document) = &response.document {
        let document = name(document);
        source.push_str(&match language {
            Language::Ja => format!(" 個別手順 {document}"),
            Language::En => format!(", {document}"),
        });
    }
    let source = source.trim();
    out.heading(match (language, source.is_empty()) {
        (Language::Ja, true) => "今やること(個別手順)".to_owned(),
        (Language::Ja, false) => format!("今やること({source})"),
        (Language::En, true) => "WHAT TO DO NOW (the customer's procedure)".to_owned(),
        (Language::En, false) => format!("WHAT TO DO NOW ({source})"),
    });
    for (index, step) in response.steps.iter().take(MAIL_LIST).enumerate() {
        let number = index.saturating_add(1);
        let mut lines = step.lines().filter(|line| !line.trim().is_empty());
        let words = lines.next().map(sentence).unwrap_or_default();
        out.step(format!("{number}. {words}"));
        for command in lines.take(MAIL_LIST) {
            out.fixed(format!("   {}", sentence(command)));
        }
    }
    let number = alert.identity.code;
    if texts::text(number, language).is_some() {
        out.text(match language {
            Language::Ja => format!("一般の手順: hansho explain {number}"),
            Language::En => format!("General procedure: hansho explain {number}"),
        });
    }
}

fn general_steps(language: Language, number: u16, out: &mut Document) {
    let Some(text) = texts::text(number, language) else {
        return;
    };
    out.heading(match language {
        Language::Ja => format!("今やること(一般の手順 HNS{number:04})"),
        Language::En => format!("WHAT TO DO NOW (general procedure HNS{number:04})"),
    });
    for (index, step) in text.operator_action.iter().enumerate() {
        let (words, command) = texts::step_parts(step);
        out.step(format!("{}. {words}", index.saturating_add(1)));
        if let Some(command) = command {
            out.fixed(format!("   {command}"));
        }
    }
}

/// What must not be done, and whom to ask.
fn limits(language: Language, response: &Response, out: &mut Document) {
    for forbidden in response.must_not.iter().take(MAIL_LIST) {
        out.text(format!(
            "{} {}",
            pick(language, "してはいけないこと:", "DO NOT:"),
            sentence(forbidden)
        ));
    }
    let asked: Vec<String> = [&response.decides, &response.telephone]
        .into_iter()
        .flatten()
        .map(|part| name(part))
        .collect();
    if !asked.is_empty() {
        out.text(format!(
            "{} {}",
            pick(language, "判断に迷うとき:", "In doubt, ask:"),
            asked.join(" ")
        ));
    }
}
