//! What the collector's host is called. The only file that asks.

/// Its name (`gethostname(2)`); `None` where the kernel does not tell.
#[must_use]
pub fn name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
