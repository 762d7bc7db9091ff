//! Bugs put in on purpose: the kill test must fail with each of them. They exist only with the feature `planted`,
//! which no release has, and are chosen by the environment variable `HANSHO_PLANT`; without the feature these functions
//! are constants.

/// `no-dedup`: frames below the watermark are stored and applied again.
#[cfg(feature = "planted")]
#[must_use]
pub fn no_dedup() -> bool {
    is("no-dedup")
}

/// `no-dedup`: frames below the watermark are stored and applied again.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn no_dedup() -> bool {
    false
}

/// `answer-before-commit`: answers are sent while the transaction is still open; it is committed with the next batch,
/// or when the writer has been idle for its pause.
#[cfg(feature = "planted")]
#[must_use]
pub fn answer_before_commit() -> bool {
    is("answer-before-commit")
}

/// `answer-before-commit`: answers are sent while the transaction is still open; it is committed with the next batch,
/// or when the writer has been idle for its pause.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn answer_before_commit() -> bool {
    false
}

#[cfg(feature = "planted")]
fn is(name: &str) -> bool {
    static PLANTED: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PLANTED.get_or_init(|| std::env::var("HANSHO_PLANT").unwrap_or_default()) == name
}
