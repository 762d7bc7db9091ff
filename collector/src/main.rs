//! The collector's command line; all of it is in [`hansho_collector::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    hansho_collector::cli::main()
}
