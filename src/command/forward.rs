//! `hansho forward`: the worker that posts; started by the keeper, never by hand.

use super::Command;
use super::exit::{Exit, Stop};
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::config::Plan;
use hansho::forward::batcher::Frames;
use hansho::forward::client::Client;
use hansho::forward::connector::TrustSettings;
use hansho::forward::cursors::Held;
use hansho::forward::forwarder::{Forwarder, Host, Post, Rings, Settings};
use hansho::forward::news::{NEWS_BYTES, News};
use hansho::forward::pace::Outcome;
use hansho::forward::progress::Progress;
use hansho::forward::proxy::Proxy;
use hansho::forward::trust::LastAnswer;
use hansho::frame::seal::AgentKey;
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::keeper::control;
use hansho::keeper::gauges::{Gauges, Role};
use hansho::keeper::launch::{Inherited, Launch};
use hansho::keeper::wake::Wake;
use hansho::limit::{
    BLOCK_BYTES, DISK_RING_BYTES, FORWARDER_BASE_BYTES, FORWARDER_BYTES_PER_BLOCK, MESSAGE_BYTES,
};
use hansho::spool::Departed;
use hansho::spool::reader::{HeldStream, ReadEnd, SpoolReader};
use hansho::sys::{self, Mapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsString;
use std::fs::File;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The longest sleep: the pulse beats at least this often, well within what the keeper takes for hung.
const LONGEST_MS: u64 = 10_000;
/// Posts after the watcher has stopped: what does not get through then waits in the rings.
const LAST_POSTS: u32 = 8;
/// Where distributions keep the public authorities, in the order in which they are looked for.
pub(crate) const AUTHORITIES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The subcommand; only the keeper calls it.
pub(crate) const COMMAND: Command = Command {
    name: "forward",
    summary: "",
    help: "hansho forward: the worker that posts. The keeper starts it; by hand it does nothing.\n",
    run: |args, _| run(args.words()?.into_iter()).map_err(|why| Stop::failed(Exit::System, why)),
};

/// Runs the worker.
fn run(arguments: impl Iterator<Item = OsString>) -> Result<Exit, String> {
    let mut inherited = Inherited::parse(arguments)?;
    sys::name_process(c"hansho");
    sys::block_signals().map_err(|error| format!("sigprocmask: {error}"))?;
    if let Some(parent) = inherited.parent() {
        sys::die_with_parent(parent).map_err(|error| format!("the keeper is gone: {error}"))?;
    }
    if hansho::keeper::output::init_logger("hansho forward").is_err() {
        // Somebody set one before: it serves as well.
    }
    let disk = inherited.take("disk").map(File::from);
    bound_heap(disk.as_ref());
    let launch = Launch::of(&File::from(inherited.demand("launch")?))
        .map_err(|error| format!("launch: {error}"))?;
    let memory = Mapping::of(&File::from(inherited.demand("memory")?), false)
        .map_err(|error| format!("memory ring: {error}"))?;
    let mut reader = SpoolReader::new(Some(memory), disk);
    let link = inherited.demand("link")?;
    let gauges = Gauges::of(&File::from(inherited.demand("gauges")?))
        .map_err(|error| format!("gauges: {error}"))?;

    let plan = &launch.plan;
    let urls = plan
        .forward
        .urls
        .iter()
        .map(|url| url.url.clone())
        .collect();
    let boot = BootId(launch.boot);
    let proxy = proxy(plan, launch.proxy_password.clone());
    let client = Client::new(urls, trust(plan), boot)?.through(proxy);
    // All that was given or named is open; what comes next is others' bytes.
    sys::give_up_capabilities().map_err(|error| format!("capabilities: {error}"))?;
    reader.refresh();
    if let Some(answer) = gauges
        .last_answer(boot)
        .or_else(|| confirmed(reader.runs()))
    {
        client.trust().answered(answer);
    }
    let settings = Settings {
        agent: AgentId(launch.agent),
        key_epoch: launch.key_epoch,
        key: AgentKey(launch.key),
        boot,
        post_interval_ms: u64::from(plan.forward.post_interval_ms),
    };
    let linger_ms = plan.forward.linger_ms.map(u64::from);
    let host = System {
        link,
        random_seed: sys::random_u64().map_err(|error| format!("getrandom: {error}"))?,
    };
    let rings = ReadRings {
        reader,
        end: ReadEnd::All,
    };
    Ok(Worker {
        forwarder: Forwarder::new(settings, client, rings, host),
        gauges,
        told: Progress::default(),
        linger_ms,
    }
    .run())
}

/// A runaway heap ends this process, not the host; the keeper starts it again.
fn bound_heap(disk: Option<&File>) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let disk_bytes = disk
        .and_then(|disk| disk.metadata().ok())
        .map_or(0, |metadata| metadata.len())
        .min(*DISK_RING_BYTES.end());
    let blocks = disk_bytes.div_ceil(BLOCK_BYTES as u64);
    let bytes = blocks
        .saturating_mul(FORWARDER_BYTES_PER_BLOCK)
        .saturating_add(FORWARDER_BASE_BYTES);
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    if let Err(errno) = setrlimit(Resource::Data, limit) {
        log::warn!("RLIMIT_DATA: {errno}");
    }
}

/// The proxy of the configuration, with the password that was read for it.
pub(crate) fn proxy(plan: &Plan, password: Option<String>) -> Option<Proxy> {
    plan.forward.proxy.as_ref().map(|proxy| Proxy {
        host: proxy.host.clone(),
        port: proxy.port,
        credentials: proxy
            .user
            .as_ref()
            .map(|(user, _)| user.clone())
            .zip(password),
    })
}

pub(crate) fn trust(plan: &Plan) -> TrustSettings {
    let pins = plan.forward.pin_sha256.clone();
    let https = plan.forward.urls.iter().any(|url| url.https);
    let ca_file = plan.forward.ca_file.clone().or_else(|| {
        let found = AUTHORITIES
            .iter()
            .map(Path::new)
            .find(|path| path.exists())
            .map(PathBuf::from);
        found.filter(|_| https && pins.is_empty())
    });
    if https && pins.is_empty() && ca_file.is_none() {
        log::error!(
            "no file of authorities on this host: no certificate can be trusted; set forward.ca_file or forward.pin_sha256"
        );
    }
    TrustSettings { ca_file, pins }
}

/// The newest moment at which a run knew the time from a collector, to two seconds: good enough to date certificates by.
fn confirmed(held: &[HeldStream]) -> Option<LastAnswer> {
    held.iter()
        .filter(|held| held.anchor.quality == AnchorQuality::Confirmed)
        .max_by_key(|held| (held.run_number, held.anchor.uptime))
        .map(|held| LastAnswer {
            boot: held.boot,
            uptime: held.anchor.uptime,
            wall: held.anchor.wall,
        })
}

struct Worker {
    forwarder: Forwarder<ReadRings, System>,
    gauges: Gauges,
    /// What the gauges know.
    told: Progress,
    linger_ms: Option<u64>,
}

impl Worker {
    fn run(mut self) -> Exit {
        let mut idle_since_ms = sys::monotonic_ms();
        loop {
            self.gauges.beat(Role::Forwarder);
            let now_ms = sys::monotonic_ms();
            let next_ms = self.forwarder.next().at_ms;
            let leave_at = self
                .linger_ms
                .map(|linger| idle_since_ms.saturating_add(linger));
            let until = next_ms.min(leave_at.unwrap_or(u64::MAX));
            // Also where a post is due: between posts without a pause the watcher is heard.
            match self.listen(until.saturating_sub(now_ms).min(LONGEST_MS)) {
                Some(Wake::Alert) => self.forwarder.alert(),
                Some(Wake::Stop) => {
                    self.last_posts();
                    return Exit::Done;
                }
                None => {}
            }
            let now_ms = sys::monotonic_ms();
            if now_ms >= self.forwarder.next().at_ms {
                self.post();
                idle_since_ms = sys::monotonic_ms();
            } else if leave_at.is_some_and(|at| now_ms >= at) {
                return Exit::Left;
            }
        }
    }

    /// Posts, and tells how it goes.
    fn post(&mut self) -> Outcome {
        let outcome = self.forwarder.post();
        let progress = *self.forwarder.progress();
        self.gauges.progress(&self.told, &progress);
        self.told = progress;
        outcome
    }

    /// Posts what is left, as long as the collector takes it.
    fn last_posts(&mut self) {
        for _ in 0..LAST_POSTS {
            self.gauges.beat(Role::Forwarder);
            match self.post() {
                Outcome::More | Outcome::TooLarge => {}
                _ => return,
            }
        }
    }

    /// Waits for a message of the watcher; several of the same are one.
    fn listen(&self, wait_ms: u64) -> Option<Wake> {
        let link = &self.forwarder.host().link;
        let timeout = Timespec {
            tv_sec: i64::try_from(wait_ms / 1000).unwrap_or(1),
            tv_nsec: i64::try_from((wait_ms % 1000).saturating_mul(1_000_000)).unwrap_or(0),
        };
        let mut fds = [PollFd::new(link, PollFlags::IN)];
        // Interrupted or not: the socket is looked at.
        let _outcome = poll(&mut fds, Some(&timeout));
        let mut buffer = [0; MESSAGE_BYTES];
        let mut heard = None;
        while let Some(Ok(length @ 1..)) = control::receive(link, &mut buffer) {
            let wake = buffer.get(..length).and_then(Wake::from_bytes);
            if heard != Some(Wake::Stop) {
                heard = wake.or(heard);
            }
        }
        heard
    }
}

/// Both rings.
struct ReadRings {
    reader: SpoolReader<Mapping, File>,
    end: ReadEnd,
}

impl Frames for ReadRings {
    fn read(
        &mut self,
        run: RunId,
        stream: Stream,
        from: u64,
        visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) {
        self.end = self.reader.read(run, stream, from, visit).end;
    }

    fn read_end(&self) -> ReadEnd {
        self.end
    }
}

impl Rings for ReadRings {
    fn refresh(&mut self) {
        self.reader.refresh();
    }

    fn held(&self) -> Vec<Held> {
        let runs = self.reader.runs().iter().map(held);
        runs.chain(self.reader.departed().iter().map(departed))
            .collect()
    }
}

/// What the rings hold nothing of any more is sent as lost, unless the collector says that it has it.
fn departed(departed: &Departed) -> Held {
    Held {
        run_number: departed.run_number,
        run: departed.run,
        boot: departed.boot,
        anchor: Anchor::default(),
        stream: departed.stream,
        first: departed.first_unsent,
        next: departed.next,
    }
}

fn held(held: &HeldStream) -> Held {
    Held {
        run_number: held.run_number,
        run: held.run,
        boot: held.boot,
        anchor: held.anchor,
        stream: held.stream,
        first: held.first_sequence,
        next: held.next_sequence,
    }
}

/// The real clocks, chance, and the way to the watcher.
struct System {
    link: OwnedFd,
    random_seed: u64,
}

impl Host for System {
    fn monotonic_ms(&self) -> u64 {
        sys::monotonic_ms()
    }

    fn uptime(&self) -> Uptime {
        sys::uptime()
    }

    fn wall(&self) -> WallTime {
        sys::wall()
    }

    /// Jitter only (splitmix64): nothing secret hangs on it.
    fn random(&mut self) -> u64 {
        self.random_seed = self.random_seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed =
            (self.random_seed ^ (self.random_seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 27)
    }

    fn tell(&mut self, news: News) -> bool {
        let mut buffer = [0; NEWS_BYTES];
        let told = news
            .encode(&mut buffer)
            .map(|bytes| control::tell(&self.link, bytes));
        matches!(told, Ok(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hansho::clock::Anchor;

    #[test]
    fn without_an_answer_the_newest_confirmed_anchor_dates_certificates() {
        let run = |run_number, boot, uptime, quality| HeldStream {
            run: RunId(run_number),
            run_number,
            boot: BootId(boot),
            stream: Stream::Alerts,
            anchor: Anchor {
                uptime: Uptime::from_millis(uptime),
                wall: WallTime::from_millis(uptime + 7),
                quality,
            },
            first_sequence: 0,
            next_sequence: 1,
        };
        assert_eq!(confirmed(&[run(5, 1, 9, AnchorQuality::Host)]), None);
        let held = [
            run(3, 1, 900, AnchorQuality::Confirmed),
            run(4, 2, 20, AnchorQuality::Confirmed),
            run(4, 2, 30, AnchorQuality::Confirmed),
            run(5, 2, 40, AnchorQuality::Host),
        ];
        let found = confirmed(&held).unwrap();
        assert_eq!(
            (found.boot, found.uptime.as_millis(), found.wall.as_millis()),
            (BootId(2), 30, 37)
        );
    }
}
