//! SIGHUP, agent.d and the configuration that was accepted last, with real processes.
#![expect(clippy::indexing_slicing, reason = "a test that fails may panic")]

mod process_support;
#[path = "process_support/reload.rs"]
mod reload;

use hansho::frame::Stream;
use hansho::frame::body::{self, Body, RuleRecord, StopReason, elements, reason_to_u8};
use hansho::keeper::kept::KEPT_FILE;
use hansho::rule::Reason;
use process_support::{Place, lives, mode, until};
use reload::{CONFIG, Reloads as _, firing, refused, reload, resolved, runs};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

#[test]
fn a_new_level_is_in_force_and_the_rule_state_goes_on() {
    let pending = "[[rule]]\ncode = 1002\nraise = \"45%\"\nclear = \"44%\"\nwindow = \"last\"\nraise_after = \"1h\"\ngate = \"none\"\n";
    // A second, as by default: a gap above two intervals starts timers anew, and a start on a loaded machine is slow.
    let config = CONFIG.replace("50ms", "1s");
    let place = Place::new("reload", &format!("{config}{pending}"));
    place.memory_used(500);
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    let forwarder = agent.worker("forward");
    until("1001 fires", || {
        (place.told(1001) == [(1, firing())]).then_some(())
    });
    let since = |place: &Place| {
        let status = place.status();
        let pending = status["pending"].as_array().unwrap().clone();
        let of = pending.iter().find(|pending| pending["code"] == 1002)?;
        of["since_uptime_ms"].as_u64()
    };
    let before = until("1002 is pending", || since(&place));

    place.add(
        "50-level.toml",
        "[[rule]]\ncode = 1003\nraise_after = \"97s\"\n",
    );
    reload(&place, &agent);
    runs(&place, 2);
    let second = agent.watcher_after(watcher);
    assert_eq!(place.hellos_and_goodbyes().1, [1], "the first said goodbye");
    let goodbye = place
        .frames(Stream::Alerts)
        .iter()
        .find_map(|(_, _, frame)| match body::decode(frame) {
            Ok((_, Body::Goodbye(goodbye))) => Some(goodbye.reason),
            _ => None,
        });
    assert_eq!(goodbye, Some(StopReason::Replaced.as_u8()));
    assert_eq!(agent.worker("forward"), forwarder, "nothing concerns it");
    until("it writes on", || (place.readings() > 2).then_some(()));
    assert_eq!(place.told(1001), [(1, firing())], "not raised again");
    assert_eq!(since(&place), Some(before), "the timer goes on");
    let hashes = place.config_hashes();
    assert!(hashes.len() == 2 && hashes[0] != hashes[1], "{hashes:?}");
    let origins: Vec<String> = place
        .frames(Stream::Alerts)
        .iter()
        .filter(|(run, ..)| *run == 2)
        .flat_map(|(_, _, frame)| match body::decode(frame) {
            Ok((_, Body::Config(config))) => elements::<RuleRecord<'_>>(config.rules)
                .filter_map(Result::ok)
                .filter(|rule| rule.code == 1003)
                .map(|rule| rule.origin.to_owned())
                .collect(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(origins, ["agent.d/50-level.toml:1"]);

    // The level of what fires: it ends by the new one, in the same episode.
    place.edit(
        "raise = \"40%\"\nclear = \"35%\"",
        "raise = \"60%\"\nclear = \"55%\"",
    );
    reload(&place, &agent);
    until("1001 ends", || {
        (place.told(1001) == [(1, firing()), (3, resolved())]).then_some(())
    });
    let third = agent.watcher_after(second);
    // And so do the rules that go: their open alerts are withdrawn, once.
    place.memory_used(700);
    until("1001 fires again", || {
        (place.told(1001).last() == Some(&(3, firing()))).then_some(())
    });
    place.edit("code = 1001\n", "code = 1001\nenabled = false\n");
    reload(&place, &agent);
    until("1001 is withdrawn", || {
        (place.told(1001).last() == Some(&(4, resolved()))).then_some(())
    });
    let reasons: Vec<u8> = place
        .frames(Stream::Alerts)
        .iter()
        .filter_map(|(_, _, frame)| match body::decode(frame) {
            Ok((_, Body::Alert(alert))) if alert.code == 1001 => Some(alert.reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.last(), Some(&reason_to_u8(Reason::Withdrawn)));
    agent.watcher_after(third);
    assert_eq!(place.told(8009), [], "no tick was late");
    assert!(!place.said().contains("ended ("), "replacing is no failure");
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    assert_eq!(
        place.hellos_and_goodbyes(),
        (vec![1, 2, 3, 4], vec![1, 2, 3, 4])
    );
}

#[test]
fn only_the_worker_that_is_concerned_is_replaced() {
    let place = Place::new("concerned", CONFIG);
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    let forwarder = agent.worker("forward");
    // Nothing has changed.
    reload(&place, &agent);
    assert!(place.said().contains("the configuration is the same"));
    // Neither where a comment moves the lines.
    place.edit("[spool]", "# a comment\n[spool]");
    reload(&place, &agent);
    // Another key of the same agent.
    let key = format!("hansho1 {:016x} 1 {}\n", 0x1234_u64, "cd".repeat(32));
    fs::write(place.folder.join("key"), key).unwrap();
    reload(&place, &agent);
    let forwarder = until("another forwarder", || {
        agent.worker_now("forward").filter(|now| *now != forwarder)
    });
    assert_eq!(agent.worker("watch"), watcher);
    // No collector any more, and one again.
    place.edit("urls = [", "urls = [] #");
    reload(&place, &agent);
    until("nobody posts", || {
        (!lives(forwarder) && agent.worker_now("forward").is_none()).then_some(())
    });
    runs(&place, 2);
    place.edit("urls = [] #", "urls = [");
    reload(&place, &agent);
    agent.worker("forward");
    runs(&place, 3);
    // The key of another agent: the rings are not its own.
    let other = format!("hansho1 {:016x} 1 {}\n", 0x1235_u64, "cd".repeat(32));
    fs::write(place.folder.join("key"), other).unwrap();
    agent.signal("HUP");
    let why = until("it is refused", || refused(&place));
    assert!(
        why.contains("agent_id: found the key of another agent"),
        "{why}"
    );
    assert!(!place.said().contains("ended ("), "replacing is no failure");
}

#[test]
fn what_cannot_be_changed_waits_and_the_rest_is_taken() {
    let place = Place::new("later", CONFIG);
    place.memory_used(500);
    let agent = place.start(&[]);
    agent.runs(0);
    until("1001 fires", || {
        (place.told(1001) == [(1, firing())]).then_some(())
    });
    place.edit(
        "disk_size = \"1MiB\"",
        "disk_size = \"2MiB\"\nmemory_size = \"128KiB\"",
    );
    place.edit(
        "raise = \"40%\"\nclear = \"35%\"",
        "raise = \"60%\"\nclear = \"55%\"",
    );
    reload(&place, &agent);
    until("the level is taken", || {
        (place.told(1001) == [(1, firing()), (2, resolved())]).then_some(())
    });
    let status = place.status();
    assert_eq!(
        status["in_force"]["later"],
        serde_json::json!(["spool.disk_size", "spool.memory_size"])
    );
    assert!(
        place
            .said()
            .contains("spool.disk_size changed, and acts when the agent is started again")
    );
    let ring = place.folder.join("disk/disk.ring");
    assert_eq!(fs::metadata(&ring).unwrap().len(), 1024 * 1024);
    let checked = place.command(&["check"]);
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(
        said.contains("acts when the agent is started again: spool.disk_size, spool.memory_size"),
        "{said}"
    );
}

/// Each way in which a configuration cannot be taken: 8006, the same watcher, and an end when it is mended.
#[test]
fn a_bad_configuration_leaves_the_one_in_force_and_is_told() {
    let place = Place::new("bad", CONFIG);
    place.add("10.toml", "[[rule]]\ncode = 1002\nraise = \"99%\"\n");
    place.add("20.toml.off", "no TOML at all");
    let agent = place.start(&[("HANSHO_TEST_RELOAD_MS", "1500")]);
    let watcher = agent.runs(0);
    until("it is kept", || place.kept());
    let checked = place.command(&["check"]);
    assert!(checked.status.success());
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(
        said.contains("do not end in .toml: 20.toml.off\n"),
        "{said}"
    );
    let good = fs::read_to_string(place.config()).unwrap();
    type Spoil = fn(&Place);
    let cases: [(Spoil, &str); 8] = [
        (
            |place| place.edit("\"50ms\"", "\"1ms\""),
            "agent.toml:7: sample.interval: found \"1ms\"",
        ),
        (
            |place| place.add("30.toml", "[forward]\nurls = 1\n"),
            "agent.d/30.toml:2: forward.urls: found 1, a second time",
        ),
        (
            |place| {
                fs::remove_file(place.config()).unwrap();
                fs::create_dir(place.config()).unwrap();
            },
            "agent.toml: Is a directory",
        ),
        (
            |place| symlink("/nonexistent/x", place.beside("30.toml")).unwrap(),
            "agent.d/30.toml: there is no such file",
        ),
        (
            // With these authorities no forwarder starts.
            |place| {
                let ca_file = place.config().display().to_string();
                place.add(
                    "30.toml",
                    &format!("\n[forward]\nca_file = \"{ca_file}\"\n"),
                );
            },
            "agent.d/30.toml:3: forward.ca_file: found ",
        ),
        (
            // A file that is there and cannot be read, for root as well.
            |place| symlink("/proc/self/mem", place.beside("30.toml")).unwrap(),
            "agent.d/30.toml: Input/output error",
        ),
        (
            |place| fs::remove_file(place.config()).unwrap(),
            "agent.toml: there is no such file",
        ),
        (
            |place| {
                // Nobody writes into it: whoever opens it waits.
                fs::remove_file(place.config()).unwrap();
                let made = Command::new("mkfifo").arg(place.config()).status().unwrap();
                assert!(made.success());
            },
            "its files could not be read within 1500 ms",
        ),
    ];
    for (number, (spoil, words)) in (0_usize..).zip(cases) {
        spoil(&place);
        agent.signal("HUP");
        let why = until(words, || {
            // What the command reads would be the pipe too.
            let said = place.said();
            said.lines()
                .find(|line| {
                    line.contains("is refused, and the one in force stays") && line.contains(words)
                })
                .map(str::to_owned)
        });
        assert!(why.contains("hanshod: error: "), "{why}");
        until("8006 fires", || {
            (place.told(8006).len() == 2 * number + 1).then_some(())
        });
        drop(fs::remove_file(place.beside("30.toml")));
        drop(fs::remove_dir(place.config()));
        drop(fs::remove_file(place.config()));
        fs::write(place.config(), &good).unwrap();
        agent.signal("HUP");
        until("8006 ends", || {
            (place.told(8006).len() == 2 * number + 2).then_some(())
        });
        assert_eq!(refused(&place), None);
        assert_eq!(agent.worker("watch"), watcher, "{words}");
    }
    let expected: Vec<(u64, u8)> = (0..8)
        .flat_map(|_| [(1, firing()), (1, resolved())])
        .collect();
    assert_eq!(place.told(8006), expected);
    assert!(!place.said().contains("started again"), "{}", place.said());
}

#[test]
fn values_with_which_no_watcher_starts_are_taken_back() {
    let place = Place::new("back", CONFIG);
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    until("it is kept", || place.kept());
    let kept = place.kept();
    let root = place.folder.join("root").display().to_string();
    place.edit(&root, "/nonexistent");
    agent.signal("HUP");
    let why = until("it is taken back", || refused(&place));
    assert!(why.contains("the watcher does not start with it"), "{why}");
    // The scout goes with the values, there and back.
    until("the scout is replaced twice", || {
        let said = place.said();
        (said.matches("the scout is replaced").count() == 2).then_some(())
    });
    until("8006 fires in the run after", || {
        (place.told(8006).last().map(|(_, transition)| *transition) == Some(firing())).then_some(())
    });
    assert_ne!(agent.worker("watch"), watcher);
    assert_eq!(place.kept(), kept, "what nobody goes by is not kept");
    place.edit("/nonexistent", &root);
    reload(&place, &agent);
    until("8006 ends", || {
        (place.told(8006).last().map(|(_, transition)| *transition) == Some(resolved()))
            .then_some(())
    });
}

#[test]
fn however_often_and_whenever_it_is_asked_one_whole_configuration_is_in_force() {
    let place = Place::new("often", CONFIG);
    let agent = place.start(&[]);
    // Before there is a keeper, while its watcher starts, and after: from the moment on that its default is held back
    // (SigBlk, proc_pid_status(5); SIGHUP is 1, the lowest bit).
    until("SIGHUP is held back", || {
        let path = format!("/proc/{}/status", agent.pid());
        let status = fs::read_to_string(path).unwrap();
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigBlk:"))?;
        let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
        (mask & 1 == 1).then_some(())
    });
    agent.signal("HUP");
    for number in 0..20 {
        place.add(
            "10.toml",
            &format!(
                "[[rule]]\ncode = 1002\nraise_after = \"{}s\"\n",
                70 + number
            ),
        );
        agent.signal("HUP");
    }
    agent.runs(0);
    for number in 0..20 {
        place.add(
            "10.toml",
            &format!(
                "[[rule]]\ncode = 1002\nraise_after = \"{}s\"\n",
                70 + number
            ),
        );
        agent.signal("HUP");
    }
    let checked = || {
        let output = place.command(&["check"]);
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success() && !said.contains("has not taken")).then_some(())
    };
    until("the last one is in force", checked);
    let before = place.readings();
    until("it writes on", || (place.readings() > before).then_some(()));
    until("the last one is kept", || {
        let kept = place.kept()?;
        let last = kept.files.last().map(|file| file.bytes.clone())?;
        String::from_utf8(last)
            .unwrap()
            .contains("89s")
            .then_some(())
    });
    assert_eq!(place.told(8006), []);
    assert!(!place.said().contains("ended ("), "{}", place.said());
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
}

#[test]
fn a_start_goes_by_the_last_accepted_configuration_or_ends() {
    let place = Place::new("kept", CONFIG);
    place.add("10.toml", "[[rule]]\ncode = 1002\nraise = \"91%\"\n");
    // None was ever accepted.
    place.edit("\"50ms\"", "\"1ms\"");
    assert_eq!(place.start(&[]).ended().code(), Some(78));
    place.edit("\"1ms\"", "\"50ms\"");
    let agent = place.start(&[]);
    agent.runs(0);
    until("it is kept", || place.kept());
    let file = place.folder.join("disk").join(KEPT_FILE);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(place.kept().unwrap().files.len(), 2);
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));

    fs::write(
        place.beside("10.toml"),
        "[[rule]]\ncode = 1002\nraise = \"9%%\"\n",
    )
    .unwrap();
    let checked = place.command(&["check"]);
    assert_eq!(checked.status.code(), Some(78));
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(
        said.contains("an agent that is started now runs by the last accepted configuration, "),
        "{said}"
    );
    let agent = place.start(&[]);
    until("8006 fires", || {
        (place.told(8006) == [(2, firing())]).then_some(())
    });
    let said = place.said();
    assert!(
        said.contains("agent.d/10.toml:3: rule 1002.raise: found \"9%%\""),
        "{said}"
    );
    let hashes = place.config_hashes();
    assert_eq!(hashes[0], hashes[1], "the same rules");
    let checked = place.command(&["check"]);
    assert_eq!(checked.status.code(), Some(78));
    assert!(
        String::from_utf8(checked.stderr)
            .unwrap()
            .contains("in force at the running agent")
    );
    assert!(refused(&place).unwrap().contains("agent.d/10.toml:3"));
    // Asked to read it while it is as bad: nothing new is said.
    agent.signal("HUP");
    until("it looked", || {
        place.status()["in_force"]["refusals"]
            .as_u64()
            .filter(|refusals| *refusals > 0)
    });
    assert!(
        place.command(&["test", "1001"]).status.success(),
        "commands find it"
    );
    place.add("10.toml", "");
    reload(&place, &agent);
    until("8006 ends", || {
        (place.told(8006) == [(2, firing()), (3, resolved())]).then_some(())
    });
    until("the good one is kept", || {
        place.kept().filter(|kept| kept.files[1].bytes.is_empty())
    });
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));

    // One that is kept and damaged is said and not used.
    let mut bytes = fs::read(&file).unwrap();
    bytes[200] ^= 1;
    fs::write(&file, bytes).unwrap();
    place.edit("\"50ms\"", "\"1ms\"");
    assert_eq!(place.start(&[]).ended().code(), Some(78));
    assert!(
        place
            .said()
            .contains("agent.accepted: its checksum does not fit its content")
    );
}

#[test]
fn a_copy_that_was_kept_earlier_elsewhere_does_not_stand_in_for_the_newest() {
    let place = Place::new("elsewhere", CONFIG);
    place.add("10.toml", "[[rule]]\ncode = 1002\nraise = \"91%\"\n");
    let agent = place.start(&[]);
    agent.runs(0);
    until("it is kept", || place.kept());
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    // From now on without a disk, and with another level.
    place.edit("[spool]", "[spool]\ndisk = false");
    place.add("10.toml", "[[rule]]\ncode = 1002\nraise = \"92%\"\n");
    let agent = place.start(&[]);
    let newest = place.folder.join("memory").join(KEPT_FILE);
    until("the copy on the disk is gone", || {
        (newest.exists() && place.kept().is_none()).then_some(())
    });
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
    // A slip in the file: the newest stands in.
    place.add("10.toml", "[[rule]]\ncode = 1002\nraise = \"9%%\"\n");
    let agent = place.start(&[]);
    until("8006 fires", || {
        place
            .told(8006)
            .last()
            .filter(|(_, kind)| *kind == firing())
            .copied()
    });
    let hashes = place.config_hashes();
    let [.., before, now] = hashes[..] else {
        panic!("{hashes:?}")
    };
    assert_eq!(before, now, "the rules of before the slip");
    agent.signal("TERM");
    assert_eq!(agent.ended().code(), Some(0));
}

#[test]
fn a_thousand_files_are_read_and_without_a_disk_the_copy_lies_beside_the_memory_ring() {
    let place = Place::new("thousand", CONFIG);
    place.edit("[spool]", "[spool]\ndisk = false");
    for number in 0..1_000 {
        place.add(&format!("{number:04}.toml"), "# nothing\n");
    }
    place.add("0999.toml", "[[rule]]\ncode = 1002\nraise = \"91%\"\n");
    let agent = place.start(&[]);
    agent.runs(0);
    let kept = place.folder.join("memory").join(KEPT_FILE);
    until("it is kept", || kept.exists().then_some(()));
    place.add(
        "0500.toml",
        "[[rule]]\ncode = 1003\nraise_after = \"98s\"\n",
    );
    reload(&place, &agent);
    runs(&place, 2);
    assert_eq!(place.told(8006), []);
    let hashes = place.config_hashes();
    assert!(hashes.len() == 2 && hashes[0] != hashes[1], "{hashes:?}");
}
