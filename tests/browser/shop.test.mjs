// The Corner Shop in headless Chromium, against the real binary: what a visitor sees and can do, with a script and without.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { axe, openBrowser, opener, serveCopy } from "./serve.mjs";

let site, browser, open;

before(async () => {
  site = await serveCopy("examples/corner-shop");
  browser = await openBrowser();
  open = opener(browser, site.address);
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

const names = (page) => page.locator(".item h3").allTextContents();

test("the front page shows offers, aisles and what is new, with prices and pictures", async () => {
  const { page, done } = await open("/");
  assert.match(await page.locator("h1").textContent(), /around the corner/);
  assert.equal(await page.locator(".door").count(), 8);
  assert.equal((await names(page)).length, 10);
  assert.equal(await page.locator(".receipt .lines li").first().textContent().then((text) => text.trim()), "Dark rye bread€4.20");
  assert.ok(await page.locator(".door img").first().evaluate((image) => image.naturalWidth > 0));
  await done();
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with a script" : "without one";

  test(`an aisle, filters and an order narrow the list, and chips take them away, ${how}`, async () => {
    const { page, done } = await open("/", { javaScriptEnabled });
    await page.getByRole("navigation", { name: "Aisles" }).getByRole("link", { name: "Cheese & dairy" }).click();
    assert.equal(await page.locator("h1").textContent(), "Cheese & dairy");
    assert.equal((await names(page)).length, 24);
    await page.getByLabel("Organic").check();
    await page.getByLabel("Sort").selectOption("price");
    await Promise.all([page.waitForURL("**sort=price**"), page.getByRole("button", { name: "Apply" }).click()]);
    assert.deepEqual(await names(page), ["Plain yogurt", "Oat drink", "Sheep cheese in brine", "Hay milk cheese", "Organic eggs"]);
    await Promise.all([page.waitForURL((url) => !url.searchParams.has("organic")), page.locator(".chips a").click()]);
    assert.equal((await names(page)).length, 24);
    await done();
  });

  test(`the whole aisle comes page by page, nothing twice, ${how}`, async () => {
    const { page, done } = await open("/aisles/dairy", { javaScriptEnabled });
    const first = await names(page);
    await page.getByRole("link", { name: "Next 24" }).click();
    await page.waitForURL("**cursor=**");
    const all = [...first, ...(await names(page))];
    assert.equal(new Set(all).size, 31);
    assert.equal(all.length, 31);
    await done();
  });

  test(`the search finds by name and description, in any case, ${how}`, async () => {
    const { page, done } = await open("/", { javaScriptEnabled });
    await page.getByLabel("Search the shop").fill("HONEY");
    await Promise.all([page.waitForURL("**/search?q=HONEY"), page.keyboard.press("Enter")]);
    const shown = await names(page);
    assert.ok(shown.includes("Lime blossom honey") && shown.includes("Honey cake"), shown.join());
    await page.goto(`${site.address}/search?q=submarine`);
    assert.match(await page.locator("main").textContent(), /Nothing on the shelves fits/);
    await done();
  });
}

test("a product shows its price by measure and what people say, by stars", async () => {
  const { page, done } = await open("/products/country-loaf");
  assert.match(await page.locator(".price-big").textContent(), /€3\.90.*750 g · €5\.20\/kg/s);
  const reviews = await page.locator(".review").count();
  assert.ok(reviews > 0);
  const counts = await page.locator(".bars .num").allTextContents();
  assert.equal(counts.map(Number).reduce((sum, count) => sum + count), reviews);
  await done();
});

test("what is not there says so and leads back", async () => {
  const { page, done } = await open("/products/submarine", { allowed: /404/ });
  assert.match(await page.locator("h1").textContent(), /not in the shop/);
  await page.getByRole("link", { name: "Back to the front" }).click();
  await page.waitForURL(`${site.address}/`);
  await done();
});

for (const [name, options] of [
  ["desktop, light", {}],
  ["desktop, dark", { colorScheme: "dark" }],
  ["phone", { viewport: { width: 390, height: 844 } }],
  ["narrow phone, dark", { viewport: { width: 320, height: 700 }, colorScheme: "dark" }],
]) {
  test(`axe finds nothing and nothing sticks out: ${name}`, async () => {
    for (const path of ["/", "/products/dark-rye-bread", "/aisles/bread?organic=true", "/search?q=submarine"]) {
      const { page, done } = await open(path, { ...options, bypassCSP: true });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => [path, id, nodes[0].html]), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
      await done();
    }
  });
}
