// Journeys of somebody with an account: the mails really arrive, a second browser looks on; with a script and without.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { axe, openBrowser, opener, receiveMail, serveCopy, serveNew } from "./serve.mjs";

let mail, site, bare, browser, open;

before(async () => {
  mail = await receiveMail();
  const settings = { MAINS_MAIL_URL: mail.url, MAINS_MAIL_FROM: "shop@corner.example" };
  site = await serveCopy("examples/corner-shop", settings);
  bare = await serveNew(settings);
  browser = await openBrowser();
  open = opener(browser, site.address);
});

after(async () => {
  await browser?.close();
  await site?.stop();
  await bare?.stop();
  await mail?.stop();
});

// The address in a mail that leads to `path` of the site; long lines of a mail are folded by quoted-printable.
async function linkIn(to, path) {
  const content = (await mail.next(to)).replace(/=\r?\n/g, "").replace(/=3D/g, "=");
  const found = content.match(new RegExp(`https?://[^\\s"<>]*(${path}\\?token=[^\\s"<>]+)`));
  assert.ok(found, content);
  return found[1];
}

async function press(page, name) {
  await Promise.all([page.waitForLoadState("load"), page.waitForNavigation(), page.getByRole("button", { name, exact: true }).click()]);
}

async function fillSignUp(page, email, password, at = site) {
  await page.goto(`${at.address}/sign-up`);
  await page.getByLabel("Name").fill("Ines");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await press(page, "Make an account");
  assert.match(await page.locator("h1").textContent(), /Look into your mail/);
}

async function signUp(page, email, password, at = site) {
  await fillSignUp(page, email, password, at);
  await page.goto(at.address + (await linkIn(email, "/verify")));
  await press(page, "Confirm and sign in");
  assert.equal(new URL(page.url()).pathname, "/account");
}

async function signIn(page, email, password) {
  await page.goto(`${site.address}/sign-in`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await press(page, "Sign in");
}

const theme = (page) => page.locator("html").getAttribute("data-theme");

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with a script" : "without one";
  const email = javaScriptEnabled ? "ines@corner.example" : "tomas@corner.example";

  test(`sign up by mail, favorite, review, prefer, reset, sign out everywhere, ${how}`, async () => {
    const { page, done } = await open("/", { javaScriptEnabled, allowed: /401|403|422/ });
    await signUp(page, email, "four words that differ");

    await page.goto(`${site.address}/products/walnut-bread`);
    await press(page, "Add to favorites");
    assert.equal(await page.getByRole("button", { name: "Take from favorites" }).count(), 1);
    await page.goto(`${site.address}/favorites`);
    assert.deepEqual(await page.locator(".item h3").allTextContents(), ["Walnut bread"]);

    await page.goto(`${site.address}/products/walnut-bread`);
    await page.getByLabel("Your name").fill(javaScriptEnabled ? "Ines of the corner" : "Tomas of the corner");
    await page.locator("textarea").fill("Good with blue cheese.");
    await press(page, "Send the review");
    assert.match(await page.locator(".write").textContent(), /not sent yet/);
    assert.equal(await page.locator("textarea").inputValue(), "Good with blue cheese.");
    await page.locator("label[for=stars-5]").click();
    await press(page, "Send the review");
    assert.match(await page.locator(".review").first().textContent(), /Good with blue cheese/);

    await page.goto(`${site.address}/account/preferences`);
    await page.getByLabel("Evening").check();
    await page.getByLabel("Prices also in").selectOption("USD");
    await page.getByLabel("Dates and numbers").selectOption("de");
    await page.getByLabel("Time zone").selectOption("Asia/Tokyo");
    await press(page, "Save preferences");
    assert.equal(await theme(page), "dark");
    assert.match(await page.locator("#zone-hint").textContent(), /For you it is \d+\. [A-Z]\S+ \d{4}, \d\d:\d\d now/);
    const other = await open("/", { javaScriptEnabled, allowed: /401|403|422/ });
    await signIn(other.page, email, "four words that differ");
    assert.equal(await theme(other.page), "dark");
    await other.page.goto(`${site.address}/products/walnut-bread`);
    assert.match(await other.page.locator(".price-big").textContent(), /about \d+,\d\d\s\$/);

    await page.goto(`${site.address}/reset`);
    await page.getByLabel("E-mail address").fill(email);
    await press(page, "Send the link");
    await page.goto(site.address + (await linkIn(email, "/reset")));
    await page.getByLabel("New password").fill("another four plain words");
    await press(page, "Save the password");
    await other.page.goto(`${site.address}/account`);
    assert.equal(new URL(other.page.url()).pathname, "/sign-in", "the other device was signed out");
    await signIn(other.page, email, "four words that differ");
    assert.match(await other.page.locator("[role=alert]").textContent(), /do not match|does not match/);
    await signIn(other.page, email, "another four plain words");

    await page.goto(`${site.address}/account/sessions`);
    assert.equal(await page.getByText("This device").count(), 1);
    await press(page, "Sign out everywhere else");
    await other.page.goto(`${site.address}/account`);
    assert.equal(new URL(other.page.url()).pathname, "/sign-in");
    await page.goto(`${site.address}/favorites`);
    assert.deepEqual(await page.locator(".item h3").allTextContents(), ["Walnut bread"]);
    await other.done();
    await done();
  });
}

for (const javaScriptEnabled of [true, false]) {
  test(`the link opened on another device asks for a password, ${javaScriptEnabled ? "with a script" : "without one"}`, async () => {
    const email = javaScriptEnabled ? "vera@corner.example" : "hugo@corner.example";
    const desktop = await open("/", { javaScriptEnabled, allowed: /401/ });
    const phone = await open("/", { javaScriptEnabled });
    await fillSignUp(desktop.page, email, "typed on the desktop");
    await phone.page.goto(site.address + (await linkIn(email, "/verify")));
    await press(phone.page, "Confirm and sign in");
    assert.match(await phone.page.locator("#h-choose").textContent(), /Choose a password/);
    await phone.page.getByLabel("Password", { exact: true }).first().fill("chosen on the phone");
    await press(phone.page, "Save the password");
    assert.equal(await phone.page.locator("#h-choose").count(), 0);
    await signIn(desktop.page, email, "typed on the desktop");
    assert.match(await desktop.page.locator("[role=alert]").textContent(), /do not match/);
    await signIn(desktop.page, email, "chosen on the phone");
    assert.equal(new URL(desktop.page.url()).pathname, "/account");
    await desktop.done();
    await phone.done();
  });
}

test("a review appears in a second browser while it is looking", async () => {
  const writer = await open("/");
  const reader = await open("/products/olive-bread");
  await signUp(writer.page, "pilar@corner.example", "four words that differ");
  await writer.page.goto(`${site.address}/products/olive-bread`);
  await writer.page.locator("label[for=stars-4]").click();
  await writer.page.locator("textarea").fill("Olives in every slice.");
  await writer.page.getByLabel("Your name").fill("Pilar of the corner");
  await press(writer.page, "Send the review");
  await reader.page.getByRole("button", { name: "1 new review" }).click();
  assert.match(await reader.page.locator(".review").first().textContent(), /Olives in every slice/);
  await writer.page.goto(`${site.address}/`);
  assert.match(await writer.page.locator(".recent").textContent(), /Olive bread/);
  await writer.done();
  await reader.done();
});

test("a visitor keeps favorites and what was looked at as a guest, and takes them along when signing up", async () => {
  const { page, done } = await open("/products/honey-cake");
  await press(page, "Add to favorites");
  assert.equal(await page.getByRole("button", { name: "Take from favorites" }).count(), 1);
  const noted = page.waitForResponse((answer) => answer.url().includes("/api/visits/") && answer.ok());
  await page.goto(`${site.address}/products/sea-salt-coarse`);
  await noted;
  await page.goto(`${site.address}/`);
  assert.match(await page.locator(".recent").textContent(), /Sea salt/);
  await page.goto(`${site.address}/favorites`);
  assert.deepEqual(await page.locator(".item h3").allTextContents(), ["Honey cake"]);
  assert.match(await page.locator("main .note").textContent(), /kept for this device/);
  await signUp(page, "guest@corner.example", "four words that differ");
  await page.goto(`${site.address}/favorites`);
  assert.deepEqual(await page.locator(".item h3").allTextContents(), ["Honey cake"]);
  assert.equal(await page.locator("main .note").count(), 0);
  await done();
});

test("a visitor who only looks becomes nobody, and without a script keeps favorites all the same", async () => {
  const looking = await open("/products/honey-cake");
  assert.deepEqual(await looking.context.cookies(), []);
  await looking.done();
  const { page, done } = await open("/products/honey-cake", { javaScriptEnabled: false });
  await press(page, "Add to favorites");
  await page.goto(`${site.address}/favorites`);
  assert.deepEqual(await page.locator(".item h3").allTextContents(), ["Honey cake"]);
  await done();
});

test("after a gap of the stream the reviews are loaded again", async () => {
  const writer = await open("/");
  await signUp(writer.page, "sanna@corner.example", "four words that differ");
  const { page, done } = await open("/");
  let asked, answer;
  const waiting = new Promise((resolve) => (asked = resolve));
  const written = new Promise((resolve) => (answer = resolve));
  await page.route("**/api/changes**", async (route) => {
    asked();
    await written;
    const body = 'retry: 600000\nevent: resync\nid: x\ndata: {"cursor":"x"}\n\n';
    await route.fulfill({ contentType: "text/event-stream", body });
  });
  await page.goto(`${site.address}/products/rye-flour`);
  await waiting;
  await writer.page.goto(`${site.address}/products/rye-flour`);
  await writer.page.locator("label[for=stars-5]").click();
  await writer.page.locator("textarea").fill("Written while nobody heard.");
  await writer.page.getByLabel("Your name").fill("Sanna");
  await press(writer.page, "Send the review");
  assert.equal(await page.getByText("Written while nobody heard.").count(), 0);
  answer();
  await page.getByText("Written while nobody heard.").waitFor();
  await writer.done();
  await done();
});

// What one sees without an account, and with one; then forms that were sent wrong.
const outside = ["/sign-in", "/sign-in?done=out", "/sign-up", "/sign-up?done=1", "/reset", "/reset?done=1", "/reset?token=x", "/verify?token=x", "/verify", "/account/email?token=x", "/account/email?done=1", "/account/email", "/account/email-back?token=x", "/account/email-back", "/nowhere"];
const inside = ["/account", "/account?done=saved", "/account/preferences", "/account/preferences?done=1", "/account/sessions", "/account/email?token=x", "/account/email-back?token=x"];
const wrong = [
  ["/sign-in", "Sign in"],
  ["/sign-up", "Make an account"],
  ["/reset", "Send the link"],
  ["/reset?token=x&email=x%40corner.example", "Save the password"],
  ["/verify?token=x&email=x%40corner.example", /^Confirm/],
  ["/account/email?token=x", "Confirm the address"],
  ["/account/email-back?token=x&email=x%40corner.example", "Take the address back"],
];
const wrongInside = [
  ["/account", "Change the password"],
  ["/account", "Send the link"],
];

for (const [name, options] of [
  ["desktop, light", {}],
  ["desktop, dark", { colorScheme: "dark" }],
  ["phone", { viewport: { width: 390, height: 844 } }],
  ["narrow phone, dark", { viewport: { width: 320, height: 700 }, colorScheme: "dark" }],
]) {
  for (const where of ["the shop", "a bare site"]) {
    test(`axe finds nothing in the pages of an account: ${where}, ${name}`, async () => {
      const at = where === "the shop" ? site : bare;
      const { page, done } = await opener(browser, at.address)("/sign-in", { ...options, bypassCSP: true, allowed: /40[134]|422/ });
      const look = async (what) => {
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => [what, id, nodes[0].html]), []);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${what} is ${wide} px too wide`);
      };
      const visit = async (paths) => {
        for (const path of paths) {
          await page.goto(at.address + path);
          await look(path);
        }
      };
      const fail = async (forms) => {
        for (const [path, button] of forms) {
          await page.goto(at.address + path);
          await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: button }).click()]);
          assert.ok((await page.locator("[role=alert]").count()) > 0, `${path} says what failed`);
          await look(`${path} after a failure`);
        }
      };
      await visit(outside);
      await fail(wrong);
      await signUp(page, `${name.replaceAll(/\W+/g, "-")}@corner.example`, "four words that differ", at);
      await visit(inside);
      await fail(wrongInside);
      if (at === site) await visit(["/favorites", "/products/walnut-bread"]);
      await done();
    });
  }
}
