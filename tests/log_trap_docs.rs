//! The log traps of docs/JP1.md, ZABBIX.md and HINEMOS.md: every pattern in them against lines that the real machine writes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::too_many_lines,
    reason = "a test that fails may panic"
)]

mod machine_support;

use hansho::code::{Severity, builtin_rules, entry};
use hansho::machine::Input;
use hansho::rule::{Subject, TransitionKind};
use machine_support::*;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What a line says, as its frame says it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    text: String,
    code: u16,
    subject: String,
    severity: Severity,
    raised: bool,
    test: bool,
}

/// Lines of a run, each with its frame.
fn said(run: &Run) -> Vec<Line> {
    let told = run.out.told();
    assert_eq!(told.len(), run.out.lines.len(), "a line an alert");
    let lines = run.out.lines.iter().zip(told);
    lines
        .map(|(text, told)| Line {
            text: text.clone(),
            code: told.code,
            subject: told.subject.clone(),
            severity: entry(told.code).unwrap().severity,
            raised: told.kind != TransitionKind::Resolved,
            test: told.test,
        })
        .collect()
}

/// Raised, continued, resolved and tests, of each severity, with subjects that try to be something else.
fn lines() -> Vec<Line> {
    let mut all = Vec::new();
    let mut run = Run::builtin(1_000 * SECOND);
    run.through(1_000..1_100, look);
    run.through(1_100..1_170, |now| used(now, 970));
    let mut again = Run::after(settings(), builtin_rules(), 1_171 * SECOND, run.out);
    again.through(1_171..1_200, |now| used(now, 970));
    again.through(1_200..1_600, look);
    for code in [1002, 1001, 3009, 2002] {
        again.input(1_600 * SECOND, Input::Test { code });
    }
    again.through(1_601..2_000, look);
    all.extend(said(&again));
    let hostile = [
        "/data",
        "a HNS9999-E FIRING subject=b",
        "x test=yes subject=y",
        "\u{1b}[31m\nHNS1002-E FIRING subject=-",
        "日本語 RESOLVED",
        "-",
        "\"'`$(reboot);|&",
    ];
    for (code, base) in [(1002, 10_000), (1001, 20_000), (3009, 30_000)] {
        let many = hostile.iter().map(|subject| {
            let mut rule = rule(8009);
            rule.code = code;
            rule.subject = Subject::try_from(*subject).unwrap();
            rule.clear_after_ms = 900_000;
            rule
        });
        let mut run = Run::new(settings(), rules(many), base * SECOND);
        run.tick(look(base * SECOND));
        run.late(look((base + 10) * SECOND), 9_000);
        // The same event again while the alert is open.
        run.late(look((base + 800) * SECOND), 9_000);
        run.through(base + 801..base + 2_000, look);
        all.extend(said(&run));
    }
    all
}

/// Which of the texts a program prints back, in order.
fn printed(program: &str, arguments: &[&str], texts: &[&str]) -> Vec<bool> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let input = texts.join("\n") + "\n";
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    let found: Vec<&str> = found.lines().collect();
    texts.iter().map(|text| found.contains(text)).collect()
}

fn grep(kind: &str, pattern: &str, texts: &[&str]) -> Vec<bool> {
    printed("grep", &[kind, "-e", pattern], texts)
}

/// `how`: `search`, `fullmatch`.
fn python(how: &str, pattern: &str, texts: &[&str]) -> Vec<bool> {
    let script = "import re, sys\n\
                  found = getattr(re.compile(sys.argv[2]), sys.argv[1])\n\
                  sys.stdout.writelines(line for line in sys.stdin if found(line.rstrip('\\n')))";
    printed("python3", &["-c", script, how, pattern], texts)
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

/// The block of a document that begins with this fence.
fn block<'d>(document: &'d str, fence: &str) -> &'d str {
    let start = document.find(fence).unwrap() + fence.len();
    let rest = &document[start..];
    &rest[..rest.find("\n```").unwrap()]
}

/// What stands between two marks, for every line that has both.
fn between<'d>(text: &'d str, from: &str, to: &str) -> Vec<&'d str> {
    let lines = text.lines();
    lines
        .filter_map(|line| {
            let (_, rest) = line.split_once(from)?;
            Some(rest.rsplit_once(to)?.0)
        })
        .collect()
}

#[test]
fn the_machine_says_every_kind() {
    let lines = lines();
    for severity in [Severity::Error, Severity::Warning, Severity::Information] {
        for raised in [true, false] {
            for test in [true, false] {
                let fits = |line: &&Line| {
                    line.severity == severity && line.raised == raised && line.test == test
                };
                assert!(
                    lines.iter().any(|line| fits(&line)),
                    "{severity:?} raised={raised} test={test}"
                );
            }
        }
    }
    assert!(lines.iter().any(|line| line.text.contains(" CONTINUED ")));
}

#[test]
fn jp1_gives_each_line_one_event_of_the_right_severity() {
    let document = include_str!("../docs/JP1.md");
    let definition = block(document, "```jp1\n");
    let all = lines();
    let mut hits = vec![Vec::new(); all.len()];
    let mut count = 0;
    for action in definition
        .lines()
        .filter_map(|line| line.strip_prefix("ACTDEF=<"))
    {
        count += 1;
        let (severity, rest) = action.split_once('>').unwrap();
        let (id, pattern) = rest.split_once(' ').unwrap();
        let pattern = pattern
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap();
        assert!(u32::from_str_radix(id, 16).unwrap() <= 0x1fff, "{id}");
        let basic = grep("-G", pattern, &texts(&all));
        assert_eq!(
            basic,
            grep("-E", pattern, &texts(&all)),
            "{pattern}: basic and extended"
        );
        for (hit, found) in hits.iter_mut().zip(basic) {
            if found {
                hit.push((severity.to_owned(), id.to_owned()));
            }
        }
    }
    assert_eq!(count, 8);
    for (line, hits) in all.iter().zip(hits) {
        let severity = match (line.test, line.raised, line.severity) {
            (true, _, _) => "Notice",
            (false, true, Severity::Error) => "Error",
            (false, true, Severity::Warning) => "Warning",
            _ => "Information",
        };
        assert_eq!(hits.len(), 1, "{hits:?}: {}", line.text);
        assert_eq!(hits[0].0, severity, "{}", line.text);
        assert_eq!(
            hits[0].1 == "1F00",
            !line.raised && !line.test,
            "{}",
            line.text
        );
    }
    // The examples are lines of the machine.
    let examples: Vec<&str> = block(document, "```text\n").lines().collect();
    let golden = include_str!("golden/lines.txt");
    assert_eq!(examples[..2], golden.lines().collect::<Vec<_>>()[..]);
    assert!(examples.iter().all(|line| line.len() <= 480));
}

#[test]
fn hinemos_takes_the_first_pattern_that_fits_the_whole_line() {
    let document = include_str!("../docs/HINEMOS.md");
    let rows: Vec<Vec<String>> = document
        .lines()
        .filter(|line| line.contains("| 処理する |"))
        .map(|line| {
            let cells = line.replace("\\|", "\u{0}");
            let cells = cells
                .split('|')
                .map(|cell| cell.trim().replace('\u{0}', "|"));
            cells.collect()
        })
        .collect();
    assert_eq!(rows.len(), 5);
    let all = lines();
    let mut first: Vec<Option<String>> = vec![None; all.len()];
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row[1], (index + 1).to_string());
        let pattern = row[3].trim_matches('`');
        let found = python("fullmatch", pattern, &texts(&all));
        for (hit, found) in first.iter_mut().zip(found) {
            if found && hit.is_none() {
                *hit = Some(row[4].clone());
            }
        }
    }
    for (line, hit) in all.iter().zip(first) {
        let expected = match (line.test, line.raised, line.severity) {
            (true, _, _) => "不明",
            (false, true, Severity::Error) => "危険",
            (false, true, Severity::Warning) => "警告",
            _ => "情報",
        };
        assert_eq!(hit.as_deref(), Some(expected), "{}", line.text);
    }
    let file = between(document, "| ファイル名(正規表現) | `", "` |")[0];
    assert_eq!(
        python(
            "fullmatch",
            file,
            &["hansho.log", "hansho.log.1", "hanshoxlog"]
        ),
        [true, false, false]
    );
}

#[test]
fn zabbix_opens_and_closes_by_code_and_subject() {
    let document = include_str!("../docs/ZABBIX.md");
    let template = block(document, "```yaml\n");
    let all = lines();
    let item = between(template, ",,,skip]'", "").len();
    assert_eq!(item, 1, "one item");
    let keys = between(template, "logrt[\"", "\",,,skip]");
    let (file, filter) = keys[0].split_once("\",\"").unwrap();
    assert!(
        python("search", filter, &texts(&all))
            .iter()
            .all(|found| *found)
    );
    assert_eq!(
        python(
            "search",
            filter,
            &["hanshod started", " HNS1002-E FIRING x"]
        ),
        [false, false]
    );
    // The directory, then a pattern of the file's name.
    let name = file.strip_prefix("/var/log/").unwrap();
    assert_eq!(
        python(
            "search",
            name,
            &["hansho.log", "hansho.log.1", "hansho.log.10", "xhansho.log"]
        ),
        [true, true, false, false]
    );
    let raises = between(template, " expression: 'find(", "\")=1'");
    let recoveries = between(template, "recovery_expression: 'find(", "\")=1'");
    let priorities = between(&template.replace('\n', "$\n"), "priority: ", "$").len();
    assert_eq!((raises.len(), recoveries.len(), priorities), (3, 3, 3));
    let letters = [
        ("HIGH", Severity::Error),
        ("WARNING", Severity::Warning),
        ("INFO", Severity::Information),
    ];
    for ((raise, recovery), (priority, severity)) in raises.iter().zip(recoveries).zip(letters) {
        assert!(template.contains(&format!("priority: {priority}\n")));
        let of = |expression: &str| {
            expression
                .rsplit_once("\"regexp\",\"")
                .unwrap()
                .1
                .to_owned()
        };
        let raised = python("search", &of(raise), &texts(&all));
        let closed = python("search", &of(recovery), &texts(&all));
        for ((line, raised), closed) in all.iter().zip(raised).zip(closed) {
            let real = !line.test;
            assert_eq!(
                raised,
                real && line.raised && line.severity == severity,
                "{}",
                line.text
            );
            assert_eq!(closed, real && !line.raised, "{}", line.text);
        }
    }
    let tags = between(template, ".regsub(\"", "\", \"\\1 \\2\")}'");
    assert_eq!(tags.len(), 3);
    assert!(tags.iter().all(|tag| *tag == tags[0]));
    // A tag is the same for what is raised and what resolves it, and for nothing else.
    let script = "import re, sys\n\
                  for line in sys.stdin:\n    \
                      found = re.search(sys.argv[1], line)\n    \
                      print(found.expand(r'\\1 \\2') if found else 'none')";
    let real: Vec<Line> = all.into_iter().filter(|line| !line.test).collect();
    let output = Command::new("python3")
        .args(["-c", script, tags[0]])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = output.unwrap();
    let input = texts(&real).join("\n") + "\n";
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let tags = String::from_utf8(output.stdout).unwrap();
    let tagged: Vec<(&Line, &str)> = real.iter().zip(tags.lines()).collect();
    assert_eq!(tagged.len(), real.len());
    // As the line shows a subject: two that differ only in what is shown as ? are one there.
    let shown = |line: &Line| {
        let field = line
            .text
            .split(' ')
            .find(|field| field.starts_with("subject="));
        (line.code, field.unwrap().to_owned())
    };
    for (one, tag) in &tagged {
        assert_ne!(*tag, "none", "{}", one.text);
        for (other, another) in &tagged {
            assert_eq!(
                tag == another,
                shown(one) == shown(other),
                "{tag}, {another}"
            );
        }
    }
}
