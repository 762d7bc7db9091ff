//! Objects of answers.

use super::time;
use crate::store::Dated;
use hansho::clock::WallTime;
use serde_json::{Map, Value as Json, json};

/// An object that is being made.
#[derive(Clone, Debug, Default)]
pub struct Object(Map<String, Json>);

impl Object {
    /// Adds a member.
    pub fn put(&mut self, name: &str, value: Json) {
        self.0.insert(name.to_owned(), value);
    }

    /// Adds a moment: as text, and in milliseconds; null where it is not known.
    pub fn moment(&mut self, name: &str, moment: Option<WallTime>) {
        self.put(name, json!(moment.map(time::text)));
        self.put(
            &format!("{name}_ms"),
            json!(moment.map(WallTime::as_millis)),
        );
    }

    /// Adds a moment with what its clock is worth.
    pub fn dated(&mut self, name: &str, dated: Option<Dated>) {
        self.moment(name, dated.map(|dated| dated.wall));
        let clock = dated.map(|dated| dated.quality.word());
        self.put(&format!("{name}_clock"), json!(clock));
    }

    /// Done.
    #[must_use]
    pub fn json(self) -> Json {
        Json::Object(self.0)
    }
}

/// An object with these members.
#[must_use]
pub fn object(members: Json) -> Object {
    match members {
        Json::Object(members) => Object(members),
        _ => Object::default(),
    }
}
