// One session of a LiveStore app in a process of its own (0.3 opens a folder once per process; a bad log may end it).
//
// The order is the first argument, JSON: {version, variant, base, storeId, story?, plan?, tell?}. It boots, commits the story or follows the plan, waits
// until the log on disk holds all of it, and writes one line of JSON: {booted, error?, committed, tables?, said}.
//
// A plan (0.4 only) has a sync backend: ["commit", story], ["confirmed"] (the backend has it all), ["refuse"] (it takes nothing more),
// ["other", story] (another device was faster).

import { writeSync } from "node:fs";

import { rows, tell } from "./account.mjs";
import { appOf } from "./app.mjs";
import { inLog } from "./log.mjs";
import { stories } from "./story.mjs";

const order = JSON.parse(process.argv[2]);
const folder = `${order.base}/${order.storeId}`;
const PATIENCE = 60_000;

// stdout carries the answer only; what LiveStore logs is kept, it is part of what we want to know.
const said = [];
for (const level of ["log", "info", "warn", "error", "debug"]) console[level] = (...words) => said.push(words.map(String).join(" "));

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

function answer(facts, code = 0) {
  writeSync(1, tell({ ...facts, said: said.slice(0, 20).map((line) => line.slice(0, 1500)) }) + "\n");
  process.exit(code);
}

async function until(what, holds) {
  const end = Date.now() + PATIENCE;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await wait(200);
  }
}

/** `commit` returns before anything is on disk, and shutting down loses what is not: wait until another process sees all rows. */
async function durable(wanted) {
  await until(`${wanted} events on disk`, () => inLog(folder, order.version) >= wanted);
  // The state is written before the log; what still runs is the end of the same step.
  await wait(300);
}

async function commit(store, events, story) {
  for (const [name, args] of stories[story]) {
    store.commit(events[name](args));
    await wait(2);
  }
  return stories[story].length;
}

/** Follow the plan; the number of events that the log gets by it. */
async function follow(plan, store, events, backend) {
  let added = 0;
  const states = () => store._dev.syncStates();
  for (const [step, story] of plan) {
    if (step === "commit") added += await commit(store, events, story);
    if (step === "refuse") await backend.refusePushes();
    if (step === "confirmed") {
      await until("all confirmed", async () => {
        const { session, leader } = await states();
        return session.pending.length === 0 && leader.pending.length === 0 && leader.localHead.global === session.localHead.global;
      });
    }
    if (step === "other") {
      const last = (await states()).leader.upstreamHead.global;
      await backend.send(last, stories[story], events);
      added += stories[story].length;
      await until("the other device's events", async () => (await states()).session.upstreamHead.global >= last + stories[story].length);
      await wait(1000);
    }
  }
  return added;
}

async function main() {
  const livestore = await import(`./v${order.version}/node.mjs`);
  const backend = order.plan ? await (await import(`./v${order.version}/backend.mjs`)).makeBackend() : undefined;
  const { schema, tables, events } = appOf(livestore, order.variant);
  const adapter = livestore.makeAdapter({ storage: { type: "fs", baseDirectory: order.base }, clientId: "golden-client", ...(backend ? { sync: backend.sync } : {}) });
  const store = await livestore.createStorePromise({ adapter, schema, storeId: order.storeId, disableDevtools: true, batchUpdates: (run) => run() });
  const before = inLog(folder, order.version);
  const committed = (order.story ? await commit(store, events, order.story) : 0) + (order.plan ? await follow(order.plan, store, events, backend) : 0);
  if (committed) await durable(before + committed);
  answer({ booted: true, committed, ...(order.tell ? { tables: rows(store, tables) } : {}) });
}

process.on("unhandledRejection", (error) => answer({ booted: false, error: String(error) }));
main().catch((error) => answer({ booted: false, error: `${error?.name}: ${error?.message ?? error}`, stack: String(error?.stack).slice(0, 600) }));
