//! The page behind the signed link of a mail: whose, since when, how bad, what to do, and the button that takes the alert. No
//! login; GET and HEAD change nothing, because mail scanners open links; only POST does.

use super::frame::{self, View};
use super::guard::Entered;
use super::link_words::{self, LinkWords};
use super::reason::Ending;
use super::values;
use super::words::Words;
use super::{Asked, Parameters, assets, html as answer};
use crate::codes;
use crate::handling::link::name_of;
use crate::handling::{
    Ask, Fault, LinkRefused, LinkTarget, Scope, Who, acknowledge, by_link, moment, transact,
};
use crate::keys;
use crate::limit::{
    LINK_FORM_BYTES, LINK_GETS, LINK_POSTS, LINK_REFUSALS, LINKS_COUNTED, REQUEST_CHARACTERS,
};
use crate::store::{Acknowledgement, AlertId, Store, StoreError, Via};
use crate::zone::Zone;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Form, Router};
use hansho::clock::WallTime;
use maud::{DOCTYPE, Markup, html};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// What the page needs.
pub struct Links {
    /// For reading.
    pub reading: Arc<dyn Store>,
    /// For taking alerts.
    pub writing: Arc<dyn Store>,
    /// The clock.
    pub now: fn() -> WallTime,
    /// The zone of the times.
    pub zone: Zone,
    /// How often links were used.
    pub uses: Mutex<Uses>,
}

/// How often links were used within the current minute. A link that works is counted by itself, so that nobody can use up what
/// others need; those that do not work are counted together.
#[derive(Debug, Default)]
pub struct Uses {
    minute: u64,
    refused: u32,
    links: BTreeMap<(AlertId, String), (u32, u32)>,
}

impl Uses {
    fn at(&mut self, now: WallTime) {
        let minute = now.as_millis() / MINUTE_MS;
        if minute != self.minute || self.links.len() >= LINKS_COUNTED {
            *self = Self {
                minute,
                ..Self::default()
            };
        }
    }

    /// Counts one use of a link that works; false where there were too many.
    fn used(&mut self, target: &LinkTarget, post: bool, now: WallTime) -> bool {
        self.at(now);
        let key = (target.link.alert, target.link.receiver.clone());
        let (gets, posts) = self.links.entry(key).or_default();
        let (count, most) = if post {
            (posts, LINK_POSTS)
        } else {
            (gets, LINK_GETS)
        };
        *count = count.saturating_add(1);
        *count <= most
    }

    /// Counts one that does not work; false where there were too many.
    fn refused(&mut self, now: WallTime) -> bool {
        self.at(now);
        self.refused = self.refused.saturating_add(1);
        self.refused <= LINK_REFUSALS
    }
}

/// The one route.
pub fn router(links: Arc<Links>) -> Router {
    Router::new()
        .route("/l/{token}", get(open).post(take))
        .layer(DefaultBodyLimit::max(LINK_FORM_BYTES))
        .with_state(links)
}

/// What is to be answered.
enum Said {
    Page(StatusCode, Markup),
    TooOften(&'static str),
    Store(StoreError),
}

impl From<StoreError> for Said {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

type Fields = HashMap<String, String>;

async fn open(
    State(links): State<Arc<Links>>,
    Path(token): Path<String>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(&query, &headers, None);
    let words = asked.words;
    let done = tokio::task::spawn_blocking(move || {
        let view = links.view(&asked);
        let target = links.target(&view, &token, false)?;
        Ok(Said::Page(
            StatusCode::OK,
            page(&view, &token, &target, &Told::default())?,
        ))
    })
    .await;
    respond(words, done)
}

async fn take(
    State(links): State<Arc<Links>>,
    Path(token): Path<String>,
    query: Parameters,
    headers: HeaderMap,
    form: Result<Form<Fields>, FormRejection>,
) -> Response {
    let asked = Asked::new(&query, &headers, None);
    let words = asked.words;
    let done = tokio::task::spawn_blocking(move || {
        let view = links.view(&asked);
        let target = links.target(&view, &token, true)?;
        match form {
            Ok(Form(fields)) => links.post(&view, &token, target, fields),
            Err(rejected) => {
                let text = link_words::of(view.words.language).bad_form;
                let told = Told::refused(text.to_owned(), Fields::new());
                let page = page(&view, &token, &target, &told)?;
                Ok(Said::Page(rejected.status(), page))
            }
        }
    })
    .await;
    respond(words, done)
}

fn respond(
    words: &'static Words,
    done: Result<Result<Said, Said>, tokio::task::JoinError>,
) -> Response {
    let said = done.map(|done| done.unwrap_or_else(|refused| refused));
    let failed = |said: String| {
        log::error!("the page of a link cannot be built: {said}");
        answer(
            StatusCode::SERVICE_UNAVAILABLE,
            frame::message(words, words.store_unreadable),
        )
    };
    let mut response = match said {
        Ok(Said::Page(status, markup)) => answer(status, markup),
        Ok(Said::TooOften(text)) => {
            let mut response = answer(StatusCode::TOO_MANY_REQUESTS, frame::message(words, text));
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
            response
        }
        Ok(Said::Store(error)) => failed(error.to_string()),
        Err(error) => failed(error.to_string()),
    };
    // The address is a key for a day: no other site, no search engine and no cache is to have it.
    let headers = response.headers_mut();
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert(
        "x-robots-tag",
        HeaderValue::from_static("noindex, nofollow"),
    );
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    response
}

/// What was said about a form, and what stood in it.
#[derive(Default)]
struct Told {
    done: Option<String>,
    refused: Option<String>,
    fields: Fields,
}

impl Told {
    fn refused(text: String, fields: Fields) -> Self {
        Self {
            refused: Some(text),
            fields,
            ..Self::default()
        }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl Links {
    fn view(&self, asked: &Asked) -> View {
        View {
            words: asked.words,
            explicit: asked.explicit,
            now: (self.now)(),
            zone: self.zone.clone(),
            entered: Entered::by_link(),
        }
    }

    /// What the link shows, counted as one use.
    fn target(&self, view: &View, token: &str, post: bool) -> Result<LinkTarget, Said> {
        let mut found = Err(LinkRefused::Malformed);
        self.reading.view(&mut |rows| {
            found = by_link(rows, token, view.now)?;
            Ok(())
        })?;
        let words = link_words::of(view.words.language);
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(target) if uses.used(&target, post, view.now) => Ok(target),
            Err(refused) if uses.refused(view.now) => {
                log::info!("a link was refused: {}", refused.word());
                let (status, text) = match refused {
                    LinkRefused::Expired(_) => (StatusCode::GONE, words.expired),
                    LinkRefused::Malformed
                    | LinkRefused::Forged
                    | LinkRefused::NoAlert
                    | LinkRefused::Moved => (StatusCode::NOT_FOUND, words.no_link),
                };
                Err(Said::Page(status, frame::message(view.words, text)))
            }
            Ok(_) | Err(_) => Err(Said::TooOften(words.too_often)),
        }
    }

    fn post(
        &self,
        view: &View,
        token: &str,
        mut target: LinkTarget,
        fields: Fields,
    ) -> Result<Said, Said> {
        let language = view.words.language;
        let ask = match ask(view, &fields) {
            Ok(ask) => ask,
            Err(text) => {
                let told = Told::refused(text.to_owned(), fields);
                let page = page(view, token, &target, &told)?;
                return Ok(Said::Page(StatusCode::UNPROCESSABLE_ENTITY, page));
            }
        };
        let who = who(&target, fields.get("name").map_or("", String::as_str));
        let taken = transact(&*self.writing, |rows| {
            acknowledge(rows, &who, target.link.alert, &ask, view.now)
        });
        let (status, told) = match taken {
            Ok(taken) => {
                let told = Told {
                    done: Some(link_words::taken(language, &taken.how)),
                    ..Told::default()
                };
                (StatusCode::OK, told)
            }
            Err(Fault::Refused(refused)) => {
                let text = link_words::refused(language, &refused);
                (
                    StatusCode::UNPROCESSABLE_ENTITY,
                    Told::refused(text, fields),
                )
            }
            Err(Fault::Store(error)) => return Err(error.into()),
        };
        self.writing.view(&mut |rows| {
            target.acknowledgement = rows.acknowledgement(target.link.alert)?;
            Ok(())
        })?;
        Ok(Said::Page(status, page(view, token, &target, &told)?))
    }
}

/// Whoever has the link acts as its receiver.
fn who(target: &LinkTarget, name: &str) -> Who {
    Who {
        name: name_of(&target.link.receiver, name),
        via: Via::Link,
        scope: Scope::Customers(BTreeSet::from([target.owner.customer.clone()])),
    }
}

fn ask(view: &View, fields: &Fields) -> Result<Ask, &'static str> {
    let moment = |name: &str| match fields.get(name).map(String::as_str) {
        None | Some("") => Ok(None),
        Some(text) => moment::parse(text, view.zone.offset_s(), view.now)
            .map(Some)
            .ok_or(link_words::of(view.words.language).bad_time),
    };
    let request = fields.get("request").filter(|text| !text.is_empty());
    Ok(Ask {
        expected_recovery: moment("recovery")?,
        next_report: moment("report")?,
        text: fields.get("text").cloned().unwrap_or_default(),
        request: request.map(|text| text.chars().take(REQUEST_CHARACTERS).collect()),
    })
}

/// A name for the next form, so that pressing twice is pressing once.
fn request_name() -> Result<String, Said> {
    let random = keys::random::<8>().map_err(|failure| StoreError::Io(failure.message))?;
    Ok(format!("{:016x}", u64::from_le_bytes(random)))
}

fn page(view: &View, token: &str, target: &LinkTarget, told: &Told) -> Result<Markup, Said> {
    let words = view.words;
    let own = link_words::of(words.language);
    let alert = &target.alert;
    let code = alert.identity.code;
    let display = codes::display(code, alert.firing);
    // The other language keeps the address, which is nothing but Base64's digits.
    let path = format!("/l/{}", frame::encoded(token));
    let request = request_name()?;
    Ok(html! {
        (DOCTYPE)
        html lang=(words.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="robots" content="noindex,nofollow";
                title { (display) " - " (words.title) }
                link rel="stylesheet" href=(assets::address("style.css"));
            }
            body {
                header.top {
                    span.brand { (words.title) }
                    span.aside {
                        span { (view.time(view.now)) }
                        a href={ (path) "?lang=" (words.other) } lang=(words.other) {
                            @if words.other == "en" { "English" } @else { "日本語" }
                        }
                    }
                }
                main {
                    @if let Some(done) = &told.done { p role="status" { strong { (done) } } }
                    @if let Some(refused) = &told.refused { p.error role="alert" { (refused) } }
                    (facts(view, own, target))
                    (form(view, own, target, told, &path, &request))
                    section.do {
                        h2 { (words.do_now) }
                        @match codes::text(code, words.language) {
                            Some(text) => { p { (frame::prose(text.meaning)) } (frame::steps(text)) }
                            None => { p { (words.no_text) } }
                        }
                    }
                    p { a href=(frame::link(view, &format!("/a/{}", alert.id))) { (own.details) } }
                    p.dim { (own.for_receiver) ": " (target.link.receiver) " - " (own.valid_until) ": " (view.time(target.link.expires)) }
                }
            }
        }
    })
}

/// Whose it is, since when, how bad, and who has it.
fn facts(view: &View, own: &LinkWords, target: &LinkTarget) -> Markup {
    let words = view.words;
    let alert = &target.alert;
    let code = alert.identity.code;
    let owner = &target.owner;
    let owner = [&owner.customer, &owner.system, &owner.agent];
    let owner: Vec<&str> = owner
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    html! {
        section class=(frame::class(view, alert, None)) {
            h1 { (owner.join(" / ")) }
            p {
                @if alert.identity.test { span.badge { (words.test) } " " }
                span.code { (codes::display(code, alert.firing)) } " "
                @match Ending::of(alert) {
                    None => { strong { (frame::severity(words, codes::severity(code))) " " (own.state_firing) } }
                    Some(ending) => { (ending.word(words)) }
                }
                " " strong { (codes::name(code, words.language)) }
                @if !alert.identity.subject.is_empty() { " " code { (alert.identity.subject) } }
            }
            @if alert.identity.test { p { (words.test_note) } }
            dl {
                dt { (own.holder) }
                dd { @match &target.acknowledgement { Some(held) => (holder(view, own, held)), None => strong { (own.nobody) } } }
                dt { (words.since) } dd { (values::dated(view, alert.occurred)) }
                @if !alert.firing { dt { (words.ended) } dd { (values::dated(view, alert.resolved)) } }
                (frame::judged(words, alert))
            }
        }
    }
}

fn holder(view: &View, own: &LinkWords, held: &Acknowledgement) -> Markup {
    html! {
        strong { (held.by) } " " (view.time(held.at))
        @if let Some(recovery) = held.expected_recovery { br; (own.recovery) " " (view.time(recovery)) }
        @if let Some(report) = held.next_report { br; (own.next_report) " " (view.time(report)) }
        @if !held.text.is_empty() { br; (held.text) }
    }
}

fn form(
    view: &View,
    own: &LinkWords,
    target: &LinkTarget,
    told: &Told,
    path: &str,
    request: &str,
) -> Markup {
    let others = target
        .acknowledgement
        .as_ref()
        .is_some_and(|held| held.by != target.link.receiver);
    let action = frame::link(view, path);
    html! {
        form.stack.take method="post" action=(action) autocomplete="off" {
            @if !target.alert.firing { p { (own.over) } }
            p { (own.opened_only) }
            input type="hidden" name="request" value=(request);
            button type="submit" { @if others { (own.take_over) } @else { (own.take) } }
            // Pressing is enough; what may be added does not push what to do off a phone's first screen.
            details open[told.refused.is_some()] {
                summary { (own.add) }
                label { (own.your_name) input name="name" maxlength="64" value=(told.field("name")); }
                label { (own.recovery) (choice(own, "recovery", told.field("recovery"))) }
                label { (own.next_report) (choice(own, "report", told.field("report"))) }
                label { (own.text) textarea name="text" rows="2" maxlength="1000" { (told.field("text")) } }
            }
        }
    }
}

/// Times that a thumb can choose.
fn choice(own: &LinkWords, name: &str, chosen: &str) -> Markup {
    html! {
        select name=(name) {
            @for (value, text) in [
                ("", own.not_said),
                ("+15m", own.minutes_15),
                ("+30m", own.minutes_30),
                ("+1h", own.hour_1),
                ("+2h", own.hours_2),
                ("+4h", own.hours_4),
                ("+8h", own.hours_8),
            ] {
                option value=(value) selected[value == chosen] { (text) }
            }
        }
    }
}
