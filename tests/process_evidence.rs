//! Who used the memory goes along with the alert: with the real processes, over the deaths of the scout.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at whatever surprises it"
)]

mod process_support;
mod scout_common;

use hansho::frame::Stream;
use hansho::frame::body::{self, Body, elements, transition_to_u8};
use hansho::frame::evidence::{
    AboutRecord, FLAG_FRESH, LIST_GROWTH_SHORT, LIST_MEMORY, Moment, Short, SuspectRecord,
};
use hansho::rule::TransitionKind::{Firing, Resolved};
use process_support::{Place, lives, send, until};
use scout_common::{Fake, Tree};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Pending for longer than evidence may have to wait for the one before it.
const CONFIG: &str = r#"
[agent]
[sample]
interval = "50ms"
counters_interval = "100ms"
report_interval = "1s"
[spool]
[forward]
[[rule]]
code = 1002
raise_after = "12s"
clear_after = "1s"
gate = { quantity = "memory_available", below = "100%" }
"#;

/// What one Evidence says.
#[derive(Clone, Debug)]
struct Told {
    fresh: bool,
    about: Vec<(u16, u32, Moment)>,
    walk_began_ms: Option<u64>,
    at_ms: u64,
    seen: u32,
    /// Lists, process id and name of each.
    suspects: Vec<(u8, u32, String)>,
}

fn told(place: &Place) -> Vec<Told> {
    let mut all = Vec::<Told>::new();
    for (_, _, frame) in place.frames(Stream::Evidence) {
        let Ok((at, Body::Evidence(evidence))) = body::decode(&frame) else {
            panic!("no evidence in the stream of evidence");
        };
        let suspects = elements::<SuspectRecord<'_>>(evidence.suspects)
            .map(|suspect| suspect.unwrap())
            .map(|suspect| {
                let name = String::from_utf8_lossy(suspect.name).into_owned();
                (suspect.lists, suspect.pid, name)
            });
        if evidence.part > 0 {
            all.last_mut().unwrap().suspects.extend(suspects);
            continue;
        }
        all.push(Told {
            fresh: evidence.flags & FLAG_FRESH != 0,
            about: elements::<AboutRecord<'_>>(evidence.about)
                .map(|about| about.unwrap())
                .map(|about| (about.code, about.episode, Moment::from_u8(about.moment)))
                .collect(),
            walk_began_ms: evidence.walk_began_ms,
            at_ms: at.as_millis(),
            seen: evidence.seen,
            suspects: suspects.collect(),
        });
    }
    all
}

fn of(place: &Place, episode: u32, moment: Moment, fresh: bool) -> Option<Told> {
    told(place)
        .into_iter()
        .find(|told| told.fresh == fresh && told.about.contains(&(1002, episode, moment)))
}

/// Processes of the scripted host: five hundred small ones, a large one that is steady, and one that grows.
struct Host(Tree);

const STEADY: u32 = 7001;
const LEAK: u32 = 7002;

impl Host {
    fn at(place: &Place) -> Self {
        let root = place.folder.join("root");
        let tree = Tree::at(root.clone());
        fs::create_dir(root.join("etc")).unwrap();
        fs::write(root.join("etc/passwd"), "nightly:x:1000:1000::/:/bin/sh\n").unwrap();
        for pid in 2000..2500 {
            tree.process(pid, &Fake::default());
        }
        tree.process(1, &Fake::default());
        let steady = Fake {
            name: b"postgres",
            resident_pages: 900_000,
            ..Fake::default()
        };
        tree.process(STEADY, &steady);
        let host = Self(tree);
        host.leaks(50_000);
        host
    }

    fn leaks(&self, resident_pages: u64) {
        let leak = Fake {
            name: b"batch \x1b[2J",
            resident_pages,
            cgroup: "0::/system.slice/batch.service\n",
            ..Fake::default()
        };
        self.0.process(LEAK, &leak);
    }
}

#[test]
fn the_alert_has_its_suspects_before_at_and_after_it_and_over_the_scouts_death() {
    let place = Place::new("evidence", CONFIG);
    let host = Host::at(&place);
    let agent = place.start(&[]);
    agent.runs(0);
    let scout = agent.worker("scout");
    // A test alert tells when the table has been gone through once.
    assert!(place.command(&["test", "2001"]).status.success());
    until("a whole walk", || {
        told(&place)
            .into_iter()
            .find(|told| told.about.iter().any(|about| about.0 == 2001) && told.seen == 503)
    });
    host.leaks(150_000);

    place.memory_used(985);
    let pending = until("evidence while it is pending", || {
        of(&place, 1, Moment::Pending, false)
    });
    assert_eq!(pending.seen, 503);
    let names = |told: &Told, list: u8| -> Vec<u32> {
        let of_list = told.suspects.iter().filter(|suspect| suspect.0 & list != 0);
        of_list.map(|suspect| suspect.1).collect()
    };
    assert_eq!(names(&pending, LIST_MEMORY)[..2], [STEADY, LEAK]);
    let fresh = until("a walk that began later", || {
        of(&place, 1, Moment::Pending, true)
    });
    assert!(fresh.walk_began_ms.unwrap() >= pending.at_ms);
    assert_eq!(names(&fresh, LIST_MEMORY)[..2], [STEADY, LEAK]);
    // The larger one is steady: who grew is another list.
    assert_eq!(names(&fresh, LIST_GROWTH_SHORT), [LEAK]);
    let leak = fresh.suspects.iter().find(|suspect| suspect.1 == LEAK);
    assert_eq!(leak.unwrap().2, "batch \u{1b}[2J");
    let fired = (1, 1002, transition_to_u8(Firing), 0);
    until("it fires", || place.alerts().contains(&fired).then_some(()));
    until("evidence when it fires", || {
        of(&place, 1, Moment::Firing, false)
    });

    // The scout dies and is started again; what it showed stays.
    send(scout, "KILL");
    let next = until("another scout", || {
        agent.worker_now("scout").filter(|pid| *pid != scout)
    });
    place.memory_used(300);
    let resolved = (1, 1002, transition_to_u8(Resolved), 0);
    until("it is over", || {
        place.alerts().contains(&resolved).then_some(())
    });
    let over = until("evidence when it is over", || {
        of(&place, 1, Moment::Resolved, false)
    });
    assert_eq!(names(&over, LIST_MEMORY)[..2], [STEADY, LEAK]);

    // One that hangs holds up nobody: the table goes out as it stood, with its age.
    let whole = until("a whole walk of the next one", || {
        place.command(&["test", "2002"]);
        told(&place)
            .into_iter()
            .rfind(|told| told.seen == 503 && told.walk_began_ms > over.walk_began_ms)
    });
    send(next, "STOP");
    place.memory_used(985);
    let stale = until("the next episode", || of(&place, 2, Moment::Firing, false));
    assert!(stale.walk_began_ms >= whole.walk_began_ms);
    assert!(stale.walk_began_ms.unwrap() < stale.at_ms.saturating_sub(5_000));
    assert_eq!(names(&stale, LIST_MEMORY)[..2], [STEADY, LEAK]);
    assert!(of(&place, 2, Moment::Pending, true).is_none());

    // And nobody waits for it at the end.
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    until("it is gone with its keeper", || {
        (!lives(next)).then_some(())
    });
    let ring = place.folder.join("memory/memory.ring");
    let decoded = Command::new(env!("CARGO_BIN_EXE_hansho"))
        .arg("decode")
        .arg(ring)
        .output()
        .unwrap();
    let said = String::from_utf8(decoded.stdout).unwrap();
    assert!(said.contains("\"name\":\"batch \\u001b[2J\""), "{said}");
    assert!(said.contains("\"uid\":1000") && said.contains("\"user\":\"nightly\""));
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn nothing_of_processes_is_told_where_nobody_wants_it_until_a_reload_says_otherwise() {
    let config = format!("{CONFIG}[evidence]\nprocesses = false\n");
    let place = Place::new("unnamed", &config);
    let _host = Host::at(&place);
    let agent = place.start(&[]);
    agent.runs(0);
    let scout = agent.worker("scout");
    assert!(place.command(&["test", "2001"]).status.success());
    let readings = place.readings();
    agent.runs(readings + 3);
    assert!(place.frames(Stream::Evidence).is_empty());

    let text = fs::read_to_string(place.config()).unwrap();
    fs::write(
        place.config(),
        text.replace("processes = false", "processes = true"),
    )
    .unwrap();
    agent.signal("HUP");
    until("another scout", || {
        agent.worker_now("scout").filter(|pid| *pid != scout)
    });
    until("a table", || {
        place.command(&["test", "2002"]);
        told(&place).into_iter().find(|told| told.seen == 503)
    });
    assert!(!place.said().contains("scout ended"), "{}", place.said());
}

/// A process that was killed.
struct Dead {
    pid: u32,
    name: Vec<u8>,
    anonymous_kib: u64,
    short: u8,
    group: Vec<u8>,
}

/// A memory control group of this test, with a limit; removed with the value.
struct Group(PathBuf);

impl Group {
    /// `None` where this host has no such groups, or we may not make one.
    fn new() -> Option<Self> {
        let name = format!("hansho-test-{}", std::process::id());
        for (root, limit) in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ] {
            let path = Path::new(root).join(&name);
            if fs::create_dir(&path).is_err() {
                continue;
            }
            let group = Self(path);
            if fs::write(group.0.join(limit), "16M").is_ok() {
                return Some(group);
            }
        }
        None
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Busy until the last of it is reaped.
        until("the group is empty", || fs::remove_dir(&self.0).ok());
    }
}

#[test]
fn whom_the_kernel_killed_is_told_with_the_group_that_was_full() {
    let place = Place::new("victim", CONFIG);
    let kmsg = place.folder.join("root/dev/kmsg");
    fs::create_dir_all(kmsg.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/kmsg", kmsg).unwrap();
    let Some(group) = Group::new().filter(|_| fs::File::open("/dev/kmsg").is_ok()) else {
        eprintln!(
            "skipped: no memory control group can be made here, or the kernel's log cannot be read"
        );
        return;
    };
    let victims = |place: &Place| -> Vec<Dead> {
        let frames = place.frames(Stream::Evidence);
        let found = frames
            .iter()
            .filter_map(|(_, _, frame)| match body::decode(frame) {
                Ok((_, Body::Victim(victim))) => Some(Dead {
                    pid: victim.pid,
                    name: victim.name.to_vec(),
                    anonymous_kib: victim.anonymous_kib,
                    short: victim.short,
                    group: victim.group.to_vec(),
                }),
                _ => None,
            });
        // Other groups of this host may be full as well.
        let own = group.0.file_name().unwrap().as_encoded_bytes();
        found.filter(|dead| dead.group.ends_with(own)).collect()
    };
    let hog = || -> u32 {
        let join = format!(
            "echo $$ > {}/cgroup.procs; exec tail /dev/zero",
            group.0.display()
        );
        let mut hog = Command::new("sh").args(["-c", &join]).spawn().unwrap();
        let pid = hog.id();
        let ended = until("it is killed", || hog.try_wait().unwrap());
        assert_eq!(ended.signal(), Some(9), "{ended}");
        pid
    };
    let agent = place.start(&[]);
    agent.runs(0);
    // It has read the log: what was there before it is no news.
    let scout = agent.worker("scout");
    assert!(place.command(&["test", "2001"]).status.success());
    until("the scout goes round", || {
        told(&place)
            .into_iter()
            .find(|told| told.walk_began_ms.is_some())
    });
    let first = hog();
    let found = until("the first victim", || victims(&place).into_iter().next());
    assert_eq!((found.pid, found.name.as_slice()), (first, &b"tail"[..]));
    assert_eq!(found.short, Short::Group.as_u8());
    let had_kib = found.anonymous_kib;
    assert!((4_096..=16_384).contains(&had_kib), "{had_kib} KiB");

    // Killed itself, it goes on behind what it has read: nobody is told twice, and nobody is left out.
    send(scout, "KILL");
    until("another scout", || {
        agent.worker_now("scout").filter(|pid| *pid != scout)
    });
    let second = hog();
    until("the second victim", || {
        (victims(&place).len() >= 2).then_some(())
    });
    let pids: Vec<u32> = victims(&place).iter().map(|dead| dead.pid).collect();
    assert_eq!(pids, [first, second]);
}
