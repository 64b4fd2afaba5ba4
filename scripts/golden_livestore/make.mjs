// Make the golden LiveStore stores of tests/golden/livestore again: `node make.mjs [ITEM...]` (no ITEM: all; `--list` names them).
//
// Each store is written by the real LiveStore. Then a copy of what lies on disk is opened by LiveStore once more, in another process or browser,
// and what it shows becomes expected.json: what the writing session showed may differ from what it left.

import { join } from "node:path";

import { drop, GOLDEN, newFolder, NOTE, remove, replace, size, writeExpected } from "./folders.mjs";
import { items } from "./items.mjs";
import { inLog } from "./log.mjs";
import { session } from "./session.mjs";
import { webItems } from "./web.mjs";

/** What LiveStore shows of a copy of the folder; `replayed`: of its log alone. */
async function account(folder, storeId, { version, variant }, replayed = false) {
  const base = await newFolder();
  try {
    await replace(folder, join(base, storeId));
    if (replayed) await drop(join(base, storeId), /^state/);
    const { tables } = await session({ base, storeId, version, variant, tell: true });
    return tables;
  } finally {
    await remove(base);
  }
}

async function makeNode(name, { storeId, make, read, others, pure, note }) {
  const base = await newFolder();
  const target = join(GOLDEN, name);
  const folder = join(target, storeId);
  try {
    const facts = await make(base);
    await remove(target);
    await replace(join(base, storeId), folder);
    const tables = await account(folder, storeId, read);
    if (pure && JSON.stringify(tables) !== JSON.stringify(await account(folder, storeId, read, true))) throw new Error("a replay of the log gives other rows");
    const more = [];
    for (const other of others ?? []) more.push({ livestore: other.version, events: inLog(folder, other.version), tables: await account(folder, storeId, other) });
    await writeExpected(target, {
      livestore: read.version, adapter: "@livestore/adapter-node fs", store: read.variant, storeId, note: `${note} ${NOTE}`, events: inLog(folder, read.version), ...facts,
      tables, ...(more.length ? { others: more } : {}),
    });
  } finally {
    await remove(base);
  }
}

const makers = {
  ...Object.fromEntries(Object.entries(items).map(([name, item]) => [name, () => makeNode(name, item)])),
  ...Object.fromEntries(Object.entries(webItems).map(([name, make]) => [name, () => make(join(GOLDEN, name))])),
};
const asked = process.argv.slice(2);
if (asked.includes("--list")) {
  console.log(Object.keys(makers).join("\n"));
} else {
  const strange = asked.filter((name) => !(name in makers));
  if (strange.length) throw new Error(`no such item: ${strange.join(", ")}`);
  let failed = 0;
  for (const name of asked.length ? asked : Object.keys(makers)) {
    const began = Date.now();
    try {
      await makers[name]();
      console.log(`${name}: ${Math.ceil((await size(join(GOLDEN, name))) / 1024)} KiB, ${((Date.now() - began) / 1000).toFixed(1)} s`);
    } catch (error) {
      failed += 1;
      console.error(`${name}: ${error.stack}`);
    }
  }
  process.exit(failed ? 1 : 0);
}
