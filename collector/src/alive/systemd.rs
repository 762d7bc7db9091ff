//! What the service manager is told: a datagram to the socket that it names (`sd_notify(3)`).

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The manager's socket; without one (`NOTIFY_SOCKET` is not set) nothing is told.
#[derive(Debug)]
pub struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Manager {
    /// As the environment says.
    #[must_use]
    pub fn of_environment() -> Self {
        Self::at(std::env::var("NOTIFY_SOCKET").ok().as_deref())
    }

    /// A path, or with `@` an abstract name; anything else is no socket.
    #[must_use]
    pub fn at(name: Option<&str>) -> Self {
        let address = name.and_then(|name| match name.strip_prefix('@') {
            Some(hidden) => SocketAddr::from_abstract_name(hidden).ok(),
            None if name.starts_with('/') => SocketAddr::from_pathname(name).ok(),
            None => None,
        });
        let socket = address.and_then(|address| {
            let socket = UnixDatagram::unbound().ok()?;
            // A manager that does not read must not hold us up.
            socket.set_nonblocking(true).ok()?;
            Some((socket, address))
        });
        Self { socket }
    }

    /// Tells it, e.g. `READY=1`, `WATCHDOG=1`, `STOPPING=1`. What cannot be told is dropped: the manager notices by itself.
    pub fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            drop(socket.send_to_addr(state.as_bytes(), address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_by_a_path_and_by_an_abstract_name() {
        let path = std::env::temp_dir().join(format!("hansho-manager-{}", std::process::id()));
        drop(std::fs::remove_file(&path));
        let hidden = format!("hansho-manager-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&hidden).unwrap()).unwrap();
        for (socket, name) in [
            (by_path, path.to_str().unwrap().to_owned()),
            (by_name, format!("@{hidden}")),
        ] {
            Manager::at(Some(&name)).tell("READY=1");
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1");
        }
        std::fs::remove_file(&path).unwrap();
        for nobody in [None, Some(""), Some("relative"), Some("/nowhere/at/all")] {
            Manager::at(nobody).tell("READY=1");
        }
    }
}
