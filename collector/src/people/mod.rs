//! Who may come in, and what they may do there.
//!
//! [`viewer`] who asks, and the one table of what each role may do; [`accounts`] people, [`tokens`] programs, [`sessions`] logins
//! that hold, [`setup`] the link for the first account: decisions on the rows of one transaction. [`password`] and [`secret`]
//! what is stored in a secret's place; [`csrf`] forms that only our own pages send; [`limiter`] how often a login may
//! fail; [`proxy`] whom a single-sign-on proxy names; [`gate`] all of it together, as pages and commands ask it.

pub mod accounts;
pub mod csrf;
pub mod gate;
pub mod limiter;
pub mod password;
pub mod proxy;
pub mod secret;
pub mod sessions;
pub mod setup;
pub mod tokens;
pub mod viewer;

pub use crate::store::types::people::{Account, ApiToken, Digest, Role, Scope, Session, SetupLink};
pub use gate::{Gate, Settings};
pub use proxy::TrustedProxy;
pub use viewer::{Action, Refused, Viewer};

use crate::store::StoreError;

/// Why a change of accounts or tokens was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The name has other characters than letters, digits and `._@+-`, or is empty or too long.
    Name,
    /// A customer's name that no customer can have.
    Customer,
    /// The name is taken.
    Taken,
    /// There is no such account or token.
    Missing,
    /// There are as many as there may be.
    TooMany,
    /// It is the last account that can manage accounts.
    LastAdmin,
    /// The password does not do.
    Password(password::Weak),
    /// The password given for the old one is wrong.
    WrongPassword,
    /// Failed too often; may be tried again from then on.
    TooOften(hansho::clock::WallTime),
    /// The set-up link is unknown, used or expired, or there are accounts already.
    Link,
    /// The kernel gives no random bytes, or the memory for hashing is not there.
    System(String),
    /// The store does not do it.
    Store(StoreError),
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl core::fmt::Display for NotDone {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Name => write!(
                f,
                "a name has 1 to {} letters and digits of any script and `._@+-`",
                crate::limit::NAME_CHARACTERS
            ),
            Self::Customer => write!(
                f,
                "a customer's name has 1 to {} characters, without `/`, control characters and spaces at the ends; at most {} \
                 customers",
                crate::limit::NAME_CHARACTERS,
                crate::limit::SCOPE_CUSTOMERS
            ),
            Self::Taken => write!(f, "the name is taken"),
            Self::Missing => write!(f, "there is none of this name"),
            Self::TooMany => write!(f, "there are as many as there may be"),
            Self::LastAdmin => write!(
                f,
                "it is the last account that can manage accounts (admin, all customers, with a password, not disabled)"
            ),
            Self::Password(weak) => write!(f, "{weak}"),
            Self::WrongPassword => write!(f, "the old password is wrong"),
            Self::TooOften(_) => write!(f, "failed too often; later again"),
            Self::Link => write!(
                f,
                "the set-up link is unknown, used or expired, or there is an account already"
            ),
            Self::System(said) => write!(f, "{said}"),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for NotDone {}
