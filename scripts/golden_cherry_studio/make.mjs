// Writes dirty-v6.zip and dirty-v5.json.gz of tests/golden/ai-apps/cherry-studio: `node make.mjs`.  GOLDEN=folder writes somewhere else.
//
// The two LevelDB folders are real Chromium's of a page with Dexie, of origin file://, as in Electron; the JSON is the page's own account.

import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import puppeteer from "puppeteer-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const golden = join(process.env.GOLDEN ?? join(HERE, "..", "..", "tests", "golden"), "ai-apps", "cherry-studio");
const { CHROMIUM = "/usr/bin/chromium" } = process.env;
const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-dev-shm-usage", "--allow-file-access-from-files",
];

const work = await mkdtemp(join(tmpdir(), "golden-cherry-"));
const page = join(work, "index.html");
const made = await build({
  entryPoints: [join(HERE, "page.js")], bundle: true, write: false, format: "iife", globalName: "golden", platform: "browser", target: "es2022", logLevel: "error",
});
await writeFile(page, `<!doctype html><meta charset="utf-8"><title>Cherry Studio</title><script>${made.outputFiles[0].text}</script>`);

const profile = join(work, "profile");
let account = "";
for (const step of ["write", "change", "told"]) {
  const browser = await puppeteer.launch({ executablePath: CHROMIUM, userDataDir: profile, args: ARGUMENTS, headless: true });
  const opened = await browser.newPage();
  opened.on("pageerror", (error) => console.error(`  ${step}:`, error.message));
  await opened.goto(pathToFileURL(page).href);
  const answer = await opened.evaluate(async (step) => golden[step](), step);
  if (step === "told") account = answer;
  await opened.goto("about:blank");
  await new Promise((kept) => setTimeout(kept, 6000)); // web storage is written after some seconds
  const gone = new Promise((kept) => browser.process().once("exit", kept));
  await browser.close();
  await gone;
  console.log(step);
}

const out = join(work, "backup");
await mkdir(join(out, "Data", "Files"), { recursive: true });
for (const folder of await readdir(join(profile, "Default", "IndexedDB"))) {
  await copied(join(profile, "Default", "IndexedDB", folder), join(out, "IndexedDB", folder));
}
await copied(join(profile, "Default", "Local Storage", "leveldb"), join(out, "Local Storage", "leveldb"));
await writeFile(join(out, "Data", "Files", "f1.txt"), "moths");
const head = { version: 6, timestamp: 1777889100000, appName: "Cherry Studio", appVersion: "1.9.1", platform: "linux", arch: "x64" };
await writeFile(join(out, "metadata.json"), JSON.stringify(head, null, 2));
await mkdir(golden, { recursive: true });
const names = (await readdir(out)).map((name) => join(out, name));
await rm(join(golden, "dirty-v6.zip"), { force: true });
execFileSync("python3", ["-m", "zipfile", "-c", join(golden, "dirty-v6.zip"), ...names]);
await writeFile(join(golden, "dirty-v5.json.gz"), gzipSync(account));
await rm(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
process.exit(0);

async function copied(from, to) {
  await cp(from, to, { recursive: true, filter: (path) => !/(^|\/)(LOCK|LOG(\.old)?)$/.test(path) });
}
