// A real RxDB app that writes while somebody follows: `MAJOR=17 PROFILE=folder TOLD=file node busy.mjs`. It is told what to do by lines on standard input:
//
//   begin    write from now on, RATE (20) documents a second            rewrite  rewrite many large ones, so that LevelDB makes tables
//   close    stop, write what RxDB says it holds to TOLD, and close     kill     the same, but the browser ends by kill -9
//
// It answers each with a line. Also: SEED, FROM (the number of the first document), FLAGS (for Chromium, separated by spaces), PORT (any free one).

import { mkdir, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";

process.env.PORT ??= "0";
const { open, serve } = await import("./browser.mjs");

const { MAJOR = "17", PROFILE, TOLD, SEED = "1", FROM = "1", RATE = "20", FLAGS = "" } = process.env;
if (!PROFILE || !TOLD) throw new Error("PROFILE is the folder to write to, TOLD the file for what RxDB says of it");
const options = { database: "pjais-rxdb" };

await mkdir(PROFILE, { recursive: true });
const server = await serve();
const session = await open(PROFILE, Number(MAJOR), FLAGS.split(" ").filter(Boolean));
let writing = false;

async function end() {
  const written = writing ? await session.call("endBusy") : { history: [], seconds: 0 };
  await writeFile(TOLD, JSON.stringify({ ...written, ...await session.call("tell", options) }));
}

const commands = {
  async begin() {
    if (Number(FROM) === 1) await session.call("live", { pipes: false, orphans: false });
    await session.call("beginBusy", { seed: Number(SEED), from: Number(FROM), perSecond: Number(RATE) });
    writing = true;
  },
  rewrite: () => session.call("rewrite", { count: 60, rounds: 4, text: 30_000 }),
  async close() {
    await end();
    await session.call("close");
    await session.close();
  },
  async kill() {
    await end();
    await session.kill();
  },
};

try {
  await session.call("open", options);
  console.log("open");
  for await (const line of createInterface({ input: process.stdin })) {
    await commands[line]();
    console.log(line);
    if (line === "close" || line === "kill") process.exit(0);
  }
} finally {
  await session.kill();
  server.close();
}
process.exit(1);
