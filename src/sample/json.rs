//! One sample as one line of JSON: what `hansho sample --json` prints and `hansho replay` reads. Keys and their
//! order are fixed; `null` is absent.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::snapshot::{Counters, Memory, Scope};
use super::taken::{Cpu, Pressure, Sample};
use crate::clock::{Uptime, WallTime};

/// Why a line is no sample. `key` is the whole way to it, such as `memory.total_kib`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// The line is no JSON, or not one value.
    Syntax {
        /// What the parser says, with the column.
        message: String,
    },
    /// A key without which a line has no time.
    Missing {
        /// The key.
        key: String,
    },
    /// A key has another value than it may.
    Unexpected {
        /// The key, empty for the line itself.
        key: String,
        /// What it may be.
        allowed: &'static str,
        /// What it is, shortened.
        found: String,
    },
}

impl core::fmt::Display for JsonFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Syntax { message } => write!(f, "not JSON: {message}"),
            Self::Missing { key } => write!(f, "{key}: missing"),
            Self::Unexpected {
                key,
                allowed,
                found,
            } => {
                let key = if key.is_empty() { "the line" } else { key };
                write!(f, "{key}: found {found}, allowed is {allowed}")
            }
        }
    }
}

impl core::error::Error for JsonFault {}

/// One line of JSON, without the newline.
#[must_use]
pub fn to_json(sample: &Sample) -> String {
    let mut line = Line(String::with_capacity(1280));
    line.open("");
    line.field("uptime_ms", Some(sample.uptime.as_millis()));
    line.field("wall_ms", Some(sample.wall.as_millis()));
    line.text(
        "scope",
        match sample.scope {
            Scope::Host => "\"host\"",
            Scope::Container => "\"container\"",
        },
    );
    let memory = &sample.memory;
    line.open("memory");
    line.field("total_kib", memory.total_kib);
    line.field("available_kib", memory.available_kib);
    line.text(
        "available_estimated",
        if memory.available_estimated {
            "true"
        } else {
            "false"
        },
    );
    line.field("anonymous_kib", memory.anonymous_kib);
    line.field("page_cache_kib", memory.page_cache_kib);
    line.field("shmem_kib", memory.shmem_kib);
    line.field("slab_reclaimable_kib", memory.slab_reclaimable_kib);
    line.field("slab_unreclaimable_kib", memory.slab_unreclaimable_kib);
    line.field("swap_total_kib", memory.swap_total_kib);
    line.field("swap_used_kib", memory.swap_used_kib);
    line.field("dirty_kib", memory.dirty_kib);
    line.field("committed_kib", memory.committed_kib);
    line.field("zfs_arc_kib", memory.zfs_arc_kib);
    line.field("hugetlb_total_kib", memory.hugetlb_total_kib);
    line.field("hugetlb_free_kib", memory.hugetlb_free_kib);
    line.close();
    let cpu = &sample.cpu;
    line.open("cpu");
    line.field("busy_permille", cpu.busy_permille.map(u64::from));
    line.field("user_permille", cpu.user_permille.map(u64::from));
    line.field("system_permille", cpu.system_permille.map(u64::from));
    line.field("iowait_permille", cpu.iowait_permille.map(u64::from));
    line.field("steal_permille", cpu.steal_permille.map(u64::from));
    line.field("load1_centi", cpu.load1_centi.map(u64::from));
    line.field("runnable", cpu.runnable.map(u64::from));
    line.field("cores", cpu.cores.map(u64::from));
    line.close();
    let pressure = &sample.pressure;
    line.open("pressure");
    for (key, permille) in [
        ("cpu_some_permille", pressure.cpu_some_permille),
        ("memory_some_permille", pressure.memory_some_permille),
        ("memory_full_permille", pressure.memory_full_permille),
        ("io_some_permille", pressure.io_some_permille),
        ("io_full_permille", pressure.io_full_permille),
    ] {
        line.field(key, permille.map(u64::from));
    }
    line.close();
    let counters = &sample.counters;
    line.open("counters");
    line.field("oom_kill", counters.oom_kill);
    line.field("swap_in_pages", counters.swap_in_pages);
    line.field("swap_out_pages", counters.swap_out_pages);
    line.field("major_faults", counters.major_faults);
    line.field("refaults", counters.refaults);
    line.close();
    line.close();
    line.0
}

struct Line(String);

impl Line {
    fn key(&mut self, key: &str) {
        if !self.0.ends_with(['{']) && !self.0.is_empty() {
            self.0.push(',');
        }
        if !key.is_empty() {
            self.0.push('"');
            self.0.push_str(key);
            self.0.push_str("\":");
        }
    }

    fn open(&mut self, key: &str) {
        self.key(key);
        self.0.push('{');
    }

    fn close(&mut self) {
        self.0.push('}');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push_str(value);
    }

    fn field(&mut self, key: &str, value: Option<u64>) {
        self.key(key);
        match value {
            Some(value) => {
                // Writing to a String cannot fail.
                write!(self.0, "{value}").unwrap_or_default();
            }
            None => self.0.push_str("null"),
        }
    }
}

/// Reads one line. Unknown keys are passed over and missing ones absent, but for `uptime_ms`: a sample without a
/// time has no place in a series. A missing `wall_ms` is 0, a missing scope the host. A line that the reader of
/// this machine could not have written (a share above 1000, a negative or broken number) is a fault.
///
/// # Errors
/// [`JsonFault`] with the key and what was found.
pub fn from_json(line: &str) -> Result<Sample, JsonFault> {
    let value: Value = serde_json::from_str(line).map_err(|error| JsonFault::Syntax {
        message: error.to_string(),
    })?;
    let Value::Object(root) = &value else {
        return Err(unexpected(String::new(), "an object", &value));
    };
    let root = Object {
        name: "",
        map: Some(root),
    };
    let uptime = root.u64("uptime_ms")?.ok_or_else(|| JsonFault::Missing {
        key: "uptime_ms".to_owned(),
    })?;
    Ok(Sample {
        uptime: Uptime::from_millis(uptime),
        wall: WallTime::from_millis(root.u64("wall_ms")?.unwrap_or_default()),
        scope: root.scope()?,
        memory: memory(&root.object("memory")?)?,
        cpu: cpu(&root.object("cpu")?)?,
        pressure: pressure(&root.object("pressure")?)?,
        counters: counters(&root.object("counters")?)?,
        sources_gone: 0,
    })
}

fn memory(object: &Object<'_>) -> Result<Memory, JsonFault> {
    Ok(Memory {
        total_kib: object.u64("total_kib")?,
        available_kib: object.u64("available_kib")?,
        available_estimated: object.flag("available_estimated")?,
        anonymous_kib: object.u64("anonymous_kib")?,
        page_cache_kib: object.u64("page_cache_kib")?,
        shmem_kib: object.u64("shmem_kib")?,
        slab_reclaimable_kib: object.u64("slab_reclaimable_kib")?,
        slab_unreclaimable_kib: object.u64("slab_unreclaimable_kib")?,
        swap_total_kib: object.u64("swap_total_kib")?,
        swap_used_kib: object.u64("swap_used_kib")?,
        dirty_kib: object.u64("dirty_kib")?,
        committed_kib: object.u64("committed_kib")?,
        zfs_arc_kib: object.u64("zfs_arc_kib")?,
        hugetlb_total_kib: object.u64("hugetlb_total_kib")?,
        hugetlb_free_kib: object.u64("hugetlb_free_kib")?,
    })
}

fn cpu(object: &Object<'_>) -> Result<Cpu, JsonFault> {
    Ok(Cpu {
        busy_permille: object.permille("busy_permille")?,
        user_permille: object.permille("user_permille")?,
        system_permille: object.permille("system_permille")?,
        iowait_permille: object.permille("iowait_permille")?,
        steal_permille: object.permille("steal_permille")?,
        load1_centi: object.u32("load1_centi")?,
        runnable: object.u32("runnable")?,
        cores: object.u32("cores")?,
    })
}

fn pressure(object: &Object<'_>) -> Result<Pressure, JsonFault> {
    Ok(Pressure {
        cpu_some_permille: object.permille("cpu_some_permille")?,
        memory_some_permille: object.permille("memory_some_permille")?,
        memory_full_permille: object.permille("memory_full_permille")?,
        io_some_permille: object.permille("io_some_permille")?,
        io_full_permille: object.permille("io_full_permille")?,
    })
}

fn counters(object: &Object<'_>) -> Result<Counters, JsonFault> {
    Ok(Counters {
        oom_kill: object.u64("oom_kill")?,
        swap_in_pages: object.u64("swap_in_pages")?,
        swap_out_pages: object.u64("swap_out_pages")?,
        major_faults: object.u64("major_faults")?,
        refaults: object.u64("refaults")?,
    })
}

/// A part of the line; without a map every key is absent.
struct Object<'a> {
    name: &'a str,
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Object<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !value.is_null())
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    fn object<'b>(&'b self, key: &'b str) -> Result<Object<'b>, JsonFault> {
        let map = match self.get(key) {
            None => None,
            Some(Value::Object(map)) => Some(map),
            Some(other) => return Err(unexpected(self.path(key), "an object or null", other)),
        };
        Ok(Object { name: key, map })
    }

    /// A number from 0 to `most`.
    fn bounded(
        &self,
        key: &str,
        most: u64,
        allowed: &'static str,
    ) -> Result<Option<u64>, JsonFault> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.as_u64() {
            Some(number) if number <= most => Ok(Some(number)),
            _ => Err(unexpected(self.path(key), allowed, value)),
        }
    }

    fn u64(&self, key: &str) -> Result<Option<u64>, JsonFault> {
        self.bounded(key, u64::MAX, "a whole number from 0, or null")
    }

    fn u32(&self, key: &str) -> Result<Option<u32>, JsonFault> {
        let number = self.bounded(
            key,
            u32::MAX.into(),
            "a whole number from 0 to 4294967295, or null",
        )?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    }

    fn permille(&self, key: &str) -> Result<Option<u16>, JsonFault> {
        let number = self.bounded(key, 1000, "a whole number from 0 to 1000, or null")?;
        Ok(number.and_then(|number| u16::try_from(number).ok()))
    }

    fn flag(&self, key: &str) -> Result<bool, JsonFault> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(unexpected(self.path(key), "true or false", other)),
        }
    }

    fn scope(&self) -> Result<Scope, JsonFault> {
        match self.get("scope") {
            None => Ok(Scope::Host),
            Some(Value::String(scope)) if scope == "host" => Ok(Scope::Host),
            Some(Value::String(scope)) if scope == "container" => Ok(Scope::Container),
            Some(other) => Err(unexpected(
                self.path("scope"),
                "\"host\" or \"container\"",
                other,
            )),
        }
    }
}

fn unexpected(key: String, allowed: &'static str, found: &Value) -> JsonFault {
    const SHOWN_CHARACTERS: usize = 60;
    let text = found.to_string();
    let mut found: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if found.len() < text.len() {
        found.push('…');
    }
    JsonFault::Unexpected {
        key,
        allowed,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "{\"uptime_ms\":5,\"wall_ms\":0,\"scope\":\"host\",\"memory\":{\"total_kib\":null,\"available_kib\":null,\"available_estimated\":false,\"anonymous_kib\":null,\"page_cache_kib\":null,\"shmem_kib\":null,\"slab_reclaimable_kib\":null,\"slab_unreclaimable_kib\":null,\"swap_total_kib\":null,\"swap_used_kib\":null,\"dirty_kib\":null,\"committed_kib\":null,\"zfs_arc_kib\":null,\"hugetlb_total_kib\":null,\"hugetlb_free_kib\":null},\"cpu\":{\"busy_permille\":null,\"user_permille\":null,\"system_permille\":null,\"iowait_permille\":null,\"steal_permille\":null,\"load1_centi\":null,\"runnable\":null,\"cores\":null},\"pressure\":{\"cpu_some_permille\":null,\"memory_some_permille\":null,\"memory_full_permille\":null,\"io_some_permille\":null,\"io_full_permille\":null},\"counters\":{\"oom_kill\":null,\"swap_in_pages\":null,\"swap_out_pages\":null,\"major_faults\":null,\"refaults\":null}}";

    #[test]
    fn the_shape_is_fixed() {
        let mut sample = Sample {
            uptime: Uptime::from_millis(5),
            ..Sample::default()
        };
        assert_eq!(to_json(&sample), EMPTY);
        assert_eq!(from_json(EMPTY), Ok(sample));
        sample.scope = Scope::Container;
        sample.memory.available_estimated = true;
        sample.cpu.busy_permille = Some(1000);
        sample.counters.refaults = Some(u64::MAX);
        assert_eq!(from_json(&to_json(&sample)), Ok(sample));
    }

    #[test]
    fn unknown_is_ignored_and_missing_absent() {
        let sample = from_json(
            "{\"uptime_ms\":5,\"new\":[1],\"cpu\":{\"cores\":2,\"x\":-1},\"memory\":null}",
        )
        .unwrap();
        assert_eq!(sample.cpu.cores, Some(2));
        assert_eq!(sample.memory, Memory::default());
    }

    #[test]
    fn faults_name_the_key_and_what_was_found() {
        let fault = |line: &str| from_json(line).unwrap_err().to_string();
        assert_eq!(fault("{\"wall_ms\":1}"), "uptime_ms: missing");
        assert_eq!(
            fault("{\"uptime_ms\":1,\"memory\":{\"total_kib\":-3}}"),
            "memory.total_kib: found -3, allowed is a whole number from 0, or null"
        );
        assert_eq!(
            fault("{\"uptime_ms\":1,\"cpu\":{\"busy_permille\":1001}}"),
            "cpu.busy_permille: found 1001, allowed is a whole number from 0 to 1000, or null"
        );
        assert_eq!(
            fault("{\"uptime_ms\":1,\"scope\":\"pod\"}"),
            "scope: found \"pod\", allowed is \"host\" or \"container\""
        );
        assert_eq!(
            fault("{\"uptime_ms\":1,\"pressure\":[]}"),
            "pressure: found [], allowed is an object or null"
        );
        assert_eq!(fault("[]"), "the line: found [], allowed is an object");
        assert!(fault("{\"uptime_ms\":1").starts_with("not JSON: "));
        assert!(fault("{\"uptime_ms\":1} x").starts_with("not JSON: "));
    }
}
