// Forms that fail, and what somebody types that is longer or stranger than one thinks of.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { axe, openBrowser, opener, root, serveCopy, serveNew } from "./serve.mjs";

const program = process.env.MAINS ?? join(root, "target/debug/mains");
let site, bare, browser;

before(async () => {
  site = await serveCopy("examples/corner-shop");
  bare = await serveNew();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await site?.stop();
  await bare?.stop();
});

// Somebody who is signed in at `at`, looking at a page.
async function signedIn(at, email, path, options = {}) {
  const command = ["--site", at.folder, "accounts", "create", email];
  const password = execFileSync(program, command, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  const { page, context, done } = await opener(browser, at.address)("/sign-in", options);
  await context.request.post(`${at.address}/api/accounts/sign-in`, { data: { email, password } });
  await page.goto(at.address + path);
  return { page, context, done, password };
}

const press = (page, name) => Promise.all([page.waitForNavigation(), page.getByRole("button", { name, exact: true }).click()]);
const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with a script" : "without one";
  const phone = { viewport: { width: 390, height: 844 }, javaScriptEnabled, allowed: /4\d\d/ };

  test(`a form that failed says so where one looks, in the title too, ${how}`, async () => {
    const email = `forms-${javaScriptEnabled}@corner.example`;
    const { page, done } = await signedIn(site, email, "/account", phone);
    for (const [path, button] of [["/account", "Send the link"], ["/products/walnut-bread", "Send the review"]]) {
      await page.goto(site.address + path);
      await press(page, button);
      assert.match(await page.title(), /^Error: /, path);
      const note = page.locator("[role=alert]");
      assert.equal(await page.locator(":focus").getAttribute("role"), "alert", `${path}: one begins to read at the note`);
      const { y, height } = await note.boundingBox();
      assert.ok(y >= 0 && y + height <= 844, `${path}: the note is on the screen, at ${y}`);
      const target = await note.locator("a").first().getAttribute("href");
      assert.equal(await page.locator(target).count(), 1, `${path}: it leads to the field ${target}`);
      const address = new URL(page.url());
      assert.match(address.pathname, /^\/api\//);
      await page.goto(address.href);
      assert.equal(new URL(page.url()).pathname, path, "asked for again, the address leads back to the page");
      assert.doesNotMatch(await page.title(), /^Error: /);
    }
    await done();
  });

  test(`closing the account says what goes and asks, ${how}`, async () => {
    const { page, done, password } = await signedIn(site, `gone-${javaScriptEnabled}@corner.example`, "/account", phone);
    await page.getByRole("link", { name: "Close the account" }).click();
    await page.waitForURL("**/account/close");
    assert.match(await page.locator("main").textContent(), /erased[^]*cannot be undone/);
    await page.getByRole("button", { name: "Close the account for good" }).click();
    assert.equal(new URL(page.url()).pathname, "/account/close", "nothing happens before the box is checked");
    await page.getByLabel("I understand").check();
    await page.getByLabel("Current password").fill("not my password");
    await press(page, "Close the account for good");
    assert.match(await page.locator("[role=alert]").textContent(), /still open/);
    await page.getByLabel("I understand").check();
    await page.getByLabel("Current password").fill(password);
    await press(page, "Close the account for good");
    assert.match(await page.locator("main").textContent(), /Your account is closed/);
    await done();
  });

  test(`what an address asks for and a page does not have is no failure of the shop, ${how}`, async () => {
    const { page, done } = await opener(browser, site.address)("/", phone);
    for (const query of ["most=abc", "most=99999999999999999999", "cursor=zzz", "sort=x", "stock=maybe"]) {
      for (const path of ["/search", "/aisles/bread"]) {
        const answer = await page.goto(`${site.address}${path}?${query}`);
        assert.ok(answer.status() < 500, `${path}?${query}: ${answer.status()}`);
        assert.doesNotMatch(await page.locator("main").textContent(), /keyset|sealed|operand|expression|\bfield\b/i, `${path}?${query}`);
      }
    }
    await done();
  });
}

test("the arrow keys go along the stars as one sees them", async () => {
  const { page, done } = await signedIn(site, "stars@corner.example", "/products/walnut-bread");
  const left = async (value) => (await page.locator(`label[for=stars-${value}]`).boundingBox()).x;
  assert.ok((await left(1)) < (await left(2)) && (await left(4)) < (await left(5)), "one star stands first");
  await page.locator("#stars-2").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.locator("#stars-3").isChecked());
  const filled = await page.locator(".rate svg").evaluateAll((stars) => stars.map((star) => getComputedStyle(star).fill));
  assert.deepEqual(filled.map((fill) => fill === filled[0]), [true, true, true, false, false]);
  await done();
});

test("long names, addresses and searches widen no page of a narrow phone", async () => {
  for (const at of [site, bare]) {
    const long = `${"a".repeat(64)}@${"b".repeat(60)}.${"c".repeat(60)}.example`;
    const { page, context, done } = await signedIn(at, long, "/account", { viewport: { width: 320, height: 700 }, bypassCSP: true, allowed: /404/ });
    await context.request.patch(`${at.address}/api/accounts/me`, { data: { name: "W".repeat(200) } });
    const paths = ["/account", "/account/close", "/account/preferences", "/account/sessions", `/verify?token=x&email=${long}`];
    if (at === site) paths.push("/", `/search?q=${"w".repeat(300)}`, "/products/walnut-bread");
    for (const path of paths) {
      for (const width of [320, 1280]) {
        await page.setViewportSize({ width, height: 700 });
        await page.goto(at.address + path);
        assert.ok((await tooWide(page)) <= 0, `${path.slice(0, 40)} at ${width} is ${await tooWide(page)} px too wide`);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => [path.slice(0, 40), id, nodes[0].html]), []);
      }
    }
    await done();
  }
});
