// Starts the built program on a copy of a site, on a free port, and the browser that looks at it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../../", import.meta.url));
const program = process.env.MAINS ?? join(root, "target/debug/mains");

// Serves a copy of `site`, with these settings; gives its address and how to stop it.
export async function serveCopy(site, settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), "mains-"));
  await cp(join(root, site), folder, { recursive: true, filter: (path) => !path.endsWith("/data") });
  return serve(folder, settings);
}

// Serves a site as `mains new` makes it, with accounts and nothing of its own but these files.
export async function serveNew(settings = {}, files = {}) {
  const folder = join(await mkdtemp(join(tmpdir(), "mains-")), "Corner");
  execFileSync(program, ["new", folder, "--accounts"], { stdio: "ignore" });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return serve(folder, settings);
}

// A key for a site that is being served, with a role.
export function makeKey(site, role) {
  return execFileSync(program, ["--site", site.folder, "keys", "create", "--role", role], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

async function serve(folder, settings) {
  const server = spawn(program, ["--site", folder, "serve", "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, MAINS_LOG_LEVEL: "warn", ...settings },
  });
  const [line] = await once(createInterface(server.stdout), "line");
  const address = line.match(/http:\/\/[^/]+/)?.[0];
  if (!address) throw new Error(`the program said ${line}, no address`);
  const stop = async () => {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true });
  };
  return { address, folder, stop };
}

// A real mail server. `next(to)` waits for the next mail to this address and gives its text.
export async function receiveMail() {
  const python = join(root, "tests/mail/.venv/bin/python");
  const server = spawn(python, [join(root, "tests/mail/receive.py")], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
  const { value: first } = await lines.next();
  const waiting = [];
  const next = async (to) => {
    for (;;) {
      const place = waiting.findIndex((mail) => mail.to.includes(to));
      if (place >= 0) return waiting.splice(place, 1)[0].content;
      const { value, done } = await lines.next();
      if (done) throw new Error(`no mail came to ${to}`);
      waiting.push(JSON.parse(value));
    }
  };
  const stop = async () => {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
  };
  return { url: `smtp://127.0.0.1:${first.match(/\d+/)[0]}`, next, stop };
}

export function openBrowser() {
  const args = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args });
}

// The source of axe, to be evaluated in a page.
export const axe = await readFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

// Opens pages, each in a context of its own, that fail their test when the browser's console shows an error; `allowed`
// is what it may say.
export function opener(browser, address) {
  return async (path, { allowed, ...options } = {}) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const mistakes = [];
    const note = (text) => allowed?.test(text) || mistakes.push(text);
    page.on("console", (message) => message.type() === "error" && note(message.text()));
    page.on("pageerror", (error) => note(String(error)));
    await page.goto(address + path, { waitUntil: "load" });
    return { page, context, done: async () => (assert.deepEqual(mistakes, []), context.close()) };
  };
}
