// A real browser on a new profile, and the local page it opens. The port is fixed, so that the origin is; `PORT=0` takes any free one.

import { createServer } from "node:http";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import puppeteer from "puppeteer-core";

import { bundle } from "./bundle.mjs";

let port = Number(process.env.PORT ?? 8717);
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
];

/** Serve `/17` (a page) and `/17.js` (its bundle, made when first asked for by `make`). */
export async function serve(make = bundle) {
  const bundles = new Map();
  const server = createServer(async (request, response) => {
    const [, major, script] = /^\/(\d+)(\.js)?$/.exec(request.url) ?? [];
    if (!major) return response.writeHead(404).end();
    if (script && !bundles.has(major)) bundles.set(major, make(Number(major)));
    response.writeHead(200, { "content-type": script ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8" });
    response.end(script ? await bundles.get(major) : `<!doctype html><title>RxDB ${major}</title><script src="/${major}.js"></script>`);
  });
  await new Promise((done, failed) => server.once("error", failed).listen(port, "localhost", done));
  port = server.address().port;
  return server;
}

export async function newFolder() {
  return mkdtemp(join(tmpdir(), "golden-rxdb-"));
}

/** A profile whose IndexedDB (or Local Storage) is a copy of the given one: what a reader gets to see must be enough for Chromium, too. */
export async function profileFrom(folder) {
  const profile = await newFolder();
  await mkdir(join(profile, "Default"));
  await cp(folder, join(profile, "Default", basename(folder)), { recursive: true });
  return profile;
}

/** Start Chromium on a profile and open the page of one RxDB major. */
export async function open(profile, major, flags = []) {
  const browser = await puppeteer.launch({
    executablePath: CHROMIUM, userDataDir: profile, args: [...ARGUMENTS, ...flags], headless: true, protocolTimeout: 30_000,
  });
  return session(browser, major);
}

export async function openFirefox(profile, major) {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, userDataDir: profile, headless: true });
  return session(browser, major);
}

async function session(browser, major) {
  const process_ = browser.process();
  const gone = new Promise((done) => process_.once("exit", done));
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error("  page:", error.message));
  await page.goto(`http://localhost:${port}/${major}`);
  return {
    version: (await browser.version()).replace("HeadlessChrome", "Chrome"),
    /** Call golden.<name>(...) in the page; answers travel as JSON text so that lone surrogates survive. */
    async call(name, ...given) {
      const text = await page.evaluate(
        async (name, given) => JSON.stringify((await globalThis.golden[name](...given)) ?? null), name, given);
      return JSON.parse(text);
    },
    async close() {
      await page.goto("about:blank");
      await browser.close();
      await gone;
    },
    async kill() {
      process.kill(-process_.pid, "SIGKILL");
      await gone;
      await browser.disconnect().catch(() => {});
    },
  };
}

export async function remove(folder) {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
