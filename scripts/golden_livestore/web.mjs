// The stores written by the web adapter, in a real Chromium: a profile trimmed to what holds them.

import { build } from "esbuild";
import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import puppeteer from "puppeteer-core";

import { HERE, newFolder, NOTE, remove, writeExpected } from "./folders.mjs";
import { stories } from "./story.mjs";

// Fixed, so that the origin is.
const PORT = Number(process.env.PORT ?? 8718);
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
];
const ROUNDS = 20;
const JOURNAL_MAGIC = 0xd9d505f920a163d7n;
const PARTS = ["File System", "WebStorage"];

/** The three scripts of a page, as source over the packages of one version. */
const modern = (version, syncStates) => ({
  "page.js": `
    import * as livestore from "@livestore/livestore";
    import { makePersistedAdapter } from "@livestore/adapter-web";
    import { Effect } from "@livestore/utils/effect";
    import { appOf } from "../app.mjs";
    import { agreed, page, workers } from "../page.mjs";
    const app = appOf(livestore, "full");
    const adapter = makePersistedAdapter({ storage: { type: "opfs" }, ...workers("${version}") });
    globalThis.golden = page({
      app, commit: (store, event) => store.commit(event), settled: agreed(${syncStates}),
      openStore: (storeId) => livestore.createStorePromise({ adapter, schema: app.schema, storeId, disableDevtools: true, batchUpdates: (run) => run() }),
    });`,
  "worker.js": `
    import * as livestore from "@livestore/livestore";
    import { makeWorker } from "@livestore/adapter-web/worker";
    import { appOf } from "../app.mjs";
    makeWorker({ schema: appOf(livestore, "full").schema });`,
  "shared.js": `import "@livestore/adapter-web/shared-worker";`,
});

const sources = {
  "0.4.0": modern("0.4.0", "(store) => store._dev.syncStates()"),
  // 0.3 only prints its sync states; these are where it takes them from.
  "0.3.1": modern("0.3.1", `async (store) => ({
    session: await Effect.runPromise(store.syncProcessor.syncState), leader: await Effect.runPromise(store.clientSession.leaderThread.getSyncState),
  })`),
  "0.2.0": {
    "page.js": `
      import * as livestore from "@livestore/livestore";
      import { makeAdapter } from "@livestore/web";
      import { Schema } from "@livestore/utils/effect";
      import { appOf02 } from "../app02.mjs";
      import { page, patient, workers } from "../page.mjs";
      const app = appOf02({ ...livestore, Schema });
      const adapter = makeAdapter({ storage: { type: "opfs" }, ...workers("0.2.0") });
      globalThis.golden = page({
        app, commit: (store, event) => store.mutate(event), settled: patient, select: (table) => table.query,
        openStore: (storeId) => livestore.createStorePromise({ adapter, schema: app.schema, storeId, disableDevtools: true, batchUpdates: (run) => run() }),
      });`,
    "worker.js": `
      import * as livestore from "@livestore/livestore";
      import { makeWorker } from "@livestore/web/worker";
      import { Schema } from "@livestore/utils/effect";
      import { appOf02 } from "../app02.mjs";
      makeWorker({ schema: appOf02({ ...livestore, Schema }).schema });`,
    "shared.js": `import "@livestore/web/shared-worker";`,
  },
};

async function script(version, name) {
  const contents = sources[version][name];
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: join(HERE, `v${version}`), loader: "js" },
    bundle: true, write: false, format: "esm", platform: "browser", target: "es2022", logLevel: "error",
    define: { "process.env.NODE_ENV": '"production"', "process.env": "{}", "import.meta.env": '{"DEV":false,"PROD":true}' },
    // The package claims to be free of side effects; its shared worker is nothing else.
    ignoreAnnotations: name === "shared.js",
    // The SQLite that is built for browsers asks for these only when it finds itself in node.
    external: ["module", "fs", "path", "url", "node:*"],
    // Shared code of ours imports nothing of LiveStore; packages come from the folder of the version.
    nodePaths: [join(HERE, `v${version}`, "node_modules")],
  });
  return outputFiles[0].text;
}

async function serve(version) {
  const made = new Map();
  const server = createServer(async (request, response) => {
    const name = request.url.split("/")[2]?.split("?")[0];
    try {
      if (!name) {
        response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(`<!doctype html><title>LiveStore ${version}</title><script type="module" src="/${version}/page.js"></script>`);
      } else if (name.endsWith(".wasm")) {
        response.writeHead(200, { "content-type": "application/wasm" }).end(await readFile(join(HERE, `v${version}`, "node_modules", "@livestore", "wa-sqlite", "dist", name)));
      } else {
        if (!made.has(name)) made.set(name, script(version, name));
        response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(await made.get(name));
      }
    } catch (error) {
      console.error(error.message);
      response.writeHead(500).end();
    }
  });
  await new Promise((done, failed) => server.once("error", failed).listen(PORT, "localhost", done));
  return server;
}

/** Chromium on a profile, with the page of one version open. */
async function open(profile, version) {
  const browser = await puppeteer.launch({ executablePath: CHROMIUM, userDataDir: profile, args: ARGUMENTS, headless: true, protocolTimeout: 90_000 });
  const process_ = browser.process();
  const gone = new Promise((done) => process_.once("exit", done));
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error("  page:", error.message));
  if (process.env.SHOW) page.on("console", (message) => console.error("  console:", message.text()));
  await page.goto(`http://localhost:${PORT}/${version}`);
  await page.waitForFunction(() => globalThis.golden, { timeout: 60_000 });
  return {
    chromium: (await browser.version()).split("/")[1],
    call: (name, ...given) => page.evaluate((name, given) => globalThis.golden[name](...given), name, given),
    /** Start a call and do not wait for it. */
    start: (name) => void page.evaluate((name) => void globalThis.golden[name](), name).catch(() => {}),
    async close() {
      await page.goto("about:blank");
      await browser.close();
      await gone;
    },
    async kill() {
      process.kill(-process_.pid, "SIGKILL");
      await gone;
      await browser.disconnect().catch(() => {});
    },
  };
}

/** The parts of a profile that hold the store, without LevelDB's text logs, which name the machine. */
async function take(profile, target) {
  await remove(target);
  await mkdir(join(target, "Default"), { recursive: true });
  for (const part of PARTS) {
    await cp(join(profile, "Default", part), join(target, "Default", part), { recursive: true, filter: (path) => !/\/LOG(\.old)?$/.test(path) });
  }
}

/** Boot LiveStore on a copy of what was taken, as often as asked; the rows of each boot. */
async function accounts(target, version, storeId, boots) {
  const profile = await newFolder();
  const shown = [];
  try {
    await cp(join(target, "Default"), join(profile, "Default"), { recursive: true });
    for (let boot = 0; boot < boots; boot += 1) {
      const session = await open(profile, version);
      await session.call("open", storeId);
      shown.push({ tables: JSON.parse(await session.call("rows")), chromium: session.chromium });
      // The leader opens the files, and rolls back, while the session shows what it has read from them.
      await wait(boots > 1 ? 3000 : 0);
      await session.close();
    }
  } finally {
    await remove(profile);
  }
  return shown;
}

/**
 * What a kill left of a transaction: a `hot` journal that SQLite has to roll back, or an `unfinished` one that it ignores (its head is still zeros).
 * Each file of the pool begins with 4096 bytes of its own, the path first.
 */
async function journal(target) {
  const files = (await readdir(join(target, "Default", "File System"), { recursive: true })).filter((name) => /\/\d{8}$/.test(name));
  const found = await Promise.all(files.map(async (name) => {
    const bytes = await readFile(join(target, "Default", "File System", name));
    if (!bytes.toString("latin1", 0, 512).includes("-journal\0") || bytes.length < 4104) return null;
    return bytes.readBigUInt64BE(4096) === JOURNAL_MAGIC ? "hot" : "unfinished";
  }));
  return found.includes("hot") ? "hot" : found.includes("unfinished") ? "unfinished" : null;
}

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Write one profile; `{facts, shown}`: what the session knew for certain, and the rows it showed. */
async function write(target, { version, storeId, story, killed }) {
  const profile = await newFolder();
  try {
    const session = await open(profile, version);
    await session.call("open", storeId);
    await session.call("commit", story);
    await session.call("settled");
    const events = stories[story].length;
    const shown = JSON.parse(await session.call("rows"));
    if (killed) {
      session.start("stream");
      await wait(killed);
      await session.kill();
    } else {
      await session.close();
    }
    await take(profile, target);
    return { shown, facts: killed ? { acknowledged: events, journal: await journal(target) } : { events } };
  } finally {
    await remove(profile);
  }
}

async function make(target, { adapter, note, ...order }) {
  const { version, storeId, story, killed } = order;
  const server = await serve(version);
  try {
    let { shown, facts } = await write(target, order);
    // A kill seldom hits a transaction; only one that leaves a journal to roll back is worth keeping (about one in ten).
    for (let round = 1; killed && facts.journal !== "hot" && round < ROUNDS; round += 1) ({ shown, facts } = await write(target, order));
    const boots = await accounts(target, version, storeId, killed ? 2 : 1);
    const { tables, chromium } = boots.at(-1);
    if (!killed && JSON.stringify(tables) !== JSON.stringify(shown)) throw new Error("the next boot shows other rows than the session did");
    await writeExpected(target, {
      livestore: version, adapter, store: story, storeId, note: `${note} ${NOTE}`, origin: `http://localhost:${PORT}`, chromium, ...facts, tables,
      ...(killed ? { others: [{ livestore: version, boot: 1, tables: boots[0].tables }] } : {}),
    });
  } finally {
    await new Promise((done) => server.close(done).closeAllConnections());
  }
}

const persisted = "@livestore/adapter-web persisted opfs";

export const webItems = {
  "opfs-0.4.0-app": (target) => make(target, { version: "0.4.0", storeId: "pjais", story: "app", adapter: persisted, note: "The story of node-0.4.0-app in a browser." }),
  "opfs-0.3.1": (target) => make(target, { version: "0.3.1", storeId: "default", story: "app", adapter: persisted, note: "The story of node-0.4.0-app in a browser; storeId as in an app that gives none." }),
  "opfs-0.2.0": (target) => make(target, {
    version: "0.2.0", storeId: "pjais", story: "app", adapter: "@livestore/web persisted opfs",
    note: "The story of node-0.4.0-app as mutations of 0.2 (format 2, mutationlog.db). PersonaCreated.personality and MemoryEntityCreated.content are JSON text inside the arguments.",
  }),
  "opfs-0.4.0-killed": (target) => make(target, {
    version: "0.4.0", storeId: "pjais", story: "few", killed: 400, adapter: persisted,
    note: "Chromium was killed (SIGKILL) while it committed memory-stream-*; `acknowledged` events were on disk for certain, `journal` is the state's. "
      + "`others` is what the first boot shows: it reads the state before the journal is rolled back, so rows of no event. `tables` is what the second boot shows, and what is true.",
  }),
};
