//! `/proc/vmstat` (proc_vmstat(5)): the event counters. It is the dear file: the kernel adds up the counters of
//! every processor for it, so it is read more rarely than the rest.

use super::snapshot::Counters;
use super::text::{key_value, lines, put, whole_number};

/// Reads the counters.
#[must_use]
pub fn parse(text: &[u8]) -> Counters {
    let mut out = Counters::default();
    let mut refaults_before_5_9 = None;
    for line in lines(text) {
        // Nine lines in ten begin otherwise, and need no more than this look.
        if !matches!(line.first(), Some(b'o' | b'p' | b'w')) {
            continue;
        }
        let Some((key, value)) = key_value(line) else {
            continue;
        };
        let slot = match key {
            b"oom_kill" => &mut out.oom_kill,
            b"pswpin" => &mut out.swap_in_pages,
            b"pswpout" => &mut out.swap_out_pages,
            b"pgmajfault" => &mut out.major_faults,
            b"workingset_refault_file" => &mut out.refaults,
            b"workingset_refault" => &mut refaults_before_5_9,
            _ => continue,
        };
        put(slot, whole_number(value));
    }
    put(&mut out.refaults, refaults_before_5_9);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_kernels() {
        let old = parse(b"pswpin 1\npswpout 2\npgmajfault 3\nworkingset_refault 4\n");
        assert_eq!(old.refaults, Some(4));
        assert_eq!(old.oom_kill, None);
        let new = parse(
            b"workingset_refault_anon 9\nworkingset_refault_file 5\npswpin 1\noom_kill 6\npgmajfault 3",
        );
        assert_eq!(new.refaults, Some(5));
        assert_eq!(new.oom_kill, Some(6));
        assert_eq!(new.major_faults, None, "the last line is cut");
    }
}
