//! What `status` says to people.

use super::output::{shown, table};
use super::status::{Open, Status};
use hansho::code::describe::duration;

/// The status as lines.
pub(crate) fn words(status: &Status) -> String {
    let mut text = format!(
        "agent: {} ({})\n",
        if status.running {
            "running"
        } else {
            "not running"
        },
        status.because.replace('_', " ")
    );
    let mut line = |head: &str, words: String| text.push_str(&format!("{head}: {words}\n"));
    if let (Some(run), Some(number)) = (&status.run, status.run_number) {
        line("run", format!("{run}, number {number}"));
    }
    let ago = |ms: u64| format!("{} ago", duration((ms / 1000).saturating_mul(1000)));
    line(
        "last written",
        status
            .last_sign_ms_ago
            .map_or_else(|| "nothing in this boot".into(), ago),
    );
    for process in &status.processes {
        let kib = |value: Option<u64>| value.map_or_else(|| "?".into(), |kib| kib.to_string());
        let name = process.name.as_deref().unwrap_or("?");
        let memory = format!(
            "{} KiB resident, {} KiB locked",
            kib(process.resident_kib),
            kib(process.locked_kib)
        );
        line(
            "process",
            format!("{} {}, {memory}", process.pid, shown(name)),
        );
    }
    for (head, ring) in [
        ("memory ring", &status.memory_ring),
        ("disk ring", &status.disk_ring),
    ] {
        let bytes = ring
            .bytes
            .map_or_else(String::new, |bytes| format!(", {} KiB", bytes / 1024));
        let damaged = match ring.damaged_blocks {
            0 => String::new(),
            count => format!(", {count} damaged blocks"),
        };
        let state = ring.state.replace('_', " ");
        line(
            head,
            format!("{} {state}{bytes}{damaged}", shown(&ring.path)),
        );
    }
    for held in &status.streams {
        line(
            held.stream,
            format!(
                "{} held, {} not acknowledged",
                held.held, held.not_acknowledged
            ),
        );
    }
    if status.collectors == 0 {
        line("collector", "none configured: nothing is sent".into());
    }
    for pending in &status.pending {
        line(
            "pending",
            format!("{} {}", pending.display, shown(&pending.subject))
                .trim_end()
                .into(),
        );
    }
    line("open alerts", status.open.len().to_string());
    let row = |open: &Open| {
        vec![
            format!("  {}", open.display),
            open.value_text.clone(),
            format!("episode {}", open.episode),
            if open.flapping {
                "flapping".into()
            } else {
                String::new()
            },
            format!("{} {}", open.name, shown(&open.subject)),
        ]
    };
    text.push_str(&table(&status.open.iter().map(row).collect::<Vec<_>>()));
    text
}
