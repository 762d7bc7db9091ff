//! `/proc/loadavg` (proc_loadavg(5)): `0.17 0.07 0.01 4/109 5689`.

use super::text::{number, whole_number, words};

/// What we use of `/proc/loadavg`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loadavg {
    /// Load of one minute, hundredths.
    pub load1_centi: Option<u32>,
    /// Runnable tasks, the reader included: the kernel's `nr_running()`, as `procs_running` in `/proc/stat`.
    pub runnable: Option<u32>,
}

/// Reads `/proc/loadavg`.
#[must_use]
pub fn parse(text: &[u8]) -> Loadavg {
    // Without its newline the file was cut; all values but the last are still followed by a blank.
    let complete = match text.iter().rposition(|&byte| byte == b' ' || byte == b'\n') {
        Some(end) => text
            .split_at_checked(end)
            .map_or(&b""[..], |(head, _)| head),
        None => b"",
    };
    let mut words = words(complete);
    Loadavg {
        load1_centi: words.next().and_then(centi),
        runnable: words.nth(2).and_then(runnable),
    }
}

/// `12.34` as 1234.
fn centi(word: &[u8]) -> Option<u32> {
    let (whole, rest) = number(word)?;
    let fraction = rest
        .strip_prefix(b".")
        .filter(|digits| digits.len() == 2)
        .and_then(whole_number)?;
    u32::try_from(whole.checked_mul(100)?.checked_add(fraction)?).ok()
}

/// The first number of `4/109`.
fn runnable(word: &[u8]) -> Option<u32> {
    let (running, rest) = number(word)?;
    whole_number(rest.strip_prefix(b"/")?)?;
    u32::try_from(running).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_cut() {
        let text = b"12.07 0.07 0.01 4/109 5689\n";
        let whole = Loadavg {
            load1_centi: Some(1207),
            runnable: Some(4),
        };
        assert_eq!(parse(text), whole);
        for end in 0..text.len() {
            let cut = parse(&text[..end]);
            assert!(cut.load1_centi.is_none() || cut.load1_centi == whole.load1_centi);
            assert!(cut.runnable.is_none() || cut.runnable == whole.runnable);
        }
        assert_eq!(parse(b"1.5 0 0 x/1 1\n"), Loadavg::default());
    }
}
