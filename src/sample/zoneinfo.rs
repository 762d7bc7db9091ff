//! `/proc/zoneinfo`: the low watermarks, which the estimate of available memory needs on kernels before 3.14.

use super::text::{lines, whole_number, words};

/// Sum of the zones' low watermarks, pages; `None` where there is no such line.
#[must_use]
pub fn low_watermark_pages(text: &[u8]) -> Option<u64> {
    let mut sum = None;
    for line in lines(text) {
        let mut words = words(line);
        if words.next() != Some(b"low") {
            continue;
        }
        let pages = whole_number(words.next()?)?;
        sum = Some(sum.unwrap_or(0_u64).checked_add(pages)?);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_added() {
        let text = b"Node 0, zone      DMA\n  pages free     3977\n        min      67\n        low      83\n        high     99\nNode 0, zone    DMA32\n  pages free     1\n        min      1\n        low      17\n";
        assert_eq!(low_watermark_pages(text), Some(100));
        assert_eq!(low_watermark_pages(b"Node 0\n"), None);
    }
}
