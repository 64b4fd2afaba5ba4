// One library in a worker of its own: `{ library, open }` in, the rows that it selects out.

import { leaveOpen, told, write } from "./story.js";

const SQLITE_WASM = "/node_modules/@sqlite.org/sqlite-wasm/dist/index.mjs";
const WA = { 1: "/node_modules/wa-sqlite", 2: "/node_modules/@journeyapps/wa-sqlite" };

async function ofSqliteWasm(openDatabase) {
  const { default: init } = await import(SQLITE_WASM);
  const sqlite3 = await init();
  const db = await openDatabase(sqlite3);
  return {
    run: (sql) => db.exec(sql),
    select: (sql) => db.exec({ sql, returnValue: "resultRows", rowMode: "array" }),
    close: () => db.close(),
  };
}

async function ofWaSqlite(major, build, makeVfs, name) {
  const { default: factory } = await import(`${WA[major]}/dist/${build}.mjs`);
  const module = await factory({ locateFile: (file) => `${WA[major]}/dist/${file}` });
  const SQLite = await import(`${WA[major]}/src/sqlite-api.js`);
  const sqlite3 = SQLite.Factory(module);
  const vfs = await makeVfs(module);
  sqlite3.vfs_register(vfs, true);
  const db = await sqlite3.open_v2(name, 6, vfs.name);
  const run = (sql, row) => sqlite3.exec(db, sql, row);
  return {
    run,
    select: async (sql) => {
      const rows = [];
      await run(sql, (row) => rows.push([...row]));
      return rows;
    },
    close: async () => {
      await sqlite3.close(db);
      await vfs.close?.();
    },
  };
}

async function vfsOf(major, file, kind) {
  return (await import(`${WA[major]}/src/examples/${file}.js`))[kind ?? file];
}

const libraries = {
  "sahpool": () => ofSqliteWasm(async (sqlite3) => new (await sqlite3.installOpfsSAHPoolVfs({ initialCapacity: 4 })).OpfsSAHPoolDb("/notes.db")),
  "opfs": () => ofSqliteWasm(async (sqlite3) => new sqlite3.oo1.OpfsDb("/plain/notes.db", "c")),
  "wa-pool-1": () => ofWaSqlite(1, "wa-sqlite", async () => {
    const vfs = new (await vfsOf(1, "AccessHandlePoolVFS"))("/wa-pool-1");
    await vfs.isReady;
    return vfs;
  }, "notes.db"),
  "wa-pool-2": () => ofWaSqlite(2, "wa-sqlite", async (module) => (await vfsOf(2, "AccessHandlePoolVFS")).create("wa-pool-2", module), "notes.db"),
  "wa-coop": () => ofWaSqlite(2, "wa-sqlite", async (module) => (await vfsOf(2, "OPFSCoopSyncVFS")).create("wa-coop", module), "coop/notes.db"),
  "wa-any": () => ofWaSqlite(2, "wa-sqlite-async", async (module) => (await vfsOf(2, "OPFSAnyContextVFS")).create("wa-any", module), "any/notes.db"),
  "wa-ahead": () => ofWaSqlite(2, "wa-sqlite", async (module) => (await vfsOf(2, "OPFSWriteAheadVFS")).create("wa-ahead", module), "ahead/notes.db"),
  "wa-permuted": () => ofWaSqlite(2, "wa-sqlite-async", async (module) => (await vfsOf(2, "OPFSPermutedVFS")).create("wa-permuted", module), "permuted/notes.db"),
  "wa-batch-1": () => ofWaSqlite(1, "wa-sqlite-async", async () => new (await vfsOf(1, "IDBBatchAtomicVFS"))("wa-batch-1"), "notes.db"),
  "wa-batch-2": () => ofWaSqlite(2, "wa-sqlite-async", async (module) => (await vfsOf(2, "IDBBatchAtomicVFS")).create("wa-batch-2", module), "notes.db"),
  "wa-minimal": () => ofWaSqlite(1, "wa-sqlite-async", async () => new (await vfsOf(1, "IDBMinimalVFS"))("wa-minimal"), "notes.db"),
  "wa-mirror": () => ofWaSqlite(2, "wa-sqlite-async", async (module) => (await vfsOf(2, "IDBMirrorVFS")).create("wa-mirror", module), "notes.db"),
};

globalThis.onmessage = async ({ data: { library, open } }) => {
  try {
    const db = await libraries[library]();
    await write(db.run, library);
    const rows = await told(db.select);
    if (open) await leaveOpen(db.run);
    else await db.close();
    globalThis.postMessage({ rows });
  } catch (error) {
    globalThis.postMessage({ error: `${error?.stack ?? error}` });
  }
};
