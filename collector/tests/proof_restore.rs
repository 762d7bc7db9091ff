//! A collector that is restored from its backup, with a real MTA: what agents send again is stored, gaps are named, and no mail
//! comes twice.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod proof_support;

use hansho_collector::store::{Sending, Store as _};
use proof_support::mail_common::{Postfix, certificate, free_port};
use proof_support::support::{Folder, alert, event};
use proof_support::{
    Agent, Played, Serving, add, agent_program, alerts, configure_agent, forget_rings, heard,
    http_with, log, mails, outbox, run, store, until,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

const CONFIG: &str = "collector.toml";

/// Where it listens for agents.
fn configure(here: &Path, postfix: &Postfix, authority: &str) -> String {
    fs::write(here.join("mail-ca.pem"), authority).unwrap();
    let port = free_port();
    fs::write(
        here.join(CONFIG),
        format!(
            "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:{port}\"\n[pages]\nlisten = \"127.0.0.1:0\"\ntime_zone_offset = \"+00:00\"\n\
             [store]\ndirectory = \"data\"\n\
             [[receiver]]\nid = \"sato\"\nmail = \"sato@example.jp\"\n\
             [[team]]\nid = \"order-ops\"\nreceivers = [\"sato\"]\n\
             [[customer]]\nid = \"mirai\"\n\
             [[system]]\ncustomer = \"mirai\"\nid = \"order\"\nteam = \"order-ops\"\n\
             [mail]\nhost = \"localhost\"\nport = {}\nca_file = \"mail-ca.pem\"\nfrom = \"hansho@collector.example.jp\"\n",
            postfix.port
        ),
    )
    .unwrap();
    format!("http://127.0.0.1:{port}/")
}

/// What an agent holds in its ring: each frame with its sequence.
struct Ring {
    agent: Played,
    frames: Vec<Vec<u8>>,
    /// The oldest that no newer frame has overwritten.
    oldest: usize,
    address: String,
}

impl Ring {
    fn new(mut agent: Played, address: &str) -> Self {
        agent.next = 0;
        let frames = vec![agent.hello("web03")];
        let mut ring = Self {
            agent,
            frames,
            oldest: 0,
            address: address.to_owned(),
        };
        ring.post();
        ring
    }

    /// HNS5001 about a service fires (1) or ends (2).
    fn tell(&mut self, transition: u8, episode: u32, fired: u64, subject: &str) -> u64 {
        let uptime = self.agent.uptime_ms();
        let fired = if transition == 1 { uptime } else { fired };
        let told = event(5001, transition, episode, fired, uptime);
        self.frames
            .push(alert(proof_support::support::Event { subject, ..told }));
        self.post();
        fired
    }

    /// Posts what was not answered.
    fn post(&mut self) {
        let from = usize::try_from(self.agent.next).unwrap();
        let frames = self.frames[from..].to_vec();
        until("it is stored", || {
            self.agent.post(&self.address, &frames).then_some(())
        });
    }

    /// What a restored collector says of it: all since `stored` is sent again, with a Loss for what is held no more.
    fn go_back(&mut self, stored: u64, address: &str) {
        self.agent.next = stored;
        self.address = address.to_owned();
        while usize::try_from(self.agent.next).unwrap() < self.oldest {
            until("the loss is stored", || {
                self.agent.post_loss(&self.address).then_some(())
            });
        }
        self.post();
    }
}

/// A moment as `--told-until` takes it, with its seconds.
fn rfc3339(moment: SystemTime) -> String {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let text = hansho_collector::clock::utc(u64::try_from(since.as_millis()).unwrap());
    text.replacen(' ', "T", 1).replacen(" UTC", "Z", 1)
}

/// How often each Message-ID, and each (subject, why), lies in the Maildir.
fn counted(postfix: &Postfix) -> (BTreeMap<String, usize>, BTreeMap<(String, String), usize>) {
    let (mut ids, mut told) = (BTreeMap::new(), BTreeMap::new());
    for mail in mails(postfix, "sato") {
        let raw = String::from_utf8_lossy(&fs::read(&mail.path).unwrap()).into_owned();
        let field = |name: &str| {
            let mut lines = raw.lines();
            let line = lines.find(|line| line.starts_with(name)).unwrap_or("");
            line[name.len().min(line.len())..].trim().to_owned()
        };
        *ids.entry(mail.id.clone()).or_default() += 1;
        *told
            .entry((mail.alert.clone(), field("X-Hansho-Why:")))
            .or_default() += 1;
    }
    (ids, told)
}

fn delivered(here: &Path) -> usize {
    let all = outbox(here);
    all.iter()
        .filter(|one| one.state == Sending::Delivered && !one.told_before())
        .count()
}

/// A moment, by the second, until when everything so far was told; returns when it is over.
fn now_told() -> SystemTime {
    let second = Duration::from_secs(1);
    let told = SystemTime::now() + second;
    until("two seconds later", || {
        (SystemTime::now() > told + second).then_some(())
    });
    told
}

/// Until the mails that were handed over lie in the Maildir.
fn arrived(postfix: &Postfix, many: usize) {
    until("they arrive", || {
        (mails(postfix, "sato").len() >= many).then_some(())
    });
}

/// What was not sent stands in the threads.
fn held_stand_in_their_threads(here: &Path) {
    let held = outbox(here).into_iter().filter(|one| one.told_before());
    let held: Vec<_> = held.collect();
    assert_eq!(held.len(), 5, "{held:?}");
    assert!(
        held.iter().all(|one| one
            .said
            .starts_with("told before the restore (--told-until ")),
        "{held:?}"
    );
}

#[test]
fn a_collector_restored_from_a_backup_mails_nothing_twice() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-restore");
    let here = folder.path();
    configure(here, &postfix, &own.certificate);
    let web03 = add(here, CONFIG, "web03", "mirai/order");
    let web04 = add(here, CONFIG, "web04", "mirai/order");
    let token = run(here, CONFIG, &["token", "add", "look", "--role", "viewer"]);
    let token = String::from_utf8(token.stdout).unwrap();
    let token = token
        .split_whitespace()
        .find(|word| word.starts_with("hansho_"))
        .unwrap();
    let serving = Serving::start(here, CONFIG);
    let mut one = Ring::new(web03, &serving.ingest);
    let mut two = Ring::new(web04, &serving.ingest);
    one.tell(1, 1, 0, "known");
    until("the first is delivered", || {
        (delivered(here) == 1).then_some(())
    });

    let backed = run(here, CONFIG, &["backup", "copy"]);
    assert!(backed.status.success(), "{backed:?}");
    let kept = (one.agent.next, two.agent.next);

    // The day goes on: a thread that the backup knows ends, others begin, one of them ends.
    one.tell(2, 1, 0, "known");
    let fired = one.tell(1, 2, 0, "over");
    one.tell(2, 2, fired, "over");
    one.tell(1, 3, 0, "open");
    two.tell(1, 1, 0, "lost");
    let open_on_two = two.tell(1, 2, 0, "kept");
    until("all is delivered", || (delivered(here) == 7).then_some(()));
    arrived(&postfix, 7);
    let until_when = now_told();
    serving.kill();
    // Nothing but the backup is left, and the ring of the second agent lost its oldest frame meanwhile.
    fs::rename(here.join("data"), here.join("data.old")).unwrap();
    two.oldest = 2;
    let restored = run(
        here,
        CONFIG,
        &["restore", "copy", "--told-until", &rfc3339(until_when)],
    );
    let said = String::from_utf8(restored.stdout).unwrap();
    assert!(restored.status.success(), "{said}");
    assert!(said.contains("as --told-until says"), "{said}");
    let before = counted(&postfix);

    let serving = Serving::start(here, CONFIG);
    one.go_back(kept.0, &serving.ingest);
    two.go_back(kept.1, &serving.ingest);
    // And what happens now is told.
    one.tell(1, 4, 0, "new");
    two.tell(2, 2, open_on_two, "kept");
    until("both are delivered", || {
        (delivered(here) == 3).then_some(())
    });
    arrived(&postfix, 9);

    // The alerts are there again, those of the lost frame as a named gap.
    let subjects: Vec<String> = alerts(here, 5001)
        .into_iter()
        .map(|(alert, _)| alert.identity.subject)
        .collect();
    for subject in ["known", "over", "open", "kept", "new"] {
        assert_eq!(
            subjects.iter().filter(|one| *one == subject).count(),
            1,
            "{subject}: {subjects:?}"
        );
    }
    assert!(!subjects.contains(&"lost".to_owned()));
    let losses = store(here).losses(two.agent.id).unwrap();
    assert_eq!((losses.len(), losses[0].first, losses[0].last), (1, 1, 1));
    // None of the mails came twice, under whatever name, and exactly the two came that are new.
    let (ids, told) = counted(&postfix);
    assert!(ids.values().all(|many| *many == 1), "{ids:?}");
    assert!(told.values().all(|many| *many == 1), "{told:?}");
    assert_eq!(ids.len(), before.0.len() + 2);
    held_stand_in_their_threads(here);
    let (open, _) = alerts(here, 5001)
        .into_iter()
        .find(|(alert, _)| alert.identity.subject == "open")
        .unwrap();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let page = format!("GET /a/{}", open.id);
    let (status, body) = http_with(&serving.pages, &page, &bearer, &[]).unwrap();
    let body = String::from_utf8(body).unwrap();
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains("復元前に通知済みとみなし、送信していません"),
        "{body}"
    );
    assert_eq!(serving.stop(), Some(0));
    let all = outbox(here);
    assert!(
        all.iter().all(|one| one.state == Sending::Delivered),
        "{all:?}"
    );
    assert_eq!(delivered(here), 3);
    assert!(
        log(here).contains("after the restore: 5 messages to people are not sent"),
        "{}",
        log(here)
    );
}

#[test]
fn a_real_agent_sends_again_what_its_rings_hold_and_no_mail_comes_twice() {
    let Some(program) = agent_program() else {
        return;
    };
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-restore-real");
    let here = folder.path();
    let url = configure(here, &postfix, &own.certificate);
    let real = add(here, CONFIG, "real", "mirai/order");
    let home = here.join("real");
    configure_agent(&home, &here.join("real.key"), &[url]);
    let serving = Serving::start(here, CONFIG);
    let agent = Agent::start(&program, &home, &[]);
    until("the agent is heard", || heard(here, real.id));
    let fire = |code: &str| {
        let mut test = Command::new(&program);
        test.args(["test", code, "--config"])
            .arg(home.join("agent.toml"));
        assert!(test.status().unwrap().success());
        until(code, || {
            let code = format!("HNS{code}-");
            let mut all = mails(&postfix, "sato").into_iter();
            all.any(|mail| mail.code.starts_with(&code)).then_some(())
        });
    };
    fire("1002");
    assert!(run(here, CONFIG, &["backup", "copy"]).status.success());
    fire("2002");
    let until_when = now_told();
    serving.kill();
    fs::rename(here.join("data"), here.join("data.old")).unwrap();
    let words = ["restore", "copy", "--told-until", &rfc3339(until_when)];
    let restored = run(here, CONFIG, &words);
    assert!(restored.status.success(), "{restored:?}");
    let serving = Serving::start(here, CONFIG);
    until("it is sent again and decided on", || {
        let all = outbox(here);
        let (alert, _) = alerts(here, 2002).pop()?;
        all.iter()
            .any(|one| one.alert == Some(alert.id) && one.told_before())
            .then_some(())
    });
    fire("4002");
    let (ids, told) = counted(&postfix);
    assert!(ids.values().all(|many| *many == 1), "{ids:?}");
    assert!(told.values().all(|many| *many == 1), "{told:?}");
    assert_eq!(alerts(here, 2002).len(), 1);
    agent.stop();
    assert_eq!(serving.stop(), Some(0));
    forget_rings(&[&home]);
}

/// What `restore` says of a store whose collector told people of something after the backup.
#[test]
fn restore_says_what_it_assumes() {
    let folder = Folder::new("restore-says");
    let here = folder.path();
    fs::write(
        here.join(CONFIG),
        "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[pages]\nlisten = \"127.0.0.1:0\"\ntime_zone_offset = \"+00:00\"\n\
         [store]\ndirectory = \"data\"\n",
    )
    .unwrap();
    let serving = Serving::start(here, CONFIG);
    assert!(run(here, CONFIG, &["backup", "copy"]).status.success());
    let sign = || hansho_collector::store::sqlite::restored::last_sign(&here.join("data"));
    let copied = sign().unwrap();
    until("it lives on", || (sign().unwrap() > copied).then_some(()));
    serving.kill();
    let restore = |more: &[&str]| {
        let mut words = vec!["restore", "copy"];
        words.extend(more);
        let done = run(here, CONFIG, &words);
        let text = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(text).unwrap())
    };
    // Mistakes change nothing.
    for (wrong, why) in [("soon", "no time"), ("+30m", "still to come")] {
        let (code, said) = restore(&["--told-until", wrong]);
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(why), "{said}");
    }
    // The store that was there lies beside it; another one's does not count.
    fs::rename(here.join("data"), here.join("data.old")).unwrap();
    let text = fs::read_to_string(here.join(CONFIG)).unwrap();
    fs::write(
        here.join("other.toml"),
        text.replace("\"data\"", "\"data-of-others\""),
    )
    .unwrap();
    Serving::start(here, "other.toml").kill();
    let (code, said) = restore(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("last sign of life of the store in"), "{said}");
    assert!(said.contains("data.old"), "{said}");
    // Where it is damaged, its files say when they were written last.
    fs::remove_dir_all(here.join("data")).unwrap();
    fs::write(here.join("data.old/collector.sqlite"), [7; 8192]).unwrap();
    let (code, said) = restore(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("data.old"), "{said}");
    // Where it is gone, the backup is all that is known.
    fs::remove_dir_all(here.join("data")).unwrap();
    fs::remove_dir_all(here.join("data.old")).unwrap();
    let (code, said) = restore(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the moment of the backup"), "{said}");
    assert!(said.contains("--told-until"), "{said}");
    // And a time of the clock is the last such.
    fs::remove_dir_all(here.join("data")).unwrap();
    let (code, said) = restore(&["--told-until", "03:20"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(" 03:20:00 UTC (as --told-until says)"),
        "{said}"
    );
}
