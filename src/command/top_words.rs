//! How `top` shows people what it saw: lines of at most 80 columns, without colour.

use super::moment::{ago, span, utc};
use super::output::shown;
use super::status::Status;
use super::top::{Seen, Unit, now};
use hansho::code::{Language, name};
use hansho::sample::Sample;
use hansho::scout::suspects::List;
use hansho::scout::{Process, Text};

/// A line is never longer.
const COLUMNS: usize = 80;

/// The whole as lines.
pub(crate) fn words(seen: &Seen) -> String {
    let mut lines = vec![format!(
        "{}, {}, up {}, over {}",
        shown(seen.host.as_deref().unwrap_or("host name unknown")),
        utc(seen.sample.wall.as_millis()),
        span(now(seen).as_millis(), Language::En),
        seconds(seen.over_ms),
    )];
    agent(seen, &mut lines);
    host(&seen.sample, &mut lines);
    processes(seen, &mut lines);
    let suspects = &seen.suspects;
    list("by memory", &suspects.memory, Column::Memory, &mut lines);
    let growth = format!(
        "by growth over the {} between the two looks (longer is not known yet)",
        seconds(seen.over_ms)
    );
    list(&growth, &suspects.growth_short, Column::Growth, &mut lines);
    list("by CPU", &suspects.cpu, Column::Cpu, &mut lines);
    list(
        "by memory in swap",
        &suspects.swap,
        Column::Swap,
        &mut lines,
    );
    units(&seen.units, &mut lines);
    let mut text = String::new();
    for line in lines {
        text.push_str(cut(&line).trim_end());
        text.push('\n');
    }
    text
}

fn agent(seen: &Seen, lines: &mut Vec<String>) {
    let status = match &seen.agent {
        Ok(status) => status,
        Err(why) => {
            let first = why.lines().next().unwrap_or_default();
            lines.push("agent      not known: its configuration cannot be read".into());
            lines.push(format!("           {}", shown(first)));
            return;
        }
    };
    let running = if status.running {
        "runs"
    } else {
        "does not run"
    };
    let because = status.because.replace('_', " ");
    lines.push(format!("agent      {running} ({because})"));
    if let Some(ms) = status.last_sign_ms_ago {
        let written = ago(ms, Language::En);
        lines.push(format!("           last written {written}"));
    }
    for ring in [&status.memory_ring, &status.disk_ring] {
        if !matches!(ring.state, "ok" | "off" | "missing") {
            let state = ring.state.replace('_', " ");
            lines.push(format!("           ring {}: {state}", shown(&ring.path)));
        }
    }
    alerts(status, lines);
}

fn alerts(status: &Status, lines: &mut Vec<String>) {
    let since = |at: Option<u64>| match at {
        Some(0) => "since before this boot".into(),
        Some(at) => format!(
            "for {}",
            span(status.now_uptime_ms.saturating_sub(at), Language::En)
        ),
        None => String::new(),
    };
    if status.open.is_empty() && status.pending.is_empty() {
        let words = if status.last_sign_ms_ago.is_some() {
            "none fires, none is pending"
        } else {
            "not known: the rings tell nothing of this boot"
        };
        lines.push(format!("alerts     {words}"));
    }
    for open in &status.open {
        let flapping = if open.flapping { ", flapping" } else { "" };
        lines.push(format!(
            "FIRING     {} {}{flapping}, {}, {} {}",
            open.display,
            since(Some(open.since_uptime_ms)),
            open.value_text,
            open.name,
            shown(&open.subject),
        ));
    }
    for pending in &status.pending {
        lines.push(format!(
            "pending    {} {}, {} {}",
            pending.display,
            since(pending.since_uptime_ms),
            name(pending.code, Language::En).unwrap_or("?"),
            shown(&pending.subject),
        ));
    }
}

fn host(sample: &Sample, lines: &mut Vec<String>) {
    let memory = &sample.memory;
    let used = memory
        .total_kib
        .zip(memory.available_kib)
        .and_then(|(total, available)| total.checked_sub(available));
    let used_permille = used
        .zip(memory.total_kib)
        .and_then(|(used, total)| used.saturating_mul(1000).checked_div(total));
    let estimated = if memory.available_estimated {
        " (estimated)"
    } else {
        ""
    };
    lines.push(format!(
        "memory     used {} of {} ({}), available {}{estimated}",
        size(used),
        size(memory.total_kib),
        per_cent(used_permille),
        size(memory.available_kib),
    ));
    lines.push(format!(
        "           anonymous {}, page cache {}, shared {}",
        size(memory.anonymous_kib),
        size(memory.page_cache_kib),
        size(memory.shmem_kib),
    ));
    lines.push(format!(
        "           slab {} and {} fixed, dirty {}",
        size(memory.slab_reclaimable_kib),
        size(memory.slab_unreclaimable_kib),
        size(memory.dirty_kib),
    ));
    lines.push(format!(
        "swap       used {} of {}, committed {}",
        size(memory.swap_used_kib),
        size(memory.swap_total_kib),
        size(memory.committed_kib),
    ));
    if memory.zfs_arc_kib.is_some() || memory.hugetlb_total_kib.is_some_and(|kib| kib > 0) {
        lines.push(format!(
            "           ZFS ARC {}, huge pages {} beside it",
            size(memory.zfs_arc_kib),
            size(memory.hugetlb_total_kib),
        ));
    }
    let pressure = &sample.pressure;
    let share = |permille: Option<u16>| per_cent(permille.map(u64::from));
    lines.push(format!(
        "pressure   cpu {}, memory {} (all {}), io {} (all {})",
        share(pressure.cpu_some_permille),
        share(pressure.memory_some_permille),
        share(pressure.memory_full_permille),
        share(pressure.io_some_permille),
        share(pressure.io_full_permille),
    ));
    let cpu = &sample.cpu;
    let number = |value: Option<u32>| value.map_or_else(absent, |value| value.to_string());
    lines.push(format!(
        "cpu        busy {} (system {}, steal {}), iowait {}",
        share(cpu.busy_permille),
        share(cpu.system_permille),
        share(cpu.steal_permille),
        share(cpu.iowait_permille),
    ));
    lines.push(format!(
        "           {} processors, {} runnable, load {}",
        number(cpu.cores),
        number(cpu.runnable),
        cpu.load1_centi.map_or_else(absent, |centi| format!(
            "{}.{:02}",
            centi / 100,
            centi % 100
        )),
    ));
}

fn processes(seen: &Seen, lines: &mut Vec<String>) {
    let coverage = &seen.coverage;
    lines.push(format!(
        "processes  {} seen, {} read, {} threads",
        coverage.seen, coverage.read, coverage.threads
    ));
    let others: Vec<String> = [
        (coverage.refused, "not allowed (run it as root)"),
        (coverage.gone, "ended meanwhile"),
        (coverage.failed, "unreadable"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if !others.is_empty() {
        lines.push(format!("           {}", others.join(", ")));
    }
    if coverage.hidden {
        lines.push("           others are hidden from this user (hidepid): run it as root".into());
    }
    if coverage.cut {
        lines.push("           /proc could not be read to its end".into());
    }
    let held = u32::try_from(seen.held).unwrap_or(u32::MAX);
    if held < coverage.read {
        lines.push(format!(
            "           {held} of them were followed: the largest, and who ran"
        ));
    }
}

/// By what a list is ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Memory,
    Growth,
    Cpu,
    Swap,
}

fn list(title: &str, list: &List, by: Column, lines: &mut Vec<String>) {
    lines.push(String::new());
    if list.is_empty() {
        lines.push(format!("{title}: none"));
        return;
    }
    lines.push(format!("{title}:"));
    let head = match by {
        Column::Memory => "MEMORY",
        Column::Growth => "GROWTH",
        Column::Cpu => "CPU",
        Column::Swap => "SWAP",
    };
    let second = if by == Column::Memory {
        "CPU"
    } else {
        "MEMORY"
    };
    lines.push(row(
        [head, second, "PID", "UID", "OOM"].map(String::from),
        "NAME",
        "UNIT",
    ));
    for suspect in list {
        let process = &suspect.process;
        let value = match by {
            Column::Memory | Column::Swap => size(Some(suspect.value)),
            Column::Growth => format!("+{}", size(Some(suspect.value))),
            Column::Cpu => per_cent(Some(suspect.value)),
        };
        let second = if by == Column::Memory {
            per_cent(process.cpu_permille.map(u64::from))
        } else {
            size(process.memory_kib)
        };
        let cells = [
            value,
            second,
            process.id.pid.to_string(),
            process.uid.map_or_else(absent, |uid| uid.to_string()),
            process
                .oom_score_adj
                .map_or_else(absent, |score| score.to_string()),
        ];
        lines.push(row(cells, &text(&process.name), &place(process)));
    }
}

fn row(cells: [String; 5], name: &str, unit: &str) -> String {
    let [value, second, pid, uid, score] = cells;
    format!("{value:>10} {second:>9} {pid:>7} {uid:>5} {score:>5}  {name:<15} {unit}")
}

/// The unit, the container, or both.
fn place(process: &Process) -> String {
    let unit = process.unit.as_ref().map(text);
    let container = process.container.as_ref().map(text);
    both(unit, container)
}

fn both(unit: Option<String>, container: Option<String>) -> String {
    match (unit, container) {
        (Some(unit), None) => unit,
        (None, Some(container)) => format!("container {container}"),
        (Some(unit), Some(container)) => format!("{unit} {container}"),
        (None, None) => absent(),
    }
}

fn units(units: &[Unit], lines: &mut Vec<String>) {
    lines.push(String::new());
    if units.is_empty() {
        lines.push("units by memory: none (no process is in a unit or container)".into());
        return;
    }
    lines.push("units by memory:".into());
    let row = |memory: &str, swap: &str, cpu: &str, processes: &str, unit: &str| {
        format!("{memory:>10} {swap:>9} {cpu:>7} {processes:>12}  {unit}")
    };
    lines.push(row("MEMORY", "SWAP", "CPU", "PROCESSES", "UNIT"));
    for unit in units {
        lines.push(row(
            &size(Some(unit.memory_kib)),
            &size(Some(unit.swap_kib)),
            &per_cent(Some(unit.cpu_permille)),
            &unit.processes.to_string(),
            &both(
                unit.unit.as_deref().map(bytes),
                unit.container.as_deref().map(bytes),
            ),
        ));
    }
}

/// Whatever a host calls something, harmless on a terminal.
fn bytes(bytes: &[u8]) -> String {
    shown(&String::from_utf8_lossy(bytes))
}

fn text<const N: usize>(text: &Text<N>) -> String {
    bytes(text.as_bytes())
}

fn absent() -> String {
    "-".into()
}

/// Three digits or so of a size: `512 KiB`, `12.3 MiB`.
fn size(kib: Option<u64>) -> String {
    let Some(kib) = kib else {
        return absent();
    };
    let (whole, unit): (u64, _) = match kib {
        0..1024 => return format!("{kib} KiB"),
        1024..1_048_576 => (1024, "MiB"),
        1_048_576..1_073_741_824 => (1_048_576, "GiB"),
        _ => (1_073_741_824, "TiB"),
    };
    let tenths = kib.saturating_mul(10).checked_div(whole).unwrap_or(0);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

fn per_cent(permille: Option<u64>) -> String {
    permille.map_or_else(absent, |permille| {
        format!("{}.{} %", permille / 10, permille % 10)
    })
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

/// At most [`COLUMNS`] of a line; `~` stands where it was cut.
fn cut(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(COLUMNS.saturating_sub(1)).collect();
    short.push('~');
    short
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::command::top::{Seen, units};
    use hansho::clock::{Uptime, WallTime};
    use hansho::sample::Sample;
    use hansho::scout::{Coverage, Identity, Look, Particulars, Suspects, Table, Text};

    const SHOWN: &str = "\
host name unknown, 2026-11-24 02:58:07 UTC, up 2h 5m, over 2.0 s
agent      not known: its configuration cannot be read
           /etc/hansho/agent.toml: not\\u{1b} allowed
memory     used - of - (-), available -
           anonymous -, page cache -, shared -
           slab - and - fixed, dirty -
swap       used - of -, committed -
pressure   cpu -, memory - (all -), io - (all -)
cpu        busy - (system -, steal -), iowait -
           - processors, - runnable, load -
processes  5000 seen, 4000 read, 0 threads
           900 not allowed (run it as root), 90 ended meanwhile, 10 unreadable
           others are hidden from this user (hidepid): run it as root
           /proc could not be read to its end
           2 of them were followed: the largest, and who ran

by memory:
    MEMORY       CPU     PID   UID   OOM  NAME            UNIT
   2.3 MiB   150.0 %       8     -     -  leak            -
   2.0 MiB     0.0 %       7    33  -500  steady          db.service 3f4e5a6b7c~

by growth over the 2.0 s between the two looks (longer is not known yet):
    GROWTH    MEMORY     PID   UID   OOM  NAME            UNIT
  +1.3 MiB   2.3 MiB       8     -     -  leak            -

by CPU:
       CPU    MEMORY     PID   UID   OOM  NAME            UNIT
   150.0 %   2.3 MiB       8     -     -  leak            -

by memory in swap: none

units by memory:
    MEMORY      SWAP     CPU    PROCESSES  UNIT
   2.0 MiB     0 KiB   0.0 %            1  db.service 3f4e5a6b7c8d
";

    #[test]
    fn what_is_not_known_is_said_and_who_grows_and_computes_is_named() {
        let mut table = Table::boxed();
        let mut look = Look {
            at: Uptime::from_millis(1000),
            id: Identity {
                pid: 7,
                start_ticks: 1,
            },
            parent: 1,
            threads: 1,
            name: Text::cut(b"steady"),
            runs: false,
            cpu_ms: 0,
            age_ms: 500,
            memory_kib: Some(2048),
            swap_kib: None,
        };
        table.offer(&look);
        let particulars = Particulars {
            uid: Some(33),
            unit: Some(Text::cut(b"db.service")),
            container: Some(Text::cut(b"3f4e5a6b7c8d")),
            oom_score_adj: Some(-500),
        };
        table.describe(0, &particulars);
        look.at = Uptime::from_millis(3000);
        table.again(0, &look);
        let mut leak = Look {
            at: Uptime::from_millis(1000),
            name: Text::cut(b"leak"),
            memory_kib: Some(1024),
            ..look
        };
        leak.id.pid = 8;
        table.offer(&leak);
        leak.at = Uptime::from_millis(3000);
        leak.memory_kib = Some(2400);
        leak.cpu_ms = 3000;
        table.again(1, &leak);
        let seen = Seen {
            agent: Err("/etc/hansho/agent.toml: not\u{1b} allowed\nmore".into()),
            host: None,
            sample: Sample {
                uptime: Uptime::from_millis(7_500_000),
                wall: WallTime::from_millis(1_795_489_087_000),
                ..Sample::default()
            },
            over_ms: 2000,
            coverage: Coverage {
                seen: 5000,
                read: 4000,
                refused: 900,
                gone: 90,
                failed: 10,
                hidden: true,
                cut: true,
                ..Coverage::default()
            },
            held: table.len(),
            suspects: Suspects::of(table.processes()),
            units: units(table.processes()),
        };
        assert_eq!(words(&seen), SHOWN);
    }
}
