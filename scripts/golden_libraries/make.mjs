// Writes tests/golden/libraries: `node make.mjs`.  GOLDEN=folder writes somewhere else, PORT=8741 is part of the origin.
//
// IndexedDB/ and Local Storage/ are those folders of the profile, told.json.gz what each library answered about its own data (page/*.js).

import { build } from "esbuild";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import puppeteer from "puppeteer-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const { GOLDEN = join(HERE, "..", "..", "tests", "golden"), PORT = "8741", CHROMIUM = "/usr/bin/chromium" } = process.env;
const NAMES = ["pouchdb", "localforage", "redux_persist", "tinybase", "firestore", "yjs", "automerge"];
const PACKAGES = JSON.parse(await readFile(join(HERE, "package.json"), "utf8")).dependencies;

const bundles = Object.fromEntries(await Promise.all(NAMES.map(async (name) => {
  const made = await build({
    entryPoints: [join(HERE, "page", `${name}.js`)], bundle: true, write: false, format: "esm", platform: "browser", target: "es2022",
    conditions: ["webpack"], define: { global: "globalThis", "process.env.NODE_ENV": '"production"' }, logLevel: "error",
  });
  return [name, made.outputFiles[0].text];
})));
const server = createServer((request, response) => {
  const script = bundles[/^\/(\w+)\.js$/.exec(request.url)?.[1]];
  response.writeHead(200, { "content-type": script ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8" });
  response.end(script ?? "<!doctype html><title>libraries</title>");
});
await new Promise((kept) => server.listen(Number(PORT), "localhost", kept));

const profile = await mkdtemp(join(tmpdir(), "golden-libraries-"));
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];
const browser = await puppeteer.launch({ executablePath: CHROMIUM, userDataDir: profile, args, headless: true });
const told = { browser: await browser.version(), packages: PACKAGES, databases: {} };
for (const name of NAMES) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(`  ${name}:`, error.message));
  await page.goto(`http://localhost:${PORT}/`);
  const text = await page.evaluate(async (name) => JSON.stringify(await (await import(`/${name}.js`)).write()), name);
  Object.assign(told.databases, JSON.parse(text));
  await page.goto("about:blank");
  console.log(name);
}
await new Promise((kept) => setTimeout(kept, 6000)); // web storage is written after some seconds
const process_ = browser.process();
const gone = new Promise((kept) => process_.once("exit", kept));
await browser.close();
await gone;
server.close();

const golden = join(GOLDEN, "libraries");
await rm(golden, { recursive: true, force: true });
await mkdir(golden, { recursive: true });
for (const folder of ["IndexedDB", "Local Storage"]) {
  await cp(join(profile, "Default", folder), join(golden, folder), { recursive: true, filter: (path) => !/(^|\/)LOG(\.old)?$/.test(path) });
}
await writeFile(join(golden, "told.json.gz"), gzipSync(JSON.stringify(told, null, 1)));
await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
process.exit(0);
