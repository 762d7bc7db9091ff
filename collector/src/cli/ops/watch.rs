//! `watch URL`: asks another collector whether all goes on there, and mails when it does not. Two collectors that watch each other
//! notice what neither can tell of itself.

use super::super::line::Line;
use super::super::print;
use crate::alive::peer::{Peer, Say};
use crate::clock::{self, Moment};
use crate::config::value::{duration_ms, is_address, is_url};
use crate::config::{Channel, Config, Mail};
use crate::exit::{CONFIG, Failure, IO, USAGE};
use crate::keys;
use crate::limit::{SIGNAL_MS, WATCH_AFTER, WATCH_EVERY_MS};
use crate::notify::http::Client;
use crate::notify::letter::{Letter, Person};
use crate::notify::outcome::Outcome;
use crate::notify::smtp::{Mailer, Settings};
use crate::zone::Zone;
use hansho::clock::WallTime;
use hansho::code::Language;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How mails are sent.
struct Post {
    mailer: Mailer,
    from: Person,
    domain: String,
    to: Vec<Person>,
}

/// What asks, and tells.
struct Watching {
    url: String,
    client: Client,
    every_ms: u64,
    language: Language,
    zone: Zone,
    post: Option<Post>,
}

/// Runs the command until SIGTERM or SIGINT.
///
/// # Errors
/// [`Failure`] where it cannot start.
pub(in crate::cli) fn watch(line: &Line) -> Result<(), Failure> {
    let url = line.need("URL")?;
    let every_ms = line.parsed("every", "is a time from 1s to 1d", |text| {
        duration_ms(text).filter(|ms| (1_000..=86_400_000).contains(ms))
    })?;
    let every_ms = every_ms.unwrap_or(WATCH_EVERY_MS);
    let after = line.parsed("after", "is a number from 1 to 1000", |text| {
        let after = text.parse().ok();
        after.filter(|after| (1..=1000).contains(after))
    })?;
    let after = after.unwrap_or(WATCH_AFTER);
    let language = line.language("lang")?.unwrap_or(Language::Ja);
    let config = &line.configuration()?;
    if !is_url(url) {
        let message = format!("{url:?}: an address like https://collector2.example.jp/healthz");
        return Err(Failure::new(USAGE, message));
    }
    let ca_file = config
        .watch
        .as_ref()
        .and_then(|watch| watch.ca_file.clone());
    let client = Client::with_timeout(ca_file.as_deref(), SIGNAL_MS)
        .map_err(|said| Failure::new(CONFIG, said))?;
    let watching = Watching {
        url: url.to_owned(),
        client,
        every_ms,
        language,
        zone: config.pages.zone.clone().unwrap_or_else(Zone::of_host),
        post: post(config, line.get("mail-to"))?,
    };
    let told = match &watching.post {
        None => {
            "nobody is mailed: there is no --mail-to, and no receiver of mail in [notify] fallback"
                .to_owned()
        }
        Some(post) => {
            let to: Vec<&str> = post
                .to
                .iter()
                .map(|person| person.address.as_str())
                .collect();
            format!("mails go to {}", to.join(", "))
        }
    };
    print(&format!(
        "watching {url} each {} s; {told}\n",
        every_ms / 1000
    ))?;
    let (stop, stopped) = sync_channel(0);
    let thread = std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || watching.run(after, &stopped))
        .map_err(|error| Failure::new(IO, format!("the watch cannot be started: {error}")))?;
    let ended = wait();
    drop(stop);
    if thread.join().is_err() {
        return Err(Failure::new(IO, "the watch failed"));
    }
    ended
}

/// Until a signal comes.
fn wait() -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(IO, format!("signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

/// To whom, and by which server; `None` where nobody is named.
fn post(config: &Config, mail_to: Option<&str>) -> Result<Option<Post>, Failure> {
    let addresses: Vec<String> = match mail_to {
        Some(address) if is_address(address) => vec![address.to_owned()],
        Some(address) => {
            let message = format!("--mail-to {address:?}: a mail address in ASCII");
            return Err(Failure::new(USAGE, message));
        }
        None => {
            let receivers = &config.tables.receivers;
            let named = config
                .notify
                .fallback
                .iter()
                .filter_map(|id| receivers.get(id));
            let mails = named.filter_map(|receiver| match &receiver.channel {
                Channel::Mail(addresses) => Some(addresses.clone()),
                Channel::Webhook { .. } | Channel::Alertmanager { .. } => None,
            });
            mails.flatten().collect()
        }
    };
    if addresses.is_empty() {
        return Ok(None);
    }
    let mail: &Mail = config.mail.as_ref().ok_or_else(|| {
        Failure::new(
            CONFIG,
            "no [mail] in the configuration: there is no mail server to mail by",
        )
    })?;
    let mailer = Mailer::new(Settings::of(mail))
        .map_err(|said| Failure::new(CONFIG, format!("[mail]: {said}")))?;
    let domain = mail.envelope_from.rsplit('@').next().unwrap_or("localhost");
    Ok(Some(Post {
        mailer,
        from: Person {
            name: mail.from.name.clone(),
            address: mail.from.address.clone(),
        },
        domain: domain.to_owned(),
        to: addresses
            .into_iter()
            .map(|address| Person {
                name: None,
                address,
            })
            .collect(),
    }))
}

impl Watching {
    fn run(&self, after: u32, stop: &Receiver<()>) {
        let start = Moment::now();
        let mut peer = Peer::new(after);
        // What is still to be mailed: the newest says all that counts.
        let mut unsent: Option<Letter> = None;
        loop {
            let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            let outcome = self.client.get(&self.url);
            let answered = matches!(outcome, Outcome::Accepted { .. });
            let said = peer.heard(answered, now_ms);
            match &said {
                Say::Nothing if answered => {}
                Say::Nothing => log::warn!("{}: {outcome}", self.url),
                Say::Down { missed, .. } => {
                    log::error!("{} missed {missed} answers in a row: {outcome}", self.url);
                }
                Say::Back { missed, .. } => {
                    log::warn!("{} answers again, after {missed} misses", self.url);
                }
            }
            if let (Some(post), Some((subject, text))) = (
                &self.post,
                self.words(&said, &outcome.to_string(), clock::now()),
            ) {
                unsent = self.letter(post, subject, text).or(unsent);
            }
            unsent = unsent.and_then(|letter| self.send(letter));
            if stop.recv_timeout(Duration::from_millis(self.every_ms))
                != Err(RecvTimeoutError::Timeout)
            {
                return;
            }
        }
    }

    /// Subject and text; `None` where there is nothing to tell.
    fn words(&self, said: &Say, outcome: &str, now: WallTime) -> Option<(String, String)> {
        let since = |ms: u64| {
            self.zone
                .show(WallTime::from_millis(now.as_millis().saturating_sub(ms)))
        };
        let url = &self.url;
        Some(match (said, self.language) {
            (Say::Nothing, _) => return None,
            (Say::Down { for_ms, missed }, Language::Ja) => (
                format!("[HNS 監視] 収集サーバが応答しません: {url}"),
                format!(
                    "{url}\n{} から、続けて {missed}回、正常な応答がありません。\n最後の応答: {outcome}\n\n\
                     この間、この収集サーバからアラートのメールは届かないおそれがあります。\n\
                     収集サーバのホストで確認してください:\n  systemctl status hansho-collector\n  journalctl -u hansho-collector -n 100\n",
                    since(*for_ms)
                ),
            ),
            (Say::Down { for_ms, missed }, Language::En) => (
                format!("[HNS watch] the collector does not answer: {url}"),
                format!(
                    "{url}\nNo good answer {missed} times in a row, since {}.\nThe last: {outcome}\n\n\
                     Meanwhile mails about alerts may not come from this collector.\n\
                     Look on its host:\n  systemctl status hansho-collector\n  journalctl -u hansho-collector -n 100\n",
                    since(*for_ms)
                ),
            ),
            (Say::Back { after_ms, missed }, Language::Ja) => (
                format!("[HNS 監視] 収集サーバが応答しています: {url}"),
                format!(
                    "{url}\n再び正常に応答しています。\n応答がなかった時間: {} から {} まで({missed}回)\n",
                    since(*after_ms),
                    self.zone.show(now)
                ),
            ),
            (Say::Back { after_ms, missed }, Language::En) => (
                format!("[HNS watch] the collector answers again: {url}"),
                format!(
                    "{url}\nGood answers come again.\nNone came from {} to {} ({missed} times).\n",
                    since(*after_ms),
                    self.zone.show(now)
                ),
            ),
        })
    }

    fn letter(&self, post: &Post, subject: String, text: String) -> Option<Letter> {
        let random = match keys::random() {
            Ok(random) => u64::from_le_bytes(random),
            Err(failure) => {
                log::error!("no mail: {}", failure.message);
                return None;
            }
        };
        Some(Letter {
            message_id: format!("<watch.{random:016x}@{}>", post.domain),
            in_reply_to: None,
            references: Vec::new(),
            date: clock::now(),
            from: post.from.clone(),
            to: post.to.clone(),
            cc: Vec::new(),
            subject,
            text,
            html: None,
            headers: vec![("X-Hansho-Why", "watch".to_owned())],
        })
    }

    /// Sends a mail; gives it back where the server does not take it now.
    fn send(&self, letter: Letter) -> Option<Letter> {
        let post = self.post.as_ref()?;
        let mut later = false;
        for delivery in post.mailer.send(&letter) {
            match delivery.outcome {
                Outcome::Accepted { .. } => log::info!("mailed to {}", delivery.address),
                outcome @ Outcome::Refused { .. } => {
                    log::error!("no mail to {}: {outcome}", delivery.address);
                }
                outcome @ Outcome::Later { .. } => {
                    log::error!("no mail to {} yet: {outcome}", delivery.address);
                    later = true;
                }
            }
        }
        later.then_some(letter)
    }
}
