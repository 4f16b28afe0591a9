// Starts the built program on a copy of a site, on a free port, and the browser that looks at it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../", import.meta.url));
const program = process.env.MAINS ?? join(root, "target/debug/mains");

// Serves a copy of `site`; gives its address and how to stop it.
export async function serveCopy(site) {
  const folder = await mkdtemp(join(tmpdir(), "mains-"));
  await cp(join(root, site), folder, { recursive: true, filter: (path) => !path.endsWith("/data") });
  const server = spawn(program, ["--site", folder, "serve", "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, MAINS_LOG_LEVEL: "warn" },
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

export function openBrowser() {
  const args = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args });
}
