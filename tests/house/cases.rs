//! The rules and their scanner on small pieces of source: each must find what is wrong, and only that.

use super::*;

fn file(name: &str, text: &str) -> File {
    File {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

/// What is found in one file, without the places.
fn found(name: &str, text: &str) -> Vec<String> {
    let found = violations(&[file(name, text)]);
    found
        .iter()
        .map(|line| line.split_once(": ").unwrap().1.to_owned())
        .collect()
}

fn clean(name: &str, text: &str) {
    assert_eq!(found(name, text), Vec::<String>::new(), "{text}");
}

#[test]
fn a_room_takes_from_its_left() {
    clean(
        "src/frame/batch.rs",
        "use crate::{clock::Uptime, code::{Code, self}, limit, sample::*};",
    );
    clean(
        "src/frame/batch.rs",
        "use super::Kind; use super::super::rule::State; fn f() { crate::code::f(); self::g() }",
    );
    clean(
        "src/frame/mod.rs",
        "mod batch; pub use batch::Batch; pub(crate) fn f() {} use super::rule;",
    );
    clean("src/machine.rs", "use crate::spool::Ring;");
    clean("src/clock.rs", "use crate::limit::X;");
    clean(
        "src/keeper/mod.rs",
        "use crate::forward::Post; use crate::config::Config;",
    );
}

#[test]
fn a_room_does_not_take_from_its_right_however_it_is_written() {
    for text in [
        "use crate::forward::Post;",
        "use crate::{sample::{self, Taken}, forward::{Post as P}};",
        "use {crate::sample::Taken, crate::forward::Post as P};",
        "use super::super::forward;",
        "pub use super::super::{forward as f};",
        "fn f(x: crate::forward::Post) {}",
        "fn f() { let _ = crate::forward::post::<u8>(1); }",
        "mod inner { use super::super::super::forward; }",
        "#[cfg(not(test))] use crate::forward::Post;",
        "const A: char = '\"'; use crate::forward::Post; const B: &str = \"\";",
        "fn f<'a>(x: &'a str) -> crate::forward::Post<'a> { x }",
        "/* /* nested */ still */ use crate::forward::Post;",
        "const A: &str = r#\"a\"b\"#; use crate::forward::Post;",
    ] {
        let found = found("src/rule/set.rs", text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].ends_with("is imported by `rule`, which stands left of it"),
            "{found:?}"
        );
    }
}

#[test]
fn what_only_looks_like_an_import_is_none() {
    for text in [
        "// use crate::forward::Post;",
        "/// [`crate::forward::Post`]\nfn f() {}",
        "/* use crate::forward::Post; */",
        "const A: &str = \"use crate::forward::Post;\";",
        "const A: &str = r##\"use crate::forward::Post; \"# \"##;",
        "const A: &[u8] = b\"\\\" crate::forward::Post\";",
        "#[cfg(test)] mod tests { use crate::forward::Post; fn f() { if true { std::fs::read(\"x\"); } } }",
        "#[cfg(test)] use crate::forward::Post;",
        "#[cfg(all(test, feature = \"std\"))] #[path = \"x.rs\"] mod tests { use crate::forward::Post; }",
        "fn f() { forward.post(); let forward = 1; }",
    ] {
        clean("src/rule/set.rs", text);
    }
}

#[test]
fn the_whole_file_behind_a_test_module_is_test_code() {
    let tests = "use crate::forward::Post; use std::fs;";
    let declared = [
        file("src/rule/mod.rs", "#[cfg(test)]\nmod tests;"),
        file("src/rule/tests.rs", tests),
    ];
    assert_eq!(violations(&declared), Vec::<String>::new());
    let plain = [
        file("src/rule/mod.rs", "mod tests;"),
        file("src/rule/tests.rs", tests),
    ];
    assert_eq!(violations(&plain).len(), 2);
}

#[test]
fn each_special_room_keeps_its_own_rule() {
    assert_eq!(
        found("src/machine.rs", "use crate::forward::Post;").len(),
        1
    );
    assert_eq!(
        found("src/config/mod.rs", "use crate::frame::Batch;").len(),
        1
    );
    assert_eq!(
        found("src/limit.rs", "use crate::clock::Uptime;"),
        ["`crate::clock::Uptime` is imported to the left"]
    );
    assert_eq!(found("src/clock.rs", "use crate::sample::Taken;").len(), 1);
    assert_eq!(
        found("src/lib.rs", "pub mod forward; pub use forward::Post;").len(),
        1
    );
    clean("src/lib.rs", "pub mod forward; pub use frame::Batch;");
    assert_eq!(
        found("src/attic.rs", "fn f() {}"),
        ["room `attic` has no row in ROOMS"]
    );
    assert!(found("src/rule/set.rs", "use crate::Post;")[0].ends_with("hides whose it is"));
    assert!(found("src/rule/set.rs", "use crate::*;")[0].ends_with("hides whose it is"));
}

#[test]
fn programs_import_anything_but_touch_no_outside_thing() {
    clean("src/main.rs", "use hansho::forward::Post; mod wiring;");
    let two = [
        file("src/watch/main.rs", "mod tick;"),
        file("src/watch/tick.rs", "use crate::x; unsafe fn f() {}"),
    ];
    assert_eq!(
        violations(&two),
        ["src/watch/tick.rs:1: `unsafe` has no place in this file"]
    );
}

#[test]
fn an_outside_thing_is_found_however_it_is_written() {
    for (text, thing) in [
        ("use std::fs;", "std::fs"),
        ("use std::{io, fs::{self, File}};", "std::fs"),
        ("fn f() { ::std::fs::read(\"x\"); }", "std::fs"),
        ("use std::*;", "std::fs"),
        ("fn f() { rustix::fs::open(\"x\"); }", "rustix::fs"),
        (
            "use std::time; fn f() { time::Instant::now(); }",
            "std::time::Instant",
        ),
        (
            "use std::time as t; fn f() { t::SystemTime::now(); }",
            "std::time::SystemTime",
        ),
        (
            "use std::process; fn f() { process::Command::new(\"x\"); }",
            "std::process::Command",
        ),
        ("fn f() -> rustls::Error { x }", "rustls"),
        ("use ureq::Agent;", "ureq"),
        ("use rusqlite::Connection;", "rusqlite"),
        ("fn f() { unsafe { g() } }", "unsafe"),
    ] {
        let expected = format!("`{thing}` has no place in this file");
        assert!(
            found("src/rule/set.rs", text).contains(&expected),
            "{text}: {:?}",
            found("src/rule/set.rs", text)
        );
    }
    let listening = "use std::net::TcpListener;";
    assert_eq!(
        found("src/forward/connector.rs", listening),
        ["`std::net::TcpListener` has no place in this file"]
    );
    assert_eq!(
        found(
            "src/rule/set.rs",
            "use std::net; fn f() { net::TcpStream::connect(a) }"
        )
        .len(),
        1
    );
}

#[test]
fn an_outside_thing_may_be_touched_in_its_file_and_its_kin_anywhere() {
    clean("src/sample/procfs.rs", "use std::fs::File;");
    clean(
        "src/forward/connector.rs",
        "use std::net::TcpStream; use rustls::ClientConnection;",
    );
    clean(
        "collector/src/store/sqlite_schema.rs",
        "use rusqlite::Connection;",
    );
    clean("src/sys.rs", "fn f() { unsafe { g() } }");
    clean(
        "src/rule/set.rs",
        "use std::time::Duration; use std::net::IpAddr; use std::process::ExitCode; #[deny(unsafe_code)] fn f() { self.rustls.fs() }",
    );
}

#[test]
fn rooms_with_a_system_are_behind_the_feature() {
    let gated =
        "/// Sends.\n#[cfg(feature = \"std\")]\n#[doc(inline)]\npub mod forward;\npub mod frame;";
    assert_eq!(ungated_rooms(gated), Vec::<String>::new());
    let bare = "#[cfg(feature = \"std\")]\npub mod forward;\npub mod config;";
    assert_eq!(
        ungated_rooms(bare),
        ["src/lib.rs:3: `config` is not behind the feature `std`"]
    );
}

#[test]
fn a_bound_without_a_reason_is_found() {
    let good = "/// Because.\npub const A: u8 = 1;\n/// Because.\n#[cfg(x)]\npub const B: u8 = 1;\nconst _: () = assert!(A == B);";
    assert_eq!(undocumented_bounds(good), Vec::<String>::new());
    let bad = "/// Because.\npub const A: u8 = 1;\npub const B: u8 = 1;\n///\npub const C: u8 = 1;\n// x\npub const D: u8 = 1;";
    assert_eq!(undocumented_bounds(bad).len(), 3);
}

#[test]
fn dependencies_of_every_kind_are_read() {
    let manifest = "
        [package]
        name = \"x\"
        [workspace.dependencies]
        offered = \"1\"
        [dependencies]
        plain = \"1\"
        # commented = \"1\"
        table = { version = \"1\", features = [\"a\"] }
        short.workspace = true
        [dependencies.own_table]
        version = \"1\"
        [target.'cfg(unix)'.dependencies]
        unix = \"1\"
        [build-dependencies]
        build = \"1\"
        [dev-dependencies] # for tests
        dev = \"1\"
        [profile.dev]
        debug = 1
    ";
    let names: Vec<String> = dependencies(manifest).into_iter().collect();
    assert_eq!(
        names,
        [
            "build",
            "dev",
            "own_table",
            "plain",
            "short",
            "table",
            "unix"
        ]
    );
}

#[test]
fn rows_are_the_first_cells_of_the_table() {
    let document = "| crate | why |\n|---|---|\n| `log` | x |\n| serde_json | uses log |\ntext\n";
    let names: Vec<String> = rows(document).into_iter().collect();
    assert_eq!(names, ["log", "serde_json"]);
}

#[test]
fn a_pattern_is_a_name_with_any_text_at_its_star() {
    assert!(fits("src/keeper/*", "src/keeper/spawn.rs"));
    assert!(fits("a/sqlite*.rs", "a/sqlite.rs"));
    assert!(!fits("a/sqlite*.rs", "a/memory.rs"));
    assert!(!fits("src/sys.rs", "src/sys.rs.rs"));
}
