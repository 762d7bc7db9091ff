//! The few fields of an ELF header (elf(5)) that say for whom a binary is.

/// What a binary says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// `e_machine`: the processor.
    pub(super) machine: u16,
    /// Whether a segment names an interpreter (PT_INTERP), that is, a loader on the host.
    pub(super) interpreter: bool,
}

/// Segment type of an interpreter (elf(5)).
const PT_INTERP: u32 = 3;

/// Reads the header and the segment table of a little-endian ELF file; none where `bytes` is no such file or cut.
pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    if bytes.get(..4)? != b"\x7fELF" || *bytes.get(5)? != 1 {
        return None;
    }
    let wide = match *bytes.get(4)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    // Offsets of e_phoff, e_phentsize and e_phnum in Elf32_Ehdr and Elf64_Ehdr.
    let (table, size, count) = if wide {
        (
            usize::try_from(u64::from_le_bytes(field(bytes, 32)?)).ok()?,
            54,
            56,
        )
    } else {
        (
            usize::try_from(u32::from_le_bytes(field(bytes, 28)?)).ok()?,
            42,
            44,
        )
    };
    let size = usize::from(u16::from_le_bytes(field(bytes, size)?));
    let count = usize::from(u16::from_le_bytes(field(bytes, count)?));
    let mut interpreter = false;
    for index in 0..count {
        let at = table.checked_add(index.checked_mul(size)?)?;
        interpreter |= u32::from_le_bytes(field(bytes, at)?) == PT_INTERP;
    }
    Some(Header {
        machine: u16::from_le_bytes(field(bytes, 18)?),
        interpreter,
    })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 64-bit header with one segment of type `segment`.
    fn file(machine: u8, segment: u8) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (bytes[18], bytes[32], bytes[54], bytes[56], bytes[64]) = (machine, 64, 56, 1, segment);
        bytes
    }

    #[test]
    fn machine_and_interpreter_are_read() {
        assert_eq!(
            header(&file(183, 1)),
            Some(Header {
                machine: 183,
                interpreter: false
            })
        );
        assert_eq!(
            header(&file(62, 3)),
            Some(Header {
                machine: 62,
                interpreter: true
            })
        );
    }

    #[test]
    fn this_test_itself_is_a_program_of_this_machine() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let expected = match std::env::consts::ARCH {
            "x86_64" => 62,
            "aarch64" => 183,
            other => panic!("no e_machine known for {other}"),
        };
        assert_eq!(header(&bytes).unwrap().machine, expected);
    }

    #[test]
    fn a_cut_or_foreign_file_has_no_header() {
        let whole = file(183, 3);
        for length in 0..64 + 4 {
            assert_eq!(header(&whole[..length]), None, "{length}");
        }
        assert_eq!(header(b"#!/bin/sh\n"), None);
    }
}
