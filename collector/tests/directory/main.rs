//! Who owns what, who is on duty, who is told and why, what was agreed: in the time that the test gives. [`duty`] rosters, business days
//! and digests; [`routing`] who is told; [`agreed`] responses, what is warned of, what a running collector takes over.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod agreed;
mod duty;
mod routing;

use hansho::clock::WallTime;
use hansho::code::{Language, Urgency};
use hansho_collector::clock::Date;
use hansho_collector::config::value::minute_of_day;
use hansho_collector::config::{Config, Content, Deliver, changes, parse};
use hansho_collector::directory::{
    Current, DeliverWhy, Directory, Duty, Facts, Problem, Raise, Routed, TeamFrom, Uncovered,
    Warning, Why,
};
use hansho_collector::zone::Zone;
use proptest::prelude::*;
use std::path::Path;

const BASE: &str =
    "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n";

const WORLD: &str = r#"
[mail]
host = "127.0.0.1"
from = "hansho@example.jp"
[holidays]
file = "holidays.csv"

[[receiver]]
id = "sato"
mail = "sato@example.jp"
[[receiver]]
id = "suzuki"
mail = "suzuki@example.jp"
[[receiver]]
id = "tanaka"
mail = "tanaka@example.jp"
[[receiver]]
id = "ml"
mail = "ml@example.jp"
[[receiver]]
id = "desk"
mail = "desk@example.jp"

[[team]]
id = "order-ops"
name = { ja = "受注運用チーム", en = "Order operations" }
roster = "order.csv"
receivers = ["desk"]
copy = ["ml"]
escalate_after = "10m"
[[team]]
id = "web-ops"
receivers = ["tanaka"]
[[team]]
id = "night"
roster = "order.csv"

[[customer]]
id = "mirai"
name = { ja = "みらい商事", en = "Mirai Trading" }
language = "en"
[[customer]]
id = "overseas"
time_zone_offset = "-03:30"
holidays = false
business_days = ["sun", "mon"]
business_hours = ["08:00", "12:00"]
digest_at = ["08:30", "00:00"]

[[site]]
customer = "mirai"
id = "tokyo"
name = "東京DC"
[[site]]
customer = "mirai"
id = "osaka"

[[system]]
customer = "mirai"
id = "order"
name = "受注システム"
site = "tokyo"
environment = { ja = "本番", en = "production" }
team = "order-ops"
[[system]]
customer = "mirai"
id = "web"
site = "tokyo"
team = "web-ops"
[[system]]
customer = "mirai"
id = "lost"
[[system]]
customer = "overseas"
id = "shop"
team = "night"

[[host]]
agent = "mirai/order/web09"
site = "osaka"
team = "web-ops"

[[route]]
customer = "mirai"
system = "order"
code = "HNS4001"
subject = "/data*"
team = "web-ops"
deliver = "now"
[[route]]
customer = "mirai"
urgency = "record"
severity = "I"
receivers = ["suzuki", "ml"]
deliver = "digest"
[[route]]
customer = "mirai"
system = "web"
severity = ["W", "E"]
deliver = "record"

[notify]
fallback = ["tanaka", "sato"]
"#;

/// In JST: the night of the 24th, a gap at 06:00, the day; and again at midnight.
const ROSTER: &str = "from,to,first,second,third\n2026-11-24 00:00,2026-11-24 06:00,sato,suzuki,tanaka\n\
                      2026-11-24 09:00,2026-11-24 24:00,suzuki,,\n2026-11-25,2026-11-25,tanaka,sato,\n";
const HOLIDAYS: &str =
    "国民の祝日・休日月日,国民の祝日・休日名称\n2026/11/23,勤労感謝の日\n2026/11/3,文化の日\n";

fn config(more: &str) -> Config {
    let files = |path: &Path, _: usize| {
        let text = match path.file_name().unwrap().to_str().unwrap() {
            "order.csv" => ROSTER,
            "duty.csv" => {
                "from,to,first,second,third\n2026-11-01 00:00,2026-12-01 00:00,sato,hook,\n"
            }
            "holidays.csv" => HOLIDAYS,
            _ => return Err(std::io::ErrorKind::NotFound.into()),
        };
        Ok(Content {
            bytes: text.as_bytes().to_vec(),
            mode: 0o644,
        })
    };
    parse(
        &format!("{BASE}{more}"),
        Path::new("/etc/h/collector.toml"),
        &files,
    )
    .unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn jst() -> Zone {
    Zone::fixed("+09:00").unwrap()
}

fn world(more: &str) -> Directory {
    Directory::new(&config(&format!("{WORLD}{more}")), jst())
}

/// `2026-11-24 03:00` in a zone.
fn at(zone: &str, text: &str) -> WallTime {
    let (date, time) = text.split_once(' ').unwrap();
    let parts: Vec<u64> = date.split('-').map(|part| part.parse().unwrap()).collect();
    let days = Date::new(parts[0], parts[1], parts[2]).unwrap().days();
    Zone::fixed(zone)
        .unwrap()
        .moment((days * 1440 + minute_of_day(time).unwrap()) * 60_000)
}

fn tokyo(text: &str) -> WallTime {
    at("+09:00", text)
}

fn facts<'f>(path: &'f str, code: u16, subject: &'f str) -> Facts<'f> {
    let parts: Vec<&str> = path.split('/').collect();
    Facts {
        customer: parts[0],
        system: parts[1],
        host: parts[2],
        site: None,
        code,
        subject,
    }
}

const RESPONSES: &str = r#"
[[response]]
code = 1002
impact = "all"
[[response]]
code = 1002
customer = "mirai"
impact = "customer"
[[response]]
code = 1002
customer = "mirai"
system = "order"
subject = "/data"
impact = "subject of the system"
[[response]]
code = 1002
customer = "mirai"
system = "order"
subject = "/d*"
impact = "pattern of the system"
[[response]]
code = 1002
customer = "mirai"
system = "order"
subject = "/da*"
impact = "second pattern"
[[response]]
code = 1002
customer = "mirai"
system = "order"
host = "web03"
impact = "host"
[[response]]
code = 4001
subject = "/data"
impact = "subject of all"
[[response]]
code = 4001
customer = "mirai"
impact = "customer"
"#;
