//! Who may come in: accounts, sessions, API tokens, and the link for the first account.

use hansho::clock::WallTime;
use hansho::code::Language;
use std::collections::BTreeSet;

/// What an account or token may do; each includes what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Takes alerts, silences, notes, opens windows.
    Operator,
    /// Also adds agents, accounts and tokens.
    Admin,
}

impl Role {
    /// All, from the least.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word on the command line, in forms and in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// By its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// Whose systems an account or token sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// These customers'; an empty set sees nothing.
    Customers(BTreeSet<String>),
}

impl Scope {
    /// Whether the customer's systems are within.
    #[must_use]
    pub fn has(&self, customer: &str) -> bool {
        match self {
            Self::All => true,
            Self::Customers(customers) => customers.contains(customer),
        }
    }
}

/// SHA-256 of a secret: what is stored in its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl core::fmt::Debug for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Nobody can come in with it, but a log is no place for it either.
        f.write_str("Digest(..)")
    }
}

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Name; unique.
    pub name: String,
    /// Argon2id hash of the password as a PHC string; `None` where only a single-sign-on proxy lets the person in.
    pub password: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whose systems it sees.
    pub scope: Scope,
    /// Language of the pages; `None` for what the browser asks for.
    pub language: Option<Language>,
    /// It cannot come in.
    pub disabled: bool,
    /// When it was added.
    pub created: WallTime,
}

/// A login that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of what the browser's cookie holds.
    pub digest: Digest,
    /// Name of the account.
    pub account: String,
    /// When the password was given: the absolute end counts from here.
    pub created: WallTime,
    /// When it was used last, to a minute: idleness counts from here.
    pub used: WallTime,
}

/// A token that lets a program in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Name; unique.
    pub name: String,
    /// SHA-256 of the token.
    pub digest: Digest,
    /// What it may do.
    pub role: Role,
    /// Whose systems it sees.
    pub scope: Scope,
    /// When it was made.
    pub created: WallTime,
    /// Who made it: an account, or the command line.
    pub created_by: String,
    /// From when on it is refused; `None` for never.
    pub expires: Option<WallTime>,
    /// When it was used last, to a minute.
    pub used: Option<WallTime>,
}

/// The link under which the first account is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetupLink {
    /// SHA-256 of its key.
    pub digest: Digest,
    /// From when on it is refused.
    pub expires: WallTime,
}
