//! `/live`: tells open pages that something changed, by server-sent events. What changed they fetch themselves: the page is
//! built in one way only.

use super::Site;
use super::guard::{Claims, Entered};
use crate::limit::{LIVE_CHECK_MS, LIVE_POLL_MS};
use axum::Extension;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream};
use hansho::clock::WallTime;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A connection says something at least so often: less than what proxies allow, and what a page waits before it begins anew
/// (live.js).
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// A number that changes with each event and with what evidence comes, as open pages are told.
pub type Newest = watch::Receiver<u64>;

/// Looks for new events and evidence until every page and the site are gone.
pub async fn watch(site: Arc<Site>, newest: watch::Sender<u64>, mut stop: watch::Receiver<bool>) {
    loop {
        let site = Arc::clone(&site);
        let looked = tokio::task::spawn_blocking(move || {
            let mut number = None;
            let read = site.store.view(&mut |rows| {
                let newest = rows.newest_evidence()?.max(rows.newest_victim()?);
                let evidence = newest.map_or(0, WallTime::as_millis);
                number = Some(rows.newest_event()?.saturating_add(evidence));
                Ok(())
            });
            // A store that cannot be read shows on the pages themselves.
            read.ok().and(number)
        });
        if let Ok(Some(number)) = looked.await {
            newest.send_if_modified(|known| {
                let newer = *known != number;
                *known = number;
                newer
            });
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(LIVE_POLL_MS)) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// The stream of one page.
struct Open {
    site: Arc<Site>,
    entered: Entered,
    claims: Claims,
    newest: Newest,
    /// When it is looked again whether its page may still be seen.
    check: Instant,
    /// It was told that this cannot be looked up.
    told: bool,
    /// Nothing was said yet.
    first: bool,
    /// The last word was said.
    ended: bool,
}

/// When the next look is due.
fn due() -> Instant {
    let now = Instant::now();
    now.checked_add(Duration::from_millis(LIVE_CHECK_MS))
        .unwrap_or(now)
}

impl Open {
    /// Whether its person still may what they might when it began. Where the store cannot be read the next look decides: whoever
    /// fetches a page is refused then.
    async fn holds(&mut self) -> bool {
        let (site, claims, entered) = (
            Arc::clone(&self.site),
            self.claims.clone(),
            self.entered.clone(),
        );
        let held = tokio::task::spawn_blocking(move || claims.hold(&site, &entered)).await;
        match held {
            Ok(Ok(holds)) => holds,
            Ok(Err(error)) => {
                // Once, not each time.
                if !self.told {
                    self.told = true;
                    log::warn!("whether a page may stay open cannot be looked up: {error}");
                }
                true
            }
            Err(error) => {
                log::error!("whether a page may stay open cannot be looked up: {error}");
                true
            }
        }
    }

    /// The next word; `None` after the last one.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while !self.first {
            if self.ended {
                return None;
            }
            tokio::select! {
                // Before the news: also where there is always some, the look comes.
                biased;
                () = sleep_until(self.check) => {
                    self.check = due();
                    if !self.holds().await {
                        self.ended = true;
                        return Some((Ok(Event::default().event("ended").data("-")), self));
                    }
                }
                changed = self.newest.changed() => match changed {
                    Ok(()) => break,
                    // The collector stops.
                    Err(_) => return None,
                },
            }
        }
        self.first = false;
        let number = *self.newest.borrow_and_update();
        let event = Event::default().event("state").retry(RETRY);
        Some((Ok(event.data(number.to_string())), self))
    }
}

/// Begins the stream of a page.
pub async fn events(
    State(site): State<Arc<Site>>,
    Extension(entered): Extension<Entered>,
    Extension(claims): Extension<Claims>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let open = Open {
        newest: site.newest.clone(),
        site,
        entered,
        claims,
        check: due(),
        told: false,
        first: true,
        ended: false,
    };
    let beat = Event::default().event("beat").data("-");
    Sse::new(stream::unfold(open, Open::next))
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE).event(beat))
}
