// A large profile for bench/rxdb.py. `COUNT=50000 OUT=folder node many.mjs write` writes OUT/profile by real RxDB in real Chromium;
// `OUT=folder node many.mjs time` opens a copy of it and prints what getAll() over all `docs` stores takes there, as JSON.

import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";

import { open, profileFrom, remove, serve } from "./browser.mjs";

const { COUNT = "50000", OUT, ROUNDS = "3" } = process.env;
const MAJOR = 17;
const AT_ONCE = 1000;

async function write(profile) {
  const session = await open(profile, MAJOR);
  try {
    await session.call("open", { database: "pjais-rxdb" });
    for (let at = 0; at < Number(COUNT); at += AT_ONCE) await session.call("insertMemories", at, Math.min(AT_ONCE, Number(COUNT) - at));
    await session.call("close");
  } catch (error) {
    await session.kill();
    throw error;
  }
  await session.close();
}

async function time(indexedDB) {
  const found = [];
  for (let round = 0; round < Number(ROUNDS); round++) {
    const profile = await profileFrom(indexedDB);
    const session = await open(profile, MAJOR);
    try {
      found.push(await session.call("getAll"));
    } finally {
      await session.kill();
      await remove(profile);
    }
  }
  found.sort((one, two) => one.ms - two.ms);
  return found[0];
}

const [what] = process.argv.slice(2);
if (!OUT || !["write", "time"].includes(what)) throw new Error("OUT=folder node many.mjs write|time");
const server = await serve();
if (what === "write") {
  const unfinished = join(OUT, "profile.unfinished");
  await remove(unfinished);
  await mkdir(unfinished, { recursive: true });
  await write(unfinished);
  await rename(unfinished, join(OUT, "profile"));
} else {
  console.log(JSON.stringify(await time(join(OUT, "profile", "Default", "IndexedDB"))));
}
server.close();
process.exit(0);
