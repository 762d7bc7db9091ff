// A page that stays open for days: whatever happens to the collector, the way to it, the machine or the login, it says what is true,
// or that it does not know.
import { browser, host, login, must, open, shot } from "./common.mjs";

const { BASE } = process.env;
const context = await open({});
const page = await context.newPage();
const faults = [];
page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
// The page's clock runs as ours; it can be set forward, as when the machine slept.
await page.clock.install();
await login(page);
await page.waitForSelector("#fleet");
await page.evaluate(() => { window.kept = "since before"; });
const kept = async (what) => must(await page.evaluate(() => window.kept) === "since before", `${what}: the page was not loaded again`);
const burns = (code, timeout = 20000) => page.waitForSelector(`section.alert .code:has-text("${code}")`, { timeout });
const quiet = (code, timeout = 20000) => page.waitForSelector(`section.alert .code:has-text("${code}")`, { state: "detached", timeout });
const lost = () => page.waitForSelector("#live-lost", { state: "visible" });
const current = () => page.waitForSelector("#live-lost", { state: "hidden" });
const time = () => page.textContent("#now");

// 1. The collector is restarted.
await host("kill");
await lost();
await shot(page, "days-lost");
await host("start");
await host("fire 1002");
await burns("HNS1002-E");
await current();
await kept("a restart of the collector");

// 2. A standby takes its place.
await host("takeover");
await host("fire 2001");
await burns("HNS2001");
await current();
await kept("a standby that took over");

// 3. A proxy answers for a collector that is away: to that a browser does not come back by itself.
await host("gateway");
await lost();
await page.waitForResponse((answer) => answer.url().endsWith("/live") && answer.status() === 502);
await host("fire 1003");
await host("open");
await burns("HNS1003-E");
await current();
await kept("a proxy that answered in between");

await host("gateway 404");
await lost();
await page.waitForResponse((answer) => answer.url() === `${BASE}/` && answer.status() === 404);
await host("resolve 1003");
await host("open");
await quiet("HNS1003-E");
await current();
await kept("a proxy that said that there is no such page");
await host("fire 1003");
await burns("HNS1003-E");

// 4. The machine sleeps eight hours; the connections have died meanwhile, and nobody told it.
await host("freeze");
await host("resolve 1003");
const asleep = await time();
must(await page.isVisible('section.alert .code:has-text("HNS1003-E")'), "nothing came over a dead connection");
await page.clock.fastForward("08:00:00");
// A browser may ask over a connection that is dead without knowing it; the page waits some time for that, and asks anew.
await quiet("HNS1003-E", 90000);
await current();
must((await time()) >= asleep, "the time is that of the collector");
await host("fire 1003");
await burns("HNS1003-E", 90000);
await kept("a sleep of eight hours");

// 5. However much happens, the page does not grow: neither what stands on it, nor what listens.
const devtools = await context.newCDPSession(page);
await devtools.send("Performance.enable");
const size = async () => {
  await devtools.send("HeapProfiler.collectGarbage");
  const { metrics } = await devtools.send("Performance.getMetrics");
  const of = (name) => metrics.find((metric) => metric.name === name).value;
  return { nodes: of("Nodes"), listeners: of("JSEventListeners") };
};
const much = async () => {
  await host("much");
  await host("fire 1001");
  await burns("HNS1001");
  await host("resolve 1001");
  await quiet("HNS1001");
  await current();
  return size();
};
const before = await much();
const after = await much();
console.error(`ok: nodes ${before.nodes} and ${after.nodes}, listeners ${before.listeners} and ${after.listeners}`);
must(after.listeners <= before.listeners, "nothing more listens on the fleet");
must(after.nodes <= before.nodes + 50, "no more stands on the fleet than its lists may hold");
await page.goto(`${BASE}/agents/mirai/order/web03?hours=1`);
await page.waitForFunction(() => document.querySelectorAll(".plot canvas").length === 3);
const drawn = async (times) => {
  for (let count = 0; count < times; count += 1) {
    const answer = page.waitForResponse((response) => response.url().includes("/charts/"));
    await page.evaluate(() => document.dispatchEvent(new Event("hansho-live")));
    await (await answer).finished();
    await page.waitForFunction(() => document.querySelectorAll(".plot canvas").length === 3);
  }
  return size();
};
const once = await drawn(3);
const often = await drawn(20);
console.error(`ok: nodes ${once.nodes} and ${often.nodes}, listeners ${once.listeners} and ${often.listeners}`);
// The browser may still hold the last plot that was taken away; not twenty times three of them, each of about eleven listeners.
must(often.listeners < once.listeners + 33, "nothing more listens on charts that were drawn twenty times");
must(often.nodes < once.nodes + 300, "no more stands on charts that were drawn twenty times");

// 6. A page goes on with its own address and query, however it was opened and whatever form was refused on it.
const asks = (path) => page.waitForRequest((request) => request.headers()["x-hansho-live"] === "1" && request.url() === `${BASE}${path}`);
await page.goto(`${BASE}/agents/web03?hours=1&lang=en`);
const opened = asks("/agents/mirai/order/web03?hours=1&lang=en");
await host("fire 1001");
await opened;
must(await page.getAttribute("html", "lang") === "en", "the language of the address stays");
await page.goto(`${BASE}/silences?lang=en`);
await page.evaluate(() => { document.querySelector("#silence-form").noValidate = true; });
const refusal = page.waitForResponse((answer) => answer.request().method() === "POST");
await page.click("#silence-form button");
must((await refusal).status() >= 400, "a silence without a reason is refused");
await page.waitForSelector("#live-lost", { state: "attached" });
const again = asks("/silences?lang=en");
await host("resolve 1001");
await again;

// Where the collector itself says that there is no such page any more, it is left.
await page.goto(`${BASE}/agents/mirai/order/web04`);
await page.waitForSelector("#live-lost", { state: "attached" });
await host("rename");
await host("fire 1001");
await page.waitForFunction(() => document.querySelector("#live-lost") === null);
await host("resolve 1001");

// 7. Charts that were held without a mouseup are drawn anew all the same.
for (const end of ["contextmenu", "dragend", "blur", "mousemove"]) {
  await page.goto(`${BASE}/agents/mirai/order/web03?hours=1`);
  await page.waitForFunction(() => document.querySelectorAll(".plot canvas").length === 3);
  await page.evaluate(() => {
    document.querySelector("[data-source]").dispatchEvent(new MouseEvent("mousedown", { bubbles: true }));
    window.held = document.querySelector(".plot canvas");
  });
  const answer = page.waitForResponse((response) => response.url().includes("/charts/"));
  await page.evaluate(() => document.dispatchEvent(new Event("hansho-live")));
  await (await answer).finished();
  must(await page.evaluate(() => new Promise((done) => { setTimeout(() => done(window.held.isConnected)); })), "charts stay while somebody selects");
  await page.evaluate((name) => {
    const event = name === "mousemove" ? new MouseEvent(name, { bubbles: true, buttons: 0 }) : new Event(name, { bubbles: true });
    (name === "blur" ? window : document.querySelector("[data-source]")).dispatchEvent(event);
  }, end);
  await page.waitForFunction(() => !window.held.isConnected && document.querySelectorAll(".plot canvas").length === 3);
  must(true, `${end} lets the charts go on`);
}

// 8. The login ends: the page leads to it; where somebody is typing it says so and takes nothing away.
await page.goto(`${BASE}/`);
await page.waitForSelector("#fleet");
const writing = await context.newPage();
await writing.goto(`${BASE}/silences?lang=ja`);
await writing.fill("textarea[name=reason]", "書きかけ");
await writing.focus("textarea[name=reason]");
await host("disable");
await page.waitForURL((url) => url.pathname === "/login");
await writing.waitForSelector("#live-out", { state: "visible" });
must(await writing.inputValue("textarea[name=reason]") === "書きかけ", "what is being typed stays");
must(await writing.getAttribute("#live-out a", "href") === "/silences?lang=ja", "the way back keeps the language of the address");
await shot(writing, "days-out");
must(faults.length === 0, `no script failed: ${faults.join("\n")}`);
await browser.close();
console.log("walked");
process.exit(0);
