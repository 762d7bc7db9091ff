//! Whom an alert reaches, what they are told, and what was agreed.

use super::object::object;
use super::page::{self, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get};
use super::uncovered::{self, Raised};
use super::value::{Kind, NUMBER, Shape, may, must};
use super::{Desk, Input, Outcome, done};
use crate::codes;
use crate::config::{Channel, Response, Text};
use crate::directory::{Directory, Facts, Owner, Routed};
use hansho::clock::WallTime;
use hansho::code::Language;
use serde_json::{Value as Json, json};

/// Longest text of a response, and of a reason.
const LONG: usize = crate::limit::TEXT_CHARACTERS;

const ROUTE: Shape = Shape {
    name: "Route",
    says: "Who gets an alert, how, what they are told, and why.",
    fields: &[
        must("customer", Kind::Text(64), "Customer of the agent."),
        must("system", Kind::Text(64), "System of the agent."),
        must("agent", Kind::Text(64), "Name of the agent."),
        must(
            "agent_added",
            Kind::Flag,
            "False where no such agent was added yet.",
        ),
        may("site", Kind::Text(64), "Where it stands."),
        may("environment", Kind::Text(LONG), "Its environment."),
        may("team", Kind::Text(64), "The team that owns it."),
        must(
            "team_from",
            Kind::Word(&["host", "system", "default_team", "nobody"]),
            "Why that one.",
        ),
        must("code", Kind::Code, "The code."),
        must("subject", Kind::Text(64), "The subject."),
        must("at", Kind::Moment, "The moment."),
        may(
            "route_line",
            NUMBER,
            "Line of the `[[route]]` that decides; null where none fits.",
        ),
        must("teams", Kind::Texts(1000, 64), "Teams that are told."),
        must("deliver", Kind::Text(32), "now, digest or record."),
        must("deliver_because", Kind::Text(LONG), "Why so."),
        may("digest_at", Kind::Moment, "When the digest comes."),
        must("told", Kind::List(&TOLD), "Who is told."),
        must(
            "escalation",
            Kind::List(&STEP),
            "Who is told while nobody acknowledges.",
        ),
        must(
            "problems",
            Kind::Texts(1000, LONG),
            "What is wrong with the configuration for this alert.",
        ),
        may(
            "response",
            Kind::Object(&RESPONSE),
            "What was agreed; null where nothing was.",
        ),
    ],
};

const TOLD: Shape = Shape {
    name: "Told",
    says: "A receiver that is told.",
    fields: &[
        must("receiver", Kind::Text(64), "The receiver."),
        must("channel", Kind::Text(LONG), "How it is reached."),
        must("copy", Kind::Flag, "In Cc."),
        must("why", Kind::Text(64), "Why, as a word."),
        must("because", Kind::Text(LONG), "Why, as a sentence."),
    ],
};

const STEP: Shape = Shape {
    name: "EscalationStep",
    says: "Who is told next while nobody acknowledges.",
    fields: &[
        must("after_ms", NUMBER, "After so long, milliseconds."),
        must("rank", NUMBER, "Number on the roster."),
        must("receiver", Kind::Text(64), "The receiver."),
        must("team", Kind::Text(64), "Of this team."),
    ],
};

const RESPONSE: Shape = Shape {
    name: "Response",
    says: "What was agreed with the customer about a code.",
    fields: &[
        must(
            "source",
            Kind::Text(4096),
            "Where it stands: file and line.",
        ),
        may("impact", Kind::Text(LONG), "What follows for the customer."),
        must(
            "first_action",
            Kind::Texts(32, LONG),
            "What to do first, step by step.",
        ),
        must("must_not", Kind::Texts(32, LONG), "What must not be done."),
        may("decides", Kind::Text(LONG), "Who may decide."),
        may("document", Kind::Text(LONG), "Number of the document."),
        may("telephone", Kind::Text(128), "Whom to call."),
    ],
};

const UNCOVERED: Shape = Shape {
    name: "SystemResponses",
    says: "A system, and the codes that it can raise and that have no response yet.",
    fields: &[
        must("customer", Kind::Text(64), "Customer."),
        must("system", Kind::Text(64), "System."),
        must("codes", NUMBER, "Codes that it can raise."),
        must(
            "without_response",
            Kind::List(&OPEN),
            "Those that have no response yet.",
        ),
        must(
            "rules_presumed",
            Kind::Texts(100_000, 64),
            "Agents that have not told their rules yet: the built-in ones are taken.",
        ),
    ],
};

const OPEN: Shape = Shape {
    name: "CodeWithoutResponse",
    says: "A code that has no response yet.",
    fields: &[
        must("code", Kind::Code, "Number."),
        must("display", Kind::Text(16), "As people read it."),
        must(
            "hosts",
            Kind::Texts(100_000, 64),
            "Agents that can raise it.",
        ),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/route",
        "route",
        "Codes",
        "Who gets an alert, how, what they are told, and why. Nobody is told anything.",
        Answer::One(&ROUTE),
        route,
    )
    .with(&[
        must(
            "agent",
            Kind::Text(256),
            "The agent: name, CUSTOMER/SYSTEM/NAME or identity.",
        ),
        must("code", Kind::Code, "The code."),
        may(
            "subject",
            Kind::Text(64),
            "The subject; the host where it is not given.",
        ),
        may("at", Kind::Moment, "The moment; now where it is not given."),
    ])
    .or(super::agents::ONE),
    get(
        "/api/v1/responses",
        "responses",
        "Codes",
        "Systems, with the codes that they can raise and that have no response yet.",
        Answer::Page(&UNCOVERED),
        responses,
    )
    .with(&[
        may("customer", Kind::Text(64), "Of this customer only."),
        may("system", Kind::Text(64), "Of systems of this name only."),
        CURSOR_FIELD,
        LIMIT_FIELD,
    ]),
];

/// What is asked.
#[derive(Debug)]
pub struct Question<'d> {
    /// By which configuration.
    pub directory: &'d Directory,
    /// Whose alert.
    pub owner: Owner,
    /// Its code.
    pub code: u16,
    /// Its subject.
    pub subject: String,
    /// When.
    pub at: WallTime,
    /// No agent of this name was added yet.
    pub unknown_agent: bool,
}

impl Question<'_> {
    /// What the directory answers: whom it reaches, and what was agreed.
    #[must_use]
    pub fn answered(&self) -> (Routed, Option<&Response>) {
        let owner = &self.owner;
        let facts = Facts {
            customer: &owner.customer.id,
            system: &owner.system.id,
            host: &owner.host,
            site: None,
            code: self.code,
            subject: &self.subject,
        };
        let response = self.directory.response(
            self.code,
            facts.customer,
            facts.system,
            facts.host,
            facts.subject,
        );
        (self.directory.route(&facts, self.at), response)
    }
}

/// Where a receiver is reached; no secrets.
#[must_use]
pub fn channel(directory: &Directory, id: &str) -> String {
    match directory.receiver(id).map(|receiver| &receiver.channel) {
        None => "not known".to_owned(),
        Some(Channel::Mail(addresses)) => format!("mail {}", addresses.join(", ")),
        Some(Channel::Webhook { url, .. }) => format!("webhook {url}"),
        Some(Channel::Alertmanager { url }) => format!("alertmanager {url}"),
    }
}

/// The answer, as the API and `route --json` give it.
#[must_use]
pub fn json(question: &Question<'_>, routed: &Routed, response: Option<&Response>) -> Json {
    let Question {
        directory, owner, ..
    } = question;
    let language = owner.language;
    let told = routed.told.iter().map(|told| {
        json!({
            "receiver": told.receiver,
            "channel": channel(directory, &told.receiver),
            "copy": told.copy,
            "why": told.why.word(),
            "because": told.why.to_string(),
        })
    });
    let steps = routed.escalation.iter().map(|step| {
        json!({
            "after_ms": step.after_ms,
            "rank": step.rank,
            "receiver": step.receiver,
            "team": step.team,
        })
    });
    let problems = routed.problems.iter().map(ToString::to_string);
    let mut json = object(json!({
        "customer": owner.customer.id,
        "system": owner.system.id,
        "agent": owner.host,
        "agent_added": !question.unknown_agent,
        "site": owner.site.as_ref().map(|site| &site.id),
        "environment": owner.environment.as_ref().map(|text| text.get(language)),
        "team": owner.team.as_ref().map(|team| &team.id),
        "team_from": owner.team_from.word(),
        "code": question.code,
        "subject": question.subject,
        "route_line": routed.route,
        "teams": routed.teams,
        "deliver": routed.deliver.word(),
        "deliver_because": routed.deliver_why.to_string(),
        "told": told.collect::<Vec<_>>(),
        "escalation": steps.collect::<Vec<_>>(),
        "problems": problems.collect::<Vec<_>>(),
        "response": response.map(|response| agreed(directory, response, language)),
    }));
    json.moment("at", Some(question.at));
    json.moment("digest_at", routed.digest_at);
    json.json()
}

fn agreed(directory: &Directory, response: &Response, language: Language) -> Json {
    let texts = |texts: &[Text]| -> Vec<String> {
        texts
            .iter()
            .map(|text| text.get(language).to_owned())
            .collect()
    };
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.get(language).to_owned());
    json!({
        "source": directory.source(response).to_string(),
        "impact": text(&response.impact),
        "first_action": texts(&response.first_action),
        "must_not": texts(&response.must_not),
        "decides": text(&response.decides),
        "document": text(&response.document),
        "telephone": response.telephone,
    })
}

fn route(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let code = input.code("code").unwrap_or(0);
    // The customers' own codes stand in no registry.
    if hansho::code::entry(code).is_none() && !(7000..=7999).contains(&code) {
        return Err(Problem::of(Sort::BadValue, "code", "there is no such code"));
    }
    let directory = &desk.live.directory;
    let question = Question {
        directory,
        owner: directory.owner(&agent.customer, &agent.system, &agent.name),
        code,
        subject: input.text("subject").to_owned(),
        at: input.moment("at").unwrap_or(desk.now),
        unknown_agent: false,
    };
    let (routed, response) = question.answered();
    done(json(&question, &routed, response))
}

/// A system in the list, as the API and `responses --json` give it.
#[must_use]
pub fn system_json(directory: &Directory, raised: &Raised) -> Json {
    let open = raised.uncovered(directory);
    let open = open.iter().map(|uncovered| {
        json!({
            "code": uncovered.code,
            "display": codes::display(uncovered.code, true),
            "hosts": uncovered.hosts,
        })
    });
    json!({
        "customer": raised.customer,
        "system": raised.system,
        "codes": raised.codes(),
        "without_response": open.collect::<Vec<_>>(),
        "rules_presumed": raised.presumed,
    })
}

fn responses(desk: &Desk<'_>, input: &Input) -> Outcome {
    let directory = &desk.live.directory;
    let mut systems = uncovered::systems(directory, desk.store)?;
    let same = |name: &str, found: &str| input.given(name).is_none_or(|wanted| wanted == found);
    systems.retain(|(customer, system), _| {
        desk.viewer.sees(customer) && same("customer", customer) && same("system", system)
    });
    let list: Vec<_> = systems.into_iter().collect();
    Ok(page::placed(&list, input, |raised| {
        system_json(directory, raised)
    }))
}
