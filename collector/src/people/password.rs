//! Passwords: which ones do, and what is stored of them.

use super::NotDone;
use crate::keys;
use crate::limit::{PASSWORD_BYTES, PASSWORD_CHARACTERS};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

/// KiB of memory that one hash takes. With [`PASSES`] and one lane the first of the parameters that the OWASP Password Storage
/// Cheat Sheet recommends for argon2id (19 MiB, 2, 1).
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
pub const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;

/// Verified where there is no account, or one without a password: the same work, so that the time of an answer does not tell
/// which names exist. Of random bytes that nobody kept, with the parameters above (tested).
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$aGFuc2hvIG5vYm9keSAuLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    /// Too few characters.
    Short,
    /// Too many bytes.
    Long,
    /// Has the account's name in it, or is one character again and again.
    Guessable,
}

impl core::fmt::Display for Weak {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Short => write!(
                f,
                "a password has at least {PASSWORD_CHARACTERS} characters"
            ),
            Self::Long => write!(f, "a password has at most {PASSWORD_BYTES} bytes"),
            Self::Guessable => write!(
                f,
                "a password does not contain the account's name, and is not one character again and again"
            ),
        }
    }
}

/// Whether a password does: long enough, and nothing that is guessed first. Which kinds of characters it has does not
/// matter (NIST SP 800-63B, 3.1.1.2).
///
/// # Errors
/// Why not.
pub fn does(password: &str, name: &str) -> Result<(), Weak> {
    if password.chars().count() < PASSWORD_CHARACTERS {
        return Err(Weak::Short);
    }
    if password.len() > PASSWORD_BYTES {
        return Err(Weak::Long);
    }
    let first = password.chars().next();
    let one = password.chars().all(|c| Some(c) == first);
    // A name of three characters may well be part of a good password.
    let named = name.chars().count() > 3 && password.to_lowercase().contains(&name.to_lowercase());
    if one || named {
        return Err(Weak::Guessable);
    }
    Ok(())
}

fn argon2() -> Result<Argon2<'static>, NotDone> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| NotDone::System(format!("argon2: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The PHC string of a password that does. Takes some 20 ms and [`MEMORY_KIB`].
///
/// # Errors
/// [`NotDone::Password`], [`NotDone::System`].
pub fn hash(password: &str, name: &str) -> Result<String, NotDone> {
    does(password, name).map_err(NotDone::Password)?;
    let salt: [u8; 16] = keys::random().map_err(|failure| NotDone::System(failure.message))?;
    let hashed: PasswordHash = argon2()?
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| NotDone::System(format!("argon2: {error}")))?;
    Ok(hashed.to_string())
}

/// Whether the password is that of the PHC string; without one it is wrong after the same work.
#[must_use]
pub fn verify(password: &str, stored: Option<&str>) -> bool {
    // A longer one was never accepted; hashing it would only take time.
    let password = if password.len() > PASSWORD_BYTES {
        ""
    } else {
        password
    };
    let Ok(argon2) = argon2() else {
        return false;
    };
    let right = |stored: &str| {
        PasswordHash::new(stored)
            .is_ok_and(|hash| argon2.verify_password(password.as_bytes(), &hash).is_ok())
    };
    match stored {
        Some(stored) => right(stored),
        None => {
            right(NOBODY);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_with_its_own_salt_and_fits_its_password_only() {
        let hashed = hash("正しい馬の電池の鋲、12文字以上", "sato").unwrap();
        assert!(
            hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hashed}"
        );
        assert_ne!(
            hashed,
            hash("正しい馬の電池の鋲、12文字以上", "sato").unwrap()
        );
        assert!(verify("正しい馬の電池の鋲、12文字以上", Some(&hashed)));
        for wrong in ["", "正しい馬の電池の鋲、12文字以上 ", &"x".repeat(100_000)] {
            assert!(!verify(wrong, Some(&hashed)));
        }
        assert!(!verify("correct horse battery", Some("not a hash")));
        assert!(!verify("correct horse battery", None));
    }

    /// Else the answer to an unknown name would be quicker.
    #[test]
    fn nobodys_hash_is_one_and_costs_what_ours_cost() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        assert_eq!(nobody.algorithm.as_str(), "argon2id");
        assert_eq!(nobody.hash.map(|hash| hash.len()), Some(32));
        assert_eq!(nobody.version, Some(19));
    }

    #[test]
    fn what_is_guessed_first_does_not_do() {
        for (password, said) in [
            ("", Err(Weak::Short)),
            ("elevenchars", Err(Weak::Short)),
            ("twelve chars", Ok(())),
            ("十二文字あれば足りますよ", Ok(())),
            ("aaaaaaaaaaaaaaaa", Err(Weak::Guessable)),
            ("my name is SATO1", Err(Weak::Guessable)),
            (&"ab".repeat(128), Ok(())),
            (&"ab".repeat(129), Err(Weak::Long)),
        ] {
            assert_eq!(does(password, "sato1"), said, "{password}");
        }
    }
}
