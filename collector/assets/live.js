// Keeps an open page current, for days: when the collector says that something changed, the page is fetched again and its live
// parts are replaced. Whatever breaks the stream (a restart, another collector, a proxy, a sleeping machine) it is begun anew, and
// the page is fetched, since nobody knows what was missed. Without JavaScript the page refreshes itself by its header.
"use strict";
(() => {
  // The collector says something each 15 s (web/live.rs).
  const QUIET_MS = 45000;
  // How long an answer, and the beginning of a stream, may take: the connection may have died long ago.
  const ANSWER_MS = 20000;
  const BEGIN_MS = 10000;
  // What depends on the time alone (silence, ages) changes too.
  const OLD_MS = 30000;
  const LOOK_MS = 5000;
  const lost = document.getElementById("live-lost");
  const out = document.getElementById("live-out");
  let fetching = false;
  let again = false;
  let fetched = Date.now();
  let ended = false;

  const isField = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element?.tagName);
  // A part that somebody is typing in stays as it is.
  const busy = (part) => part.contains(document.activeElement) && isField(document.activeElement);

  // The page's own address: that of a form that was refused is not, and must never be sent again. The query is the page's own in any
  // case: of a form's address it is the language alone.
  const address = () => (lost?.dataset.page ?? location.pathname) + location.search;

  // Whoever is not let in any more, or not to the same, is told by the page that comes instead; what somebody is typing is not
  // taken from them.
  const leave = () => {
    ended = true;
    source.close();
    if (!busy(document)) { location.assign(address()); return; }
    if (lost) lost.hidden = true;
    out?.querySelector("a")?.setAttribute("href", address());
    if (out) out.hidden = false;
  };

  const replace = (fresh) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (!next) { part.replaceChildren(); continue; }
      if (next.innerHTML === part.innerHTML || busy(part)) continue;
      const open = new Set([...part.querySelectorAll("details[open][id]")].map((details) => details.id));
      part.innerHTML = next.innerHTML;
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    }
    document.title = fresh.title;
    document.dispatchEvent(new Event("hansho-live"));
  };

  const refresh = async () => {
    if (ended) return;
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(address(), {
        headers: { "x-hansho-live": "1" }, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS),
      });
      // Some proxies answer 404 where the collector is away.
      const none = answer.status === 404 && answer.headers.has("x-hansho-collector");
      if (answer.type === "opaqueredirect" || none || [401, 403].includes(answer.status)) { leave(); return; }
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      fetched = Date.now();
      if (lost) lost.hidden = true;
    } catch {
      if (lost) lost.hidden = false;
    } finally {
      fetching = false;
      if (again) { again = false; refresh(); }
    }
  };

  let source;
  let heard;
  let seen;
  let missed = false;
  const listen = () => {
    source?.close();
    source = new EventSource("/live");
    heard = Date.now();
    const hear = (what) => { heard = Date.now(); what?.(); };
    source.addEventListener("open", () => hear(() => { if (missed) { missed = false; refresh(); } }));
    source.addEventListener("beat", () => hear());
    source.addEventListener("state", (event) => hear(() => {
      if (seen !== undefined && seen !== event.data) refresh();
      seen = event.data;
    }));
    // The login ended, or what it lets one see is another now.
    source.addEventListener("ended", leave);
    source.addEventListener("error", () => { missed = true; if (lost) lost.hidden = false; });
  };
  listen();

  // A browser gives up where a proxy answers for a collector that is away, and does not notice a connection that died in its sleep.
  const look = () => {
    if (ended) return;
    const now = Date.now();
    const patience = source.readyState === EventSource.OPEN ? QUIET_MS : BEGIN_MS;
    if (source.readyState === EventSource.CLOSED || now - heard > patience) {
      missed = true;
      listen();
      refresh();
    } else if (now - fetched > OLD_MS) {
      refresh();
    }
  };
  setInterval(look, LOOK_MS);
  for (const back of ["online", "pageshow"]) addEventListener(back, look);
  document.addEventListener("visibilitychange", look);
})();
