//! Whatever stands in the files of a process, it is read right or is absent, and nothing panics.
mod scout_common;

use hansho::sample::{process, process_group};
use proptest::collection::vec;
use proptest::prelude::*;
use scout_common::{Fake, stat};
use std::hint::black_box;

proptest! {
    #[test]
    fn any_bytes(text in vec(any::<u8>(), 0..400)) {
        black_box(process::stat(&text));
        black_box(process::statm(&text));
        black_box(process::status(&text));
        black_box(process::oom_score_adj(&text));
        let found = process_group::group(&text);
        if let Some(container) = found.container {
            prop_assert_eq!(container.len(), process_group::CONTAINER_DIGITS);
        }
    }

    /// Bytes that look like the files, in any order.
    #[test]
    fn pieces_of_the_files(pieces in vec(prop::sample::select(vec![
        "1 (", ")", " S 1 ", "18446744073709551615 ", "-1 ", "0 ", "\n", "(", "Uid:\t", "VmSwap:", " kB", "0::/", "1:name=systemd:",
        ".service", ".scope", "docker-", "3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f", "/", ":",
    ]), 0..60)) {
        let text = pieces.concat().into_bytes();
        black_box(process::stat(&text));
        black_box(process::statm(&text));
        black_box(process::status(&text));
        let found = process_group::group(&text);
        if let Some(container) = found.container {
            prop_assert_eq!(container, b"3f4e5a6b7c8d");
        }
    }

    #[test]
    fn any_name_is_read_whole(name in vec(1_u8.., 0..64), pid: u32, parent: u32, start_ticks: u64, cpu_ticks: u64) {
        let fake = Fake { name: &name, parent, start_ticks, cpu_ticks, ..Fake::default() };
        let text = stat(pid, &fake);
        let found = process::stat(&text).unwrap();
        prop_assert_eq!(found.name, &name[..]);
        prop_assert_eq!((found.parent, found.start_ticks, found.cpu_ticks), (parent, start_ticks, cpu_ticks));
        prop_assert_eq!(found.threads, 1);
    }

    /// A cut file never gives another value than the whole one.
    #[test]
    fn a_cut_file_gives_nothing_or_the_same(name in vec(1_u8.., 0..16), cut in 0_usize..300) {
        let whole = stat(7, &Fake { name: &name, ..Fake::default() });
        let cut = cut.min(whole.len());
        if let Some(found) = process::stat(&whole[..cut]) {
            prop_assert_eq!(Some(found), process::stat(&whole));
        }
        let status = b"Name:\tx\nUid:\t0\t1234\t0\t0\nVmSwap:\t     128 kB\n";
        let part = process::status(&status[..cut.min(status.len())]);
        prop_assert!(part.uid.is_none_or(|uid| uid == 1234));
        prop_assert!(part.swap_kib.is_none_or(|kib| kib == 128));
    }
}
