//! `/proc/pressure/*` and a cgroup's `*.pressure` (Documentation/accounting/psi.rst), since Linux 4.20. Only the
//! totals are used: the averages of the kernel have windows of their own.

use super::text::{lines, put, whole_number};

/// Microseconds of stall since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stall {
    /// At least one task stalled.
    pub some_us: Option<u64>,
    /// All tasks stalled; `cpu` has had this line since 5.13 only.
    pub full_us: Option<u64>,
}

/// Reads a pressure file.
#[must_use]
pub fn parse(text: &[u8]) -> Stall {
    let mut out = Stall::default();
    for line in lines(text) {
        let slot = if line.starts_with(b"some ") {
            &mut out.some_us
        } else if line.starts_with(b"full ") {
            &mut out.full_us
        } else {
            continue;
        };
        put(slot, total(line));
    }
    out
}

/// The number after ` total=`, the last of the line.
fn total(line: &[u8]) -> Option<u64> {
    let blank = line.iter().rposition(|&byte| byte == b' ')?;
    let (_, last) = line.split_at_checked(blank)?;
    whole_number(last.strip_prefix(b" total=")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals() {
        let stall = parse(
            b"some avg10=3.61 avg60=1.00 avg300=0.42 total=4215043\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
        );
        assert_eq!(stall.some_us, Some(4_215_043));
        assert_eq!(stall.full_us, Some(7));
        assert_eq!(
            parse(b"some avg10=0.00 total=1\nfull avg10=0.0").full_us,
            None
        );
        assert_eq!(parse(b"some total=-1\n"), Stall::default());
    }
}
