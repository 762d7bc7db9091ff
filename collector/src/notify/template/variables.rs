//! What a template may name, and the values of a message.

use super::super::notice::{AlertNotice, Body, Happened, Notice, Response};
use super::super::render::{self, Rendered, clean, numbers};
use super::kind;
use crate::limit::{MAIL_LIST, MAIL_NAME_CHARACTERS, MAIL_TEXT_CHARACTERS};
use crate::store::Dated;
use hansho::code::{self, Language, texts};
use minijinja::value::Value;
use std::collections::BTreeMap;

/// Every variable; each is there in every kind, and empty where it has no meaning or no value.
pub const VARIABLES: [&str; 42] = [
    "about",
    "alert",
    "agreed_steps",
    "code",
    "customer",
    "customer_name",
    "decides",
    "detected",
    "document",
    "environment",
    "forecast",
    "host",
    "impact",
    "kind",
    "language",
    "link",
    "meaning",
    "must_not",
    "name",
    "notified",
    "occurred",
    "on_duty",
    "recovered",
    "resolved",
    "severity",
    "site",
    "standard_subject",
    "standard_text",
    "state",
    "steps",
    "system",
    "system_name",
    "taken_by",
    "team",
    "telephone",
    "test",
    "to",
    "total",
    "value",
    "why",
    "worst",
    "zone",
];

/// The variables with their values, all harmless.
pub(super) fn variables(notice: &Notice, standard: &Rendered) -> Value {
    let mut all: BTreeMap<&'static str, Value> = VARIABLES
        .into_iter()
        .map(|name| (name, Value::from("")))
        .collect();
    for list in ["steps", "agreed_steps", "must_not"] {
        all.insert(list, Value::from(Vec::<String>::new()));
    }
    let language = notice.language;
    for (name, value) in [
        ("kind", kind(notice).to_owned()),
        ("language", language.tag().to_owned()),
        ("link", long(notice.link.as_deref().unwrap_or_default())),
        ("why", render::why(language, notice.why).to_owned()),
        ("zone", notice.zone.label().to_owned()),
        (
            "to",
            notice
                .told
                .to
                .iter()
                .take(MAIL_LIST)
                .map(|to| short(to))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        ("standard_subject", standard.subject.clone()),
        ("standard_text", without_machine(standard)),
    ] {
        all.insert(name, Value::from(value));
    }
    all.insert("test", Value::from(false));
    match &notice.body {
        Body::Alert(alert) => of_alert(notice, alert, &mut all),
        Body::List(list) => {
            all.insert("customer", Value::from(short(&list.customer_id)));
            all.insert("customer_name", Value::from(short(&list.customer)));
            all.insert("total", Value::from(list.total));
        }
        Body::MailFailed(failed) => {
            all.insert("code", Value::from("HNS9008"));
            all.insert("about", Value::from(short(&failed.receiver)));
            all.insert("alert", Value::from(short(&failed.alert)));
            all.insert("total", Value::from(failed.undelivered));
        }
        Body::Daily(daily) => {
            all.insert("host", Value::from(short(&daily.collector)));
            all.insert("total", Value::from(daily.agents));
        }
    }
    Value::from(all)
}

fn short(text: &str) -> String {
    clean::line(text, MAIL_NAME_CHARACTERS)
}

fn long(text: &str) -> String {
    clean::line(text, MAIL_TEXT_CHARACTERS)
}

fn without_machine(standard: &Rendered) -> String {
    let end = format!("--\n{}", standard.machine);
    let text = standard.text.strip_suffix(&end);
    text.unwrap_or(&standard.text).trim_end().to_owned()
}

fn of_alert(notice: &Notice, alert: &AlertNotice, all: &mut BTreeMap<&'static str, Value>) {
    let language = notice.language;
    let (id, owner) = (&alert.identity, &alert.owner);
    let raised = !matches!(alert.happened, Happened::Resolved(_));
    let shown = code::display(id.code, raised).to_string();
    let (code, severity) = shown.split_once('-').unwrap_or((&shown, ""));
    let text = |value: &Option<String>| value.as_deref().map(short).unwrap_or_default();
    let date = |moment: Option<Dated>| {
        moment
            .map(|moment| numbers::dated(notice, moment))
            .unwrap_or_default()
    };
    let general = texts::text(id.code, language);
    let response = alert.response.as_ref();
    let forecast = alert
        .forecast
        .map(|forecast| numbers::day_minute(notice, forecast.at));
    let agreed = |of: fn(&Response) -> &Option<String>| {
        response
            .and_then(|response| of(response).as_deref())
            .map(long)
            .unwrap_or_default()
    };
    let general_impact = general
        .map(|text| text.impact.to_owned())
        .unwrap_or_default();
    for (name, value) in [
        ("about", short(&id.subject)),
        ("alert", short(&id.alert)),
        ("code", code.to_owned()),
        ("customer", short(&id.customer)),
        ("customer_name", short(&owner.customer)),
        ("decides", agreed(|response| &response.decides)),
        ("detected", date(alert.times.detected)),
        ("document", agreed(|response| &response.document)),
        ("environment", text(&owner.environment)),
        ("forecast", forecast.unwrap_or_default()),
        ("host", text(&owner.host)),
        (
            "impact",
            Some(agreed(|response| &response.impact))
                .filter(|impact| !impact.is_empty())
                .unwrap_or(general_impact),
        ),
        (
            "meaning",
            general
                .map(|text| text.meaning.to_owned())
                .unwrap_or_default(),
        ),
        (
            "name",
            code::name(id.code, language).unwrap_or_default().to_owned(),
        ),
        ("notified", date(alert.times.notified)),
        ("occurred", date(alert.times.occurred)),
        ("on_duty", text(&owner.on_duty)),
        ("recovered", date(alert.times.recovered)),
        ("resolved", date(alert.times.resolved)),
        ("severity", severity.to_owned()),
        ("site", text(&owner.site)),
        ("state", render::state(language, alert).to_owned()),
        ("system", short(&id.system)),
        ("system_name", short(&owner.system)),
        (
            "taken_by",
            owner
                .taken
                .as_ref()
                .map(|taken| short(&taken.by))
                .unwrap_or_default(),
        ),
        ("team", text(&owner.team)),
        ("telephone", agreed(|response| &response.telephone)),
        (
            "value",
            alert
                .value
                .map(|value| numbers::value(language, value))
                .unwrap_or_default(),
        ),
        (
            "worst",
            alert
                .worst
                .map(|worst| numbers::value(language, worst.value))
                .unwrap_or_default(),
        ),
    ] {
        all.insert(name, Value::from(value));
    }
    all.insert("test", Value::from(alert.test));
    steps(alert, language, all);
}

/// The lists: steps, those agreed with the customer, and what must not be done.
fn steps(alert: &AlertNotice, language: Language, all: &mut BTreeMap<&'static str, Value>) {
    let general = texts::text(alert.identity.code, language);
    let response = alert.response.as_ref();
    let lines = |steps: &[String]| -> Vec<String> {
        steps
            .iter()
            .take(MAIL_LIST)
            .map(|step| long(step))
            .collect()
    };
    let agreed_steps = response
        .map(|response| lines(&response.steps))
        .unwrap_or_default();
    let general_steps = || {
        let steps = general.map(|text| text.operator_action).unwrap_or_default();
        steps.iter().map(|step| long(step)).collect()
    };
    let steps = match agreed_steps.is_empty() {
        false => agreed_steps.clone(),
        true => general_steps(),
    };
    all.insert("steps", Value::from(steps));
    all.insert("agreed_steps", Value::from(agreed_steps));
    let must_not = response
        .map(|response| lines(&response.must_not))
        .unwrap_or_default();
    all.insert("must_not", Value::from(must_not));
}
