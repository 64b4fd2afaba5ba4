// RxDB's own importJSON() on a dump: `DUMP=dump.json OPTIONS='{"database":"pjais-rxdb"}' OUT=told.json node dump.mjs`.
//
// Opens a new database of RxDB in a new profile of real Chromium, takes the dump in, closes, opens again, and writes what RxDB then has (as `tell` says it) with
// the ids that it `refused`. With PROFILE=folder (an IndexedDB of the golden items, and so of port 8717) RxDB opens a copy of that one instead, and OUT is its own exportJSON(). Also: MAJOR (17), PORT.

import { readFile, writeFile } from "node:fs/promises";

process.env.PORT ??= process.env.PROFILE ? "8717" : "0";
const { newFolder, open, profileFrom, remove, serve } = await import("./browser.mjs");

const { DUMP, PROFILE, OPTIONS = "{}", OUT, MAJOR = "17" } = process.env;
if (!OUT) throw new Error("OUT is the file to write");
const options = JSON.parse(OPTIONS);
const profile = PROFILE ? await profileFrom(PROFILE) : await newFolder();
const server = await serve();
const session = await open(profile, Number(MAJOR));
try {
  const { version } = await session.call("open", options);
  if (PROFILE) {
    await writeFile(OUT, JSON.stringify(await session.call("exportDump", { attachments: true })));
  } else {
    const refused = await session.call("importDump", await readFile(DUMP, "utf8"));
    await session.call("close");
    await session.call("open", options);
    await writeFile(OUT, JSON.stringify({ version, refused, ...(await session.call("tell", options)) }));
  }
} finally {
  await session.kill();
  server.close();
  await remove(profile);
}
process.exit(0);
