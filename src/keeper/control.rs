//! The local socket of the keeper: SEQPACKET, messages of at most 2 KiB, peers checked by the kernel's word.
//!
//! A request is one line of text, an answer another: `ok …` or `error …`. Requests: `test CODE`, `leave MS TEXT`,
//! `leave end`, `status`, `configuration`, `ping`.

use crate::frame::body::StopReason;
use crate::limit::{LEAVE_MS, LEAVE_TEXT_BYTES, MESSAGE_BYTES};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with,
    bind, connect, listen, recv, send, socket_with,
};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 8;

/// Opens the socket at `path`, in place of one that a dead keeper left.
///
/// # Errors
/// As bind(2); a path above 107 bytes is refused.
pub fn listen_at(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::fs::chmod(path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Takes the name of the socket away, so that whoever asks finds nobody rather than a dead one.
pub fn close_at(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        log::debug!("{}: {error}", path.display());
    }
}

/// The next connection whose peer is root or of our own user; others are closed.
#[must_use]
pub fn accept(listener: &OwnedFd) -> Option<OwnedFd> {
    let peer = accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).ok()?;
    let credentials = rustix::net::sockopt::socket_peercred(&peer).ok()?;
    let own = rustix::process::geteuid();
    (credentials.uid.is_root() || credentials.uid == own).then_some(peer)
}

/// One message, where one is there; `Some(Ok(0))` is the end.
pub fn receive(peer: impl AsFd, buffer: &mut [u8; MESSAGE_BYTES]) -> Option<io::Result<usize>> {
    match recv(peer, buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
        Ok((taken, _)) => Some(Ok(taken)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => None,
        Err(error) => Some(Err(error.into())),
    }
}

/// Sends a message without waiting.
///
/// # Errors
/// As send(2), `WouldBlock` among them.
pub fn tell(peer: impl AsFd, message: &[u8]) -> io::Result<()> {
    send(peer, message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Asks the keeper at `path` and waits for its answer.
///
/// # Errors
/// As connect(2): `NotFound` or `ConnectionRefused` where no agent runs; `TimedOut` where it does not answer.
pub fn ask(path: &Path, request: &str, timeout: Duration) -> io::Result<String> {
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // The one for sending bounds connect(2) too, where the keeper's backlog is full (socket(7)).
    for direction in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, direction, Some(timeout))?;
    }
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    send(&socket, request.as_bytes(), SendFlags::NOSIGNAL)?;
    let mut buffer = [0; MESSAGE_BYTES];
    let (taken, _) =
        recv(&socket, buffer.as_mut_slice(), RecvFlags::empty()).map_err(|error| match error {
            rustix::io::Errno::AGAIN => io::Error::from(io::ErrorKind::TimedOut),
            error => error.into(),
        })?;
    if taken == 0 {
        // Closed without a word: too many ask at once, or it stops.
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let answer = buffer.get(..taken).unwrap_or_default();
    Ok(String::from_utf8_lossy(answer).into_owned())
}

/// A request to the keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time on the stack, and the tick path allocates nothing"
)]
pub enum Request {
    /// Is anybody there?
    Ping,
    /// How does it go?
    Status,
    /// Which configuration is in force, and why?
    Configuration,
    /// Raise a test alert.
    Test {
        /// The code.
        code: u16,
    },
    /// Announce an absence.
    Leave {
        /// Its length from now on; within [`LEAVE_MS`].
        planned_ms: u64,
        /// Why, in words: 1 to [`LEAVE_TEXT_BYTES`] bytes without control characters.
        text: heapless::String<LEAVE_TEXT_BYTES>,
    },
    /// The announced absence is over.
    LeaveEnded,
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// The answer for the peer.
    pub fn parse(message: &[u8]) -> Result<Self, &'static str> {
        let text = str::from_utf8(message).map_err(|_| "error not text")?;
        match text.trim_end().split_once(' ') {
            None if text.trim_end() == "ping" => Ok(Self::Ping),
            None if text.trim_end() == "status" => Ok(Self::Status),
            None if text.trim_end() == "configuration" => Ok(Self::Configuration),
            Some(("test", code)) => {
                let code = code
                    .parse()
                    .map_err(|_| "error test: expected a code like 1002")?;
                match crate::code::entry(code) {
                    Some(_) => Ok(Self::Test { code }),
                    None => Err("error test: no such code"),
                }
            }
            Some(("leave", "end")) => Ok(Self::LeaveEnded),
            Some(("leave", what)) => leave(what),
            _ => Err(
                "error expected: ping, status, configuration, test CODE, leave MS TEXT, or leave end",
            ),
        }
    }
}

fn leave(what: &str) -> Result<Request, &'static str> {
    let wrong = "error leave: expected end, or milliseconds and a reason";
    let (planned, text) = what.split_once(' ').ok_or(wrong)?;
    let planned_ms = planned.parse().map_err(|_| wrong)?;
    if !LEAVE_MS.contains(&planned_ms) {
        return Err("error leave: a time from 1m to 168h");
    }
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err("error leave: a reason without control characters");
    }
    match heapless::String::try_from(text) {
        Ok(text) => Ok(Request::Leave { planned_ms, text }),
        Err(_) => Err("error leave: a reason of at most 256 bytes"),
    }
}

/// Longest order: kind, length of an absence, text.
const ORDER_BYTES: usize = 9 + LEAVE_TEXT_BYTES;

/// What the keeper tells the watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time on the stack, and the tick path allocates nothing"
)]
pub enum Order {
    /// Raise a test alert.
    Test {
        /// The code.
        code: u16,
    },
    /// Say goodbye and end.
    Stop {
        /// Why.
        reason: StopReason,
    },
    /// This run was begun because the collector knew more of the one before than was ever written: raise 8010.
    RanAhead,
    /// An absence is announced.
    Leave {
        /// Its length from now on.
        planned_ms: u64,
        /// Why, in words.
        text: heapless::String<LEAVE_TEXT_BYTES>,
    },
    /// The announced absence is over.
    LeaveEnded,
}

impl Order {
    /// As a message.
    #[must_use]
    pub fn to_bytes(&self) -> heapless::Vec<u8, ORDER_BYTES> {
        let mut bytes = heapless::Vec::new();
        let mut put = |part: &[u8]| {
            let put = bytes.extend_from_slice(part);
            debug_assert!(put.is_ok(), "the longest order fits");
        };
        match self {
            Self::Stop { reason } => put(&[1, reason.as_u8(), 0]),
            Self::Test { code } => {
                put(&[2]);
                put(&code.to_le_bytes());
            }
            Self::RanAhead => put(&[3, 0, 0]),
            Self::Leave { planned_ms, text } => {
                put(&[4]);
                put(&planned_ms.to_le_bytes());
                put(text.as_bytes());
            }
            Self::LeaveEnded => put(&[5, 0, 0]),
        }
        bytes
    }

    /// From a message.
    #[must_use]
    pub fn from_bytes(message: &[u8]) -> Option<Self> {
        match message {
            [1, reason, 0] => Some(Self::Stop {
                reason: StopReason::from_u8(*reason),
            }),
            [2, low, high] => Some(Self::Test {
                code: u16::from_le_bytes([*low, *high]),
            }),
            [3, 0, 0] => Some(Self::RanAhead),
            [4, rest @ ..] => {
                let (planned, text) = rest.split_first_chunk::<8>()?;
                Some(Self::Leave {
                    planned_ms: u64::from_le_bytes(*planned),
                    text: str::from_utf8(text).ok()?.try_into().ok()?,
                })
            }
            [5, 0, 0] => Some(Self::LeaveEnded),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_or_explained() {
        assert_eq!(Request::parse(b"ping\n"), Ok(Request::Ping));
        assert_eq!(Request::parse(b"status"), Ok(Request::Status));
        assert_eq!(Request::parse(b"configuration"), Ok(Request::Configuration));
        assert_eq!(
            Request::parse(b"test 1002"),
            Ok(Request::Test { code: 1002 })
        );
        assert_eq!(
            Request::parse("leave 60000 月次 保守\n".as_bytes()),
            Ok(Request::Leave {
                planned_ms: 60_000,
                text: "月次 保守".try_into().unwrap(),
            })
        );
        assert_eq!(Request::parse(b"leave end"), Ok(Request::LeaveEnded));
        let long = format!("leave 60000 {}", "a".repeat(257));
        for wrong in [
            &b""[..],
            b"test",
            b"test x",
            b"test 1",
            b"stop",
            b"\xFF",
            b"leave",
            b"leave 60000",
            b"leave 60000 ",
            b"leave 59999 short",
            b"leave 604800001 long",
            b"leave -1 x",
            b"leave 60000 a\nb",
            long.as_bytes(),
        ] {
            assert!(
                Request::parse(wrong).is_err_and(|answer| answer.starts_with("error")),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn orders_go_there_and_back() {
        let text = heapless::String::try_from("あ".repeat(85).as_str()).unwrap();
        for order in [
            Order::Stop {
                reason: StopReason::HostStops,
            },
            Order::RanAhead,
            Order::Test { code: 9999 },
            Order::Leave {
                planned_ms: 604_800_000,
                text,
            },
            Order::LeaveEnded,
        ] {
            assert_eq!(Order::from_bytes(&order.to_bytes()), Some(order));
        }
        for wrong in [&[7, 7, 7][..], &[4, 1], &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF]] {
            assert_eq!(Order::from_bytes(wrong), None);
        }
    }
}
