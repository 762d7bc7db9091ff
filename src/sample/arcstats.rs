//! `/proc/spl/kstat/zfs/arcstats`: three columns, name, type and data; OpenZFS only.

use super::text::{lines, whole_number, words};

/// `size`, the bytes that the ARC takes now, in KiB.
#[must_use]
pub fn size_kib(text: &[u8]) -> Option<u64> {
    let line = lines(text).find(|line| line.starts_with(b"size "))?;
    let bytes = whole_number(words(line).nth(2)?)?;
    Some(bytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_column() {
        let text =
            b"13 1 0x01 98 26656 1 2\nname  type data\nc_max  4    99\nsize                            4    2048000\n";
        assert_eq!(size_kib(text), Some(2000));
        assert_eq!(size_kib(b"size  4    204"), None);
        assert_eq!(size_kib(b"size  4\n"), None);
    }
}
