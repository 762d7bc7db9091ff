//! The built-in rules as they stand, in the Checkpoint.
use hansho::clock::Uptime;
use hansho::code::builtin_rules;
use hansho::limit::CHECKPOINT_BYTES;
use hansho::rule::{GateTest, Intervals, Quantity, Rule, RuleSet, Subject, Value, Values};

/// What a checkpoint of the built-in rules may need: with the machine's own state before it, one block.
const BYTES: usize = 3900;

/// Everything at or beyond its raise level, every gate held where a single host can hold it.
struct Bad<'r>(&'r [Rule]);

impl Values for Bad<'_> {
    fn value(&self, quantity: Quantity, _: &Subject) -> Option<Value> {
        let total = Some(64 << 20);
        let gates = self.0.iter().filter_map(|rule| rule.gate.as_ref());
        let below = gates
            .filter(|gate| gate.quantity == quantity.number())
            .any(|gate| gate.test == GateTest::Below);
        // Of a time left a minute is bad, of all else much.
        let value = match quantity.is_forecast() {
            true => 60,
            false if below => 1 << 19,
            false => 62 << 20,
        };
        Some(Value { value, total })
    }
}

#[test]
fn hours_of_everything_fit_into_one_block() {
    let rules = builtin_rules();
    let mut set = RuleSet::new(rules.clone()).unwrap();
    let intervals = Intervals {
        sample_ms: 1000,
        counters_ms: 5000,
    };
    // A year after boot: the numbers are long.
    let boot = 31_536_000_000;
    for second in 0..7300 {
        let now = Uptime::from_millis(boot + second * 1000);
        set.step(now, intervals, &Bad(&rules), &mut |_, _| {});
    }
    // All but 2003, which rests where pressure is measured.
    assert_eq!(set.open_alerts().count(), rules.len() - 1);
    let mut buffer = [0; CHECKPOINT_BYTES];
    let bytes = set.checkpoint(&mut buffer).unwrap().len();
    println!("{bytes} bytes");
    assert!(bytes <= BYTES, "{bytes}");
}
