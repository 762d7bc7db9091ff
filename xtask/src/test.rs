//! `cargo xtask test`: every test of the workspace, and one line of counts at the end.

use crate::Subcommand;
use crate::process::{Failure, Stream, cargo, run, succeeds, tee};

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "test",
    summary: "build the workspace and run all tests, or those whose name contains a word",
    help: "usage: cargo xtask test [FILTER]

Builds the workspace, runs its tests with cargo-nextest where that is installed and with
`cargo test` where not, then the examples in the documentation. FILTER keeps only the tests
whose name contains it. The last line is `tests: N passed, N failed, N skipped`.

With CI set in the environment a failure does not keep the other tests from running.",
    run: from_command_line,
};

/// Tests at once beyond one a processor.
const WAITING: usize = 2;

/// What the runners said, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    /// Adds what `line` says if it is the closing line of a runner.
    fn add_line(&mut self, line: &str) {
        let line = without_colour(line);
        // Both at the beginning of their line only: nextest shows the output of a failed test further in, and
        // in it the closing line of that test alone.
        let counts = if let Some(results) = line.strip_prefix("test result: ") {
            // test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s
            results.split_once(". ").map(|(_, counts)| counts)
        } else if line.starts_with("     Summary [") {
            // "     Summary [   0.010s] 3 tests run: 2 passed (1 slow), 1 timed out, 0 skipped"
            line.split_once(" run: ").map(|(_, counts)| counts)
        } else {
            None
        };
        let parts = counts
            .into_iter()
            .flat_map(|counts| counts.split([';', ',']));
        for part in parts {
            let Some((number, word)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            let total = match word.split(" (").next() {
                Some("passed") => &mut self.passed,
                Some("failed" | "timed out" | "exec failed") => &mut self.failed,
                Some("skipped" | "ignored" | "filtered out") => &mut self.skipped,
                _ => continue,
            };
            *total = total.saturating_add(number);
        }
    }
}

/// `line` without the escape sequences that set colours (ECMA-48 SGR: `ESC [ … m`).
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for skipped in characters.by_ref() {
                if skipped == 'm' {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

fn from_command_line(arguments: &mut lexopt::Parser) -> Result<(), Failure> {
    use lexopt::prelude::{Long, Short, Value};
    let mut filter: Option<String> = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => return Err(Failure::Help),
            Value(word) if filter.is_none() => {
                filter = Some(word.into_string().map_err(|word| {
                    Failure::Usage(format!("FILTER is not UTF-8: {}", word.to_string_lossy()))
                })?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    run_all(filter.as_deref())
}

fn run_all(filter: Option<&str>) -> Result<(), Failure> {
    // Tests start the programs of other packages too, so all of them have to be there first.
    run(cargo().args(["build", "--workspace"]))?;
    let mut counts = Counts::default();
    let tests = if succeeds(cargo().args(["nextest", "--version"])) {
        let mut nextest = cargo();
        nextest.args(["nextest", "run", "--workspace"]);
        // Many tests wait for real servers rather than compute; those that must be alone say so in .config/nextest.toml.
        if let Ok(processors) = std::thread::available_parallelism() {
            let threads = processors.get().saturating_add(WAITING);
            nextest.args(["--test-threads", &threads.to_string()]);
        }
        if std::env::var_os("CI").is_some() {
            nextest.arg("--no-fail-fast");
        }
        nextest.args(filter);
        tee(&mut nextest, Stream::Stderr, |line| counts.add_line(line))
    } else {
        let mut plain = cargo();
        plain.args(["test", "--workspace", "--lib", "--bins", "--tests"]);
        if std::env::var_os("CI").is_some() {
            plain.arg("--no-fail-fast");
        }
        plain.args(filter);
        tee(&mut plain, Stream::Stdout, |line| counts.add_line(line))
    };
    let examples = tee(
        cargo().args(["test", "--workspace", "--doc"]).args(filter),
        Stream::Stdout,
        |line| counts.add_line(line),
    );
    println!(
        "\ntests: {} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    tests.and(examples)?;
    if counts.passed == 0 {
        return Err(Failure::Check("no test ran".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lines: &[&str]) -> Counts {
        let mut counts = Counts::default();
        for line in lines {
            counts.add_line(line);
        }
        counts
    }

    #[test]
    fn closing_lines_of_both_runners_are_counted() {
        assert_eq!(
            counted(&[
                "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.00s"
            ]),
            Counts {
                passed: 3,
                failed: 2,
                skipped: 5
            }
        );
        assert_eq!(
            counted(&[
                "     Summary [   0.010s] 7 tests run: 4 passed (1 slow), 2 failed, 1 timed out, 3 skipped"
            ]),
            Counts {
                passed: 4,
                failed: 3,
                skipped: 3
            }
        );
        assert_eq!(
            counted(&[
                "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m passed, \u{1b}[1m0\u{1b}[0m skipped"
            ]),
            Counts {
                passed: 2,
                failed: 0,
                skipped: 0
            }
        );
    }

    #[test]
    fn the_output_of_a_failed_test_is_not_counted_again() {
        let shown = "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 16 filtered out; finished in 0.26s";
        assert_eq!(
            counted(&[shown, "         Summary [ 0s] 1 tests run: 1 passed"]),
            Counts::default()
        );
    }

    #[test]
    fn several_runners_add_up_and_other_lines_count_nothing() {
        let one = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(
            counted(&["running 1 test", "test a ... ok", one, "9 passed", one]),
            Counts {
                passed: 2,
                failed: 0,
                skipped: 0
            }
        );
    }
}
