// Make the golden profiles of RxDB 9 to 11 again: `node make.mjs [ITEM...]` (no ITEM: all; `--list` names them). Wanted: what ../golden_rxdb wants, installed.
//
// As there: written by the real RxDB in a real browser with a new profile; a copy of what lies on disk is opened by RxDB once more, and its account is expected.json.

import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { newFolder, open, profileFrom, remove, serve } from "../golden_rxdb/browser.mjs";
import { bundle } from "./bundle.mjs";

const GOLDEN = process.env.GOLDEN ?? join(dirname(fileURLToPath(import.meta.url)), "..", "..", "tests", "golden", "rxdb");
const PASSWORD = "correct horse battery staple ß🐎";

const item = (major, options) => ({ major, options: { database: "oldapp", adapter: "idb", ...options } });
const items = {
  "v9-pouchdb": item(9, { attachments: true }),
  "v11-pouchdb": item(11, { attachments: true }),
  "v11-pouchdb-encrypted": item(11, { encrypted: true, attachments: true, keyCompression: true, password: PASSWORD, pipes: false }),
  "v11-pouchdb-indexeddb": item(11, { adapter: "indexeddb", attachments: true }),
};

async function session(profile, major, options, work) {
  const browser = await open(profile, major);
  try {
    const { version } = await browser.call("open", options);
    const facts = await work(browser);
    await browser.call("close");
    await browser.close();
    return { version, browser: browser.version, facts };
  } catch (error) {
    await browser.kill();
    throw error;
  }
}

async function make(name, { major, options }) {
  const target = join(GOLDEN, name);
  const profile = await newFolder();
  await session(profile, major, options, async ({ call }) => {
    await call("live", options);
    await call("conflicts");
  });
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await cp(join(profile, "Default", "IndexedDB"), join(target, "IndexedDB"), { recursive: true, filter: (path) => !/\/LOG(\.old)?$/.test(path) });
  await remove(profile);
  const copy = await profileFrom(join(target, "IndexedDB"));
  const { version, browser, facts } = await session(copy, major, options, ({ call }) => call("tell", options));
  await remove(copy);
  const told = { rxdb: major, ...facts, rxdbVersion: version, browser, adapter: options.adapter, ...(options.password ? { password: options.password } : {}) };
  await writeFile(join(target, "expected.json"), JSON.stringify(told) + "\n");
}

const asked = process.argv.slice(2);
if (asked.includes("--list")) {
  console.log(Object.keys(items).join("\n"));
} else {
  const server = await serve(bundle);
  let failed = 0;
  for (const name of asked.length ? asked : Object.keys(items)) {
    try {
      await make(name, items[name]);
      console.log(name);
    } catch (error) {
      failed += 1;
      console.error(`${name}: ${error.message.slice(0, 800)}`);
    }
  }
  server.close();
  process.exit(failed ? 1 : 0);
}
