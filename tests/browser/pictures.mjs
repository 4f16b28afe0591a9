// Takes the pictures of docs/pictures: the shop's front page and one product, phone and desktop, light and dark.
// `node tests/browser/pictures.mjs`; with a folder behind it: the pages of an account, too, of the shop and of a bare site,
// into that folder, to be looked at.
import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { openBrowser, root, serveCopy, serveNew } from "./serve.mjs";

const sizes = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 }, narrow: { width: 320, height: 700 } };
const browser = await openBrowser();

async function take(site, { size, scheme, file, path, fullPage = false, storageState }) {
  const context = await browser.newContext({ viewport: sizes[size], colorScheme: scheme, reducedMotion: "reduce", storageState });
  const page = await context.newPage();
  await page.goto(site.address + path);
  // Pictures further down load when they come near, which a picture of the whole page never does.
  await page.evaluate(() => Promise.all([...document.images].map((image) => ((image.loading = "eager"), image.decode().catch(() => {})))));
  await page.screenshot({ path: file, fullPage });
  await context.close();
}

const shop = await serveCopy("examples/corner-shop");
const folder = process.argv[2];
let bare;
try {
  await takeAll();
} finally {
  await browser.close();
  await shop.stop();
  await bare?.stop();
}

async function takeAll() {
  if (!folder) {
    const pictures = join(root, "docs/pictures");
    for (const size of ["desktop", "phone"]) {
      for (const scheme of ["light", "dark"]) {
        const which = `${size === "desktop" ? "" : "-phone"}${scheme === "light" ? "" : "-dark"}`;
        await take(shop, { size, scheme, path: "/", file: join(pictures, `corner-shop${which}.png`) });
        await take(shop, { size, scheme, path: "/products/dark-rye-bread", file: join(pictures, `product${which}.png`) });
      }
    }
  } else {
    bare = await serveNew();
    const program = process.env.MAINS ?? join(root, "target/debug/mains");
    await mkdir(folder, { recursive: true });
    for (const [name, site] of [["shop", shop], ["bare", bare]]) {
      const password = execFileSync(program, ["--site", site.folder, "accounts", "create", "ines@corner.example"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
      const context = await browser.newContext();
      await context.request.post(`${site.address}/api/accounts/sign-in`, { data: { email: "ines@corner.example", password } });
      await context.request.patch(`${site.address}/api/accounts/me`, { data: { name: "Ines" } });
      const storageState = await context.storageState();
      await context.close();
      for (const size of Object.keys(sizes)) {
        for (const scheme of ["light", "dark"]) {
          for (const [path, state] of [["/sign-in"], ["/sign-up"], ["/sign-up?done=1"], ["/reset"], ["/reset?done=1"], ["/verify?token=x"], ["/account/email?token=x"], ["/nowhere"], ["/account", storageState], ["/account/preferences", storageState], ["/account/sessions", storageState], ...(site === shop ? [["/"], ["/products/dark-rye-bread"], ["/aisles/bread"], ["/favorites"]] : [])]) {
            const file = join(folder, `${name}-${size}-${scheme}-${path.replaceAll(/\W+/g, "-")}.png`);
            await take(site, { size, scheme, path, file, fullPage: true, storageState: state });
          }
        }
      }
    }
  }
}
