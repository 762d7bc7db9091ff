//! The house rules, held by reading the source: which room imports which, which file may touch which outside
//! thing, how long a file may be, that bounds have a reason and dependencies a row.
//!
//! To change a rule, change its table here, with the reason; that is the review.
#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test: what is out of range or cannot be read fails it, as it should"
)]

#[path = "house/scan.rs"]
mod scan;

#[path = "house/cases.rs"]
mod cases;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room may import, besides itself and [`COMMON`]. Data flows to the right: sample, rule,
/// code, frame, spool, forward. A room that has no row may not exist: decide where it stands first.
const ROOMS: &[(&str, &[&str])] = &[
    ("limit", &[]),
    ("clock", &[]),
    ("sample", &[]),
    ("rule", &["sample"]),
    ("code", &["sample", "rule"]),
    ("frame", &["sample", "rule", "code"]),
    ("spool", &["sample", "rule", "code", "frame"]),
    // Implements the memory of a ring on a mapping; what stands left of it is given the time and the bytes.
    ("sys", &["spool"]),
    (
        "forward",
        &["sample", "rule", "code", "frame", "spool", "sys"],
    ),
    ("machine", &["sample", "rule", "code", "frame", "spool"]),
    ("config", &["sample", "rule", "code"]),
    ("keeper", ANY),
    ("scout", ANY),
    ("command", ANY),
];

/// Rooms that all may import: bounds and the two types of time. They import one another only to the left.
const COMMON: &[&str] = &["limit", "clock"];

/// For rooms that wire others together.
const ANY: &[&str] = &["*"];

/// Rooms of the library that need an operating system: lib.rs declares them behind the feature `std`, and
/// imports nothing of them.
const WITH_SYSTEM: &[&str] = &["config", "forward", "keeper", "scout", "sys"];

/// An outside thing, and the only files that may touch it. In a file name `*` is any text.
struct Outside {
    /// The beginning of a path, its parts divided by `::`; or `unsafe`.
    things: &'static [&'static str],
    /// Files, each with why.
    only_in: &'static [(&'static str, &'static str)],
}

const OUTSIDE: &[Outside] = &[
    Outside {
        things: &["unsafe"],
        only_in: &[("src/sys.rs", "the system calls that no crate wraps safely")],
    },
    Outside {
        things: &["std::fs", "rustix::fs"],
        only_in: &[
            ("src/sys.rs", "statfs and locked mappings"),
            ("src/sample/procfs.rs", "holds the files of /proc open"),
            (
                "src/sample/inventory.rs",
                "what the host is, read once at start",
            ),
            ("src/spool/files.rs", "the rings' files"),
            (
                "src/sample/sysinfo_reader.rs",
                "whether the kernel gives MemAvailable, which sysinfo does not tell",
            ),
            (
                "src/config/file.rs",
                "agent.toml and the key, and who may read them",
            ),
            (
                "collector/src/keys.rs",
                "the masters, and the key file of a new agent",
            ),
            (
                "src/forward/connector.rs",
                "certificates of the authorities, named in agent.toml",
            ),
            ("src/keeper/*", "creates the rings and their folders"),
            (
                "src/command/run.rs",
                "creates the rings, before the keeper begins",
            ),
            (
                "src/command/forward.rs",
                "descriptors that the keeper opened: rings and gauges",
            ),
            (
                "src/hanshod/scout.rs",
                "descriptors that the keeper opened: gauges and suspects",
            ),
            (
                "src/hanshod/start.rs",
                "descriptors that the keeper opened: rings and gauges",
            ),
            (
                "src/hanshod/scribe.rs",
                "the disk ring and the log file, beside the tick thread",
            ),
            ("src/scout/*", "whatever may hang is read here"),
            ("src/main.rs", "files named on the command line"),
            ("src/command/file.rs", "files named on the command line"),
            (
                "src/command/run.rs",
                "holds and locks the rings that it hands to the workers",
            ),
            (
                "src/command/forward.rs",
                "descriptors that the keeper opened: rings and gauges",
            ),
            ("src/bin/*", "files named on the command line"),
            (
                "collector/src/store/sqlite*.rs",
                "the database's folder, and raw frames, a file a day",
            ),
            ("collector/src/config*.rs", "collector.toml and the masters"),
            ("collector/src/zone.rs", "the host's time zone"),
            ("collector/src/host.rs", "the host's name"),
            (
                "collector/src/notify/trust.rs",
                "the authorities of mail servers and hooks",
            ),
            (
                "collector/src/notify/template.rs",
                "a site's own subjects and texts",
            ),
            ("collector/src/main.rs", "files named on the command line"),
        ],
    },
    Outside {
        // Addresses are plain data; sockets and names are what reaches out.
        things: &[
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::net::ToSocketAddrs",
            "ureq",
            "rustls",
        ],
        only_in: &[
            ("src/forward/client.rs", "one post: HTTP"),
            ("src/forward/connector.rs", "one connection: TCP and TLS"),
            ("src/forward/proxy.rs", "the tunnel of a proxy"),
            ("src/forward/resolver.rs", "names to addresses, cached"),
            ("collector/src/ingest/tls.rs", "the listeners' certificates"),
            ("collector/src/notify/http.rs", "one POST to a hook"),
            (
                "collector/src/alive/door.rs",
                "asks the collector's own listener",
            ),
            (
                "collector/src/notify/smtp.rs",
                "tells a refused certificate from a broken connection",
            ),
            (
                "collector/src/notify/trust.rs",
                "the authorities of mail servers and hooks",
            ),
        ],
    },
    Outside {
        things: &["lettre"],
        only_in: &[
            ("collector/src/notify/letter.rs", "a mail's bytes"),
            (
                "collector/src/notify/smtp.rs",
                "the only file that speaks SMTP",
            ),
        ],
    },
    Outside {
        things: &["std::net::TcpListener", "std::net::UdpSocket"],
        // No network socket listens on the monitored host, and the collector has tokio's.
        only_in: &[],
    },
    Outside {
        things: &["tokio::net"],
        only_in: &[
            ("collector/src/cli/serve.rs", "opens the two listeners"),
            (
                "collector/src/ingest/server.rs",
                "takes connections of agents",
            ),
            (
                "collector/src/web/listen.rs",
                "takes connections of browsers",
            ),
            ("collector/src/web/mod.rs", "is given the listener"),
        ],
    },
    Outside {
        things: &["sysinfo"],
        only_in: &[("src/sample/sysinfo_reader.rs", "the second reader")],
    },
    Outside {
        things: &["std::process::Command", "rustix::runtime"],
        only_in: &[(
            "src/keeper/*",
            "alone forks and executes, and only ourselves",
        )],
    },
    Outside {
        things: &["rusqlite"],
        only_in: &[(
            "collector/src/store/sqlite*.rs",
            "the one implementation of Store that knows SQL",
        )],
    },
    Outside {
        things: &[
            "std::time::SystemTime",
            "std::time::Instant",
            "rustix::time",
        ],
        only_in: &[
            (
                "src/sys.rs",
                "reads the clocks; everything else is given the time",
            ),
            (
                "src/clock.rs",
                "reads the clocks; everything else is given the time",
            ),
            (
                "src/clock/*",
                "reads the clocks; everything else is given the time",
            ),
            (
                "collector/src/clock.rs",
                "reads the clocks; everything else is given the time",
            ),
            (
                "src/forward/resolver.rs",
                "how old a cached address is; ureq's interface gives no time",
            ),
            (
                "collector/src/store/writer.rs",
                "how long a commit took, and when to sweep next; the store is given the time",
            ),
        ],
    },
];

/// The longest that a file may be without a row in [`LONG`].
const LINES: usize = 700;

/// Files that may be longer, each with why.
const LONG: &[(&str, &str)] = &[
    (
        "src/code/texts_ja.rs",
        "one text after another, nothing to follow",
    ),
    (
        "src/code/texts_en.rs",
        "one text after another, nothing to follow",
    ),
];

/// A source file, named from the top of the repository.
struct File {
    name: String,
    text: String,
}

impl File {
    /// The path of the module that the file is, from the root of its crate.
    fn module(&self) -> Vec<String> {
        let inside = self
            .name
            .rsplit_once("src/")
            .map_or(self.name.as_str(), |(_, inside)| inside);
        let mut module: Vec<String> = inside
            .trim_end_matches(".rs")
            .split('/')
            .map(str::to_owned)
            .collect();
        if matches!(
            module.last().map(String::as_str),
            Some("mod" | "lib" | "main")
        ) {
            module.pop();
        }
        module
    }

    /// Whether the file belongs to a program: a main.rs, a file beside a main.rs that is not the package's
    /// own, or one in src/bin.
    fn is_of_program(&self, all: &BTreeSet<String>) -> bool {
        let mut folder = Path::new(&self.name);
        let in_folder = std::iter::from_fn(|| {
            folder = folder.parent()?;
            Some(folder)
        })
        .any(|folder| {
            !folder.ends_with("src") && all.contains(&folder.join("main.rs").display().to_string())
        });
        self.name == "src/main.rs" || self.name.starts_with("src/bin/") || in_folder
    }

    fn is_of_agent(&self) -> bool {
        self.name.starts_with("src/")
    }
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every .rs file under `folder`, sorted.
fn files_under(folder: &str) -> Vec<File> {
    let mut names = Vec::new();
    let mut folders = vec![top().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.push(path);
            }
        }
    }
    names.sort();
    let name = |path: &Path| path.strip_prefix(top()).unwrap().display().to_string();
    names
        .iter()
        .map(|path| File {
            name: name(path),
            text: fs::read_to_string(path).unwrap(),
        })
        .collect()
}

fn all_files() -> Vec<File> {
    ["src", "collector/src"]
        .iter()
        .flat_map(|folder| files_under(folder))
        .collect()
}

/// What the rules on names find in `files`: one line each, `file:line: what`.
fn violations(files: &[File]) -> Vec<String> {
    let names: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
    let mut scanned = Vec::new();
    let mut test_files = Vec::new();
    for file in files {
        let (tokens, test_modules) = scan::without_tests(&scan::tokens(&file.text));
        let path = Path::new(&file.name);
        let stem = path.file_stem().unwrap().to_string_lossy();
        let folder = path.parent().unwrap();
        let folder = match &*stem {
            "mod" | "lib" | "main" => folder.to_path_buf(),
            stem => folder.join(stem),
        };
        test_files.extend(
            test_modules
                .iter()
                .map(|module| folder.join(module).display().to_string()),
        );
        scanned.push((file, tokens));
    }
    let mut found = Vec::new();
    for (file, tokens) in &scanned {
        let is_test = test_files.iter().any(|test| {
            file.name == format!("{test}.rs") || file.name.starts_with(&format!("{test}/"))
        });
        if is_test {
            continue;
        }
        let paths = scan::paths(tokens);
        outside_things(file, tokens, &paths, &mut found);
        if file.is_of_agent() && !file.is_of_program(&names) {
            imports(file, &paths, &mut found);
        }
    }
    found
}

/// The one-way rule.
fn imports(file: &File, paths: &[scan::Written], found: &mut Vec<String>) {
    let module = file.module();
    let room = module.first().map_or("lib.rs", String::as_str);
    let row = ROOMS.iter().find(|(name, _)| *name == room);
    if row.is_none() && room != "lib.rs" {
        found.push(format!(
            "{}:1: room `{room}` has no row in ROOMS",
            file.name
        ));
        return;
    }
    for path in paths {
        let here = [module.as_slice(), path.inside.as_slice()].concat();
        let absolute = scan::from_root(&here, &path.segments);
        // In lib.rs the rooms are names in scope, so `frame::x` is a path from the root too.
        let absolute = absolute.or_else(|| (room == "lib.rs").then(|| path.segments.clone()));
        let Some(absolute) = absolute.filter(|_| path.segments.len() > 1) else {
            continue;
        };
        let Some(target) = absolute.first() else {
            continue;
        };
        let mut complain = |why: &str| {
            found.push(format!(
                "{}:{}: `{}` {why}",
                file.name,
                path.line,
                path.segments.join("::")
            ));
        };
        if room == "lib.rs" {
            if WITH_SYSTEM.contains(&target.as_str()) {
                complain("reaches what needs a system from the root of the library");
            }
            continue;
        }
        if target == room
            || row.is_some_and(|(_, may)| *may == ANY || may.contains(&target.as_str()))
        {
            continue;
        }
        let common = |name: &str| COMMON.iter().position(|common| *common == name);
        match (common(target), common(room)) {
            (Some(to), Some(from)) if to >= from => complain("is imported to the left"),
            (Some(_), _) => {}
            (None, _) if target == "*" => {
                complain("takes all of the root, which hides whose it is")
            }
            (None, _) if ROOMS.iter().any(|(name, _)| name == target) => {
                complain(&format!("is imported by `{room}`, which stands left of it"));
            }
            (None, _) => complain("is no room: a name of the root hides whose it is"),
        }
    }
}

/// One file for each outside thing.
fn outside_things(
    file: &File,
    tokens: &[scan::Token],
    paths: &[scan::Written],
    found: &mut Vec<String>,
) {
    // A single name outside a `use` is a variable or a field, unless a `use` says what it stands for.
    let whole = scan::expanded(paths).into_iter().zip(paths);
    let whole: Vec<(Vec<String>, usize)> = whole
        .filter(|(names, path)| names.len() > 1 || path.in_use)
        .map(|(names, path)| (names, path.line))
        .collect();
    let is_place = |outside: &&Outside| {
        outside
            .only_in
            .iter()
            .any(|(name, _)| fits(name, &file.name))
    };
    for outside in OUTSIDE.iter().filter(|outside| !is_place(outside)) {
        for thing in outside.things {
            let mut lines: Vec<usize> = if *thing == "unsafe" {
                let words = tokens.iter().filter(|token| token.name() == Some("unsafe"));
                words.map(|token| token.line).collect()
            } else {
                let touching = whole.iter().filter(|(names, _)| touches(names, thing));
                touching.map(|(_, line)| *line).collect()
            };
            lines.dedup();
            let complaint =
                |line| format!("{}:{line}: `{thing}` has no place in this file", file.name);
            found.extend(lines.into_iter().map(complaint));
        }
    }
}

/// Whether `path` names `thing`, something in it, or by a glob something around it.
fn touches(path: &[String], thing: &str) -> bool {
    let thing: Vec<&str> = thing.split("::").collect();
    match path.split_last() {
        Some((last, around)) if last == "*" && around.len() < thing.len() => {
            around == &thing[..around.len()]
        }
        _ => path.len() >= thing.len() && path[..thing.len()] == thing[..],
    }
}

/// Whether `name` is `pattern`, in which one `*` is any text.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begin, end)) => {
            name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        }
    }
}

/// Rooms that need a system must not be compiled into the library that goes without.
fn ungated_rooms(lib: &str) -> Vec<String> {
    let lines: Vec<&str> = lib.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let declared = line
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ");
        let Some(room) = declared
            .strip_prefix("mod ")
            .and_then(|rest| rest.strip_suffix(';'))
        else {
            continue;
        };
        let attributes = lines[..index]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("#["));
        if WITH_SYSTEM.contains(&room)
            && !attributes
                .clone()
                .any(|line| line.contains(r#"feature = "std""#))
        {
            found.push(format!(
                "src/lib.rs:{}: `{room}` is not behind the feature `std`",
                index + 1
            ));
        }
    }
    found
}

/// Public constants without a doc comment above them.
fn undocumented_bounds(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if !line.starts_with("pub const ") {
            continue;
        }
        let above = lines[..index]
            .iter()
            .rev()
            .find(|line| !line.starts_with("#["));
        if !above.is_some_and(|line| line.starts_with("///") && line.len() > "///".len()) {
            found.push(format!("line {}: {line}", index + 1));
        }
    }
    found
}

/// Names of the crates that a Cargo.toml depends on, for its code, its tests or its build.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut in_table = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line
            .strip_prefix('[')
            .and_then(|line| line.split(']').next())
        {
            let table = table.trim_start_matches("target.");
            let name_at = table
                .rfind("dependencies")
                .map(|at| at + "dependencies".len());
            let rest = name_at.and_then(|at| table.get(at..));
            in_table = rest == Some("") && table != "workspace.dependencies";
            if let Some(name) = rest.and_then(|rest| rest.strip_prefix('.')) {
                names.insert(name.trim_matches('"').to_owned());
            }
        } else if let Some((name, _)) = line.split_once('=')
            && in_table
            && !line.starts_with('#')
        {
            let name = name.split('.').next().unwrap_or(name);
            names.insert(name.trim().trim_matches('"').to_owned());
        }
    }
    names
}

/// Crates that have a row of their own in the table of `document`.
fn rows(document: &str) -> BTreeSet<String> {
    let cells = document
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next());
    let names = cells.map(|cell| cell.trim().trim_matches('`').to_owned());
    names
        .filter(|name| name != "crate" && !name.starts_with('-'))
        .collect()
}

fn manifests() -> Vec<PathBuf> {
    let folders = fs::read_dir(top())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = folders
        .map(|folder| folder.join("Cargo.toml"))
        .filter(|path| path.is_file())
        .collect();
    found.push(top().join("Cargo.toml"));
    found
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn rooms_import_only_to_their_left_and_outside_things_have_one_file() {
    let files = all_files();
    assert!(
        files.iter().any(|file| file.name == "src/lib.rs"),
        "the scan found no library"
    );
    assert_none(&violations(&files));
    assert_none(&ungated_rooms(
        &fs::read_to_string(top().join("src/lib.rs")).unwrap(),
    ));
}

#[test]
fn no_file_is_long_without_a_reason() {
    let files = all_files();
    let long = files
        .iter()
        .filter(|file| file.text.lines().count() > LINES);
    let unlisted = long.filter(|file| !LONG.iter().any(|(name, _)| *name == file.name));
    assert_none(
        &unlisted
            .map(|file| format!("{}: {} lines", file.name, file.text.lines().count()))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_bound_has_its_reason() {
    for name in ["src/limit.rs", "collector/src/limit.rs"] {
        if let Ok(text) = fs::read_to_string(top().join(name)) {
            assert_none(&undocumented_bounds(&text));
        }
    }
}

#[test]
fn every_dependency_has_a_row_and_every_row_a_dependency() {
    let documented = rows(&fs::read_to_string(top().join("docs/DEPENDENCIES.md")).unwrap());
    let manifests: Vec<String> = manifests()
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut used: BTreeSet<String> = manifests
        .iter()
        .flat_map(|text| dependencies(text))
        .collect();
    assert!(
        used.remove("hansho"),
        "the scan of the manifests found no package that uses the library"
    );
    assert_none(
        &used
            .difference(&documented)
            .map(|name| format!("{name} has no row"))
            .collect::<Vec<_>>(),
    );
    // Versions that the workspace offers to its packages may have a row before the first package takes them.
    let known = |name: &str| {
        manifests.iter().any(|text| {
            text.lines()
                .any(|line| line.starts_with(&format!("{name} ")))
        })
    };
    let stale = documented.difference(&used).filter(|name| !known(name));
    assert_none(
        &stale
            .map(|name| format!("the row of {name} has no dependency"))
            .collect::<Vec<_>>(),
    );
}
