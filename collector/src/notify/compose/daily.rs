//! The daily mail: figures, and what somebody should look at.

use super::super::notice::{Body, Daily};
use super::super::outbox::UNDELIVERED;
use super::Desk;
use crate::clock::{self, DAY_MS};
use crate::config;
use crate::limit::{BACKUP_OLD_MS, DISK_LOW_PERMILLE, MAIL_LIST, WAITING_OLD_MS};
use crate::store::{Agent, Outgoing, Room, Standing, StoreError, Tally};
use hansho::clock::WallTime;
use hansho::code::Language;

/// What the store says.
#[derive(Default)]
struct Seen {
    from: Option<WallTime>,
    frames_before: (u64, u64),
    tally: Tally,
    backup: Option<WallTime>,
    silent: Vec<String>,
    unreached: Vec<String>,
}

impl Desk<'_> {
    pub(super) fn daily(
        &self,
        outgoing: &Outgoing,
        receiver: &config::Receiver,
    ) -> Result<Option<(String, Option<String>, Body)>, StoreError> {
        let language = self.language(receiver, "");
        let totals = self.store.totals()?;
        let room = self.store.room();
        let mut seen = Seen::default();
        self.store.view(&mut |rows| {
            // The newest is of this mail.
            let dailies = rows.dailies(outgoing.created, 2)?;
            let before = dailies.get(1);
            seen.from = before.map(|daily| daily.decided);
            seen.frames_before = before.map_or((0, 0), |daily| (daily.frames, daily.lost));
            seen.tally = rows.tally(seen.from.unwrap_or_else(|| a_day(outgoing.created)))?;
            seen.backup = rows.upkeep()?.backup.map(|(at, _)| at);
            for presence in rows.presences()? {
                let silent = matches!(
                    presence.standing,
                    Standing::Silent | Standing::Planned | Standing::Absent | Standing::Site
                );
                if silent {
                    let agent = rows.agent(presence.agent)?;
                    seen.silent.extend(agent.as_ref().map(Agent::path));
                }
            }
            let unreached = rows.open_of_codes(&[UNDELIVERED])?;
            seen.unreached = unreached
                .into_iter()
                .map(|alert| alert.identity.subject)
                .collect();
            Ok(())
        })?;
        let all = totals.all();
        let figures = Daily {
            collector: crate::host::name().unwrap_or_else(|| "-".to_owned()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            running_since: clock::started(),
            from: seen.from.unwrap_or_else(|| a_day(outgoing.created)),
            agents: totals.agents,
            silent: u64::try_from(seen.silent.len()).unwrap_or(u64::MAX),
            firing: seen.tally.firing,
            raised: seen.tally.raised,
            delivered: seen.tally.delivered,
            // Not this one, which is on its way.
            waiting: seen.tally.waiting.saturating_sub(1),
            failed: seen.tally.failed,
            frames: all.frames_stored.saturating_sub(seen.frames_before.0),
            lost: all.lost.saturating_sub(seen.frames_before.1),
            disk_free_kib: room.free_kib,
            store_kib: room.store_kib,
            backup: seen.backup,
            remarks: remarks(language, &seen, room, outgoing.created),
        };
        let link = self.base_url.map(|base| format!("{base}/"));
        Ok(Some((String::new(), link, Body::Daily(Box::new(figures)))))
    }
}

/// The day before.
fn a_day(moment: WallTime) -> WallTime {
    WallTime::from_millis(moment.as_millis().saturating_sub(DAY_MS))
}

/// What somebody should look at.
fn remarks(language: Language, seen: &Seen, room: Room, now: WallTime) -> Vec<String> {
    let ja = language == Language::Ja;
    let mut all = Vec::new();
    let age_ms = |since: WallTime| now.as_millis().saturating_sub(since.as_millis());
    for receiver in &seen.unreached {
        all.push(if ja {
            format!("{receiver} へのメールが届いていません(HNS9008)")
        } else {
            format!("messages to {receiver} do not arrive (HNS9008)")
        });
    }
    let waits_ms = seen.tally.oldest_waiting.map_or(0, age_ms);
    if waits_ms >= WAITING_OLD_MS {
        let minutes = waits_ms / 60_000;
        all.push(if ja {
            format!("{minutes}分前から送信を待っているメールがあります")
        } else {
            format!("a message has been waiting for {minutes} minutes")
        });
    }
    if let (Some(free), Some(total)) = (room.free_kib, room.total_kib)
        && let Some(permille) = free.saturating_mul(1000).checked_div(total)
        && permille < DISK_LOW_PERMILLE
    {
        let percent = permille / 10;
        all.push(if ja {
            format!("保存先ディスクの空きが {percent}% です")
        } else {
            format!("only {percent}% of the store's disk is free")
        });
    }
    match seen.backup {
        Some(at) if age_ms(at) < BACKUP_OLD_MS => {}
        Some(at) => {
            let days = age_ms(at) / DAY_MS;
            all.push(if ja {
                format!("最新のバックアップが {days}日前のものです")
            } else {
                format!("the newest backup is {days} days old")
            });
        }
        None => all.push(if ja {
            "バックアップがまだ一度もありません".to_owned()
        } else {
            "there has been no backup yet".to_owned()
        }),
    }
    let room_left = MAIL_LIST.saturating_sub(all.len().saturating_add(1));
    let rest = seen.silent.len().saturating_sub(room_left);
    for agent in seen.silent.iter().take(room_left) {
        all.push(if ja {
            format!("無応答: {agent}")
        } else {
            format!("silent: {agent}")
        });
    }
    if rest > 0 {
        all.push(if ja {
            format!("無応答はほかに {rest}台あります")
        } else {
            format!("{rest} more are silent")
        });
    }
    all
}
