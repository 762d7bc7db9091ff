//! Names of users by their numbers, from `/etc/passwd` (passwd(5)) alone: the name service may ask the network, and hang.

use super::process::Text;
use crate::clock::Uptime;
use crate::limit::{USER_NAME_BYTES, USERS, USERS_KEPT_MS};
use heapless::Vec;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, read};
use std::io;
use std::path::{Path, PathBuf};

/// A name, cut where it is longer.
pub type UserName = Text<USER_NAME_BYTES>;

/// Bytes read at once; a longer line is none of a user.
const BUFFER_BYTES: usize = 4096;

/// What was looked up, for a while. After [`Users::of`] it takes no heap.
#[derive(Debug)]
pub struct Users {
    file: PathBuf,
    buffer: Box<[u8; BUFFER_BYTES]>,
    known: Vec<(u32, Option<UserName>), USERS>,
    since: Uptime,
}

impl Users {
    /// Of the host whose files stand under `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self {
            file: root.join("etc/passwd"),
            buffer: Box::new([0; BUFFER_BYTES]),
            known: Vec::new(),
            since: Uptime::default(),
        }
    }

    /// The name; absent where the file has none for the number, or cannot be read.
    pub fn name(&mut self, uid: u32, now: Uptime) -> Option<UserName> {
        if self.known.is_full() || now.since(self.since) > USERS_KEPT_MS {
            self.known.clear();
            self.since = now;
        }
        let known = self.known.iter().find(|(known, _)| *known == uid);
        if let Some((_, name)) = known {
            return *name;
        }
        // Looked for again when what is known is forgotten: a file that cannot be read is not asked for each second.
        let name = self.find(uid).unwrap_or_default();
        let pushed = self.known.push((uid, name));
        debug_assert!(pushed.is_ok(), "it was emptied when it was full");
        name
    }

    fn find(&mut self, uid: u32) -> io::Result<Option<UserName>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat(CWD, &self.file, flags, Mode::empty())?;
        let mut held = 0_usize;
        // The line goes on from one that was longer than the buffer.
        let mut cut = false;
        loop {
            let room = self.buffer.get_mut(held..).unwrap_or_default();
            let count = match read(&file, room) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            let end = held.saturating_add(count);
            let bytes = self.buffer.get(..end).unwrap_or_default();
            let mut rest = bytes;
            while let Some(line) = take_line(&mut rest, count == 0) {
                if let Some(name) = name_of(line, uid).filter(|_| !cut) {
                    return Ok(Some(name));
                }
                cut = false;
            }
            if count == 0 {
                return Ok(None);
            }
            held = rest.len();
            if held == BUFFER_BYTES {
                cut = true;
                held = 0;
            }
            self.buffer.copy_within(end.saturating_sub(held)..end, 0);
        }
    }
}

/// The next line, without its end; the last one may have none.
fn take_line<'b>(rest: &mut &'b [u8], is_last: bool) -> Option<&'b [u8]> {
    match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let (line, behind) = rest.split_at_checked(end)?;
            *rest = behind.get(1..).unwrap_or_default();
            Some(line)
        }
        None if is_last && !rest.is_empty() => Some(core::mem::take(rest)),
        None => None,
    }
}

/// `name:password:uid:…` of this uid.
fn name_of(line: &[u8], uid: u32) -> Option<UserName> {
    let mut fields = line.split(|byte| *byte == b':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let number = core::str::from_utf8(fields.nth(1)?).ok()?;
    (number.parse() == Ok(uid)).then(|| Text::cut(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn at(millis: u64) -> Uptime {
        Uptime::from_millis(millis)
    }

    /// A host of its own, with this passwd.
    fn users(name: &str, text: Option<&[u8]>) -> (Users, PathBuf) {
        let root = std::env::temp_dir().join(format!("hansho-users-{name}-{}", std::process::id()));
        fs::create_dir_all(root.join("etc")).unwrap();
        if let Some(text) = text {
            fs::write(root.join("etc/passwd"), text).unwrap();
        }
        (Users::of(&root), root)
    }

    fn said(name: Option<UserName>) -> Option<std::vec::Vec<u8>> {
        name.map(|name| name.as_bytes().to_vec())
    }

    #[test]
    fn a_name_is_found_wherever_it_stands_and_strange_lines_are_passed_over() {
        let mut text =
            b"root:x:0:0::/:/bin/sh\n\n:x:7:\nno numbers\nwith\x1bescape:x:8:8\n".to_vec();
        // Longer than the buffer, and what looks like a user in its middle is none.
        text.extend(vec![b'a'; BUFFER_BYTES]);
        text.extend(b":x:9:9\n");
        for number in 1000..3000 {
            text.extend(format!("user{number}:x:{number}:{number}:::\n").as_bytes());
        }
        text.extend(b"last:x:4000:1");
        let (mut users, root) = users("found", Some(&text));
        for (uid, name) in [
            (0, Some("root")),
            (7, None),
            (8, Some("with\x1bescape")),
            (9, None),
            (1000, Some("user1000")),
            (2999, Some("user2999")),
            (4000, Some("last")),
            (4001, None),
        ] {
            let found = said(users.name(uid, at(1)));
            assert_eq!(found, name.map(|name| name.as_bytes().to_vec()), "{uid}");
        }
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn what_is_known_is_kept_for_a_while_and_of_more_users_than_there_is_room_none_is_wrong() {
        let (mut users, root) = users("kept", None);
        assert_eq!(said(users.name(5, at(1))), None);
        let text: String = (0..500).map(|uid| format!("u{uid}:x:{uid}:0\n")).collect();
        fs::write(root.join("etc/passwd"), text).unwrap();
        assert_eq!(said(users.name(5, at(1))), None);
        let later = at(2 + USERS_KEPT_MS);
        assert_eq!(said(users.name(5, later)), Some(b"u5".to_vec()));
        for uid in 0..500 {
            let name = format!("u{uid}").into_bytes();
            assert_eq!(said(users.name(uid, later)), Some(name));
        }
        fs::remove_dir_all(root).unwrap();
    }
}
