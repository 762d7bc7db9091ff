//! Whatever is killed while the configuration is read again, a whole one is in force and a whole one is kept.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod process_support;
#[path = "process_support/reload.rs"]
mod reload;

use hansho::keeper::kept::KEPT_FILE;
use process_support::{Agent, Place, lives, send, until};
use reload::{CONFIG, Reloads as _, firing, refused, reload, resolved, taken};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;

/// A reader that has half of agent.toml and waits for the rest: the file is a pipe, of which the test holds the other end.
/// Until the pipe is gone no command may be asked that reads the configuration.
fn halfway(place: &Place, agent: &Agent<'_>) -> (u32, File) {
    let whole = fs::read(place.config()).unwrap();
    fs::remove_file(place.config()).unwrap();
    let made = Command::new("mkfifo").arg(place.config()).status().unwrap();
    assert!(made.success());
    agent.signal("HUP");
    // Without waiting it can be opened for writing only once somebody has opened it for reading: fifo(7).
    let mut pipe = until("the reader opens the file", || {
        let mut options = File::options();
        options.write(true).custom_flags(libc::O_NONBLOCK);
        options.open(place.config()).ok()
    });
    pipe.write_all(&whole[..whole.len() / 2]).unwrap();
    let reader = agent.worker("reload");
    (reader, pipe)
}

#[test]
fn a_reader_that_is_killed_halfway_leaves_what_is_in_force_and_what_is_kept() {
    let place = Place::new("halfway", CONFIG);
    let good = fs::read(place.config()).unwrap();
    let agent = place.start(&[]);
    let watcher = agent.runs(0);
    let forwarder = agent.worker("forward");
    until("it is kept", || place.kept());
    let file = place.folder.join("disk").join(KEPT_FILE);
    let kept = fs::read(&file).unwrap();
    place.add("10.toml", "[[rule]]\ncode = 1002\nraise_after = \"77s\"\n");
    let mend = || {
        place.add("good", "");
        fs::write(place.beside("good"), &good).unwrap();
        fs::rename(place.beside("good"), place.config()).unwrap();
    };

    let (reader, pipe) = halfway(&place, &agent);
    send(reader, "KILL");
    let words = "is refused, and the one in force stays: reading it failed (signal 9)";
    until("it is refused", || {
        place.said().contains(words).then_some(())
    });
    until("8006 fires", || {
        (place.told(8006) == [(1, firing())]).then_some(())
    });
    drop(pipe);
    mend();
    assert!(refused(&place).unwrap().contains("signal 9"));
    let status = place.status();
    assert_eq!(
        (
            &status["in_force"]["taken"],
            &status["in_force"]["refusals"]
        ),
        (&0.into(), &1.into())
    );
    assert_eq!(agent.worker("watch"), watcher);
    assert_eq!(agent.worker("forward"), forwarder);
    assert_eq!(
        fs::read(&file).unwrap(),
        kept,
        "what was kept stays as it was"
    );

    // The next reader is one as if nothing had been.
    reload(&place, &agent);
    until("8006 ends", || {
        (place.told(8006).last().map(|(_, kind)| *kind) == Some(resolved())).then_some(())
    });
    until("the new one is kept", || {
        place.kept().filter(|kept| kept.files.len() == 2)
    });
    assert_eq!(refused(&place), None);

    // The keeper, with a reader halfway: it goes too, and what was kept is what the next one finds.
    let kept = fs::read(&file).unwrap();
    let (reader, pipe) = halfway(&place, &agent);
    send(agent.pid(), "KILL");
    agent.ended();
    until("the reader is gone", || (!lives(reader)).then_some(()));
    drop(pipe);
    assert_eq!(fs::read(&file).unwrap(), kept);
    mend();
    let agent = place.start(&[]);
    until("it answers", || taken(&place));
    assert!(place.command(&["check"]).status.success());
    drop(agent);
}

/// At whatever moment: most of the readers are gone before the signal comes. One that is not is killed above.
#[test]
fn a_keeper_or_a_reader_that_is_killed_leaves_a_whole_configuration() {
    let place = Place::new("killed", CONFIG);
    let level = |number: u64| {
        format!(
            "[[rule]]\ncode = 1002\nraise_after = \"{}s\"\n",
            70 + number
        )
    };
    for number in 0..6_u64 {
        let agent = place.start(&[]);
        let before = place.readings();
        until("it runs", || (place.readings() > before).then_some(()));
        place.add("10.toml", &level(number));
        agent.signal("HUP");
        // At whatever moment of the reload that comes to.
        if let Some(reader) = until("a reader, or it is over", || {
            let reader = agent
                .worker_now("reload")
                .or_else(|| agent.worker_now("keep"));
            let over = (taken(&place) > Some(0)).then_some(None);
            reader.map(Some).or(over)
        }) && number % 2 == 0
        {
            // Gone already, as likely as not.
            drop(
                Command::new("kill")
                    .args(["-KILL", &reader.to_string()])
                    .status(),
            );
            reload(&place, &agent);
            assert!(place.command(&["check"]).status.success());
        }
        send(agent.pid(), "KILL");
        agent.ended();
        if let Some(kept) = place.kept() {
            let plan = hansho::config::parse_files(&kept.files).unwrap();
            assert!(plan.file.ends_with("agent.toml"));
        }
    }
    let agent = place.start(&[]);
    until("it runs by the last", || {
        let output = place.command(&["check"]);
        let said = String::from_utf8(output.stderr).unwrap();
        (taken(&place).is_some() && !said.contains("has not taken")).then_some(())
    });
    drop(agent);
}
