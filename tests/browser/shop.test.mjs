// The Corner Shop in headless Chromium, against the real binary: what a person sees and can do.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { openBrowser, serveCopy } from "./serve.mjs";

const axe = await readFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
let site, browser;

before(async () => {
  site = await serveCopy("examples/corner-shop");
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

// A page that fails the test when the browser's console shows an error.
async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const mistakes = [];
  page.on("console", (message) => message.type() === "error" && mistakes.push(message.text()));
  page.on("pageerror", (error) => mistakes.push(String(error)));
  await page.goto(site.address + path, { waitUntil: "networkidle" });
  return { page, done: async () => (assert.deepEqual(mistakes, []), context.close()) };
}

const names = (page) => page.locator(".item h3").allTextContents();

test("the front page lists the goods with their prices and pictures", async () => {
  const { page, done } = await open("/");
  assert.equal((await names(page))[0], "Dark rye bread");
  assert.equal(await page.locator(".item").count(), 24);
  assert.match(await page.locator("#count").textContent(), /^24 of 202 things$/);
  assert.equal(await page.locator(".item .tag b").first().textContent(), "€4.20");
  assert.ok(await page.locator(".item img").first().evaluate((image) => image.naturalWidth > 0));
  await done();
});

test("more of the shelf comes on asking, nothing twice", async () => {
  const { page, done } = await open("/");
  await page.locator("#more").click();
  await page.waitForFunction(() => document.querySelectorAll(".item").length === 48);
  const shown = await names(page);
  assert.equal(new Set(shown).size, 48);
  await done();
});

test("an aisle, a filter and an order narrow the list, and chips take them away", async () => {
  const { page, done } = await open("/?aisle=dairy");
  assert.equal(await page.locator("h1").first().textContent(), "Cheese & dairy");
  await page.getByLabel("Organic").check();
  await page.getByLabel("Sort").selectOption("price,shelf");
  await Promise.all([page.waitForURL("**sort=price**"), page.getByRole("button", { name: "Apply" }).click()]);
  await page.locator(".item").first().waitFor();
  assert.deepEqual(await names(page), ["Plain yogurt", "Oat drink", "Sheep cheese in brine", "Hay milk cheese", "Organic eggs"]);
  await Promise.all([page.waitForURL((url) => !url.searchParams.has("only")), page.locator("#chips a").click()]);
  await page.locator(".item").first().waitFor();
  assert.ok((await names(page)).length > 5);
  await done();
});

test("the search finds by name and description, in any case", async () => {
  const { page, done } = await open("/");
  await page.getByLabel("Search the shop").fill("HONEY");
  await Promise.all([page.waitForURL("**/?q=HONEY"), page.keyboard.press("Enter")]);
  await page.locator(".item").first().waitFor();
  const shown = await names(page);
  assert.ok(shown.includes("Lime blossom honey") && shown.includes("Honey cake"), shown.join());
  await done();
});

test("a product shows what people say about it", async () => {
  const { page, done } = await open("/?product=dark-rye-bread");
  assert.equal(await page.locator("h1:visible").textContent(), "Dark rye bread");
  assert.ok((await page.locator(".review").count()) > 0);
  await done();
});

test("nothing on the shelf says so", async () => {
  const { page, done } = await open("/?q=submarine");
  assert.match(await page.locator("#count").textContent(), /^Nothing on the shelf fits/);
  await done();
});

for (const [name, options] of [
  ["desktop, light", {}],
  ["desktop, dark", { colorScheme: "dark" }],
  ["phone", { viewport: { width: 390, height: 844 } }],
]) {
  test(`axe finds nothing and nothing sticks out: ${name}`, async () => {
    for (const path of ["/", "/?product=dark-rye-bread"]) {
      const { page, done } = await open(path, { ...options, bypassCSP: true });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
      await done();
    }
  });
}
