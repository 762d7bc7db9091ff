//! cross/TARGET.toml: what a target needs that its name does not say.

use crate::process::{Failure, io_at, root};
use std::fs;
use toml::de::{DeTable, DeValue};

/// One file of cross/.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The target triple, which is the file's name.
    pub(crate) name: String,
    /// RUSTFLAGS where std is built from source.
    pub(crate) rustflags_from_source: Vec<String>,
    /// `e_machine` that the binaries must have (elf(5)).
    pub(crate) elf_machine: u16,
    /// Whether the binaries must do without an interpreter.
    pub(crate) static_link: bool,
    /// Program and arguments that run a binary of this target on another processor.
    pub(crate) emulator: Vec<String>,
}

/// The targets that have a file, in the order of the alphabet.
///
/// # Errors
/// The folder cross/ cannot be read.
pub(crate) fn names() -> Result<Vec<String>, Failure> {
    let folder = root().join("cross");
    let place = format!("reading {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io_at(place.clone()))? {
        let path = entry.map_err(io_at(place.clone()))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

impl Target {
    /// Reads cross/`name`.toml.
    ///
    /// # Errors
    /// There is no such file, or it holds a key that is unknown, missing or of another type.
    pub(crate) fn read(name: &str) -> Result<Self, Failure> {
        let known = names()?;
        if !known.iter().any(|other| other == name) {
            let known = known.join(", ");
            return Err(Failure::Usage(format!(
                "no target '{name}' in cross/: there are {known}"
            )));
        }
        let path = root().join("cross").join(format!("{name}.toml"));
        let text =
            fs::read_to_string(&path).map_err(io_at(format!("reading {}", path.display())))?;
        Self::parse(name, &text).map_err(|why| Failure::Check(format!("cross/{name}.toml: {why}")))
    }

    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let table = DeTable::parse(text)
            .map_err(|error| error.to_string())?
            .into_inner();
        let mut target = Self {
            name: name.to_owned(),
            rustflags_from_source: Vec::new(),
            elf_machine: 0,
            static_link: false,
            emulator: Vec::new(),
        };
        let mut seen = Vec::new();
        for (key, value) in &table {
            let (key, value) = (key.get_ref().as_ref(), value.get_ref());
            match key {
                "rustflags_from_source" => target.rustflags_from_source = texts(key, value)?,
                "emulator" => target.emulator = texts(key, value)?,
                "elf_machine" => {
                    let number = value
                        .as_integer()
                        .and_then(|number| number.as_str().parse().ok());
                    target.elf_machine = number.ok_or(format!("{key}: not a number of 16 bits"))?;
                }
                "static_link" => {
                    target.static_link =
                        value.as_bool().ok_or(format!("{key}: not true or false"))?;
                }
                _ => return Err(format!("unknown key {key}")),
            }
            seen.push(key);
        }
        for key in [
            "rustflags_from_source",
            "elf_machine",
            "static_link",
            "emulator",
        ] {
            if !seen.contains(&key) {
                return Err(format!("{key} is missing"));
            }
        }
        Ok(target)
    }

    /// Whether this machine runs its binaries without an emulator.
    pub(crate) fn is_native(&self) -> bool {
        self.name.split('-').next() == Some(std::env::consts::ARCH)
    }
}

fn texts(key: &str, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or(format!("{key}: not a list"))?;
    list.iter()
        .map(|item| {
            item.get_ref()
                .as_str()
                .map(str::to_owned)
                .ok_or(format!("{key}: not a list of texts"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "rustflags_from_source = ['-C', 'x']\nelf_machine = 40\nstatic_link = true\nemulator = ['qemu-arm-static']\n";

    #[test]
    fn every_committed_file_is_whole() {
        let names = names().unwrap();
        assert!(
            names.contains(&"aarch64-unknown-linux-musl".to_owned()),
            "{names:?}"
        );
        for name in names {
            let target = Target::read(&name).unwrap();
            assert_eq!(target.static_link, name.contains("musl"), "{name}");
            assert!(
                target
                    .emulator
                    .first()
                    .is_some_and(|program| program.starts_with("qemu-")),
                "{name}"
            );
        }
    }

    #[test]
    fn a_file_is_read_as_written() {
        let target = Target::parse("arm-x", WHOLE).unwrap();
        assert_eq!(target.rustflags_from_source, ["-C", "x"]);
        assert_eq!((target.elf_machine, target.static_link), (40, true));
        assert_eq!(target.emulator, ["qemu-arm-static"]);
        assert!(!target.is_native());
    }

    #[test]
    fn wrong_files_are_refused_with_the_key() {
        for (text, why) in [
            (format!("{WHOLE}colour = 1"), "unknown key colour"),
            (
                WHOLE.replace("elf_machine = 40\n", ""),
                "elf_machine is missing",
            ),
            (
                WHOLE.replace("40", "70000"),
                "elf_machine: not a number of 16 bits",
            ),
            (WHOLE.replace("true", "1"), "static_link: not true or false"),
            (
                WHOLE.replace("['qemu-arm-static']", "[1]"),
                "emulator: not a list of texts",
            ),
        ] {
            assert_eq!(Target::parse("t", &text).unwrap_err(), why);
        }
    }

    #[test]
    fn an_unknown_target_lists_the_known_ones() {
        let failure = Target::read("../Cargo").unwrap_err();
        assert_eq!(failure.exit_code(), 64);
        assert!(failure.to_string().contains("aarch64-unknown-linux-musl"));
    }
}
