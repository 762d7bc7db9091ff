//! Windows: what is announced, the form that announces, and the buttons that end one.

use super::forms::{Sent, Told, Wrong, begin, carry_out, given, time};
use super::frame::{self, Live, View};
use super::guard::Fields;
use super::words_plan::{self as words, Words};
use super::{Site, places};
use crate::codes::Language;
use crate::handling::window::{self, NewWindow, What, described};
use crate::handling::{self, Fault, Refused, moment, transact};
use crate::limit::REMARK_CHARACTERS;
use crate::people::Action;
use crate::store::{Days, Schedule, StoreError, Texts, Weekly, Window, WindowKind, WindowScope};
use axum::response::Response;
use maud::{Markup, html};

/// Builds the page; `place` stands in its form to begin with.
///
/// # Errors
/// [`StoreError`].
pub fn page(
    site: &Site,
    view: &View,
    told: &Told,
    place: &str,
) -> Result<Option<Markup>, StoreError> {
    let who = view.entered.who();
    let listed = handling::view(&*site.store, |rows| window::list(rows, &who, view.now));
    let mut windows = match listed {
        Ok(windows) => windows,
        Err(Fault::Store(error)) => return Err(error),
        Err(Fault::Refused(_)) => Vec::new(),
    };
    windows.retain(|window| window.next_occurrence(view.now).is_some());
    windows.sort_by_key(|window| window.next_occurrence(view.now).map(|next| next.from));
    let said = words::of(view.words.language);
    let may = view.viewer().may(Action::Window, None).is_ok();
    let places = places::of(site, view)?;
    let content = html! {
        h1 { (said.windows) }
        (told.said())
        div #windows data-live {
            @if windows.is_empty() { p { (said.no_windows) } } @else {
                div.scroll tabindex="0" role="region" aria-label=(said.windows) { table {
                    thead { tr {
                        th.n scope="col" { "No." } th scope="col" { (said.kind) } th scope="col" { (said.what) }
                        th scope="col" { (said.when) } th scope="col" { (said.content) } th scope="col" { (said.by) }
                        @if may { th scope="col" { (said.end_now) } }
                    } }
                    tbody { @for window in &windows { (row(view, said, window, may)) } }
                } }
            }
        }
        @if may { (form(view, said, told, &places, place)) }
    };
    Ok(Some(frame::page(
        view,
        said.windows,
        "/windows",
        Live::Parts,
        content,
    )))
}

fn row(view: &View, said: &Words, window: &Window, may: bool) -> Markup {
    let holds = window.at(view.now).is_some();
    let weekly = matches!(window.schedule, Schedule::Weekly(_));
    let text = match view.words.language {
        Language::Ja => window.texts.ja(),
        Language::En => window.texts.en(),
    };
    html! {
        tr id={ "w" (window.id) } {
            th.n scope="row" { (window.id) }
            td.nowrap { @if window.kind == WindowKind::Maintenance { (said.maintenance_short) } @else { (said.event_short) } }
            td.place { (window.scope.path()) }
            td.when {
                span.badge.ok[holds] { @if holds { (said.holds) } @else { (said.to_come) } }
                @if let Some(next) = window.next_occurrence(view.now) { " " (view.time(next.from)) " - " (view.time(next.until)) }
                @if let Schedule::Weekly(weekly) = &window.schedule { br; span.dim { (said.weekly) ": " (described(weekly)) } }
            }
            td { (text) }
            td { (window.by) ", " (view.time(window.created)) }
            @if may { td.nowrap {
                @if !weekly || holds { (end_button(view, window.id, "occurrence", if weekly { said.end_occurrence } else { said.end_now })) }
                @if weekly { " " (end_button(view, window.id, "series", said.end_series)) }
            } }
        }
    }
}

fn end_button(view: &View, id: u64, what: &str, text: &str) -> Markup {
    html! {
        form.inline method="post" action=(frame::link(view, "/windows/end")) {
            (begin(view))
            input type="hidden" name="window" value=(id);
            input type="hidden" name="what" value=(what);
            button.plain { (text) " " (id) }
        }
    }
}

const FORM: &str = "windows";

fn form(view: &View, said: &Words, told: &Told, places: &[String], place: &str) -> Markup {
    let typed = told.field(FORM, "place");
    let place = if typed.is_empty() { place } else { typed };
    let event = told.field(FORM, "kind") == "event";
    let weekly = told.field(FORM, "schedule") == "weekly";
    let days = [
        said.mon, said.tue, said.wed, said.thu, said.fri, said.sat, said.sun,
    ];
    let field = |name: &'static str| told.field(FORM, name);
    let radio = |name: &'static str, value: &'static str, text: &'static str, checked: bool| {
        html! { label.inline { input type="radio" name=(name) value=(value) checked[checked]; (text) } }
    };
    html! {
        h2 { (said.add_window) }
        form.stack #window-form method="post" action=(frame::link(view, "/windows")) autocomplete="off" {
            (begin(view))
            fieldset {
                legend { (said.kind) }
                (radio("kind", "maintenance", said.maintenance, !event))
                (radio("kind", "event", said.event, event))
            }
            label { (said.place) input name="place" value=(place) list="places" maxlength="200" required aria-describedby="place-hint"; }
            p.dim #place-hint { (said.window_place_hint) }
            label { (said.site) input name="site" value=(field("site")) maxlength="64"; }
            label { (said.title_ja) input name="ja" value=(field("ja")) maxlength=(REMARK_CHARACTERS); }
            label { (said.title_en) input name="en" value=(field("en")) maxlength=(REMARK_CHARACTERS); }
            fieldset {
                legend { (radio("schedule", "once", said.once, !weekly)) }
                label { (said.begin) input type="datetime-local" name="from" value=(field("from")); }
                label { (said.end) input type="datetime-local" name="until" value=(field("until")); }
            }
            fieldset {
                legend { (radio("schedule", "weekly", said.weekly, weekly)) }
                div.days role="group" aria-label=(said.days) {
                    @for (name, text) in window::DAYS.into_iter().zip(days) {
                        label.inline { input type="checkbox" name="day" value=(name) checked[told.has(FORM, "day", name)]; (text) }
                    }
                }
                label { (said.from_clock) input type="time" name="from_clock" value=(field("from_clock")); }
                label { (said.until_clock) input type="time" name="until_clock" value=(field("until_clock")); }
                label { (said.last) input type="datetime-local" name="last" value=(field("last")); }
            }
            button { (said.add_window) }
        }
        (places::list(places))
    }
}

/// `POST /windows`.
pub async fn add(sent: Sent) -> Response {
    carry_out(
        sent,
        FORM,
        |site, view, fields| {
            let new = new_window(view, fields)?;
            let who = view.entered.who();
            transact(&*site.writing, |rows| {
                window::add(rows, &who, &new, view.now)
            })?;
            Ok("/windows?done=window".to_owned())
        },
        |site, view, told| page(site, view, told, ""),
    )
    .await
}

fn new_window(view: &View, fields: &Fields) -> Result<NewWindow, Wrong> {
    let place = places::parse(fields.get("place"));
    let kind = if fields.get("kind") == "event" {
        WindowKind::Event
    } else {
        WindowKind::Maintenance
    };
    let schedule = if fields.get("schedule") == "weekly" {
        Schedule::Weekly(weekly(view, fields)?)
    } else {
        Schedule::Once {
            from: time(view, fields, "from")?.unwrap_or(view.now),
            until: time(view, fields, "until")?.ok_or(Refused::Empty("the end"))?,
        }
    };
    Ok(NewWindow {
        kind,
        scope: WindowScope {
            customer: place.customer.unwrap_or_default(),
            system: place.system,
            site: given(fields, "site"),
            agent: place.agent,
        },
        schedule,
        texts: Texts {
            ja: fields.get("ja").to_owned(),
            en: fields.get("en").to_owned(),
        },
    })
}

fn weekly(view: &View, fields: &Fields) -> Result<Weekly, Wrong> {
    let clock = |name: &str| moment::clock(fields.get(name)).ok_or(Refused::BadClock);
    let bits = window::DAYS
        .iter()
        .enumerate()
        .fold(0_u8, |bits, (number, name)| {
            if fields.all("day").any(|day| day == *name) {
                bits | 1_u8
                    .checked_shl(u32::try_from(number).unwrap_or(8))
                    .unwrap_or(0)
            } else {
                bits
            }
        });
    let offset_minutes = view.zone.offset_s().div_euclid(60);
    Ok(Weekly {
        days: Days::from_bits(bits),
        from_minute: clock("from_clock")?,
        until_minute: clock("until_clock")?,
        offset_minutes: i16::try_from(offset_minutes).map_err(|_| Refused::BadClock)?,
        since: view.now,
        last: time(view, fields, "last")?,
    })
}

/// `POST /windows/end`.
pub async fn end(sent: Sent) -> Response {
    carry_out(
        sent,
        "end",
        |site, view, fields| {
            // What is no number is no window.
            let id = fields.get("window").parse().unwrap_or(0);
            let what = if fields.get("what") == "series" {
                What::Series
            } else {
                What::Occurrence
            };
            let who = view.entered.who();
            transact(&*site.writing, |rows| {
                window::end(rows, &who, id, what, view.now)
            })?;
            Ok("/windows?done=window_end".to_owned())
        },
        |site, view, told| page(site, view, told, ""),
    )
    .await
}
