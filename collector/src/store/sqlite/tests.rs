//! Tests.
pub(super) fn crash_between_commits() -> bool {
    false
}
