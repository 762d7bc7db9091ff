//! `/live`: tells open pages that something changed, by server-sent events. What changed they fetch themselves: the page is
//! built in one way only.

use super::Site;
use crate::limit::LIVE_POLL_MS;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A connection says something at least so often: less than what proxies allow.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The number of the newest event, as open pages are told.
pub type Newest = watch::Receiver<u64>;

/// Looks for new events until every page and the site are gone.
pub async fn watch(site: Arc<Site>, newest: watch::Sender<u64>, mut stop: watch::Receiver<bool>) {
    loop {
        let site = Arc::clone(&site);
        let looked = tokio::task::spawn_blocking(move || {
            let mut number = None;
            let read = site.store.view(&mut |rows| {
                number = Some(rows.newest_event()?);
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
pub async fn events(
    State(site): State<Arc<Site>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let newest = site.newest.clone();
    let told = stream::unfold((newest, true), |(mut newest, first)| async move {
        if !first && newest.changed().await.is_err() {
            return None;
        }
        let number = *newest.borrow_and_update();
        let event = Event::default()
            .event("state")
            .retry(Duration::from_secs(2))
            .data(number.to_string());
        Some((Ok(event), (newest, false)))
    });
    Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}
