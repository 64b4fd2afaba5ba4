// Make the golden profiles of tests/golden/opfs again: `node make.mjs [ITEM...]` (no ITEM: all of them).
//
// Each library writes a small SQLite database in a real browser and selects its rows, which become expected.json.

import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const GOLDEN = process.env.GOLDEN ?? join(HERE, "..", "..", "tests", "golden", "opfs");
const PORT = Number(process.env.PORT ?? 8719); // fixed, so that the origin is
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
];
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const PARTS = ["File System", "IndexedDB"];

/**
 * Item -> the libraries that write into its profile.  `killed`: the last transaction of each is open when the browser dies.
 * `packed`: its IndexedDB is long, so the profile is in an archive, Default.tar.gz.
 */
const items = {
  "pools": { libraries: ["sahpool", "wa-pool-2"] },
  "files": { libraries: ["opfs", "wa-coop", "wa-any"], ownFile: true },
  "indexeddb": { libraries: ["wa-batch-1", "wa-batch-2", "wa-minimal", "wa-mirror", "jeep"], packed: true },
  "indexeddb-sqlite": { libraries: ["wa-batch-2", "wa-mirror", "jeep"], flags: ["--enable-features=IdbSqliteBackingStore"], packed: true },
  "killed": { libraries: ["sahpool", "wa-coop", "wa-batch-1", "wa-batch-2"], killed: true, packed: true },
  "ahead": { libraries: ["wa-ahead"] },
  "permuted": { libraries: ["wa-permuted"] },
};

/** The page, its scripts and the packages as they are; SharedArrayBuffer, which the `opfs` VFS needs, asks for the two headers. */
async function serve() {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    const headers = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
    try {
      if (path === "/") {
        response.writeHead(200, { ...headers, "content-type": "text/html; charset=utf-8" });
        response.end('<!doctype html><title>golden</title><body><script type="module" src="/page/page.js"></script>');
      } else {
        const content = await readFile(join(HERE, path));
        response.writeHead(200, { ...headers, "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(content);
      }
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done, failed) => server.once("error", failed).listen(PORT, "localhost", done));
  return server;
}

async function versions() {
  const { dependencies } = JSON.parse(await readFile(join(HERE, "package.json"), "utf8"));
  delete dependencies["puppeteer-core"];
  return dependencies;
}

/** A browser with the page open; `end` closes or kills it. */
async function open(profile, flags) {
  const browser = await puppeteer.launch({ executablePath: CHROMIUM, userDataDir: profile, args: [...ARGUMENTS, ...flags], headless: true, protocolTimeout: 60_000 });
  const process_ = browser.process();
  const gone = new Promise((done) => process_.once("exit", done));
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error("  page:", error.message));
  if (process.env.SHOW) page.on("console", (message) => console.error("  console:", message.text()));
  await page.goto(`http://localhost:${PORT}/`);
  await page.waitForFunction(() => globalThis.golden);
  const end = async (killed) => {
    await new Promise((done) => setTimeout(done, 1500)); // the index of the file system is written after a moment
    if (killed) {
      process.kill(-process_.pid, "SIGKILL");
    } else {
      await page.goto("about:blank");
      await browser.close();
    }
    await gone;
  };
  return { page, end, version: (await browser.version()).replace("HeadlessChrome", "Chrome") };
}

async function make(name, { libraries, killed = false, ownFile = false, packed = false, flags = [] }) {
  const profile = await mkdtemp(join(tmpdir(), "golden-opfs-"));
  const { page, end, version } = await open(profile, flags);
  const told = {};
  for (const library of libraries) {
    told[library] = JSON.parse(await page.evaluate(async (library, open) => JSON.stringify(await globalThis.golden.write(library, open)), library, killed));
  }
  if (ownFile) await page.evaluate(() => globalThis.golden.ownFile());
  await end(killed);
  const target = join(GOLDEN, name);
  await rm(target, { recursive: true, force: true });
  for (const part of PARTS) {
    const from = join(profile, "Default", part);
    if (await stat(from).catch(() => null)) {
      await cp(from, join(target, "Default", part), { recursive: true, filter: (path) => !/\/LOG(\.old)?$/.test(path) });
    }
  }
  if (packed) {
    const plain = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--use-compress-program=gzip -9n"];
    execFileSync("tar", [...plain, "-C", target, "-cf", join(target, "Default.tar.gz"), "Default"]);
    await rm(join(target, "Default"), { recursive: true });
  }
  const expected = { browser: version, packages: await versions(), origin: `http://localhost:${PORT}`, killed, libraries: told };
  await writeFile(join(target, "expected.json"), JSON.stringify(expected) + "\n");
  await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

async function size(folder) {
  const sizes = await Promise.all((await readdir(folder, { withFileTypes: true })).map(async (entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? size(path) : (await stat(path)).size;
  }));
  return sizes.reduce((one, two) => one + two, 0);
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in items));
if (unknown.length) throw new Error(`no such item: ${unknown.join(", ")}`);
const server = await serve();
let failed = 0;
for (const name of asked.length ? asked : Object.keys(items)) {
  try {
    await make(name, items[name]);
    console.log(`${name}: ${Math.ceil((await size(join(GOLDEN, name))) / 1024)} KiB`);
  } catch (error) {
    failed += 1;
    console.error(`${name}: ${error.message.slice(0, 1500)}`);
  }
}
server.close();
process.exit(failed ? 1 : 0);
