// Keeps an open page current: when the collector says that something changed, the page is fetched again and its live parts
// are replaced. Without JavaScript the page refreshes itself by its header.
"use strict";
(() => {
  const lost = document.getElementById("live-lost");
  let fetching = false;
  let again = false;

  // A part that somebody is typing in stays as it is.
  const busy = (part) => {
    const active = document.activeElement;
    return part.contains(active) && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName);
  };

  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-hansho-live": "1" }, redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect" || answer.status === 401) { location.reload(); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
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
        if (lost) lost.hidden = true;
      }
    } catch {
      if (lost) lost.hidden = false;
    } finally {
      fetching = false;
      if (again) { again = false; refresh(); }
    }
  };

  const source = new EventSource("/live");
  let seen;
  source.addEventListener("state", (event) => {
    if (seen !== undefined && seen !== event.data) refresh();
    seen = event.data;
    if (lost) lost.hidden = true;
  });
  source.addEventListener("error", () => { if (lost) lost.hidden = false; });
  // What depends on the time alone (silence, ages) changes too.
  setInterval(refresh, 30000);
})();
