//! Long lists, a page at a time.

use super::problem::{Problem, Sort};
use super::value::{Field, Form, Kind, may};
use super::{Outcome, Reply};
use crate::limit::{API_CURSOR_CHARACTERS, API_PAGE, API_PAGE_MOST};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// Where a page begins: made by the collector, opaque to everybody else. Hexadecimal digits of the key of the last item.
const CURSOR: Form = Form {
    pattern: "^([0-9a-f]{2})+$",
    fits: |text| decoded(text).is_some(),
    allowed: "the `next` of an answer before",
};

/// The parameter `cursor`.
pub const CURSOR_FIELD: Field = may(
    "cursor",
    Kind::Form(&CURSOR),
    "The `next` of the page before; without it the first page.",
);

/// The parameter `limit`.
pub const LIMIT_FIELD: Field = may(
    "limit",
    Kind::Integer(1, API_PAGE_MOST),
    "Items on a page at most; 100 where it is not given. A page may have fewer and yet a `next`.",
);

fn encoded(key: &str) -> String {
    key.bytes().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn decoded(text: &str) -> Option<String> {
    let digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let right = !text.is_empty()
        && text.len() <= API_CURSOR_CHARACTERS
        && text.len().is_multiple_of(2)
        && text.as_bytes().iter().all(digit);
    if !right {
        return None;
    }
    let bytes = text.as_bytes().chunks(2).map(|pair| {
        let pair = core::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

/// Which page is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Key of the last item of the page before.
    pub after: Option<String>,
    /// Items at most.
    pub limit: usize,
}

impl Asked {
    /// Of a request.
    #[must_use]
    pub fn new(input: &super::Input) -> Self {
        let limit = input.integer("limit").unwrap_or(API_PAGE);
        Self {
            after: input.given("cursor").and_then(decoded),
            limit: usize::try_from(limit).unwrap_or(100),
        }
    }

    /// The key of the page before, as numbers.
    ///
    /// # Errors
    /// It is no cursor of this list.
    pub fn numbers<const N: usize>(&self) -> Result<Option<[u64; N]>, Problem> {
        let Some(after) = &self.after else {
            return Ok(None);
        };
        let numbers: Option<Vec<u64>> = after.split('/').map(|part| part.parse().ok()).collect();
        let numbers = numbers.and_then(|numbers| <[u64; N]>::try_from(numbers).ok());
        numbers.map(Some).ok_or_else(stray)
    }
}

/// A cursor of another list.
#[must_use]
pub fn stray() -> Problem {
    Problem::of(Sort::BadValue, "cursor", "it is of another list")
}

/// A page: its items, and the key of the last one where more may follow.
#[must_use]
pub fn page(items: Vec<Json>, next: Option<&str>) -> Reply {
    Reply::Json(json!({ "items": items, "next": next.map(encoded) }))
}

/// A page of a list that is in memory and sorted by `key`, each of which is greater than the one before.
pub fn of<T, K: Ord>(
    list: &[T],
    asked: &Asked,
    after: Option<&K>,
    key: impl Fn(&T) -> K,
    written: impl Fn(&K) -> String,
    json: impl Fn(&T) -> Json,
) -> Reply {
    let mut rest = list
        .iter()
        .filter(|item| after.is_none_or(|after| key(item) > *after));
    let shown: Vec<&T> = rest.by_ref().take(asked.limit).collect();
    let more = rest.next().is_some();
    let next = shown
        .last()
        .filter(|_| more)
        .map(|last| written(&key(last)));
    page(shown.into_iter().map(json).collect(), next.as_deref())
}

/// A page of what has a number, by which it is sorted.
///
/// # Errors
/// The cursor is of another list.
pub fn numbered<T>(
    list: &[T],
    input: &super::Input,
    number: impl Fn(&T) -> u64,
    json: impl Fn(&T) -> Json,
) -> Outcome {
    let asked = Asked::new(input);
    let after = asked.numbers::<1>()?.map(|[number]| number);
    Ok(of(
        list,
        &asked,
        after.as_ref(),
        number,
        u64::to_string,
        json,
    ))
}

/// A page of what is known by its customer and system, by which it is sorted.
pub fn placed<T>(
    list: &[((String, String), T)],
    input: &super::Input,
    json: impl Fn(&T) -> Json,
) -> Reply {
    let asked = Asked::new(input);
    of(
        list,
        &asked,
        asked.after.as_ref(),
        |((customer, system), _)| format!("{customer}\u{1}{system}"),
        Clone::clone,
        |(_, item)| json(item),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pages_join_without_gap_or_repetition() {
        let list: Vec<u64> = (1..=10).collect();
        let mut all = Vec::new();
        let mut after = None;
        for _ in 0..4 {
            let asked = Asked {
                after: after.clone(),
                limit: 3,
            };
            let from = asked.numbers::<1>().unwrap().map(|[number]| number);
            let reply = of(
                &list,
                &asked,
                from.as_ref(),
                |n| *n,
                u64::to_string,
                |n| json!(n),
            );
            if let Reply::Json(page) = reply {
                all.extend(
                    page["items"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|item| item.as_u64().unwrap()),
                );
                after = page["next"].as_str().and_then(decoded);
            }
        }
        assert_eq!((all, after), (list, None));
    }

    proptest! {
        #[test]
        fn cursors_go_there_and_back(key in ".{1,40}") {
            prop_assert_eq!(decoded(&encoded(&key)), Some(key));
        }

        #[test]
        fn no_cursor_panics(text in ".{0,40}") {
            let asked = Asked { after: decoded(&text), limit: 1 };
            prop_assert!(asked.numbers::<2>().is_ok() || asked.after.is_some());
        }
    }
}
