//! Who used what: on the page of an alert, with what changed from one moment to the next, and on that of its agent.
//!
//! One table a moment: the columns that the code is about stand first, and a process has in each its place in that list, so that the one
//! that is largest and the one that grows are seen beside one another, and each process once.

use super::frame::{self, View};
use super::words_evidence::{self as words, Words};
use super::{pieces, values};
use crate::codes;
use crate::limit::{PAGE_EVIDENCE, PAGE_GONE};
use crate::notify::render::numbers;
use crate::store::evidence::{self, Change, Changes, Grown, List, OfAlert, Suspect};
use crate::store::rows::EvidenceRows;
use crate::store::{AlertId, EvidenceAbout, StoreError, StoredEvidence};
use hansho::frame::evidence::{FLAG_CUT, FLAG_HIDDEN, FLAG_NO_TABLE, Moment};
use hansho::frame::kind::AgentId;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Codes of a host's own, behind which processes stand; 8xxx and 9xxx are about agents and silence.
const OF_HOSTS: core::ops::RangeInclusive<u16> = 1000..=7999;

/// The section of an alert's page.
pub fn of_alert(view: &View, all: &[OfAlert], code: u16) -> Markup {
    let said = words::of(view.words.language);
    let Some(main) = evidence::main(all) else {
        return html! {
            @if OF_HOSTS.contains(&code) { section { h2 { (said.used) } p.dim { (said.none) } } }
        };
    };
    html! {
        section {
            h2 { (said.used) }
            @if let Some(one) = all.get(main) { (moment_of(view, all, main, one, code)) }
            @if all.len() > 1 {
                h3 { (said.earlier) }
                @for (index, one) in all.iter().enumerate().rev().filter(|(index, _)| *index != main) {
                    details id=(anchor(&one.evidence)) {
                        summary { (summary(view, one)) }
                        (body(view, &one.evidence, code, Against::of(all, index)))
                    }
                }
            }
        }
    }
}

fn moment_of(view: &View, all: &[OfAlert], index: usize, one: &OfAlert, code: u16) -> Markup {
    html! {
        p { strong { (summary(view, one)) } }
        (body(view, &one.evidence, code, Against::of(all, index)))
    }
}

fn summary(view: &View, one: &OfAlert) -> String {
    let language = view.words.language;
    let at = values::dated(view, Some(one.evidence.head.at));
    format!("{} {at}", words::moment(language, one.moment))
}

fn anchor(evidence: &StoredEvidence) -> String {
    format!("evidence-{}-{}", evidence.head.run, evidence.head.number)
}

/// What it is compared with.
enum Against {
    /// Nothing: it stands alone.
    Nothing,
    /// It is the first.
    First,
    /// The one before is of another boot.
    OtherBoot,
    /// The one before.
    Before(Changes),
}

impl Against {
    fn of(all: &[OfAlert], index: usize) -> Self {
        let before = index.checked_sub(1).and_then(|before| all.get(before));
        let (Some(before), Some(one)) = (before, all.get(index)) else {
            return Self::First;
        };
        match one.evidence.changes(&before.evidence) {
            Some(changes) => Self::Before(changes),
            None => Self::OtherBoot,
        }
    }
}

/// Coverage, tables, what is gone.
fn body(view: &View, evidence: &StoredEvidence, code: u16, against: Against) -> Markup {
    let language = view.words.language;
    let said = words::of(language);
    let suspects = evidence.suspects();
    let (first, rest) = in_order(&suspects, code);
    let changes = match &against {
        Against::Before(changes) => Some(changes),
        _ => None,
    };
    html! {
        (trust(view, evidence))
        @if evidence.head.flags & FLAG_NO_TABLE == 0 {
            @if suspects.is_empty() { p { (said.empty) } } @else {
                (table(view, evidence, &suspects, &first, (code, changes)))
                @if !rest.is_empty() {
                    details id={ (anchor(evidence)) "-rest" } {
                        summary { (said.others) " (" (rest.len()) ")" }
                        (table(view, evidence, &suspects, &rest, (code, changes)))
                    }
                }
            }
        }
        @match &against {
            Against::Before(changes) => { (gone(view, changes)) }
            Against::First => { p.dim { (said.first_one) } }
            Against::OtherBoot => { p.dim { (said.other_boot) } }
            Against::Nothing => {}
        }
    }
}

/// How far it can be trusted: coverage, age, and what is missing.
fn trust(view: &View, evidence: &StoredEvidence) -> Markup {
    let language = view.words.language;
    let said = words::of(language);
    let head = &evidence.head;
    let unreadable = head.refused.saturating_add(head.failed);
    html! {
        @if head.flags & FLAG_NO_TABLE != 0 { p { strong { (said.no_table) } } }
        @if let (Some(began), Some(ended)) = (head.walk_began, head.walk_ended) {
            p.dim {
                (words::coverage(language, head.seen, head.read, unreadable, head.gone)) (said.comma)
                (words::walk(language, ended.since(began), evidence.age_ms(ended)))
            }
        }
        @if evidence.is_fresh() { p.dim { (said.fresh) } }
        @if head.flags & FLAG_HIDDEN != 0 { p { strong { (said.hidden) } } }
        @if head.flags & FLAG_CUT != 0 { p { strong { (said.cut) } } }
        @for part in evidence.missing() {
            p.doubtful { (words::missing(language, u32::from(part).saturating_add(1), head.parts)) }
        }
    }
}

/// Columns, the ones that the code is about first.
fn columns(code: u16) -> Vec<List> {
    let mut lists = List::of_code(code).to_vec();
    for list in List::ALL {
        if !lists.contains(&list) {
            lists.push(list);
        }
    }
    lists
}

/// Those of the lists that the code is about, each once, in order of the lists; then the others.
fn in_order(suspects: &[Suspect], code: u16) -> (Vec<&Suspect>, Vec<&Suspect>) {
    let mut seen = BTreeSet::new();
    let mut fresh = |suspect: &&Suspect| seen.insert((suspect.pid, suspect.start_ticks));
    let mut listed = Vec::new();
    let lead = List::of_code(code);
    for list in lead {
        listed.extend(list.top(suspects).into_iter().filter(&mut fresh));
    }
    let mut rest = Vec::new();
    for list in List::ALL {
        rest.extend(list.top(suspects).into_iter().filter(&mut fresh));
    }
    rest.extend(suspects.iter().filter(&mut fresh));
    if listed.is_empty() {
        (rest, Vec::new())
    } else {
        (listed, rest)
    }
}

fn table(
    view: &View,
    evidence: &StoredEvidence,
    all: &[Suspect],
    rows: &[&Suspect],
    (code, changes): (u16, Option<&Changes>),
) -> Markup {
    let language = view.words.language;
    let said = words::of(language);
    let columns: Vec<(List, Vec<&Suspect>)> = columns(code)
        .into_iter()
        .map(|list| (list, list.top(all)))
        .collect();
    let lead = List::of_code(code).len();
    html! {
        div.scroll.used tabindex="0" role="region" aria-label=(said.used) { table {
            thead { tr {
                th scope="col" { (said.process) }
                @for (index, (list, _)) in columns.iter().enumerate() {
                    // What changed stands behind what the code is about: on a phone's first screen.
                    @if index == lead && changes.is_some() { th.n scope="col" { (said.change) } }
                    th.n scope="col" { (words::column(language, *list)) }
                }
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (process(view, said, evidence, row)) }
                @for (index, (list, top)) in columns.iter().enumerate() {
                    @if let Some(changes) = changes.filter(|_| index == lead) { td.n { (change(said, changes, row)) } }
                    td.n {
                        @if let Some(place) = top.iter().position(|one| core::ptr::eq(*one, *row)) {
                            span.rank { (words::rank(language, place.saturating_add(1))) } " "
                        }
                        (cell(view, said, *list, row))
                    }
                }
            } } }
        } }
    }
}

/// Name, and what tells it from others of the name.
fn process(view: &View, said: &Words, evidence: &StoredEvidence, row: &Suspect) -> Markup {
    html! {
        code { (row.name) } " " span.nowrap { "pid " (row.pid) }
        @if let Some(unit) = row.unit.as_ref().filter(|unit| !unit.is_empty()) { div { (unit) } }
        @if let Some(container) = row.container.as_ref().filter(|id| !id.is_empty()) {
            div { (said.container) " " code { (container) } }
        }
        div.about.dim {
            @if let Some(uid) = row.uid {
                "uid " (uid)
                @if let Some(user) = row.user.as_ref().filter(|user| !user.is_empty()) { " (" (user) ")" }
                ", "
            }
            (said.host_parent) " " (row.parent) ", " (said.threads) " " (row.threads)
            @if let Some(adjusted) = row.oom_score_adj.filter(|adjusted| *adjusted != 0) { ", oom_score_adj " (adjusted) }
            @if row.read.as_millis() > 0 { ", " (words::ago(view.words.language, evidence.age_ms(row.read))) }
        }
    }
}

fn cell(view: &View, said: &Words, list: List, row: &Suspect) -> Markup {
    let grown = |grown: Option<Grown>| match grown {
        Some(Grown { kib, over_ms }) => html! {
            (numbers::change(kib))
            @if over_ms > 0 { br; span.dim { (words::over(view.words.language, over_ms)) } }
        },
        None => html! { span.dim { (said.unread) } },
    };
    let text = match list {
        List::GrowthShort => return grown(row.growth_short),
        List::GrowthLong => return grown(row.growth_long),
        List::Memory => row.memory_kib.map(|kib| numbers::memory(kib, 1)),
        List::Swap => row.swap_kib.map(|kib| numbers::memory(kib, 1)),
        List::Cpu => row
            .cpu_permille
            .map(|permille| values::percent(u64::from(permille))),
    };
    match text {
        Some(text) => html! { (text) },
        None => html! { span.dim { (said.unread) } },
    }
}

fn change(said: &Words, changes: &Changes, row: &Suspect) -> Markup {
    match changes.now.get(&(row.pid, row.start_ticks)) {
        Some(Change::Memory(Some(kib))) => html! { (numbers::change(*kib)) },
        Some(Change::Started) => html! { strong { (said.started) } },
        Some(Change::NotListed) => html! { (said.not_listed) },
        Some(Change::Memory(None)) | None => html! { span.dim { (said.unread) } },
    }
}

fn gone(view: &View, changes: &Changes) -> Markup {
    let language = view.words.language;
    let more = changes.gone.len().saturating_sub(PAGE_GONE);
    html! {
        @if !changes.gone.is_empty() {
            p { (words::of(language).gone) }
            ul {
                @for one in changes.gone.iter().take(PAGE_GONE) {
                    li {
                        code { (one.name) } " pid " (one.pid)
                        @if let Some(unit) = &one.unit { " " (unit) }
                        @if let Some(kib) = one.memory_kib { " " (numbers::memory(kib, 1)) }
                    }
                }
                @if more > 0 { li { (words::more(language, more)) } }
            }
        }
    }
}

/// An Evidence of an agent, and the alerts that it is about; `None` where it never fired.
pub struct OfAgent {
    evidence: StoredEvidence,
    alerts: Vec<(EvidenceAbout, Option<AlertId>)>,
}

/// The newest of an agent.
///
/// # Errors
/// [`StoreError`].
pub fn newest<R: EvidenceRows + ?Sized>(
    rows: &mut R,
    agent: AgentId,
) -> Result<Vec<OfAgent>, StoreError> {
    let found = rows.evidence_of(agent, None, PAGE_EVIDENCE)?;
    found
        .into_iter()
        .map(|evidence| {
            let mut alerts = Vec::new();
            for about in &evidence.about {
                let alert = evidence::alert_of(rows, agent, &evidence, about)?;
                alerts.push((about.clone(), alert.map(|alert| alert.id)));
            }
            Ok(OfAgent { evidence, alerts })
        })
        .collect()
}

/// The section of an agent's page: the newest, and a list of those before.
pub fn of_agent(view: &View, all: &[OfAgent]) -> Markup {
    let said = words::of(view.words.language);
    html! {
        @if let Some((first, before)) = all.split_first() {
            h2 { (said.of_agent) }
            (shown(view, said, first))
            @for one in before {
                details id=(anchor(&one.evidence)) {
                    summary { (values::dated(view, Some(one.evidence.head.at))) " " (codes_of(view, one)) }
                    (shown(view, said, one))
                }
            }
        }
    }
}

fn codes_of(view: &View, one: &OfAgent) -> String {
    let language = view.words.language;
    let each = one.alerts.iter().map(|(about, _)| {
        let moment = words::moment(language, Moment::from_u8(about.moment));
        format!("{} {moment}", codes::display(about.code, true))
    });
    each.collect::<Vec<String>>().join(", ")
}

fn shown(view: &View, said: &Words, one: &OfAgent) -> Markup {
    let code = one.alerts.first().map_or(0, |(about, _)| about.code);
    html! {
        p { strong { (values::dated(view, Some(one.evidence.head.at))) } }
        ul.plain { @for (about, alert) in &one.alerts { li { (alert_line(view, said, about, *alert)) } } }
        (body(view, &one.evidence, code, Against::Nothing))
    }
}

fn alert_line(view: &View, said: &Words, about: &EvidenceAbout, alert: Option<AlertId>) -> Markup {
    let language = view.words.language;
    html! {
        span.code { (codes::display(about.code, true)) } " " (codes::name(about.code, language))
        @if !about.subject.is_empty() { " " code { (pieces::lines(&crate::plain::one_line(&about.subject))) } }
        ", " (words::moment(language, Moment::from_u8(about.moment)))
        @match alert {
            Some(id) => { ", " a href=(frame::link(view, &format!("/a/{id}"))) { (said.open_alert) " " (id) } }
            None if about.moment == Moment::Pending.as_u8() => { ", " span.badge.doubt { (said.never_fired) } }
            // It is on its way, or past its retention.
            None => { ", " span.badge.doubt { (said.no_alert) } }
        }
    }
}
