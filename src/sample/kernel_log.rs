//! Records of the kernel's log, as `/dev/kmsg` gives them one a read (Documentation/ABI/testing/dev-kmsg), and what it says
//! there when it kills for memory (mm/oom_kill.c).

use super::text::whole_number;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Counted by the kernel, since boot.
    pub sequence: u64,
    /// When, in milliseconds of the kernel's own clock: near uptime, but for times asleep.
    pub at_ms: u64,
    /// By the kernel itself: whoever may write to the log cannot make one of these (facility 0 of syslog(2)).
    pub is_of_kernel: bool,
    /// The text; what is not printable is escaped by the kernel as `\xHH`.
    pub text: &'a [u8],
}

/// Takes a record apart: `priority,sequence,microseconds,flags[,more];text`, and lines that belong to it behind.
#[must_use]
pub fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let line = bytes.get(..end.unwrap_or(bytes.len()))?;
    let (head, text) = split_once(line, b";")?;
    let mut numbers = head.split(|byte| *byte == b',');
    let priority = whole_number(numbers.next()?)?;
    let sequence = whole_number(numbers.next()?)?;
    let microseconds = whole_number(numbers.next()?)?;
    Some(Record {
        sequence,
        at_ms: microseconds / 1000,
        is_of_kernel: priority < 8,
        text,
    })
}

/// Why the kernel had no memory to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Constraint {
    /// Not said: kernels before 5.0.
    #[default]
    Unknown,
    /// The host had none.
    Host,
    /// A memory control group had reached its limit.
    Group,
    /// The nodes or processors that it was bound to had none.
    Nodes,
}

/// Who is killed, and for whom: the line that comes first, from 5.0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// What was short.
    pub constraint: Constraint,
    /// The group whose limit was reached; empty where it was none.
    pub group: &'a [u8],
    /// The victim's group.
    pub task_group: &'a [u8],
    /// The victim.
    pub pid: u32,
}

/// Reads `oom-kill:constraint=…,nodemask=…,cpuset=…,mems_allowed=…[,oom_memcg=…],task_memcg=…,task=…,pid=…,uid=…`.
#[must_use]
pub fn choice(text: &[u8]) -> Option<Choice<'_>> {
    let rest = text.strip_prefix(b"oom-kill:constraint=")?;
    let (constraint, rest) = split_once(rest, b",")?;
    let constraint = match constraint {
        b"CONSTRAINT_NONE" => Constraint::Host,
        b"CONSTRAINT_MEMCG" => Constraint::Group,
        b"CONSTRAINT_CPUSET" | b"CONSTRAINT_MEMORY_POLICY" => Constraint::Nodes,
        _ => Constraint::Unknown,
    };
    // Groups and names may hold commas: what is behind them is found from the end.
    let (rest, uid) = split_last(rest, b",uid=")?;
    let _uid = whole_number(uid)?;
    let (rest, pid) = split_last(rest, b",pid=")?;
    let (rest, _name) = split_last(rest, b",task=")?;
    let (rest, task_group) = split_last(rest, b",task_memcg=")?;
    let group = split_last(rest, b",oom_memcg=").map_or(&b""[..], |(_, group)| group);
    Some(Choice {
        constraint,
        group,
        task_group,
        pid: u32::try_from(whole_number(pid)?).ok()?,
    })
}

/// A process that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed<'a> {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub name: &'a [u8],
    /// Anonymous memory, KiB.
    pub anonymous_kib: u64,
    /// Of files, KiB.
    pub file_kib: u64,
    /// Shared, KiB; absent before 4.7.
    pub shared_kib: Option<u64>,
    /// Its user; absent before 5.2.
    pub uid: Option<u32>,
    /// [`super::process::oom_score_adj`]; absent before 5.2.
    pub oom_score_adj: Option<i16>,
    /// It was a group's limit.
    pub of_group: bool,
}

/// Reads `[Memory cgroup ][oO]ut of memory: Killed process PID (NAME) total-vm:…kB, anon-rss:…kB, …`, and the same without its
/// beginning, as kernels before 5.3 have it.
#[must_use]
pub fn killed(text: &[u8]) -> Option<Killed<'_>> {
    let at = find(text, b"Killed process ")?;
    let (before, rest) = text.split_at_checked(at)?;
    let of_group = before.starts_with(b"Memory cgroup out of memory");
    // A tree of processes that share memory, and `oom_kill_allocating_task`, have other beginnings.
    let known = before.is_empty() || before.ends_with(b": ");
    let rest = rest.strip_prefix(b"Killed process ").filter(|_| known)?;
    let (pid, rest) = split_once(rest, b" (")?;
    let pid = match split_once(pid, b",") {
        Some((pid, _)) => pid,
        None => pid,
    };
    // A name may hold anything, a bracket too; numbers behind it do not.
    let (name, rest) = split_last(rest, b") total-vm:")?;
    let name = match split_last(name, b"), UID ") {
        Some((name, _)) => name,
        None => name,
    };
    let anonymous_kib = kib(rest, b"anon-rss:")?;
    let file_kib = kib(rest, b"file-rss:")?;
    Some(Killed {
        pid: u32::try_from(whole_number(pid)?).ok()?,
        name,
        anonymous_kib,
        file_kib,
        shared_kib: kib(rest, b"shmem-rss:"),
        uid: value(rest, b"UID:")
            .and_then(whole_number)
            .and_then(|uid| u32::try_from(uid).ok()),
        oom_score_adj: value(rest, b"oom_score_adj:")
            .and_then(|text| core::str::from_utf8(text).ok())
            .and_then(|text| text.parse().ok()),
        of_group,
    })
}

fn kib(text: &[u8], key: &[u8]) -> Option<u64> {
    whole_number(value(text, key)?.strip_suffix(b"kB")?)
}

/// What stands behind a key, up to a blank or a comma.
fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let (_, rest) = split_once(text, key)?;
    rest.split(|byte| matches!(byte, b' ' | b',')).next()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn split_once<'a>(text: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    split_at(text, find(text, by)?, by.len())
}

fn split_last<'a>(text: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(by.len()).rposition(|window| window == by)?;
    split_at(text, at, by.len())
}

fn split_at(text: &[u8], at: usize, length: usize) -> Option<(&[u8], &[u8])> {
    Some((text.get(..at)?, text.get(at.checked_add(length)?..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_taken_apart() {
        let bytes = b"6,1423,43274372558,-;Memory cgroup out of memory: x\n SUBSYSTEM=y\n";
        let found = record(bytes).unwrap();
        assert_eq!(found.sequence, 1423);
        assert_eq!(found.at_ms, 43_274_372);
        assert!(found.is_of_kernel);
        assert_eq!(found.text, b"Memory cgroup out of memory: x");
        // From a program: facility 1, user.
        let of_user = record(b"12,7,5,-,caller=T1;oom-kill: no").unwrap();
        assert!(!of_user.is_of_kernel);
        for bad in [&b""[..], b"6,1,2", b"x,1,2,-;y", b"6,,2,-;y", b"6,1,-;y"] {
            assert_eq!(record(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn a_choice_is_read_whatever_the_names_hold() {
        let text = b"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/a,pid=9.service,\
            task_memcg=/system.slice/a,pid=9.service/x,task=a,pid=1,pid=3252,uid=0";
        let found = choice(text).unwrap();
        assert_eq!(found.constraint, Constraint::Group);
        assert_eq!(found.group, b"/system.slice/a,pid=9.service");
        assert_eq!(found.task_group, b"/system.slice/a,pid=9.service/x");
        assert_eq!(found.pid, 3252);
        let host = b"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/user.slice,task=java,pid=4711,uid=998";
        let found = choice(host).unwrap();
        assert_eq!(found.constraint, Constraint::Host);
        assert_eq!((found.group, found.pid), (&b""[..], 4711));
        assert_eq!(found.task_group, b"/user.slice");
        assert_eq!(choice(b"oom-kill:constraint=CONSTRAINT_NONE,pid=1"), None);
        assert_eq!(choice(b"oom_reaper: reaped process 1 (x)"), None);
    }

    #[test]
    fn what_each_generation_of_kernels_says_of_the_killed() {
        let today = b"Memory cgroup out of memory: Killed process 3252 (python3) total-vm:30956kB, anon-rss:20224kB, file-rss:6752kB, \
            shmem-rss:0kB, UID:0 pgtables:96kB oom_score_adj:-17";
        let found = killed(today).unwrap();
        assert_eq!((found.pid, found.name), (3252, &b"python3"[..]));
        assert_eq!((found.anonymous_kib, found.file_kib), (20_224, 6_752));
        assert_eq!((found.shared_kib, found.uid), (Some(0), Some(0)));
        assert_eq!(found.oom_score_adj, Some(-17));
        assert!(found.of_group);
        // 4.14 (mm/oom_kill.c): its own line, no user.
        let older = b"Killed process 17 (a) total-vm:9kB, b) total-vm:100kB, anon-rss:5kB, file-rss:1kB, shmem-rss:2kB";
        let found = killed(older).unwrap();
        assert_eq!(found.name, b"a) total-vm:9kB, b");
        assert_eq!(
            (found.uid, found.oom_score_adj, found.of_group),
            (None, None, false)
        );
        // 3.10.
        let oldest = b"Killed process 17 (java) total-vm:100kB, anon-rss:5kB, file-rss:1kB";
        assert_eq!(killed(oldest).unwrap().shared_kib, None);
        // 4.19 to 5.2 of some distributions.
        let between = b"Killed process 17, UID 998, (java) total-vm:100kB, anon-rss:5kB, file-rss:1kB, shmem-rss:0kB";
        assert_eq!(killed(between).unwrap().pid, 17);
        assert!(
            killed(b"Out of memory: Killed process 1 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB")
                .is_some()
        );
        for other in [
            &b"Out of memory: Kill process 17 (java) score 900 or sacrifice child"[..],
            b"a program says Killed process 17 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
            b"Killed process 99999999999 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB",
            b"Killed process 17 (x)",
        ] {
            assert_eq!(killed(other), None, "{}", other.escape_ascii());
        }
    }
}
