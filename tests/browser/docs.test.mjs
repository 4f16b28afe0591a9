// What the guide shows of a script, in a browser, as it stands there.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { makeKey, openBrowser, opener, root, serveNew } from "./serve.mjs";

// The blocks of a page of the guide that are files of a site in the folder `site/`, by their names there.
async function filesOf(page) {
  const text = await readFile(join(root, "docs", page), "utf8");
  const found = text.matchAll(/^```\w+ file=site\/(\S+)\n(.*?)^```$/gms);
  return Object.fromEntries([...found].map(([, name, content]) => [name, content]));
}

test("the notes of the chapter on what happens live come, change and go", async () => {
  const files = await filesOf("live.md");
  assert.ok(files["public/live.js"] && files["pages/live.html"], Object.keys(files).join());
  const site = await serveNew({}, files);
  const browser = await openBrowser();
  const headers = { authorization: `Bearer ${makeKey(site, "staff")}`, "content-type": "application/json" };
  const send = async (method, path, body) => {
    const answer = await fetch(`${site.address}/api/notes${path}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  };
  const { page, done } = await opener(browser, site.address)("/live");
  const shown = (titles) => page.waitForFunction((wanted) => [...document.querySelectorAll("#notes li")].map((item) => item.textContent).join() === wanted, titles.join());
  await shown(["Hello"]);
  await send("POST", "", { title: "Second" });
  await shown(["Hello", "Second"]);
  await send("PATCH", "/slug=second", { title: "Changed" });
  await shown(["Hello", "Changed"]);
  await send("DELETE", "/slug=hello");
  await shown(["Changed"]);
  await done();
  await browser.close();
  await site.stop();
});
