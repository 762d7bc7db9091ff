//! Every address of the API. The router, what the guard asks for, and the document are made of this table: there is no other
//! way in, and nothing that the document does not say.

use super::input::Input;
use super::problem::{PROBLEM, Problem, Sort};
use super::value::{Field, Shape};
use super::{
    Desk, about, accounts, agents, alerts, audit, codes, evidence, keys, places, presence, sent,
    silences, timeline, told, victims, windows,
};
use crate::people::Action;
use serde_json::Value as Json;

/// Whether an operation only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// It reads.
    Get,
    /// It changes something.
    Post,
}

/// What an answer is.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// One object: 200.
    One(&'static Shape),
    /// One object that was made: 201.
    Made(&'static Shape),
    /// A page of a list: 200, `items` and `next`.
    Page(&'static Shape),
    /// CSV: 200.
    Csv,
    /// The document itself: 200.
    Document,
}

impl Answer {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Made(_) => 201,
            _ => 200,
        }
    }

    /// What it is made of.
    #[must_use]
    pub const fn shape(self) -> Option<&'static Shape> {
        match self {
            Self::One(shape) | Self::Made(shape) | Self::Page(shape) => Some(shape),
            Self::Csv | Self::Document => None,
        }
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An object or a page.
    Json(Json),
    /// A file of CSV: its name, its text.
    Csv(String, String),
}

/// What becomes of a request.
pub type Outcome = Result<Reply, Problem>;

/// How an operation is answered.
#[derive(Clone, Copy)]
pub enum Run {
    /// By a decision on the store.
    Decide(fn(&Desk<'_>, &Input) -> Outcome),
    /// By asking the writer whether it works.
    Health,
    /// By the document.
    Document,
}

/// One operation.
pub struct Operation {
    /// Method.
    pub method: Method,
    /// Path, parameters in braces.
    pub path: &'static str,
    /// Its name in the document; unique.
    pub id: &'static str,
    /// The heading under which the document has it.
    pub tag: &'static str,
    /// What one must be allowed to do; whose data it is the operation decides.
    pub action: Action,
    /// What it does.
    pub says: &'static str,
    /// Parameters: those that the path has in braces, and those of the query.
    pub parameters: &'static [Field],
    /// Members of the body.
    pub body: Option<&'static Shape>,
    /// What is answered.
    pub answer: Answer,
    /// Problems beside those that any operation can have.
    pub problems: &'static [Sort],
    /// How it is answered.
    pub run: Run,
}

impl Operation {
    /// Whether a parameter belongs into the path.
    #[must_use]
    pub fn is_in_path(&self, name: &str) -> bool {
        self.path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .any(|part| part == name)
    }

    /// All sorts of problems that it can have.
    #[must_use]
    pub fn all_problems(&self) -> Vec<Sort> {
        use Sort as S;
        let mut sorts = vec![
            S::Malformed,
            S::Unknown,
            S::NotLetIn,
            S::Forbidden,
            S::Failed,
            S::Unavailable,
        ];
        if !self.parameters.is_empty() || self.body.is_some() {
            sorts.extend([S::Missing, S::BadValue]);
        }
        if self.method == Method::Post {
            sorts.extend([S::TooLong, S::WrongType]);
        }
        sorts.extend(self.problems);
        sorts.dedup();
        sorts
    }
}

/// Reads.
#[must_use]
pub const fn get(
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    says: &'static str,
    answer: Answer,
    run: fn(&Desk<'_>, &Input) -> Outcome,
) -> Operation {
    Operation {
        method: Method::Get,
        path,
        id,
        tag,
        action: Action::See,
        says,
        parameters: &[],
        body: None,
        answer,
        problems: &[],
        run: Run::Decide(run),
    }
}

/// Changes something.
#[must_use]
pub const fn post(
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    says: &'static str,
    answer: Answer,
    run: fn(&Desk<'_>, &Input) -> Outcome,
) -> Operation {
    Operation {
        method: Method::Post,
        ..get(path, id, tag, says, answer, run)
    }
}

impl Operation {
    /// With another right than to look.
    #[must_use]
    pub const fn needs(self, action: Action) -> Self {
        Self { action, ..self }
    }

    /// With parameters.
    #[must_use]
    pub const fn with(self, parameters: &'static [Field]) -> Self {
        Self { parameters, ..self }
    }

    /// With a body.
    #[must_use]
    pub const fn takes(self, shape: &'static Shape) -> Self {
        Self {
            body: Some(shape),
            ..self
        }
    }

    /// With problems of its own.
    #[must_use]
    pub const fn or(self, problems: &'static [Sort]) -> Self {
        Self { problems, ..self }
    }

    /// Answered otherwise than by a decision on the store.
    #[must_use]
    pub const fn by(self, run: Run) -> Self {
        Self { run, ..self }
    }
}

/// The table, a part a subject.
const TABLE: &[&[Operation]] = &[
    about::OPERATIONS,
    agents::OPERATIONS,
    presence::OPERATIONS,
    sent::OPERATIONS,
    keys::OPERATIONS,
    alerts::OPERATIONS,
    timeline::OPERATIONS,
    evidence::OPERATIONS,
    victims::OPERATIONS,
    silences::OPERATIONS,
    windows::OPERATIONS,
    places::OPERATIONS,
    codes::OPERATIONS,
    told::OPERATIONS,
    audit::OPERATIONS,
    accounts::OPERATIONS,
];

/// All operations, in the order of the document.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    TABLE.iter().flat_map(|part| part.iter())
}

/// All shapes of the document, by name: those of requests and of answers have names of their own (tested).
#[must_use]
pub fn shapes() -> Vec<(&'static Shape, super::value::Side)> {
    use super::value::Side;
    let mut found: Vec<(&'static Shape, Side)> = vec![(&PROBLEM, Side::Taken)];
    for operation in operations() {
        let taken = operation.body.map(|shape| (shape, Side::Taken));
        let told = operation.answer.shape().map(|shape| (shape, Side::Told));
        for (shape, side) in taken.into_iter().chain(told) {
            add(&mut found, shape, side);
        }
    }
    found.sort_by_key(|(shape, _)| shape.name);
    found
}

fn add(
    found: &mut Vec<(&'static Shape, super::value::Side)>,
    shape: &'static Shape,
    side: super::value::Side,
) {
    if found.iter().any(|(known, _)| known.name == shape.name) {
        return;
    }
    found.push((shape, side));
    for field in shape.fields {
        if let Some(inner) = field.kind.inner() {
            add(found, inner, side);
        }
    }
}
