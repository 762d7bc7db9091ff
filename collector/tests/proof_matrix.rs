//! Cause by cause with real processes: what is told of an absence, and that nothing else is told beside it. What only a longer
//! wait shows is in virtual time in `presence.rs` and `matrix.rs`.
//!
//! `HANSHO_AWAY_SECONDS` is how long the collector is away in that test (35; `.ci/full` has ten minutes).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

mod proof_support;

use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use hansho::frame::seal::derive;
use hansho_collector::store::{
    BackCause, COLLECTOR_AGENT, DoubleSign, NewAgent, SilenceCause, SqliteStore, Store as _,
};
use proof_support::mail_common::{Postfix, certificate};
use proof_support::support::{Folder, MASTER, alert, event};
use proof_support::{
    Agent, Played, Serving, add, agent_program, alerts, alerts_of, configure_agent, forget_rings,
    heard, judges, log, mails, memory_of, own_codes, run, skip, until, watched,
};
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

const CONFIG: &str = "collector.toml";

/// Teams are told by mail where there is a server; `notify_after` as given.
fn configure(here: &Path, listen: &str, notify_after: &str, mail: Option<(&Postfix, &str)>) {
    let mail = mail.map_or_else(String::new, |(postfix, authority)| {
        fs::write(here.join("mail-ca.pem"), authority).unwrap();
        format!(
            "[mail]\nhost = \"localhost\"\nport = {}\nca_file = \"mail-ca.pem\"\nfrom = \"hansho@collector.example.jp\"\n",
            postfix.port
        )
    });
    fs::write(
        here.join(CONFIG),
        format!(
            "config_version = 1\n[ingest]\nlisten = \"{listen}:0\"\nallow_plain_http = true\n[pages]\nlisten = \"127.0.0.1:0\"\n\
             [store]\ndirectory = \"data\"\n[presence]\nnotify_after = \"{notify_after}\"\n\
             [[receiver]]\nid = \"sato\"\nmail = \"sato@example.jp\"\n\
             [[team]]\nid = \"ops\"\nreceivers = [\"sato\"]\n[notify]\ndefault_team = \"ops\"\n{mail}"
        ),
    )
    .unwrap();
}

/// A network namespace with one way to the host, which can be cut. Only root may make one.
struct Namespace {
    name: String,
    link: String,
    host: Ipv4Addr,
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let out = Command::new("ip").args(arguments).output();
    let out = out.map_err(|error| error.to_string())?;
    if out.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&out.stderr).into_owned())
}

impl Namespace {
    fn new() -> Result<Self, String> {
        let pid = std::process::id();
        // 198.18.0.0/15 is for tests within one site (RFC 2544).
        let place = (pid % 16_384) * 4;
        let address =
            |last: u32| Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + place + last);
        let own = Self {
            name: format!("hansho-{pid}"),
            link: format!("hns{}a", pid % 1_000_000),
            host: address(1),
        };
        let (name, link, peer) = (
            own.name.as_str(),
            own.link.as_str(),
            format!("hns{}b", pid % 1_000_000),
        );
        ip(&["netns", "add", name])?;
        ip(&["link", "add", link, "type", "veth", "peer", "name", &peer])?;
        ip(&["link", "set", &peer, "netns", name])?;
        ip(&["address", "add", &format!("{}/30", own.host), "dev", link])?;
        ip(&["link", "set", link, "up"])?;
        let there = format!("{}/30", address(2));
        ip(&["-n", name, "address", "add", &there, "dev", &peer])?;
        ip(&["-n", name, "link", "set", &peer, "up"])?;
        Ok(own)
    }

    fn set(&self, state: &str) {
        ip(&["link", "set", &self.link, state]).unwrap();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The link goes with it.
        drop(ip(&["netns", "delete", &self.name]));
    }
}

#[test]
fn cut_off_is_9001_and_back_is_network_only() {
    let Some(program) = agent_program() else {
        return;
    };
    let space = match Namespace::new() {
        Ok(space) => space,
        Err(why) => return skip(&format!("no network namespace: {why}")),
    };
    let folder = Folder::new("proof-cut");
    let here = folder.path();
    configure(here, &space.host.to_string(), "10s", None);
    let agent = add(here, CONFIG, "web03", "mirai/order").id;
    let serving = Serving::start(here, CONFIG);
    let home = here.join("web03");
    configure_agent(
        &home,
        &here.join("web03.key"),
        &[format!("http://{}/", serving.ingest)],
    );
    let running = Agent::start(&program, &home, &["ip", "netns", "exec", &space.name]);
    until("it is heard", || watched(here, agent));
    space.set("down");
    let (silent, cause) = until("9001", || alerts_of(here, agent, 9001).pop());
    assert!(silent.firing);
    assert_eq!(
        (cause.silence, cause.presumed),
        (Some(SilenceCause::Unknown), None)
    );
    space.set("up");
    let (_, cause) = until("it is back", || {
        alerts_of(here, agent, 9001)
            .pop()
            .filter(|(alert, _)| !alert.firing)
    });
    assert_eq!(cause.back, Some(BackCause::NetworkOnly));
    assert_eq!(own_codes(here, agent), [9001, 9002], "{}", log(here));
    running.stop();
    drop(serving);
    forget_rings(&[&home]);
}

#[test]
fn announced_is_9004_and_overdue_is_9001_with_one_mail() {
    let Some(program) = agent_program() else {
        return;
    };
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-leave");
    let here = folder.path();
    configure(here, "127.0.0.1", "10s", Some((&postfix, &own.certificate)));
    let agent = add(here, CONFIG, "web03", "mirai/order").id;
    let _serving = Serving::start(here, CONFIG);
    let home = here.join("web03");
    configure_agent(
        &home,
        &here.join("web03.key"),
        &[format!("http://{}/", _serving.ingest)],
    );
    let running = Agent::start(&program, &home, &[]);
    until("it is heard", || watched(here, agent));
    let left = Command::new(&program)
        .args([
            "leave",
            "--for",
            "1m",
            "--reason",
            "disk swap",
            "--json",
            "--config",
        ])
        .arg(home.join("agent.toml"))
        .output()
        .unwrap();
    assert!(left.status.success(), "{left:?}");
    let told: serde_json::Value = serde_json::from_slice(&left.stdout).unwrap();
    assert_eq!(told["acknowledged"], true, "{told}");
    running.stop();
    let (planned, cause) = until("9004", || alerts_of(here, agent, 9004).pop());
    assert!(planned.firing);
    assert_eq!(cause.text, "disk swap");
    assert!(cause.planned_until.is_some());
    // Until the announced minute is over nobody is told, though `notify_after` is long past.
    let (_, cause) = until("it is overdue", || {
        let told = alerts_of(here, agent, 9001).pop();
        if told.is_none() {
            assert!(mails(&postfix, "sato").is_empty(), "{}", log(here));
        }
        told
    });
    assert_eq!(cause.silence, Some(SilenceCause::Overdue));
    let (planned, _) = alerts_of(here, agent, 9004).pop().unwrap();
    assert!(!planned.firing);
    until("its mail", || {
        (!mails(&postfix, "sato").is_empty()).then_some(())
    });
    let again = Agent::start(&program, &home, &[]);
    let (_, cause) = until("it is back", || {
        alerts_of(here, agent, 9001)
            .pop()
            .filter(|(alert, _)| !alert.firing)
    });
    assert_eq!(cause.back, Some(BackCause::AgentRestarted));
    assert_eq!(own_codes(here, agent), [9001, 9004], "{}", log(here));
    until("the mail that it is back", || {
        (mails(&postfix, "sato").len() == 2).then_some(())
    });
    let mails = mails(&postfix, "sato");
    assert!(
        mails.iter().all(|mail| mail.code.starts_with("HNS9001-")),
        "{mails:?}"
    );
    again.stop();
    forget_rings(&[&home]);
}

/// Copies a directory of files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_copy_with_key_and_rings_is_9006_and_nothing_else() {
    let Some(program) = agent_program() else {
        return;
    };
    let folder = Folder::new("proof-clone");
    let here = folder.path();
    configure(here, "127.0.0.1", "10s", None);
    let agent = add(here, CONFIG, "web03", "mirai/order").id;
    let serving = Serving::start(here, CONFIG);
    let homes = ["web03", "copy"].map(|name| here.join(name));
    for home in &homes {
        configure_agent(
            home,
            &here.join("web03.key"),
            &[format!("http://{}/", serving.ingest)],
        );
    }
    let [home, copied] = &homes;
    let running = Agent::start(&program, home, &[]);
    until("it is heard", || watched(here, agent));
    running.stop();
    copy(&home.join("disk"), &copied.join("disk"));
    copy(&memory_of(home), &memory_of(copied));
    let both = [home, copied].map(|home| Agent::start(&program, home, &[]));
    let (told, cause) = until("9006", || alerts_of(here, agent, 9006).pop());
    assert!(told.firing);
    println!("9006 by {:?}", cause.double);
    assert!(matches!(
        cause.double,
        Some(DoubleSign::Runs | DoubleSign::Frames)
    ));
    assert_eq!(own_codes(here, agent), [9006], "{}", log(here));
    for agent in both {
        agent.stop();
    }
    drop(serving);
    forget_rings(&[home, copied]);
}

/// Adds many agents to a store that has no collector yet, with the master of the tests.
fn fleet(here: &Path, system: &str, many: u64) -> Vec<Played> {
    let masters = here.join("masters.keys");
    if !masters.exists() {
        let digits: String = MASTER.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(&masters, format!("1 {digits}\n")).unwrap();
        fs::set_permissions(&masters, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let store = SqliteStore::open_writer(&here.join("data"), now()).unwrap();
    (1..=many)
        .map(|number| {
            let id = AgentId(number);
            let agent = NewAgent {
                id,
                customer: "mirai".to_owned(),
                system: system.to_owned(),
                name: format!("web{number:03}"),
                key_epoch: 1,
                master_id: 1,
            };
            store.add_agent(&agent, now()).unwrap();
            Played::of(number, derive(&MASTER, id, 1))
        })
        .collect()
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    WallTime::from_millis(since.unwrap().as_millis() as u64)
}

#[test]
fn a_silent_site_of_300_is_one_9005_and_one_mail() {
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-site");
    let here = folder.path();
    configure(here, "127.0.0.1", "20s", Some((&postfix, &own.certificate)));
    let mut all = fleet(here, "order", 300);
    let serving = Serving::start(here, CONFIG);
    until("the collector judges", || judges(here));
    for agent in &mut all {
        let hello = agent.hello("web");
        assert!(agent.post(&serving.ingest, &[hello]));
    }
    let (site, _) = until("9005", || {
        assert!(alerts(here, 9001).is_empty(), "{}", log(here));
        alerts(here, 9005).pop()
    });
    assert!(site.firing);
    assert_eq!(site.agent, COLLECTOR_AGENT);
    until("its mail", || {
        (!mails(&postfix, "sato").is_empty()).then_some(())
    });
    for agent in &mut all {
        assert!(agent.post(&serving.ingest, &[]));
    }
    until("all are back", || {
        alerts(here, 9005).pop().filter(|(alert, _)| !alert.firing)
    });
    until("the mail of the end", || {
        (mails(&postfix, "sato").len() > 1).then_some(())
    });
    assert_eq!(alerts(here, 9005).len(), 1);
    assert!(alerts(here, 9001).is_empty(), "{}", log(here));
    let mails = mails(&postfix, "sato");
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(
        mails.iter().all(|mail| mail.code.starts_with("HNS9005-")),
        "{mails:?}"
    );
    println!("300 agents silent and back: 1 alert, 2 mails (silent, back)");
}

#[test]
fn a_collector_that_was_away_tells_nobody() {
    let Some(program) = agent_program() else {
        return;
    };
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let away = std::env::var("HANSHO_AWAY_SECONDS").map_or(35, |text| text.parse().unwrap());
    let folder = Folder::new("proof-away");
    let here = folder.path();
    configure(here, "127.0.0.1", "10s", Some((&postfix, &own.certificate)));
    let mut all = fleet(here, "order", 50);
    let agent = add(here, CONFIG, "real", "mirai/stock").id;
    let serving = Serving::start(here, CONFIG);
    let address = serving.ingest.clone();
    // The same port again, as an agent's configuration has it.
    let text = fs::read_to_string(here.join(CONFIG)).unwrap();
    fs::write(here.join(CONFIG), text.replacen("127.0.0.1:0", &address, 1)).unwrap();
    let home = here.join("real");
    configure_agent(
        &home,
        &here.join("real.key"),
        &[format!("http://{address}/")],
    );
    let running = Agent::start(&program, &home, &[]);
    until("it is heard", || watched(here, agent));
    for agent in &mut all {
        let hello = agent.hello("web");
        assert!(agent.post(&address, &[hello]));
    }
    serving.kill();
    // What is tested is an absence: time itself, nothing to wait for.
    std::thread::sleep(Duration::from_secs(away));
    let back = now();
    let serving = Serving::start(here, CONFIG);
    // It judged all the while in which the agents found it again; those that the test plays post each second.
    let judged = |ms: u64| {
        let mut proved = None;
        proof_support::store(here)
            .view(&mut |rows| {
                proved = rows.collector_life()?.proved;
                Ok(())
            })
            .unwrap();
        proved.is_some_and(|proved| proved.as_millis() >= back.as_millis() + ms)
    };
    let mut posted = Instant::now();
    until("it judged on, and the agent is heard again", || {
        if posted.elapsed() >= Duration::from_secs(1) {
            posted = Instant::now();
            for agent in &mut all {
                assert!(agent.post(&address, &[]));
            }
        }
        let agents = proof_support::store(here).agents().unwrap();
        let known = agents.iter().find(|known| known.id == agent)?;
        (known.last_seen? > back && judged(20_000)).then_some(())
    });
    let codes: Vec<u16> = all
        .iter()
        .map(|agent| agent.id)
        .chain([agent, COLLECTOR_AGENT])
        .flat_map(|agent| own_codes(here, agent))
        .collect();
    assert_eq!(codes, Vec::<u16>::new(), "{}", log(here));
    assert!(mails(&postfix, "sato").is_empty(), "{}", log(here));
    assert!(
        log(here).contains("this collector was away"),
        "{}",
        log(here)
    );
    println!("away for {away} s with 51 agents: no alert, no mail");
    running.stop();
    drop(serving);
    forget_rings(&[&home]);
}

#[test]
fn a_restored_collector_gets_again_what_rings_hold_and_repeats_no_mail_that_it_knows_of() {
    let Some(program) = agent_program() else {
        return;
    };
    let own = certificate(&["localhost"]);
    let Some(postfix) = Postfix::start(&own) else {
        return;
    };
    let folder = Folder::new("proof-restore");
    let here = folder.path();
    configure(here, "127.0.0.1", "10s", Some((&postfix, &own.certificate)));
    let mut played = add(here, CONFIG, "web03", "mirai/order");
    let agent = add(here, CONFIG, "real", "mirai/stock").id;
    let serving = Serving::start(here, CONFIG);
    let address = serving.ingest.clone();
    let text = fs::read_to_string(here.join(CONFIG)).unwrap();
    fs::write(here.join(CONFIG), text.replacen("127.0.0.1:0", &address, 1)).unwrap();
    let home = here.join("real");
    configure_agent(
        &home,
        &here.join("real.key"),
        &[format!("http://{address}/")],
    );
    let running = Agent::start(&program, &home, &[]);
    until("it is heard", || heard(here, agent));
    let fired = |played: &Played, episode: u32, subject: &'static str| {
        let uptime = played.uptime_ms();
        let mut fired = event(5001, 1, episode, uptime, uptime);
        fired.subject = subject;
        alert(fired)
    };
    let first = [played.hello("web03"), fired(&played, 1, "order-api")];
    assert!(played.post(&address, &first));
    let told = |many: usize| {
        until("a mail", || {
            (mails(&postfix, "sato").len() >= many).then_some(())
        });
        until("its delivery is noted", || {
            let all = proof_support::outbox(here);
            all.iter()
                .all(|message| message.state.is_final())
                .then_some(())
        });
    };
    told(1);
    let backed_up = run(here, CONFIG, &["backup", "copy"]);
    assert!(backed_up.status.success(), "{backed_up:?}");
    // What the backup does not have: an alert that was told, and one that no ring will hold any more.
    let second = fired(&played, 2, "stock-api");
    assert!(played.post(&address, std::slice::from_ref(&second)));
    told(2);
    let third = fired(&played, 3, "mail-api");
    assert!(played.post(&address, &[third]));
    told(3);
    let stored = |here: &Path| {
        let frames = proof_support::store(here).frames(agent).unwrap();
        let bytes = frames.into_iter();
        let bytes = bytes.map(|one| (one.run, one.stream, one.sequence, one.frame));
        bytes.collect::<std::collections::BTreeSet<_>>()
    };
    let before = stored(here);
    serving.kill();
    fs::rename(here.join("data"), here.join("lost")).unwrap();
    let restored = run(here, CONFIG, &["restore", "copy"]);
    assert!(restored.status.success(), "{restored:?}");
    let serving = Serving::start(here, CONFIG);
    // The real agent goes back by itself, and sends all that the backup had not.
    until("the agent sends again", || {
        let now = stored(here);
        before.is_subset(&now).then_some(())
    });
    // The played one holds its second alert still, and not its third: an agent tells that as a Loss.
    played.next = 2;
    assert!(played.post(&address, std::slice::from_ref(&second)));
    assert!(played.post_loss(&address));
    let losses = proof_support::store(here).losses(played.id).unwrap();
    assert_eq!(losses.len(), 1, "{losses:?}");
    assert_eq!((losses[0].first, losses[0].last), (3, 3));
    let real_losses = proof_support::store(here).losses(agent).unwrap();
    assert!(real_losses.is_empty(), "{real_losses:?}");
    // Everything is decided and sent.
    until("nothing waits", || {
        let all = proof_support::outbox(here);
        let done = all.iter().all(|message| message.state.is_final());
        (done && all.len() >= 2).then_some(())
    });
    repeated(here, &postfix);
    assert_eq!(own_codes(here, agent), Vec::<u16>::new(), "{}", log(here));
    println!(
        "restored: {} frames of the agent sent again, 1 range lost and named; mailed before the backup: not repeated; \
         mailed after it: once more under its Message-ID",
        before.len()
    );
    running.stop();
    drop(serving);
    forget_rings(&[&home]);
}

/// What of the mails came again after the restoration.
fn repeated(here: &Path, postfix: &Postfix) {
    // What the backup knows of is not mailed again. What was mailed after it nobody knows any more: the mail comes once more,
    // under its one Message-ID.
    let copies = until("the mail of the second alert once more", || {
        let all = mails(postfix, "sato");
        let mut copies: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for mail in &all {
            let of = copies.entry(mail.alert.clone()).or_default();
            *of.entry(mail.id.clone()).or_default() += 1;
        }
        (all.len() >= 4).then_some(copies)
    });
    let of = |alert: &str| copies[alert].values().copied().collect::<Vec<usize>>();
    let named: Vec<String> = alerts(here, 5001)
        .iter()
        .map(|(alert, _)| alert.id.to_string())
        .collect();
    assert_eq!(named.len(), 2, "the third is lost, and said to be so");
    assert_eq!(
        (of(&named[0]), of(&named[1])),
        (vec![1], vec![2]),
        "{copies:?}"
    );
    assert_eq!(copies.len(), 3, "{copies:?}");
}
