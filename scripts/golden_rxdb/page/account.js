// RxDB's own account of what it has: the live documents as it returns them, and what it keeps beside them.

import { major } from "rxdb-of-this-major";

const OWN = ["_rev", "_meta", "_attachments", "_deleted"];

/** A value as JSON; whatever JSON cannot say becomes null (or 0) and is told in `special`, with its path. */
function plain(value, path, special) {
  const odd = (name, instead = null) => { special.push({ path, value: name }); return instead; };
  if (value === undefined) return odd("undefined");
  if (typeof value === "bigint") return odd(`${value}n`);
  if (typeof value === "number") {
    if (Object.is(value, -0)) return odd("-0", 0);
    return Number.isFinite(value) ? value : odd(String(value));
  }
  if (Array.isArray(value)) {
    return Array.from(value, (item, at) => (at in value ? plain(item, [...path, at], special) : (special.push({ path: [...path, at], value: "hole" }), null)));
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item, [...path, name], special)]));
  }
  return value;
}

async function sha256(blob) {
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function attachmentsOf(documents) {
  const found = {};
  for (const document of documents) {
    for (const attachment of document.allAttachments()) {
      const data = await attachment.getData();
      found[document.primary] ??= {};
      found[document.primary][attachment.id] = {
        length: attachment.length, type: attachment.type, digest: attachment.digest, bytes: data.size, sha256: await sha256(data) };
    }
  }
  return found;
}

/** `hidden`: ids to ask for one by one, because find() leaves a document out when a field of the index it uses is no valid key. */
export async function collection(found, { attachments, hidden = [] }) {
  const documents = await found.find().exec();
  const account = { count: 0, docs: [], meta: {} };
  for (const id of hidden) {
    const document = await found.findOne(id).exec();
    if (!document || documents.includes(document)) continue;
    documents.push(document);
    account.hidden = [...(account.hidden ?? []), id];
  }
  account.count = documents.length;
  const special = [];
  for (const document of documents) {
    const all = document.toJSON(true);
    const id = document.primary;
    account.docs.push(Object.fromEntries(Object.entries(all).filter(([name]) => !OWN.includes(name)).map(([name, value]) => [name, plain(value, [id, name], special)])));
    account.meta[id] = { _rev: all._rev, _meta: all._meta, _attachments: JSON.parse(JSON.stringify(all._attachments ?? {}, (name, value) => (name === "data" ? undefined : value))) };
  }
  if (special.length) account.special = special;
  if (attachments && found.schema.jsonSchema.attachments) account.attachments = await attachmentsOf(documents);
  return account;
}

function request(asked) {
  return new Promise((done, failed) => {
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
}

/** What lies in IndexedDB itself, after RxDB has let go: per database the rows of each store, and the ids of removed documents. */
export async function stores() {
  const counts = {};
  const removed = {};
  for (const { name } of (await indexedDB.databases()).sort((one, two) => (one.name < two.name ? -1 : 1))) {
    const database = await request(indexedDB.open(name));
    counts[name] = {};
    for (const store of database.objectStoreNames) {
      const objects = database.transaction(store).objectStore(store);
      counts[name][store] = await request(objects.count());
      if (store === "changes") continue;
      const gone = [];
      for (const row of await request(objects.getAll())) {
        if (store === "deleted-docs" || (store === "docs" && row._deleted === "1")) gone.push(row[objects.keyPath]);
      }
      if (gone.length) removed[name] = [...(removed[name] ?? []), ...gone.map(String)].sort();
    }
    database.close();
  }
  for (const name of Object.keys(localStorage)) {
    const [, database, collection, version, id] = /^RxDB-ls-doc-(.+?)--(.+?)--(\d+)-(.*)$/s.exec(name) ?? [];
    if (id === undefined) continue;
    const like = `rxdb-dexie-${database}--${version}--${collection}`;
    counts[like] ??= { docs: 0 };
    counts[like].docs += 1;
    if (JSON.parse(localStorage.getItem(name))._deleted) removed[like] = [...(removed[like] ?? []), id].sort();
  }
  return { major, counts, removed };
}

/** What the browser itself needs to hand over all rows of all `docs` stores: milliseconds and rows. */
export async function getAll() {
  const told = { rows: 0, ms: 0 };
  for (const { name } of await indexedDB.databases()) {
    const database = await request(indexedDB.open(name));
    if (database.objectStoreNames.contains("docs")) {
      const began = performance.now();
      told.rows += (await request(database.transaction("docs").objectStore("docs").getAll())).length;
      told.ms += performance.now() - began;
    }
    database.close();
  }
  return told;
}
