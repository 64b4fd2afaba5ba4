// Make the golden RxDB profiles of tests/golden/rxdb again: `node make.mjs [ITEM...]` (no ITEM: all; `--list` names them).
//
// Each item is written by the real RxDB in a real browser with a new profile, then a copy of what lies on disk is opened by RxDB once more,
// and what RxDB says of it becomes expected.json.

import { cp, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { newFolder, open, profileFrom, remove, serve } from "./browser.mjs";
import { firefox } from "./firefox.mjs";
import { items } from "./items.mjs";

const GOLDEN = process.env.GOLDEN ?? join(dirname(fileURLToPath(import.meta.url)), "..", "..", "tests", "golden", "rxdb");
const SMALL = 50_000;

/** What a reader needs of a profile: not the text logs of LevelDB, which name the machine. */
async function take(folder, item) {
  await rm(item, { recursive: true, force: true });
  await mkdir(item, { recursive: true });
  await cp(folder, join(item, basename(folder)), { recursive: true, filter: (path) => !/\/LOG(\.old)?$/.test(path) });
}

async function write(item, expected) {
  const text = JSON.stringify(expected);
  const large = text.length > SMALL;
  await writeFile(join(item, large ? "expected.json.gz" : "expected.json"), large ? gzipSync(text, { level: 9 }) : text + "\n");
}

/** Ask RxDB, in a browser of its own, what it finds in a copy of the item. */
async function read(item, major, options, flags, folder) {
  const profile = await profileFrom(join(item, folder));
  const session = await open(profile, major, flags);
  try {
    const { counts, removed } = await session.call("stores");
    const told = [];
    for (const each of [options].flat()) {
      const { version } = await session.call("open", each);
      told.push({ version, ...(await session.call("tell", each)) });
      await session.call("close");
    }
    return { told, counts, removed, browser: session.version };
  } finally {
    await session.kill();
    await remove(profile);
  }
}

/** Ids of removed documents by collection, from the names of the IndexedDB databases. */
function tombstones(removed, database, collection) {
  const pattern = new RegExp(`^rxdb-dexie-${database.replace(/[$]/g, "\\$&")}--(\\d+)--${collection.replace(/[$]/g, "\\$&")}$`);
  const ids = Object.entries(removed).filter(([name]) => pattern.test(name)).sort().map(([, each]) => each);
  return [...new Set(ids.flat())].sort();
}

function expectedFrom({ told, counts, removed, browser }, item) {
  const databases = told.map(({ version, ...each }) => {
    for (const [name, collection] of Object.entries(each.collections)) {
      const live = new Set(Object.keys(collection.meta));
      collection.deleted = tombstones(removed, each.database, name).filter((id) => !live.has(id));
    }
    return each;
  });
  const [first, ...others] = databases;
  return {
    rxdb: item.major, ...first, ...(others.length ? { others } : {}), rxdbVersion: told[0].version, browser,
    ...(item.options.password ? { password: item.options.password } : {}), ...(item.options.keyCompression ? { keyCompression: true } : {}),
    rows: counts, notes: item.notes,
  };
}

async function make(name, item) {
  const target = join(GOLDEN, name);
  const kept = item.folder ?? "IndexedDB";
  let facts = {};
  if (item.from) {
    await take(join(GOLDEN, item.from, "IndexedDB"), target);
    facts = await item.damage(join(target, "IndexedDB"));
  } else {
    const profile = await newFolder();
    facts = (await item.write({ profile, target, take: () => take(join(profile, "Default", kept), target) })) ?? {};
    if (!item.taken) await take(join(profile, "Default", kept), target);
    await remove(profile);
  }
  const expected = item.expect
    ? await item.expect({ target, golden: GOLDEN, facts, read: (options = item.options) => read(target, item.major, options, item.flags, kept), from: (answer) => expectedFrom(answer, item) })
    : expectedFrom(await read(target, item.major, item.options, item.flags, kept), item);
  await write(target, { ...expected, ...facts });
  return target;
}

async function size(folder) {
  const sizes = await Promise.all((await readdir(folder, { withFileTypes: true })).map(async (entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? size(path) : (await stat(path)).size;
  }));
  return sizes.reduce((one, two) => one + two, 0);
}

const all = { ...items, "firefox-v17": firefox };
const asked = process.argv.slice(2);
if (asked.includes("--list")) {
  console.log(Object.keys(all).join("\n"));
} else {
  const unknown = asked.filter((name) => !(name in all));
  if (unknown.length) throw new Error(`no such item: ${unknown.join(", ")}`);
  const server = await serve();
  let failed = 0;
  for (const name of asked.length ? asked : Object.keys(all)) {
    const began = Date.now();
    try {
      const folder = all[name].make ? await all[name].make(join(GOLDEN, name), expectedFrom, write) : await make(name, all[name]);
      console.log(`${name}: ${Math.ceil((await size(folder)) / 1024)} KiB, ${((Date.now() - began) / 1000).toFixed(1)} s`);
    } catch (error) {
      failed += 1;
      console.error(`${name}: ${error.message.slice(0, 400)}\n${error.stack.split("\n").filter((line) => /^ +at /.test(line)).join("\n")}`);
    }
  }
  server.close();
  process.exit(failed ? 1 : 0);
}
