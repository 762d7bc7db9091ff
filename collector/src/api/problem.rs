//! What is said where something is not done: one shape for all (RFC 9457), with the field where there is one.

use super::object::Object;
use super::value::{Kind, NUMBER, Shape, may, must};
use crate::handling::{Fault, Refused};
use crate::people::{self, NotDone};
use crate::store::StoreError;
use serde_json::{Value as Json, json};

/// Why in principle; each has its HTTP status and its own address in the list of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The body is no JSON object, or a parameter cannot be read.
    Malformed,
    /// A parameter or member that is not known here, or stands there twice.
    Unknown,
    /// A parameter or member is missing.
    Missing,
    /// A value is not of its kind.
    BadValue,
    /// No token and no session, or one that does not let in.
    NotLetIn,
    /// What one's role or scope does not allow.
    Forbidden,
    /// There is no such thing, or not for this viewer.
    NotFound,
    /// The address knows other methods.
    WrongMethod,
    /// What is there contradicts it.
    Conflict,
    /// The body is too long.
    TooLong,
    /// The body is of another media type.
    WrongType,
    /// Understood, and against a rule.
    Refused,
    /// Tried too often.
    TooOften,
    /// The collector failed.
    Failed,
    /// The store cannot be read or written now.
    Unavailable,
}

impl Sort {
    /// All.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Unknown,
        Self::Missing,
        Self::BadValue,
        Self::NotLetIn,
        Self::Forbidden,
        Self::NotFound,
        Self::WrongMethod,
        Self::Conflict,
        Self::TooLong,
        Self::WrongType,
        Self::Refused,
        Self::TooOften,
        Self::Failed,
        Self::Unavailable,
    ];

    /// Its word, HTTP status and title.
    #[must_use]
    pub const fn about(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Malformed => ("malformed", 400, "The request cannot be read"),
            Self::Unknown => ("unknown", 400, "A parameter or member that is not known"),
            Self::Missing => ("missing", 400, "A parameter or member is missing"),
            Self::BadValue => ("bad_value", 400, "A value is not of its kind"),
            Self::NotLetIn => ("not_let_in", 401, "A valid token is needed"),
            Self::Forbidden => ("forbidden", 403, "Role or scope do not allow it"),
            Self::NotFound => ("not_found", 404, "There is no such thing"),
            Self::WrongMethod => ("wrong_method", 405, "The address has other methods"),
            Self::Conflict => ("conflict", 409, "It contradicts what is there"),
            Self::TooLong => ("too_long", 413, "The body is too long"),
            Self::WrongType => ("wrong_type", 415, "The body must be application/json"),
            Self::Refused => ("refused", 422, "It is against a rule"),
            Self::TooOften => ("too_often", 429, "Tried too often"),
            Self::Failed => ("failed", 500, "The collector failed"),
            Self::Unavailable => ("unavailable", 503, "The store cannot be used now"),
        }
    }

    /// The problem of a status that was decided elsewhere.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        let known = Self::ALL.into_iter().find(|sort| sort.about().1 == status);
        known.unwrap_or(if status < 500 {
            Self::Malformed
        } else {
            Self::Failed
        })
    }
}

/// Address under which a sort of problem is explained.
pub const PROBLEMS: &str = "/api/v1/problems";

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Why in principle.
    pub sort: Sort,
    /// Why this time.
    pub detail: String,
    /// The parameter or member.
    pub field: Option<String>,
}

impl Problem {
    /// A problem without a field.
    #[must_use]
    pub fn new(sort: Sort, detail: impl Into<String>) -> Self {
        Self {
            sort,
            detail: detail.into(),
            field: None,
        }
    }

    /// A problem of a field.
    #[must_use]
    pub fn of(sort: Sort, field: &str, detail: impl Into<String>) -> Self {
        Self {
            sort,
            detail: detail.into(),
            field: Some(field.to_owned()),
        }
    }

    /// There is no such thing, or not for this viewer.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Sort::NotFound, format!("there is no such {what}"))
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.sort.about().1
    }

    /// As `application/problem+json`.
    #[must_use]
    pub fn json(&self) -> Json {
        let (word, status, title) = self.sort.about();
        let mut object = Object::default();
        object.put("type", json!(format!("{PROBLEMS}#{word}")));
        object.put("title", json!(title));
        object.put("status", json!(status));
        object.put("detail", json!(self.detail));
        if let Some(field) = &self.field {
            object.put("field", json!(field));
        }
        object.json()
    }
}

/// A problem in the document; `field` is there only where one is to blame.
pub const PROBLEM: Shape = Shape {
    name: "Problem",
    says: "Why something was not done (RFC 9457). Nothing was changed then.",
    fields: &[
        must(
            "type",
            Kind::Text(200),
            "Address under which this sort of problem is explained.",
        ),
        must("title", Kind::Text(200), "The sort of problem."),
        must("status", Kind::Integer(400, 599), "The HTTP status."),
        must("detail", Kind::Text(10_000), "Why this time."),
        may(
            "field",
            Kind::Text(200),
            "The parameter or member that is to blame; left out where none is.",
        ),
    ],
};

/// A sort of problem in the list of them.
pub const SORT: Shape = Shape {
    name: "ProblemSort",
    says: "A sort of problem.",
    fields: &[
        must("type", Kind::Text(200), "As in problems."),
        must("title", Kind::Text(200), "As in problems."),
        must("status", NUMBER, "The HTTP status."),
    ],
};

/// The list of all sorts.
#[must_use]
pub fn sorts() -> Vec<Json> {
    let sort = |sort: Sort| {
        let (word, status, title) = sort.about();
        json!({ "type": format!("{PROBLEMS}#{word}"), "title": title, "status": status })
    };
    Sort::ALL.into_iter().map(sort).collect()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoAgent => Self::not_found("agent"),
            StoreError::NameTaken => Self::of(Sort::Conflict, "name", error.to_string()),
            StoreError::IdTaken => Self::new(Sort::Conflict, error.to_string()),
            other => {
                // What the disk says is for the log: it names paths of the host.
                log::error!("a request to the API was not done: {other}");
                Self::new(
                    Sort::Unavailable,
                    "the store cannot be used now; the collector's log says why",
                )
            }
        }
    }
}

/// The member that a text of `handling` speaks of.
fn member(what: &str) -> Option<&'static str> {
    Some(match what {
        "the text" | "the note" => "text",
        "the request" => "request",
        "the expected recovery" => "expected_recovery",
        "the next report" => "next_report",
        "the reason" => "reason",
        "the customer" | "a customer" => "customer",
        "the system" | "a system" => "system",
        "the agent" | "an agent" => "agent",
        "the site" => "site",
        "the subject" => "subject",
        "the begin" => "from",
        "the end" | "a silence" | "a maintenance" | "an event" => "until",
        "the Japanese text" => "ja",
        "the English text" => "en",
        _ => return None,
    })
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        use Refused as R;
        let detail = refused.to_string();
        let (sort, field) = match &refused {
            R::NoAlert | R::NoSilence(_) | R::NoWindow(_) | R::NoToken(_) => (Sort::NotFound, None),
            R::NoAgent => (Sort::NotFound, Some("agent")),
            R::NoSystem => (Sort::NotFound, Some("system")),
            R::NoCustomer(_) => (Sort::NotFound, Some("customer")),
            R::Beyond(_) => (Sort::Forbidden, Some("customer")),
            R::Ended(_) | R::NotNow | R::NotTaken | R::TooMany { .. } => (Sort::Conflict, None),
            R::Empty(what)
            | R::TooLong { what, .. }
            | R::Hostile(what)
            | R::Past(what)
            | R::TooFar { what, .. }
            | R::TooLasting { what, .. } => (Sort::Refused, member(what)),
            R::Needs { narrower, .. } => (Sort::Refused, member(narrower)),
            R::Backwards => (Sort::Refused, Some("until")),
            R::NoDays => (Sort::Refused, Some("days")),
            R::Everything | R::BadClock => (Sort::Refused, None),
        };
        Self {
            sort,
            detail,
            field: field.map(str::to_owned),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refused) => refused.into(),
            Fault::Store(error) => error.into(),
        }
    }
}

impl From<people::Refused> for Problem {
    fn from(refused: people::Refused) -> Self {
        let sort = match refused {
            people::Refused::Customer => Sort::NotFound,
            people::Refused::Role { .. } | people::Refused::NotAll => Sort::Forbidden,
        };
        Self::new(sort, refused.to_string())
    }
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Self {
        let detail = why.to_string();
        match why {
            NotDone::Name => Self::of(Sort::Refused, "name", detail),
            NotDone::Customer => Self::of(Sort::Refused, "customers", detail),
            NotDone::Password(_) | NotDone::WrongPassword => {
                Self::of(Sort::Refused, "password", detail)
            }
            NotDone::Taken => Self::of(Sort::Conflict, "name", detail),
            NotDone::Missing => Self::new(Sort::NotFound, detail),
            NotDone::TooMany | NotDone::LastAdmin | NotDone::Link => {
                Self::new(Sort::Conflict, detail)
            }
            NotDone::TooOften(_) => Self::new(Sort::TooOften, detail),
            NotDone::Store(error) => error.into(),
            NotDone::System(said) => {
                log::error!("a request to the API was not done: {said}");
                Self::new(Sort::Failed, "the collector's log says why")
            }
        }
    }
}
