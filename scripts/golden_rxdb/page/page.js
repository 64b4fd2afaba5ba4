// What the page can do, as `golden.<name>(...)`. The driver (make.mjs) calls these and decides when the browser dies.

import { compress, createRxDatabase, encrypt, getRxStorageDexie, getRxStorageLocalstorage, major, replicateRxCollection, version } from "rxdb-of-this-major";

import * as account from "./account.js";
import * as documents from "./documents.js";
import * as random from "./random.js";
import { collections } from "./schemas.js";

let database;
const acknowledged = [];

function storage(options) {
  let chosen = options.localStorage ? getRxStorageLocalstorage() : getRxStorageDexie();
  if (options.keyCompression) chosen = compress(chosen);
  if (options.encrypted) chosen = encrypt(chosen);
  return chosen;
}

/** Open (or make) a database. Options: database, keyCompression, encrypted, password, attachments, local, others, memoryVersion, noMigration, stopAfter, as (another major's schemas), keyed, localStorage. */
async function open(options) {
  let migrated = 0;
  const migration = options.stopAfter === undefined ? undefined : (document) => (++migrated > options.stopAfter ? new Promise(() => {}) : document);
  database = await createRxDatabase({
    name: options.database, storage: storage(options), multiInstance: false, eventReduce: false,
    ...(options.password ? { password: options.password } : {}), ...(options.local ? { localDocuments: true } : {}),
  });
  await database.addCollections(collections({ ...options, migration }));
  return { major, version };
}

async function close() {
  await (database.close ?? database.destroy).call(database);
}

/** Insert one by one: one transaction, and so one LevelDB write, per document. */
async function insertEach(collection, list) {
  for (const document of list) {
    await collection.insert(document);
    acknowledged.push(document.id ?? document.key);
  }
}

async function insertMany(collection, list) {
  const { error } = await collection.bulkInsert(list);
  if (error.length) throw new Error(`not inserted: ${JSON.stringify(error).slice(0, 500)}`);
  acknowledged.push(...list.map((document) => document.id ?? document.key));
}

async function update(collection, id, changes) {
  const document = await collection.findOne(id).exec();
  await (document.incrementalPatch ?? document.atomicPatch).call(document, changes);
}

async function removeOne(collection, id) {
  await (await collection.findOne(id).exec()).remove();
}

/** Every second document is handed to IndexedDB with HOLEY lists, as V8's optimised Array.map makes them in a busy app by chance. */
function holeyLists() {
  for (const name of ["put", "add"]) {
    const method = IDBObjectStore.prototype[name];
    let turn = 0;
    IDBObjectStore.prototype[name] = function (value, ...key) {
      return method.call(this, turn++ % 2 ? value : documents.holey(value), ...key);
    };
  }
}

/** The usual life of the app: many inserted at once, some updated, removed, and inserted again. */
async function live({ plain = 20, pipes = true, oneByOne = false, secrets = false, lists = false, orphans = true } = {}) {
  const { personas, memoryEntities } = database;
  if (lists) holeyLists();
  const put = oneByOne ? insertEach : insertMany;
  const people = documents.personas().map((each) => (secrets ? { ...each, apiKeys: `sk-${each.id}-ß🧠`, privateMemory: each.id === "persona-empty" ? null : "nobody knows" } : each));
  await put(personas, people);
  const memories = Array.from({ length: plain }, (_, at) => documents.memory(at + 1));
  await put(memoryEntities, [...memories, ...documents.awkwardMemories({ pipes, orphans })]);
  await put(memoryEntities, ["mem-removed-1", "mem-removed-2", "mem-revived"].map((id) => documents.memory(id, { summary: `REMOVED-SECRET of ${id}` })));
  await update(memoryEntities, "mem-0001", { summary: "updated once" });
  await update(memoryEntities, "mem-0001", { summary: "updated twice ✅", importance: 77 });
  await update(personas, "persona-ada", { usageCount: 43 });
  for (const id of ["mem-removed-1", "mem-removed-2", "mem-revived"]) await removeOne(memoryEntities, id);
  await removeOne(personas, "persona-removed");
  await memoryEntities.insert(documents.memory("mem-revived", { summary: "revived", memoryTier: "hot" }));
}

/** A later state of what `live` wrote. */
async function newer() {
  const updatedAt = "2025-12-24T18:00:00.000Z";
  await update(database.personas, "persona-ada", { name: "Ada of the second database", updatedAt });
  await update(database.memoryEntities, "mem-0002", { summary: "of the second database", updatedAt });
}

async function exotic() {
  await insertEach(database.memoryEntities, documents.exoticMemories());
}

async function big() {
  const { memoryEntities } = database;
  await insertEach(memoryEntities, documents.bigMemories());
  await update(memoryEntities, "mem-rewritten", { content: { text: documents.noise(66_000, 9) } });
  await removeOne(memoryEntities, "mem-big-removed");
}

/** Over 1 MiB, where Firefox puts a document into a file of its own. */
async function huge() {
  await insertEach(database.memoryEntities, [documents.memory("mem-1m-repeated", { content: { text: "quiet river ".repeat(100_000) } })]);
}

async function attach() {
  const { memoryEntities } = database;
  const files = [
    ["mem-0001", "note.txt", new Blob(["a small note, ß 🧠"], { type: "text/plain" })],
    ["mem-0001", "empty.bin", new Blob([], { type: "application/octet-stream" })],
    ["mem-0002", "picture.png", new Blob([documents.bytes(20_000)], { type: "image/png" })],
    ["mem-0003", "naïve name 日本.txt", new Blob([documents.words(3_000)], { type: "text/plain" })],
    ["mem-0004", "removed.bin", new Blob([documents.bytes(500, 10)], { type: "application/octet-stream" })],
    ["mem-0004", "kept.bin", new Blob([documents.bytes(600, 11)], { type: "" })],
  ];
  for (const [owner, id, data] of files) {
    const document = await memoryEntities.findOne(owner).exec();
    await document.putAttachment({ id, type: data.type, length: data.size, data });
  }
  const latest = await memoryEntities.findOne("mem-0004").exec();
  await latest.getAttachment("removed.bin").remove();
}

/** Rewrite everything again and again until LevelDB has made tables of it; every list goes through V8's optimised code. */
async function rewrite({ count, rounds, text }) {
  const { memoryEntities } = database;
  for (let round = 0; round < rounds; round++) {
    await memoryEntities.bulkUpsert(Array.from({ length: count }, (_, at) => documents.memory(1000 + at, {
      content: { text: documents.words(text, round * count + at), round }, accessCount: -1 - round })));
  }
}

/** Remove every seventh of what `rewrite` wrote. */
async function thin({ count }) {
  for (let at = 0; at < count; at += 7) await removeOne(database.memoryEntities, `mem-${1000 + at}`);
}

/**
 * Begin a big write and never let it commit: the transaction of RxDB's own storage is kept alive by asking it for something for ever.
 * It changes ten documents that are there, removes one, and brings `count` new ones.
 */
async function neverCommit({ count, text }) {
  const { storageInstance } = database.memoryEntities;
  const ids = Array.from({ length: 11 }, (_, at) => `mem-${String(at + 2).padStart(4, "0")}`);
  const there = await storageInstance.findDocumentsById(ids, false);
  const changed = there.map((previous, at) => ({ previous, document: { ...previous, summary: "NEVER COMMITTED", _deleted: at === 10 } }));
  const fresh = Array.from({ length: count }, (_, at) => ({ document: {
    ...documents.memory(5000 + at, { summary: "NEVER COMMITTED", content: { text: documents.words(text, at) } }), _deleted: false, _meta: { lwt: 1 }, _rev: "", _attachments: {} } }));
  let written = 0;
  const held = new WeakSet();
  for (const name of ["put", "add"]) {
    const method = IDBObjectStore.prototype[name];
    IDBObjectStore.prototype[name] = function (...given) {
      const asked = method.apply(this, given);
      asked.addEventListener("success", () => { written += 1; });
      if (!held.has(this.transaction)) {
        held.add(this.transaction);
        const again = () => { this.count().onsuccess = again; };
        again();
      }
      return asked;
    };
  }
  storageInstance.bulkWrite([...changed, ...fresh], "golden").then(() => { throw new Error("it did commit"); });
  while (written < changed.length + count) await new Promise((done) => setTimeout(done, 50));
  return { writtenUncommitted: written };
}

/** Write without end; `acknowledgedSoFar` tells how far it got. */
function writeForever() {
  (async () => {
    for (let at = 6000; ; at++) {
      await insertEach(database.memoryEntities, [documents.memory(at)]);
      await new Promise((done) => setTimeout(done, 2));
    }
  })();
}

function acknowledgedSoFar() {
  return acknowledged;
}

/** One that RxDB must be let to migrate; the driver kills it while the rest hangs. */
function migrate(batchSize) {
  database.memoryEntities.startMigration(batchSize);
}

/** An app we know nothing of: odd names, local documents. */
async function otherApp(names) {
  for (const [at, name] of names.entries()) {
    await insertMany(database[name], [
      { key: "1", text: `first of ${name}`, done: true }, { key: "k|2", text: "", done: false, more: { any: [1, null, { thing: -1 }] } }, { key: "gone", text: "x" }]);
    await removeOne(database[name], "gone");
    await database[name].insertLocal(`local-${at}`, { theme: "dark", at, none: null, on: true });
  }
  await database.insertLocal("app-settings", { theme: "dark", "|pipe": 1, nested: { list: [1, 2] }, flag: false });
  await database.insertLocal("gone-settings", { theme: "light" });
  await (await database.getLocal("gone-settings")).remove();
}

/** The app whose primary keys have names of their own: inserted, changed, removed, brought back, with attachments and local documents. */
async function keyed() {
  const { notes, entries } = database;
  await insertMany(notes, [
    { slug: "first-note", text: "ß 🧠 first", done: true, secret: "nobody knows", more: { any: [1, null, { thing: -1 }] } },
    { slug: "--0--odd", text: "", done: false }, { slug: "gone", text: "x", done: false }, { slug: "back", text: "old", done: false }]);
  await insertMany(entries, [{ owner: "ada", number: 1, text: "one" }, { owner: "ada", number: 10, text: "ten" }, { owner: "--0-", number: -0.5, text: "half" }, { owner: "gone", number: 1, text: "x" }]);
  await update(notes, "first-note", { text: "ß 🧠 first, changed" });
  for (const slug of ["gone", "back"]) await removeOne(notes, slug);
  await removeOne(entries, "gone|1");
  await insertMany(notes, [{ slug: "back", text: "new", done: true }]);
  for (const [slug, id, data] of [["first-note", "a||b.txt", new Blob(["a small note, ß 🧠"], { type: "text/plain" })], ["--0--odd", "dot.png", new Blob([documents.bytes(300)], { type: "image/png" })]]) {
    await (await notes.findOne(slug).exec()).putAttachment({ id, type: data.type, length: data.size, data });
  }
  await database.insertLocal("app-settings", { theme: "dark" });
  await notes.insertLocal("last-seen", { slug: "first-note" });
}

/** The same app, once replicated with a server that has one document more. */
async function replicated() {
  const state = replicateRxCollection({
    collection: database.notes, replicationIdentifier: "golden", live: false, push: { handler: async () => [] },
    pull: { handler: async (checkpoint) => ({ documents: checkpoint ? [] : [{ slug: "pulled", text: "from the server", done: true, _deleted: false }], checkpoint: { at: 1 } }) },
  });
  state.error$.subscribe((error) => console.error(error.message));
  await state.awaitInitialReplication();
}

/** The same app, another day. */
async function keyedLater() {
  await insertMany(database.notes, [{ slug: "later", text: "another day", done: true }]);
  if (await database.entries.findOne("ada|1").exec()) await update(database.entries, "ada|1", { text: "one, later" });
}

/** A random life: `random.life(seed, count)` lived through; the ids that are gone in the end. */
async function liveRandomly(seed, count) {
  const gone = { personas: new Set(), memoryEntities: new Set() };
  for (const { collection: name, how, ids = [], documents: list = [], changes } of random.life(seed, count)) {
    const collection = database[name];
    if (how === "bulkInsert") await insertMany(collection, list);
    if (how === "insert") await insertEach(collection, list);
    if (how === "upsert") await collection.bulkUpsert(list);
    if (how === "patch") await update(collection, ids[0], changes);
    if (how === "remove") await removeOne(collection, ids[0]);
    if (how === "bulkRemove") await collection.bulkRemove(ids);
    for (const { id } of list) gone[name].delete(id);
    if (how === "remove" || how === "bulkRemove") ids.forEach((id) => gone[name].add(id));
  }
  return Object.fromEntries(Object.entries(gone).map(([name, ids]) => [name, [...ids].sort()]));
}

/** Insert `count` plain memories from number `from` on, every tenth with an embedding: what a benchmark reads. */
async function insertMemories(from, count) {
  await insertMany(database.memoryEntities, Array.from({ length: count }, (_, at) => documents.memory(from + at, {
    content: { text: documents.words(900, from + at) }, summary: documents.words(120, -from - at),
    embedding: (from + at) % 10 ? null : documents.embedding(384, from + at), embeddingModel: (from + at) % 10 ? null : "all-MiniLM-L6-v2" })));
}

/** What the busy app does: every operation in the order of its writing, as [number, what, id]; its number is the document's `accessCount`. */
const history = [];
let stopBusy;

/** Write one document after the other, `perSecond` of them, until `endBusy`: new ones, changed ones, removed ones; dates go back now and then. */
async function beginBusy({ seed, from, perSecond }) {
  const { memoryEntities } = database;
  const next = documents.random(seed);
  const living = (await memoryEntities.find().exec()).map(({ id }) => id).filter((id) => id.startsWith("busy-"));
  let going = true;
  const write = async (number) => {
    const at = Math.floor(next() * living.length);
    const kind = living.length < 20 ? 0 : next();
    const changes = {
      accessCount: number, summary: documents.noise(20, number), importance: number % 101, tags: [`t${number % 7}`, "é 🧠"],
      content: { text: documents.words(60, number), number }, updatedAt: new Date(Date.now() - (number % 5 ? 0 : 86_400_000)).toISOString(),
    };
    if (kind < 0.5) {
      const id = `busy-${number}`;
      await memoryEntities.insert(documents.memory(id, changes));
      living.push(id);
      history.push([number, "insert", id]);
    } else if (kind < 0.8) {
      await update(memoryEntities, living[at], changes);
      history.push([number, "update", living[at]]);
    } else {
      await removeOne(memoryEntities, living[at]);
      history.push([number, "remove", living.splice(at, 1)[0]]);
    }
  };
  const began = performance.now();
  const ended = (async () => {
    for (let count = 0; going; count++) {
      await write(from + count);
      await new Promise((done) => setTimeout(done, Math.max(0, began + (count + 1) * 1000 / perSecond - performance.now())));
    }
  })();
  stopBusy = async () => {
    going = false;
    await ended;
    return { history, seconds: (performance.now() - began) / 1000 };
  };
}

/** Stop once what was begun is written. */
async function endBusy() {
  return stopBusy();
}

async function localDocuments(owner, ids) {
  const found = {};
  for (const id of ids) {
    const document = await owner.getLocal(id);
    if (document) found[id] = document.toJSON().data;
  }
  return found;
}

/** Everything RxDB has to say about the open database. */
async function tell(options) {
  const told = { database: options.database, collections: {} };
  for (const [name, collection] of Object.entries(database.collections)) told.collections[name] = await account.collection(collection, options);
  if (options.local) {
    told.localDocuments = { "": await localDocuments(database, ["app-settings", "gone-settings"]) };
    for (const [at, name] of (options.others ?? []).entries()) told.localDocuments[name] = await localDocuments(database[name], [`local-${at}`]);
  }
  return told;
}

/** Take the text of a dump in, as an app does; the ids that RxDB refused. */
async function importDump(text) {
  const results = await database.importJSON(JSON.parse(text));
  return results.flatMap(({ error }) => error).map(({ documentId }) => documentId);
}

/** RxDB's own dump, with attachments where it can. */
async function exportDump(options) {
  return database.exportJSON(options);
}

globalThis.golden = {
  importDump, exportDump, keyed, keyedLater, replicated,
  open, close, live, newer, holeyLists, exotic, big, huge, attach, rewrite, thin, neverCommit, writeForever, acknowledgedSoFar, migrate, otherApp, tell,
  liveRandomly, insertMemories, beginBusy, endBusy, stores: account.stores, getAll: account.getAll,
};
