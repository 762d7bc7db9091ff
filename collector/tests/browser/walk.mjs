// Walks the collector's pages in Debian's chromium as people do at night.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { browser, host, login, must, open, shot, text } from "./common.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const { BASE } = process.env;
const faults = [];
const watch = (page) => {
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  page.on("console", (line) => { if (line.type() === "error" && !/401|422|404/.test(line.text())) faults.push(`${page.url()}: ${line.text()}`); });
};
let looked = 0;
const accessible = async (page, what) => {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
  });
  if (found.length > 0) throw new Error(`axe on ${what} (${page.url()}):\n${found.join("\n")}`);
  looked += 1;
};

// 1. Login and fleet.
const context = await open({});
const page = await context.newPage();
watch(page);
await page.goto(`${BASE}/login`);
await accessible(page, "login");
await shot(page, "login");
await login(page);
await page.waitForSelector("#fleet");
await accessible(page, "quiet fleet");
await shot(page, "fleet-quiet");
must((await text(page)).includes("発生中のアラートはありません"), "nothing burns yet");

// 2. An alert appears on the open page: no reload.
await page.evaluate(() => { window.kept = "since before"; });
const before = Date.now();
await host("fire");
await page.waitForSelector("section.alert .code:has-text('HNS1002-E')");
console.error(`ok: on the open page ${Date.now() - before} ms after it was asked for`);
must(await page.evaluate(() => window.kept) === "since before", "the page was not loaded again");
await host("more");
await page.waitForSelector("section.alert .code:has-text('HNS4001-W')");
await accessible(page, "burning fleet");
await shot(page, "fleet");

// 3. The alert: take it, promise, note.
await page.click("section.alert .code:has-text('HNS1002-E')");
await page.waitForSelector("#alert-top");
await accessible(page, "alert");
await shot(page, "alert");
const alert = page.url();
let body = await text(page);
for (const words of ["みらい商事", "受注システム", "web03", "まだ誰も対応していません", "MS-OPS-017", "してはいけないこと", "postgresql の停止・再起動", "collector.toml:"]) {
  must(body.includes(words), `the alert says ${words}`);
}
await page.click("form.take details summary");
await page.fill("form.take input[name=recovery]", "いつか");
await page.fill("form.take textarea[name=text]", "order-api を再起動します");
await page.click("form.take .buttons button");
await page.waitForSelector("[role=alert]");
must(await page.inputValue("form.take textarea[name=text]") === "order-api を再起動します", "what was typed is kept where a form is refused");
await accessible(page, "refused form");
await shot(page, "alert-refused");
await page.fill("form.take input[name=recovery]", "+30m");
await page.fill("form.take input[name=report]", "+2h");
await page.click("form.take .buttons button");
await page.waitForSelector("[role=status] strong");
body = await text(page);
must(body.includes("確認を記録しました") && body.includes("対応: sato") && body.includes("復旧見込み"), "it is taken, with the promise");
await page.click("#note-form summary");
await page.fill("#note-form textarea", "ログを order-api.log に残した");
await page.click("#note-form button");
await page.waitForSelector("#notes-list strong:has-text('sato')");
await accessible(page, "taken alert");
await shot(page, "alert-taken");

// 4. A window, a silence.
await page.goto(`${BASE}/windows?place=mirai/order`);
await page.waitForSelector("#window-form");
await accessible(page, "windows");
await page.check("input[name=kind][value=event]");
await page.fill("input[name=ja]", "冬のキャンペーン");
const local = (minutes) => new Date(Date.now() + (minutes + 540) * 60000).toISOString().slice(0, 16);
await page.fill("input[name=until]", local(180));
await page.click("#window-form > button");
await page.waitForSelector("#windows td:has-text('冬のキャンペーン')");
await accessible(page, "windows with one");
await shot(page, "windows");
await page.goto(alert);
must((await text(page)).includes("冬のキャンペーン"), "the window stands on the alert");
await page.goto(`${BASE}/silences`);
await page.fill("input[name=place]", "mirai/order/web04");
await page.fill("input[name=code]", "HNS4001");
await page.fill("input[name=until]", "+1h");
await page.fill("textarea[name=reason]", "ディスクの増設待ち");
await page.click("#silence-form > button");
await page.waitForSelector("#silences td:has-text('HNS4001')");
await accessible(page, "silences");
await shot(page, "silences");

// 5. System, agent with charts, codes, weekly page.
await page.goto(`${BASE}/systems/mirai/order`);
await page.waitForSelector("#system table");
await accessible(page, "system");
await shot(page, "system");
await page.goto(`${BASE}/agents/mirai/order/web03?hours=1`);
await page.waitForSelector(".plot canvas");
await page.waitForFunction(() => document.querySelectorAll(".plot canvas").length === 3);
await accessible(page, "agent");
await shot(page, "agent");
// Each reading that comes draws the plots anew: the one that was found may be gone before it is measured.
let box = null;
while (box === null) box = await page.locator(".plot .u-over").first().boundingBox();
await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
await page.mouse.down();
await page.mouse.move(box.x + box.width * 0.7, box.y + 60, { steps: 5 });
await page.mouse.up();
await page.waitForURL(/from=\d+&to=\d+|to=\d+/);
await page.waitForSelector(".plot canvas");
must(/from=\d+/.test(page.url()), "dragging selects a range");
await page.goto(`${BASE}/codes?q=${encodeURIComponent("メモリ")}`);
await page.waitForSelector("a.code:has-text('HNS1002-E')");
await accessible(page, "codes");
await shot(page, "codes", false);
await page.goto(`${BASE}/codes/1002`);
await accessible(page, "code");
await shot(page, "code");
await page.goto(`${BASE}/noise`);
await page.waitForSelector("h2");
await accessible(page, "weekly page");
await shot(page, "noise");
await page.goto(`${BASE}/account`);
await accessible(page, "account");
await shot(page, "account");

// 6. English.
await page.goto(`${alert}?lang=en`);
must((await page.getAttribute("html", "lang")) === "en", "the page is English");
body = await text(page);
for (const words of ["What to do now", "Do not", "taken by: sato", "Who was told, and why"]) must(body.includes(words), `the English alert says ${words}`);
await accessible(page, "English alert");
await shot(page, "alert-en");
await page.goto(`${BASE}/?lang=en`);
await accessible(page, "English fleet");
await shot(page, "fleet-en");

// 7. Dark, and by keyboard alone.
await page.emulateMedia({ colorScheme: "dark" });
await page.goto(alert);
await accessible(page, "dark alert");
await shot(page, "alert-dark");
await page.goto(`${BASE}/`);
await accessible(page, "dark fleet");
await shot(page, "fleet-dark");
await page.keyboard.press("Tab");
must(await page.evaluate(() => document.activeElement.classList.contains("skip")), "the first key leads past the menu");
await page.emulateMedia({ colorScheme: "light" });

// 8. A phone: the first screen has all that one needs at night.
const phone = await open({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
const small = await phone.newPage();
watch(small);
await login(small);
await accessible(small, "fleet on a phone");
await shot(small, "phone-fleet");
await host("fresh");
await small.waitForSelector("section.alert .code:has-text('HNS1003-E')");
await small.click("section.alert .code:has-text('HNS1003-E')");
await small.waitForSelector("#alert-top");
await accessible(small, "alert on a phone");
await shot(small, "phone-alert", false);
await shot(small, "phone-alert-whole");
const first = async (what, locator) => {
  const place = await locator.first().boundingBox();
  must(place && place.y + Math.min(place.height, 48) <= 844 && place.x >= 0 && place.x + place.width <= 390, `${what} is on a phone's first screen`);
};
await first("whose it is", small.locator("#alert-top h1"));
await first("since when", small.locator("#alert-top dt:has-text('発生')"));
await first("the value", small.locator("#alert-top dt:has-text('値')"));
await first("the button that takes it", small.locator("form.take .buttons button"));
await first("what to do", small.locator(".do li"));
await first("who is on duty", small.locator("#alert-top dt:has-text('当番')"));
await first("the telephone", small.locator("#alert-top a.tel"));
await small.goto(alert);
await small.waitForSelector("#alert-top");
await shot(small, "phone-alert-agreed", false);
await first("what the customer agreed to do", small.locator(".do li"));
await first("what must not be done", small.locator(".do-not li"));
for (const path of ["/", new URL(small.url()).pathname, "/systems/mirai/order", "/agents/mirai/order/web03", "/windows", "/silences", "/codes", "/noise"]) {
  await small.goto(`${BASE}${path}`);
  const wide = await small.evaluate(() => document.documentElement.scrollWidth);
  must(wide <= 390, `${path} is as wide as the phone (${wide})`);
  if (path.startsWith("/agents")) { await small.waitForSelector(".plot canvas"); await shot(small, "phone-agent"); }
  if (path === "/windows") await shot(small, "phone-windows");
}
await phone.close();

// 9. Without JavaScript: everything but the charts.
const plain = await open({ javaScriptEnabled: false });
const still = await plain.newPage();
await login(still);
must((await text(still)).includes("HNS1003-E"), "the fleet needs no script");
await still.goto(alert);
await still.click("form.take button:has-text('対応を外れます')");
must((await text(still)).includes("対応から外れたことを記録しました"), "giving it back needs no script");
await still.click("form.take .buttons button");
must((await text(still)).includes("確認を記録しました"), "taking it needs no script");
await still.goto(`${BASE}/agents/mirai/order/web03`);
await still.click("#charts details summary");
must(await still.isVisible("#charts table"), "the figures of the charts stand in a table");
await shot(still, "agent-without-script");
await plain.close();

// 10. It resolves on the open page.
await page.goto(alert);
await page.waitForSelector("#alert-top");
await page.evaluate(() => { window.kept = "since before"; });
await host("resolve");
await page.waitForSelector("#alert-top .code:has-text('HNS1002-I')");
must(await page.evaluate(() => window.kept) === "since before", "the end came without loading the page again");
must((await text(page)).includes("業務が正常かどうかは、このページでは分かりません"), "it says what the end does not mean");
await accessible(page, "resolved alert");
await shot(page, "alert-resolved");
await page.goto(`${BASE}/noise`);
await shot(page, "noise-after");

if (faults.length > 0) throw new Error(`scripts failed:\n${faults.join("\n")}`);
must(looked >= 20, `axe looked at ${looked} pages`);
await browser.close();
console.log("walked");
process.exit(0);
