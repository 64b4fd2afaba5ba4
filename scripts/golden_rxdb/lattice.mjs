// A profile with every type of value and key, by a real browser: `OUT=folder [FLAGS=...] [KILL=1] node lattice.mjs`.
//
// OUT/profile is the profile, OUT/told.json what the page saw (page/tagged.js) before the browser ended. With SEED, COUNT (300) random values under random keys
// instead (page/random_values.js); KILL then ends the browser within a transaction.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const { OUT, SEED, COUNT = "300", FLAGS = "", KILL, PORT = "0", CHROMIUM = "/usr/bin/chromium" } = process.env;
if (!OUT) throw new Error("OUT is the folder to write to");
const server = createServer(async (request, response) => {
  const script = /^\/(\w+\.js)$/.exec(request.url)?.[1];
  response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html; charset=utf-8" });
  response.end(script ? await readFile(join(HERE, "page", script)) : "<!doctype html><title>lattice</title>");
});
await new Promise((kept) => server.listen(Number(PORT), "localhost", kept));
const profile = join(OUT, "profile");
await mkdir(profile, { recursive: true });
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];
const browser = await puppeteer.launch({ executablePath: CHROMIUM, userDataDir: profile, args: [...args, ...FLAGS.split(" ").filter(Boolean)], headless: true });
const page = await browser.newPage();
await page.goto(`http://localhost:${server.address().port}/`);
const text = await page.evaluate(async (seed, count) => {
  const { everything, items } = await import("/tagged.js");
  if (seed) await (await import("/random_values.js")).write(Number(seed), Number(count));
  else {
    const { write, writeStorage } = await import("/lattice.js");
    await write();
    writeStorage();
  }
  const storage = { localStorage: await items(localStorage), sessionStorage: await items(sessionStorage) };
  return JSON.stringify({ origin: location.origin, databases: await everything(), storage });
}, SEED, COUNT);
await writeFile(join(OUT, "told.json"), JSON.stringify({ browser: await browser.version(), ...JSON.parse(text) }));
const process_ = browser.process();
const gone = new Promise((kept) => process_.once("exit", kept));
if (KILL) {
  if (SEED) await page.evaluate(async () => (await import("/random_values.js")).begin());
  process.kill(-process_.pid, "SIGKILL"); // with the process that holds the storage
} else {
  if (!SEED) await new Promise((kept) => setTimeout(kept, 6000)); // web storage is written after some seconds
  await browser.close();
}
await gone;
server.close();
process.exit(0);
