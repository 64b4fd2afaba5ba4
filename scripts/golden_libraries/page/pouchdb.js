// PouchDB, both of its adapters: revisions, conflicts, deletions, attachments, local and design documents.

import PouchDB from "pouchdb";
import indexeddb from "pouchdb-adapter-indexeddb";

import { document } from "./told.js";

PouchDB.plugin(indexeddb);

const PIXEL = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 1, 2, 254, 255]);
const revision = (digit) => digit.repeat(32);

async function fill(db) {
  await db.bulkDocs([
    { _id: "plain", text: "ünï 日本", n: 1.5, none: null, yes: true, list: [1, [2], {}], "a-b": { "": 0, $x: false } },
    { _id: "with::colons:in it", n: 1 }, { _id: "日本", n: 2 }, { _id: "A", n: 3 }, { _id: "a", n: 4 }, { _id: "empty" },
  ]);
  for (let n = 0; n < 5; n += 1) {
    const old = await db.get("often").catch(() => ({ _id: "often" }));
    await db.put({ ...old, n });
  }
  await db.put({ _id: "gone", secret: 1 });
  await db.remove(await db.get("gone"));
  await db.put({ _id: "again", n: 1 });
  await db.remove(await db.get("again"));
  await db.put({ _id: "again", n: 2 });
  const branch = (id, letters, more) => ({ _id: id, _rev: `${letters.length}-${revision(letters[0])}`, _revisions: { start: letters.length, ids: [...letters].map(revision) }, ...more });
  await db.bulkDocs([
    branch("conflict", "ac", { side: "a" }), branch("conflict", "bc", { side: "b" }), branch("conflict", "9c", { side: "9" }),
    branch("deeper wins", "0fd", { side: "deep" }), branch("deeper wins", "ed", { side: "high" }),
    branch("deleted loses", "321", { _deleted: true }), branch("deleted loses", "51", { side: "alive" }),
    branch("resolved", "61", { side: "kept" }), branch("resolved", "71", { _deleted: true, side: "dropped" }),
    branch("ten", "0123456789ab".slice(0, 10), { side: "10" }), branch("ten", "f12345678".slice(0, 9), { side: "9" }),
    branch("all deleted", "41", { _deleted: true }), branch("all deleted", "81", { _deleted: true }),
  ], { new_edits: false });
  const text = new Blob(["hello, attachment"], { type: "text/plain;charset=utf-8" });
  await db.put({ _id: "attached", n: 1, _attachments: { "a.txt": { content_type: "text/plain;charset=utf-8", data: text }, "p/ü.png": { content_type: "image/png", data: new Blob([PIXEL], { type: "image/png" }) } } });
  await db.put({ ...(await db.get("attached")), n: 2 });
  await db.put({ _id: "attached too", _attachments: { same: { content_type: "text/x-other", data: text }, none: { content_type: "application/x-empty", data: new Blob([]) }, "b64": { content_type: "text/css", data: btoa("b { }") } } });
  await db.put({ _id: "_local/checkpoint", last: 7 });
  await db.put({ _id: "_design/by-n", views: { byN: { map: "function (doc) { emit(doc.n); }" } } });
  await db.compact();
}

async function told(db) {
  const found = [];
  const options = { attachments: true, binary: true };
  for (const { id } of (await db.allDocs()).rows) {
    const doc = await db.get(id, { conflicts: true, ...options });
    found.push(await document("pouchdb/documents", id, doc));
    for (const rev of doc._conflicts ?? []) found.push(await document("pouchdb/conflicts", [id, rev], await db.get(id, { rev, ...options })));
  }
  for (const id of ["_local/checkpoint", "_local/compaction"]) {
    const local = await db.get(id).catch(() => null);
    if (local) found.push(await document("pouchdb/local", id, local));
  }
  return found;
}

export async function write() {
  const databases = {};
  for (const adapter of ["idb", "indexeddb"]) {
    const db = new PouchDB(`notes-${adapter}`, { adapter });
    await fill(db);
    await db.close();
    const again = new PouchDB(`notes-${adapter}`, { adapter });
    databases[`_pouch_notes-${adapter}`] = { library: "PouchDB", documents: await told(again) };
    await again.close();
  }
  const old = new PouchDB("todoapp-rxdb-0-todos", { adapter: "idb" });
  await old.put({ _id: "t1", title: "of RxDB 11" });
  databases["_pouch_todoapp-rxdb-0-todos"] = { library: "PouchDB (RxDB up to 11)", documents: await told(old) };
  await old.close();
  return databases;
}
