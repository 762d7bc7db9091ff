//! Proof that binaries are what their target's file says, and that the agent reads a machine with them.

use super::target::Target;
use super::{Binary, elf};
use crate::process::{Failure, io_at, output};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// A sample takes two seconds, under emulation little more; beyond this it hangs.
const LIMIT_S: &str = "60";

/// Checks every binary's header, then lets `hansho` sample this machine twice.
///
/// # Errors
/// A binary is for another processor or needs a loader, the emulator is missing, or a sample is not right.
pub(super) fn prove(target: &Target, binaries: &[Binary]) -> Result<(), Failure> {
    for binary in binaries {
        let bytes =
            fs::read(&binary.path).map_err(io_at(format!("reading {}", binary.path.display())))?;
        built_for(target, &bytes)
            .map_err(|why| Failure::Check(format!("{}: {why}", binary.path.display())))?;
    }
    let Some(agent) = binaries.iter().find(|binary| binary.name == "hansho") else {
        return Ok(());
    };
    // timeout(1) ends with 124 what does not end by itself.
    let mut command = Command::new("timeout");
    command.arg(LIMIT_S);
    if !target.is_native() {
        require_emulator(target)?;
        command.args(&target.emulator);
    }
    command
        .arg(&agent.path)
        .args(["sample", "--json", "--count", "2"]);
    let printed = output(&mut command)?;
    print!("{printed}");
    let meminfo = fs::read_to_string("/proc/meminfo").map_err(io_at("reading /proc/meminfo"))?;
    samples_fit(&printed, &meminfo)
        .map_err(|why| Failure::Check(format!("hansho sample: {why}")))?;
    println!(
        "cross {}: proved with {}",
        target.name,
        if target.is_native() {
            "this processor"
        } else {
            "qemu"
        }
    );
    Ok(())
}

/// Asked for by itself, since timeout(1) would not say which program it did not find.
fn require_emulator(target: &Target) -> Result<(), Failure> {
    let Some(program) = target.emulator.first() else {
        return Err(Failure::Check(format!(
            "cross/{}.toml names no emulator",
            target.name
        )));
    };
    output(Command::new(program).arg("--version")).map(|_| ())
}

fn built_for(target: &Target, bytes: &[u8]) -> Result<(), String> {
    let header = elf::header(bytes).ok_or("not a whole little-endian ELF file")?;
    if header.machine != target.elf_machine {
        return Err(format!(
            "for machine {}, not {}",
            header.machine, target.elf_machine
        ));
    }
    if header.interpreter && target.static_link {
        return Err("needs a loader of the host, so it is not static".to_owned());
    }
    Ok(())
}

/// Two lines, the second later than the first and with CPU figures, and both with the total that the kernel
/// gives us, who are no emulated program.
fn samples_fit(printed: &str, meminfo: &str) -> Result<(), String> {
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| {
            serde_json::from_str(line).map_err(|error| format!("not JSON ({error}): {line}"))
        })
        .collect::<Result<_, _>>()?;
    let [first, second] = lines.as_slice() else {
        return Err(format!("{} lines, not 2", lines.len()));
    };
    let number = |line: &Value, place: &str| {
        line.pointer(place)
            .and_then(Value::as_u64)
            .ok_or(format!("{place} is no number"))
    };
    if number(second, "/uptime_ms")? <= number(first, "/uptime_ms")? {
        return Err("uptime_ms does not rise".to_owned());
    }
    if number(second, "/cpu/busy_permille")? > 1000 {
        return Err("busy_permille is above 1000".to_owned());
    }
    for line in &lines {
        let (total, available) = (
            number(line, "/memory/total_kib")?,
            number(line, "/memory/available_kib")?,
        );
        if available > total {
            return Err(format!("{available} KiB available of {total}"));
        }
        let scope = line.get("scope").and_then(Value::as_str);
        if scope == Some("host") && Some(total) != mem_total_kib(meminfo) {
            return Err(format!(
                "total_kib is {total}, the kernel says {:?}",
                mem_total_kib(meminfo)
            ));
        }
    }
    Ok(())
}

fn mem_total_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       1000 kB\nMemFree:         400 kB\n";
    const FIRST: &str = r#"{"uptime_ms":5000,"scope":"host","memory":{"total_kib":1000,"available_kib":600},"cpu":{"busy_permille":null}}"#;
    const SECOND: &str = r#"{"uptime_ms":6000,"scope":"host","memory":{"total_kib":1000,"available_kib":600},"cpu":{"busy_permille":12}}"#;

    #[test]
    fn two_right_samples_pass() {
        assert_eq!(
            samples_fit(&format!("{FIRST}\n{SECOND}\n"), MEMINFO),
            Ok(())
        );
    }

    #[test]
    fn wrong_samples_are_refused_with_the_reason() {
        for (first, second, why) in [
            (FIRST, "", "1 lines, not 2"),
            (SECOND, FIRST, "uptime_ms does not rise"),
            (
                FIRST,
                &SECOND.replace("12}", "null}"),
                "/cpu/busy_permille is no number",
            ),
            (
                FIRST,
                &SECOND.replace("12}", "1001}"),
                "busy_permille is above 1000",
            ),
            (
                FIRST,
                &SECOND.replace("1000,", "999,"),
                "total_kib is 999, the kernel says Some(1000)",
            ),
            (
                FIRST,
                &SECOND.replace("600", "1001"),
                "1001 KiB available of 1000",
            ),
        ] {
            assert_eq!(
                samples_fit(&format!("{first}\n{second}"), MEMINFO).unwrap_err(),
                why
            );
        }
        assert!(
            samples_fit("total 5\nx", MEMINFO)
                .unwrap_err()
                .starts_with("not JSON")
        );
    }

    #[test]
    fn a_binary_for_another_machine_is_refused() {
        let target = |elf_machine| Target {
            name: "x".to_owned(),
            rustflags_from_source: Vec::new(),
            elf_machine,
            static_link: true,
            emulator: Vec::new(),
        };
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        let machine = elf::header(&own).unwrap().machine;
        assert!(
            built_for(&target(machine.wrapping_add(1)), &own)
                .unwrap_err()
                .starts_with("for machine")
        );
        assert!(built_for(&target(machine), b"#!/bin/sh").is_err());
    }
}
