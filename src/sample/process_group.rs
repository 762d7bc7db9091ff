//! `/proc/PID/cgroup` (cgroups(7)): which systemd unit and which container a process belongs to.

use super::text::{lines, whole_number};

/// Digits of a container's id in the path of its control group: docker, podman, containerd and CRI-O use SHA-256 or as long a
/// random number, in hexadecimal digits.
const ID_DIGITS: usize = 64;
/// Digits that are kept: those that `docker ps` and `podman ps` print. Every one of their commands takes them for the whole.
pub const CONTAINER_DIGITS: usize = 12;
/// Kinds of units that processes run in (systemd.unit(5)).
const UNIT_KINDS: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];

/// Where a process belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessGroup<'a> {
    /// The unit of the system manager, as `systemctl status PID` names it: for what a user's own manager runs, that manager
    /// (`user@1000.service`). Absent where the scope is nothing but a container's.
    pub unit: Option<&'a [u8]>,
    /// The first digits of the innermost container's id.
    pub container: Option<&'a [u8]>,
}

/// Reads `cgroup`: the line of version 2, or of version 1 that of systemd and, for the container, that of memory.
#[must_use]
pub fn group(text: &[u8]) -> ProcessGroup<'_> {
    let (mut unified, mut systemd, mut memory) = (None, None, None);
    for line in lines(text) {
        let mut parts = line.splitn(3, |&byte| byte == b':');
        let (Some(number), Some(controllers), Some(path)) =
            (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let slot = match (whole_number(number), controllers) {
            (Some(0), b"") => &mut unified,
            (Some(_), b"name=systemd") => &mut systemd,
            (Some(_), names)
                if names
                    .split(|&byte| byte == b',')
                    .any(|name| name == b"memory") =>
            {
                &mut memory
            }
            _ => continue,
        };
        if slot.is_none() {
            // A group that was removed while the process was in it.
            *slot = Some(path.strip_suffix(b" (deleted)").unwrap_or(path));
        }
    }
    let paths = [systemd, unified, memory];
    ProcessGroup {
        unit: systemd.or(unified).and_then(unit),
        container: paths.into_iter().flatten().find_map(container),
    }
}

/// What the path of a control group says.
#[must_use]
pub fn of_path(path: &[u8]) -> ProcessGroup<'_> {
    ProcessGroup {
        unit: unit(path),
        container: container(path),
    }
}

/// The unit in a path: the first part that is no slice (as systemd's own `cg_path_get_unit`).
fn unit(path: &[u8]) -> Option<&[u8]> {
    let part = parts(path).find(|part| !part.ends_with(b".slice"))?;
    // systemd puts a `_` before names that a kernel's own file could have.
    let part = part.strip_prefix(b"_").unwrap_or(part);
    let is_unit = UNIT_KINDS
        .iter()
        .any(|kind| part.len() > kind.len() && part.ends_with(kind));
    (is_unit && id(part).is_none()).then_some(part)
}

/// The innermost container's id.
fn container(path: &[u8]) -> Option<&[u8]> {
    let found = parts(path).filter_map(id).last()?;
    found.get(..CONTAINER_DIGITS)
}

/// The id in one part of a path: `docker-ID.scope`, `libpod-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`,
/// `kubepods-…:cri-containerd:ID`, or the id alone. `…-conmon-ID` is what watches over a container from outside.
fn id(part: &[u8]) -> Option<&[u8]> {
    let part = part.strip_suffix(b".scope").unwrap_or(part);
    let (before, digits) = part.split_at_checked(part.len().checked_sub(ID_DIGITS)?)?;
    let is_id = digits
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_apart = matches!(before.last(), None | Some(b'-' | b':'));
    (is_id && is_apart && !before.ends_with(b"conmon-")).then_some(digits)
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f3f4e5a6b7c8d9e0f";
    const SHORT: &str = "3f4e5a6b7c8d";

    fn check(text: &str, unit: Option<&str>, container: Option<&str>) {
        let text = text.replace("ID", ID);
        let found = group(text.as_bytes());
        let shown = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
        assert_eq!(shown(found.unit).as_deref(), unit, "{text}");
        assert_eq!(shown(found.container).as_deref(), container, "{text}");
    }

    #[test]
    fn units() {
        check(
            "0::/system.slice/nginx.service\n",
            Some("nginx.service"),
            None,
        );
        check("0::/init.scope\n", Some("init.scope"), None);
        check(
            "0::/system.slice/system-getty.slice/getty@tty1.service\n",
            Some("getty@tty1.service"),
            None,
        );
        check(
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/mail.service\n",
            Some("user@1000.service"),
            None,
        );
        check(
            "0::/system.slice/a.service/worker (deleted)\n",
            Some("a.service"),
            None,
        );
        check("0::/system.slice/_cpu.service\n", Some("cpu.service"), None);
        check("0::/\n", None, None);
        check("0::/system.slice\n", None, None);
        check("0::/.service\n", None, None);
        check("0::/system.slice/cut.serv", None, None);
    }

    #[test]
    fn containers() {
        check("0::/system.slice/docker-ID.scope\n", None, Some(SHORT));
        check("0::/docker/ID\n", None, Some(SHORT));
        check(
            "0::/machine.slice/libpod-ID.scope/container\n",
            None,
            Some(SHORT),
        );
        check(
            "0::/machine.slice/libpod-conmon-ID.scope\n",
            Some(&format!("libpod-conmon-{ID}.scope")),
            None,
        );
        check(
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-ID.scope\n",
            None,
            Some(SHORT),
        );
        check(
            "0::/kubepods.slice/kubepods-pod1.slice/crio-ID.scope\n",
            None,
            Some(SHORT),
        );
        check("0::/kubepods/burstable/pod1-2/ID\n", None, Some(SHORT));
        check(
            "0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:ID\n",
            Some("containerd.service"),
            Some(SHORT),
        );
        check(
            "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope\n",
            Some("user@1000.service"),
            Some(SHORT),
        );
        // Too long, not hexadecimal, glued to a word.
        check("0::/docker/IDa\n", None, None);
        check("0::/docker/xID\n", None, None);
    }

    #[test]
    fn version_one() {
        check(
            "11:memory:/docker/ID\n4:cpu,cpuacct:/docker/ID\n1:name=systemd:/docker/ID\n",
            None,
            Some(SHORT),
        );
        check(
            "5:memory:/system.slice/db.service\n1:name=systemd:/system.slice/db.service\n0::/x.service\n",
            Some("db.service"),
            None,
        );
        check(
            "5:cpu,memory:/docker/ID\n1:name=systemd:/system.slice/docker.service\n",
            Some("docker.service"),
            Some(SHORT),
        );
    }
}
