//! Names that two rooms must agree on and neither may import from the other.

use hansho::code::defaults::SOURCES;
use hansho::sample::Source;

#[test]
fn every_rule_for_a_lost_source_names_a_source_of_the_reader() {
    for name in SOURCES {
        assert!(
            Source::ALL.iter().any(|source| source.name() == name),
            "{name}"
        );
    }
}
