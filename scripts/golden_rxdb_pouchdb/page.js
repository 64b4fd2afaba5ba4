// An RxDB app of the years when RxDB kept its data in PouchDB: primary keys of any name, removed and revived documents, local documents, attachments, conflicts.

import { createRxDatabase, major, pouchStorage, version } from "rxdb-of-this-major";

const OWN = ["_rev", "_meta", "_attachments", "_deleted"];
const TEXT = { type: "string" };
const ID = { type: "string", maxLength: 100 };
let database;

/** 9 marks the primary key at its property; 10 and 11 name it. */
function schemas({ encrypted, keyCompression, attachments }) {
  const primary = (schema, name) => (major === 9
    ? { ...schema, properties: { ...schema.properties, [name]: { ...schema.properties[name], primary: true } } }
    : { ...schema, primaryKey: name });
  const more = { ...(keyCompression ? { keyCompression: true } : {}) };
  return {
    notes: primary({
      title: "notes", version: 0, type: "object", ...more, ...(encrypted ? { encrypted: ["secret"] } : {}), ...(attachments ? { attachments: encrypted ? { encrypted: true } : {} } : {}),
      properties: { slug: ID, text: TEXT, done: { type: "boolean" }, secret: TEXT, more: { type: "object", additionalProperties: true } }, required: ["text"], indexes: ["text"],
    }, "slug"),
    tasks: primary({ title: "tasks", version: 0, type: "object", ...more, properties: { id: ID, text: TEXT, number: { type: "number" } } }, "id"),
  };
}

async function open(options) {
  database = await createRxDatabase({ name: options.database, ...pouchStorage(options.adapter), multiInstance: false, eventReduce: false, ignoreDuplicate: true, ...(options.password ? { password: options.password } : {}) });
  const made = Object.fromEntries(Object.entries(schemas(options)).map(([name, schema]) => [name, { schema }]));
  await database.addCollections(made);
  return { major, version };
}

const close = () => database.destroy();
const find = (collection, key) => collection.findOne(key).exec();
const update = async (collection, key, changes) => (await find(collection, key)).atomicPatch(changes);
const remove = async (collection, key) => (await find(collection, key)).remove();

async function live({ attachments, pipes = true }) {
  const { notes, tasks } = database;
  await notes.insert({ slug: "first-note", text: "ß 🧠 first", done: true, secret: "nobody knows", more: { any: [1, null, { thing: -1 }], ...(pipes ? { "a.b": 1, "__x": 2 } : {}) } });
  await notes.bulkInsert([{ slug: "second", text: "", done: false }, { slug: "gone", text: "x" }, { slug: "back", text: "old", secret: "" }]);
  await tasks.bulkInsert([{ id: "t1", text: "one", number: -0.5 }, { id: "t|2", text: "two", number: 2147483648 }]);
  for (const text of ["changed", "changed twice ✅"]) await update(notes, "first-note", { text });
  for (const slug of ["gone", "back"]) await remove(notes, slug);
  await notes.insert({ slug: "back", text: "new", done: true });
  await notes.insertLocal("last-seen", { slug: "first-note" });
  await database.insertLocal("app-settings", { theme: "dark" });
  if (attachments) {
    await (await find(notes, "first-note")).putAttachment({ id: "a||b.txt", data: new Blob(["a small note, ß 🧠"], { type: "text/plain" }), type: "text/plain" });
    await (await find(notes, "second")).putAttachment({ id: "dot.bin", data: new Blob([Uint8Array.from({ length: 300 }, (_, at) => at % 256)], { type: "application/octet-stream" }), type: "application/octet-stream" });
  }
}

/** What a replication leaves: revisions that this device has not made; the winner is the deepest, then the one with the highest id. */
async function conflicts() {
  const pouch = database.tasks.pouch ?? database.tasks.storageInstance.internals.pouch;
  const given = { new_edits: false };
  const document = (id, text, number, ids, more = {}) => ({ _id: id, _rev: `${ids.length}-${ids[0]}`, _revisions: { start: ids.length, ids }, text, number, ...more });
  await pouch.bulkDocs([document("same", "loses", 1, ["aaa"]), document("same", "wins", 2, ["bbb"])], given);
  await pouch.bulkDocs([document("deep", "short", 1, ["fff"]), document("deep", "long", 2, ["abc", "aaa"])], given);
  await pouch.bulkDocs([document("half-removed", "stays", 1, ["aaa"]), document("half-removed", "x", 2, ["bbb", "ccc"], { _deleted: true })], given);
}

const plain = (value) => JSON.parse(JSON.stringify(value));

async function tell({ attachments }) {
  const told = { database: database.name, collections: {} };
  for (const name of ["notes", "tasks"]) {
    const collection = database[name];
    const documents = await collection.find().exec();
    const account = { count: documents.length, docs: [], meta: {} };
    for (const document of documents) {
      const all = plain(document.toJSON(true));
      account.docs.push(Object.fromEntries(Object.entries(all).filter(([key]) => !OWN.includes(key))));
      account.meta[document.primary] = { _rev: all._rev };
      for (const one of attachments && name === "notes" ? document.allAttachments() : []) {
        const bytes = new Uint8Array(await (await one.getData()).arrayBuffer());
        const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
        ((account.attachments ??= {})[document.primary] ??= {})[one.id] = { length: one.length, type: one.type, digest: one.digest, bytes: bytes.length, sha256: [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
      }
    }
    told.collections[name] = account;
  }
  const local = await database.notes.getLocal("last-seen");
  const settings = await database.getLocal("app-settings");
  told.localDocuments = { "": { "app-settings": settings.toJSON() }, notes: { "last-seen": local.toJSON() } };
  return told;
}

const dump = () => database.dump?.(true) ?? database.exportJSON(true);

globalThis.golden = { open, close, live, conflicts, tell, dump };
