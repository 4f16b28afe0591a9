// What the guide shows of a script, in a browser, as it stands there.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { makeKey, openBrowser, opener, root, serveNew } from "./serve.mjs";

// The blocks of a page of the guide that are files of a site in the folder `site/`, by their names there.
async function filesOf(page) {
  const text = await readFile(join(root, "docs", page), "utf8");
  const found = text.matchAll(/^```\w+ file=site\/(\S+)\n(.*?)^```$/gms);
  return Object.fromEntries([...found].map(([, name, content]) => [name, content]));
}

let site, browser;

before(async () => {
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

test("the notes of the chapter on what happens live come, change and go", async () => {
  const files = await filesOf("live.md");
  assert.ok(files["public/live.js"] && files["pages/live.html"], Object.keys(files).join());
  site = await serveNew({}, files);
  const headers = { authorization: `Bearer ${makeKey(site, "staff")}`, "content-type": "application/json" };
  const send = async (method, path, body) => {
    const answer = await fetch(`${site.address}/api/notes${path}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  };
  const { page, done } = await opener(browser, site.address)("/live", { allowed: /404/ }); // it has no icon
  const notes = page.locator("#notes li");
  const titles = async (wanted) => assert.deepEqual(await notes.allTextContents(), wanted);
  await notes.getByText("Hello", { exact: true }).waitFor();
  await send("POST", "", { title: "Third" });
  await notes.getByText("Third", { exact: true }).waitFor();
  await titles(["Hello", "A second note", "Third"]);
  await send("PATCH", "/slug=third", { title: "Changed" });
  await notes.getByText("Changed", { exact: true }).waitFor();
  await titles(["Hello", "A second note", "Changed"]);
  await send("DELETE", "/slug=hello");
  await notes.getByText("Hello", { exact: true }).waitFor({ state: "detached" });
  await titles(["A second note", "Changed"]);
  await done();
});
