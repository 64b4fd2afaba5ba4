// A new profile by real RxDB in real Chromium, with random documents: `SEED=1 MAJOR=17 OUT=folder node random.mjs`.
//
// OUT/profile is the profile, OUT/told.json what RxDB returned before the browser ended: as `tell` says it, and `gone`, the ids that are removed. Odd seeds end
// with kill -9, even ones close. Also: COUNT (150), FLAGS (for Chromium, separated by spaces), PORT (any free one).

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

process.env.PORT ??= "0";
const { open, serve } = await import("./browser.mjs");

const { SEED = "1", MAJOR = "17", OUT, COUNT = "150", FLAGS = "" } = process.env;
if (!OUT) throw new Error("OUT is the folder to write to");
const options = { database: "pjais-rxdb" };

const profile = join(OUT, "profile");
await mkdir(profile, { recursive: true });
const server = await serve();
const session = await open(profile, Number(MAJOR), FLAGS.split(" ").filter(Boolean));
let ended = false;
try {
  const { version } = await session.call("open", options);
  const gone = await session.call("liveRandomly", Number(SEED), Number(COUNT));
  // RxDB is asked after opening its database again: until then it answers from memory, where a key that begins with __ has not become one with | yet.
  await session.call("close");
  await session.call("open", options);
  const told = await session.call("tell", options);
  await writeFile(join(OUT, "told.json"), JSON.stringify({ version, browser: session.version, gone, ...told }));
  if (Number(SEED) % 2 === 0) {
    await session.call("close");
    await session.close();
    ended = true;
  }
} finally {
  if (!ended) await session.kill();
  server.close();
}
process.exit(0);
