// The items: which RxDB, which options, what is written, how the browser ends, and what is special about it.

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { flipBit, tear } from "./damage.mjs";
import { open } from "./browser.mjs";

const DATABASE = "pjais-rxdb";
const PASSWORD = "correct horse battery staple ß🐎";
const SPARSE = "every second document was handed to IndexedDB with HOLEY lists, so that they lie there as sparse arrays (tag a): what optimised code does by chance in a busy app";
const SQLITE = ["--enable-features=IdbSqliteBackingStore"];

/** Open, write, and leave: by the door (`close`) or through the window (`kill`). */
async function once({ profile, major, options, flags, leave = "close" }, work) {
  const session = await open(profile, major, flags);
  let facts;
  try {
    await session.call("open", options);
    facts = await work(session);
    if (leave === "close") await session.call("close");
  } catch (error) {
    await session.kill();
    throw error;
  }
  await session[leave]();
  return facts;
}

/** The usual item: the app's life once, plus what `more` does. */
function usual(major, { options = {}, life = {}, more = [], leave, flags, notes = [] } = {}) {
  const item = {
    major, flags, notes, options: { database: DATABASE, ...options },
    write: ({ profile }) => once({ profile, major, options: item.options, flags, leave }, async (session) => {
      if (life) await session.call("live", life);
      for (const [name, ...given] of more) await session.call(name, ...given);
    }),
  };
  return item;
}

const encrypted = (major, options = {}) => usual(major, {
  more: options.attachments ? [["attach"]] : [],
  options: { encrypted: true, password: PASSWORD, ...options }, life: { plain: 8, secrets: true, pipes: !options.keyCompression },
  notes: ["encrypted: personas apiKeys, privateMemory, settings; memoryEntities content, summary, tags" + (major === 16 ? "" : ", metadata.secret"), "null is encrypted, a missing field is not"],
});
const compressed = (major) => usual(major, {
  options: { keyCompression: true }, life: { pipes: false }, notes: ["no keys that begin with | or __: RxDB cannot carry them under key compression"] });

/** Primary keys that are not called `id`, one of them composite; `local`: everything in localStorage. Two sessions, so that two writes lie on disk. */
function keyed(major, { local = false, ...more } = {}) {
  const options = { database: "keyed-app", keyed: true, attachments: true, local: true, ...(local ? { localStorage: true } : {}), ...more };
  return {
    major, options, ...(local ? { folder: "Local Storage" } : {}),
    notes: ["notes has the primary key slug, entries the composite one uid (owner|number)", ...(local ? ["RxDB's localstorage storage: the profile's Local Storage"] : [])],
    async write({ profile }) {
      await once({ profile, major, options }, ({ call }) => call("keyed"));
      await once({ profile, major, options }, ({ call }) => call("keyedLater"));
    },
  };
}

const killed = usual(17, { leave: "kill", life: { plain: 20, oneByOne: true }, notes: ["kill -9 right after the last acknowledged write", "written one document per transaction"] });

const midTransaction = {
  major: 17, options: { database: DATABASE },
  notes: [
    "kill -9 inside one transaction of RxDB's storage: 10 documents changed (mem-0002..mem-0011), one removed (mem-0012), 40 new (mem-5000...), each with summary 'NEVER COMMITTED'",
    "the transaction was kept from committing by endless requests; what it wrote lies on disk with an undo log (LevelDB scopes)",
  ],
  async write({ profile }) {
    return once({ profile, major: 17, options: this.options, leave: "kill" }, async (session) => {
      await session.call("live", { plain: 20 });
      return session.call("neverCommit", { count: 40, text: 4_000 });
    });
  },
};

const compacted = {
  major: 17, options: { database: DATABASE },
  notes: ["rewritten until LevelDB made tables; the browser was closed and opened again; removed documents and their tombstones lie in tables and in the log", SPARSE],
  async write({ profile }) {
    const folder = join(profile, "Default", "IndexedDB", "http_localhost_8717.indexeddb.leveldb");
    for (const session of [0, 1]) {
      await once({ profile, ...this }, async ({ call }) => {
        if (session === 0) await call("live", { plain: 20 });
        else await call("holeyLists");
        await call("rewrite", { count: 60, rounds: 20, text: 300 });
        await call("thin", { count: 60 });
        for (let round = 0; round < 400 && (await sizes(folder)) > 700_000; round++) await call("rewrite", { count: 40, rounds: 1, text: 300 });
        await call("thin", { count: 40 });
      });
    }
  },
};

/** The size of LevelDB's files; without any table: no end. */
async function sizes(folder) {
  const names = await readdir(folder);
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).then(({ size }) => size, () => 0)));
  return names.some((name) => name.endsWith(".ldb")) ? found.reduce((one, two) => one + two, 0) : Infinity;
}

const unmigrated = {
  major: 17, options: { database: DATABASE, noMigration: true },
  notes: [
    "memoryEntities has schema version 1, but its documents lie in version 0: autoMigrate was false and the migration never ran",
    "docs of memoryEntities is what RxDB says when asked with the old schema; versions[] is what each schema version says",
  ],
  async write({ profile }) {
    await oldVersion(profile, this.options);
    await once({ profile, major: 17, options: this.options }, async () => {});
  },
  expect: bothVersions,
};

const halfMigrated = {
  ...unmigrated,
  notes: [
    "kill -9 during the migration of memoryEntities from schema version 0 to 1; the migration function waits for ever after 15 documents, batches of 10",
    "docs of memoryEntities is version 1 plus whatever of version 0 is not there; versions[] is what each schema version says",
  ],
  async write({ profile }) {
    await oldVersion(profile, this.options);
    await once({ profile, major: 17, options: { ...this.options, stopAfter: 15 }, leave: "kill" }, async (session) => {
      await session.call("migrate", 10);
      await new Promise((done) => setTimeout(done, 4000));
    });
  },
};

async function oldVersion(profile, options) {
  await once({ profile, major: 17, options: { ...options, memoryVersion: 0 } }, (session) => session.call("live", { plain: 20 }));
}

/** The account of the old and of the new schema version, and the two laid over each other. */
async function bothVersions({ read, from }) {
  const now = from(await read());
  const old = from(await read({ ...unmigrated.options, memoryVersion: 0 }));
  const versions = { 0: old.collections.memoryEntities, 1: now.collections.memoryEntities };
  const known = new Set([...Object.keys(versions[1].meta), ...versions[1].deleted]);
  const docs = [...versions[1].docs, ...versions[0].docs.filter(({ id }) => !known.has(id))];
  const special = [...(versions[1].special ?? []), ...(versions[0].special ?? []).filter(({ path }) => !known.has(path[0]))];
  now.collections.memoryEntities = {
    count: docs.length, docs, meta: { ...versions[0].meta, ...versions[1].meta }, ...(special.length ? { special } : {}), deleted: versions[0].deleted,
    versions: Object.fromEntries(Object.entries(versions).map(([version, { docs, deleted }]) => [version, { live: docs.map(({ id }) => id), deleted }])),
  };
  return now;
}

const OTHERS = [
  { database: "notes", others: ["todos", "workflows"], local: true },
  { database: "other--2--app", others: ["things-1", "log--1--x"], local: true },
];
const otherApp = {
  major: 17, options: OTHERS, notes: ["two databases we know nothing of, with names that make the name of the IndexedDB database ambiguous; local documents"],
  async write({ profile }) {
    for (const options of OTHERS) await once({ profile, major: 17, options }, (session) => session.call("otherApp", options.others));
  },
};

const GUIDE = [{ database: DATABASE }, { database: "rxdb-dexie" }];
const twoDatabases = {
  major: 17, options: GUIDE, notes: ["the two databases that the RxDB to LiveStore guide knows, with the same ids; in the second persona-ada and mem-0002 are newer"],
  async write({ profile }) {
    for (const options of GUIDE) {
      await once({ profile, major: 17, options }, async (session) => {
        await session.call("live", { plain: 3, pipes: false, orphans: false });
        if (options !== GUIDE[0]) await session.call("newer");
      });
    }
  },
};

const copiedRunning = {
  major: 17, options: { database: DATABASE }, taken: true,
  notes: ["the folder was copied while the page was writing; every id in acknowledgedBefore must be found", "docs is what RxDB says of the copy"],
  async write({ profile, take }) {
    return once({ profile, major: 17, options: this.options, leave: "kill" }, async (session) => {
      await session.call("live", { plain: 5 });
      await session.call("writeForever");
      await new Promise((done) => setTimeout(done, 300));
      const acknowledgedBefore = await session.call("acknowledgedSoFar");
      await take();
      return { acknowledgedBefore: acknowledgedBefore.filter((id) => !id.includes("removed")), acknowledgedAfterCopy: (await session.call("acknowledgedSoFar")).length };
    });
  },
};

const upgraded = {
  major: 17, options: { database: DATABASE, hidden: ["mem-exotic-unindexed"] }, notes: ["made by RxDB 16.21.1, then opened and written to by 17: the storage token still says 16.21.1"],
  async write({ profile }) {
    await once({ profile, major: 16, options: this.options }, (session) => session.call("live", { plain: 5 }));
    await once({ profile, major: 17, options: this.options }, (session) => session.call("exotic"));
  },
};

/** The truth is what was there before the damage; what Chromium makes of it stands in `browserSays`. */
async function damaged({ golden, read, from, facts }) {
  const before = await read({ ...killed.options }).then(from, (error) => ({ error: error.message.split("\n")[0] }));
  const says = before.error ? before : Object.fromEntries(Object.entries(before.collections).map(([name, { docs, deleted }]) => [name, { live: docs.map(({ id }) => id), deleted }]));
  const folder = join(golden, "v17-killed");
  const whole = (await readdir(folder)).includes("expected.json") ? await readFile(join(folder, "expected.json")) : gunzipSync(await readFile(join(folder, "expected.json.gz")));
  return { ...JSON.parse(whole), browserSays: says };
}

const torn = {
  major: 17, options: killed.options, from: "v17-killed",
  notes: ["v17-killed, its log cut off inside the record that brings mem-0012", "docs is what RxDB finds after it: the prefix; what was there before stands in v17-killed"],
  damage: async (indexedDB) => ({ damage: await tear(indexedDB, "plain text of mem-0012") }),
};
const flipped = {
  major: 17, options: killed.options, from: "v17-killed", expect: damaged,
  damage: async (indexedDB) => ({ damage: await flipBit(indexedDB, "plain text of mem-0012"), damagedIds: ["mem-0012"], notes: ["v17-killed with one bit of its log flipped, inside the text of mem-0012", "docs is what was there before the damage, browserSays what RxDB finds after it"] }),
};

export const items = {
  "v12-clean": usual(12), "v13-clean": usual(13), "v14-clean": usual(14), "v16-clean": usual(16, { life: { lists: true }, notes: [SPARSE] }),
  "v17-killed": killed, "v17-killed-midtx": midTransaction, "v17-compacted": compacted,
  "v12-encrypted": encrypted(12), "v13-encrypted": encrypted(13), "v14-encrypted": encrypted(14), "v16-encrypted": encrypted(16), "v17-encrypted": encrypted(17, { attachments: true }),
  "v15-encrypted-attachments": encrypted(15, { attachments: true }), "v16-encrypted-attachments": encrypted(16, { attachments: true }),
  "v12-keycompression": compressed(12), "v14-keycompression": compressed(14), "v15-keycompression": compressed(15), "v17-keycompression": compressed(17),
  "v17-encrypted-keycompression": encrypted(17, { keyCompression: true }), "v16-encrypted-keycompression": encrypted(16, { keyCompression: true }),
  "v15-encrypted-keycompression": encrypted(15, { keyCompression: true }),
  "v17-blobs": usual(17, { options: { attachments: true }, life: { plain: 5 }, more: [["big"], ["attach"]], notes: ["documents longer than 64 KiB in each way Chromium stores them; attachments as Blobs"] }),
  "v16-attachments": usual(16, { options: { attachments: true }, life: { plain: 5 }, more: [["attach"]], notes: ["attachments as base64 text; the digest is over that text"] }),
  "v17-unmigrated": unmigrated, "v17-half-migrated": halfMigrated,
  "v17-sqlite": usual(17, { flags: SQLITE, options: { attachments: true }, life: { plain: 5 }, more: [["big"], ["attach"]], notes: ["Chromium's SQLite backend, forced by --enable-features=IdbSqliteBackingStore"] }),
  "v17-sqlite-killed": usual(17, { flags: SQLITE, leave: "kill", life: { plain: 3 }, notes: ["as v17-sqlite, killed: nearly everything is in the -wal files"] }),
  "v16-then-v17": upgraded, "v17-torn-log": torn, "v17-bitflip-log": flipped, "v17-copied-running": copiedRunning, "v17-other-app": otherApp,
  "v17-two-databases": twoDatabases,
  "v17-replicated": usual(17, {
    options: { database: "keyed-app", keyed: true }, life: null, more: [["keyedLater"], ["replicated"]],
    notes: ["replicated once: RxDB's store for that, rx-replication-meta-..., holds checkpoints and copies, no data of its own"],
  }),
  "v17-keyed": keyed(17), "v17-localstorage": keyed(17, { local: true }), "v16-localstorage": keyed(16, { local: true }),
  "v17-localstorage-encrypted": keyed(17, { local: true, encrypted: true, keyCompression: true, password: PASSWORD }),
  // The profile that `pjais demo` migrates: GOLDEN=FOLDER node make.mjs sample, then its IndexedDB goes into src/pjais/demo/sample.
  sample: usual(17, { options: { keyCompression: true }, life: { plain: 12, pipes: false, orphans: false }, notes: ["no orphans"] }),
  "v17-exotic": usual(17, {
    options: { hidden: ["mem-exotic-unindexed"] }, life: null, more: [["exotic"]],
    notes: ["values JSON has no word for; special[] tells what stood there", "hidden[]: live, returned by findOne(id), but find() and exportJSON leave it out: its createdAt is no valid key, so it is not in the index they use"] }),
};
