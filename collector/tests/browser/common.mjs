// What the walks share: the browser, the test behind it, and what must be.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const { BASE, SHOTS, PASSWORD, CHROMIUM } = process.env;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
// What is to happen on the host or to the collector is asked of the test by a line on stdout, and done when a line comes back.
export const host = async (what) => {
  console.log(what);
  const { value } = await answers.next();
  if (value === undefined) throw new Error("the test is gone");
  return value;
};
export const must = (holds, what) => {
  if (!holds) throw new Error(`must be: ${what}`);
  console.error(`ok: ${what}`);
};
export const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
export const open = async (options) => {
  // The pages forbid every script but their own; axe is put in by the browser's own means.
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "ja-JP", ...options, bypassCSP: true });
  context.setDefaultTimeout(20000);
  return context;
};
export const shot = (page, name, full = true) => page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: full });
export const login = async (page) => {
  await page.goto(`${BASE}/`);
  must(new URL(page.url()).pathname === "/login", "whoever is not logged in is led to the login");
  await page.fill("input[name=name]", "sato");
  await page.fill("input[name=password]", PASSWORD);
  await page.click("main button");
  await page.waitForURL(`${BASE}/`);
};
export const text = async (page) => (await page.textContent("body")).replace(/\s+/g, " ");
