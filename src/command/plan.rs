//! The configuration as subcommands need it that only read.

use super::args::CONFIG;
use super::exit::{Exit, Stop};
use super::file;
use hansho::config::{self, Plan};
use hansho::limit::RULES;
use hansho::rule::Rule;
use std::path::Path;

/// The configuration that was named; else the one at the usual place; else what is built in, with an empty file name.
///
/// # Errors
/// As `hansho check`: the file is missing, or every fault of it.
pub(crate) fn plan(named: Option<&Path>) -> Result<Plan, Stop> {
    let usual = Path::new(CONFIG);
    let path = match named {
        Some(path) => path,
        None if file::is_there(usual) => usual,
        None => return Ok(Plan::default()),
    };
    Ok(config::load(path)?)
}

/// The rules in force, as a rule set takes them.
pub(crate) fn rules(plan: &Plan) -> Result<heapless::Vec<Rule, RULES>, Stop> {
    let mut rules = heapless::Vec::new();
    for effective in &plan.rules {
        rules
            .push(effective.rule.clone())
            .map_err(|_| Stop::failed(Exit::Internal, "more rules than the configuration takes"))?;
    }
    Ok(rules)
}
