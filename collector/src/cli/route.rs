//! `route`: who gets an alert, what they are told, and why.

use super::line::{Command, Line, flag, text};
use super::{one_agent, print, reader};
use crate::api::told::{self, Question, channel};
use crate::clock;
use crate::codes;
use crate::config::Response;
use crate::config::value::{duration_text, is_id};
use crate::directory::{Directory, Routed};
use crate::exit::{Failure, USAGE};
use crate::handling::moment;
use crate::zone::Zone;
use hansho::code::CodeError;
use std::fmt::Write as _;

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "route",
    options: &[
        text("agent"),
        text("code"),
        text("subject"),
        text("at"),
        flag("json"),
    ],
    run: route,
}];

/// Runs the command.
fn route(line: &Line) -> Result<(), Failure> {
    let usage = |message: &str| Failure::new(USAGE, message);
    let agent = line.get("agent");
    let agent = agent.ok_or_else(|| usage("route needs --agent NAME, or CUSTOMER/SYSTEM/NAME"))?;
    let code = line.get("code");
    let code = code_of(code.ok_or_else(|| usage("route needs --code, e.g. --code HNS1002"))?)?;
    let config = line.configuration()?;
    let pages = config.pages.zone.clone().unwrap_or_else(Zone::of_host);
    let directory = Directory::new(&config, pages);
    let (path, unknown_agent) = path_of(line, agent)?;
    let owner = directory.owner(&path.0, &path.1, &path.2);
    let now = clock::now();
    let at = match line.get("at") {
        None => now,
        Some(text) => moment::parse(text, owner.zone.offset_s(), now)
            .ok_or_else(|| usage(&format!("--at: allowed are {}", moment::ALLOWED)))?,
    };
    let question = Question {
        directory: &directory,
        owner,
        code,
        subject: line.get("subject").unwrap_or_default().to_owned(),
        at,
        unknown_agent,
    };
    let (routed, response) = question.answered();
    if line.flag("json") {
        return print(&format!("{}\n", told::json(&question, &routed, response)));
    }
    print(&as_text(&question, &routed, response))
}

fn code_of(text: &str) -> Result<u16, Failure> {
    match hansho::code::parse(text) {
        Ok(entry) => Ok(entry.number),
        Err(CodeError::Unknown(number)) if (7000..=7999).contains(&number) => Ok(number),
        Err(error) => Err(Failure::new(USAGE, format!("--code: {error}"))),
    }
}

type Path3 = (String, String, String);

/// Customer, system and name; and whether no such agent was added yet, which only a whole path may be.
fn path_of(line: &Line, selector: &str) -> Result<(Path3, bool), Failure> {
    let parts: Vec<&str> = selector.split('/').collect();
    let whole = match parts.as_slice() {
        [customer, system, name] if parts.iter().all(|part| is_id(part)) => Some((
            (*customer).to_owned(),
            (*system).to_owned(),
            (*name).to_owned(),
        )),
        _ => None,
    };
    let found = reader(line).and_then(|store| one_agent(&store, selector));
    match (found, whole) {
        (Ok(agent), _) => Ok(((agent.customer, agent.system, agent.name), false)),
        // Before the first `agent add` there is no store either.
        (Err(_), Some(path)) => Ok((path, true)),
        (Err(failure), None) => Err(failure),
    }
}

fn as_text(question: &Question<'_>, routed: &Routed, response: Option<&Response>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    write_whose(&mut text, question, routed).ok();
    write_who(&mut text, question, routed).ok();
    write_what(&mut text, question, response).ok();
    text
}

fn write_whose(text: &mut String, question: &Question<'_>, routed: &Routed) -> std::fmt::Result {
    let Question { owner, .. } = question;
    let language = owner.language;
    let names = [
        owner.customer.name.get(language),
        owner.system.name.get(language),
        &owner.host,
    ];
    write!(
        text,
        "{}/{}/{}: {}",
        owner.customer.id,
        owner.system.id,
        owner.host,
        names.join(" / ")
    )?;
    let environment = owner.environment.as_ref().map(|text| text.get(language));
    let site = owner.site.as_ref().map(|site| site.name.get(language));
    let place: Vec<&str> = environment.into_iter().chain(site).collect();
    if !place.is_empty() {
        write!(text, " ({})", place.join(", "))?;
    }
    writeln!(text)?;
    if question.unknown_agent {
        writeln!(text, "  no such agent was added yet")?;
    }
    write!(
        text,
        "{} {}",
        codes::display(question.code, true),
        codes::name(question.code, language)
    )?;
    if !question.subject.is_empty() {
        write!(text, ", subject {}", question.subject.escape_debug())?;
    }
    writeln!(text, ", at {}", owner.zone.show(question.at))?;
    match &owner.team {
        Some(team) => writeln!(
            text,
            "team: {} {} (of the {})",
            team.id,
            team.name.get(language),
            owner.team_from.word()
        )?,
        None => writeln!(text, "team: none")?,
    }
    match routed.route {
        Some(line) => writeln!(text, "route: line {line}"),
        None => writeln!(text, "route: none fits, so the team is told"),
    }
}

fn write_who(text: &mut String, question: &Question<'_>, routed: &Routed) -> std::fmt::Result {
    let Question {
        directory, owner, ..
    } = question;
    let language = owner.language;
    let name = |id: &str| {
        let receiver = directory.receiver(id);
        receiver
            .map_or("", |receiver| receiver.name.get(language))
            .to_owned()
    };
    write!(
        text,
        "deliver: {}, {}",
        routed.deliver.word(),
        routed.deliver_why
    )?;
    match routed.digest_at {
        Some(at) => writeln!(text, "; due {}", owner.zone.show(at))?,
        None => writeln!(text)?,
    }
    writeln!(text, "who:")?;
    if routed.told.is_empty() {
        writeln!(text, "  nobody; it stands on the page")?;
    }
    for told in &routed.told {
        let id = &told.receiver;
        writeln!(
            text,
            "  {id} {}, {}: {}",
            name(id),
            channel(directory, id),
            told.why
        )?;
    }
    for step in &routed.escalation {
        writeln!(
            text,
            "  {} {}, {}: when nobody acknowledged for {}, number {} on the roster of team {}",
            step.receiver,
            name(&step.receiver),
            channel(directory, &step.receiver),
            duration_text(step.after_ms),
            step.rank,
            step.team
        )?;
    }
    for problem in &routed.problems {
        writeln!(text, "  problem: {problem}")?;
    }
    Ok(())
}

fn write_what(
    text: &mut String,
    question: &Question<'_>,
    response: Option<&Response>,
) -> std::fmt::Result {
    let language = question.owner.language;
    let Some(response) = response else {
        writeln!(
            text,
            "what: nothing was agreed; the general text of the code:"
        )?;
        let general = codes::text(question.code, language);
        let steps = general
            .map(|general| general.operator_action)
            .unwrap_or_default();
        for (number, step) in (1_u32..).zip(steps) {
            writeln!(text, "  {number}. {step}")?;
        }
        return Ok(());
    };
    writeln!(
        text,
        "what: agreed in {}",
        question.directory.source(response)
    )?;
    let indented = |text: &str| text.replace('\n', "\n     ");
    let parts = [
        ("impact", &response.impact),
        ("document", &response.document),
    ];
    for (what, part) in parts {
        if let Some(part) = part {
            writeln!(text, "  {what}: {}", indented(part.get(language)))?;
        }
    }
    for (number, step) in (1_u32..).zip(&response.first_action) {
        writeln!(text, "  {number}. {}", indented(step.get(language)))?;
    }
    for must_not in &response.must_not {
        writeln!(text, "  must not: {}", indented(must_not.get(language)))?;
    }
    if let Some(decides) = &response.decides {
        writeln!(text, "  decides: {}", indented(decides.get(language)))?;
    }
    if let Some(telephone) = &response.telephone {
        writeln!(text, "  telephone: {telephone}")?;
    }
    Ok(())
}
