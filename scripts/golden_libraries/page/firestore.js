// Firestore's persistent cache, offline: documents of a bundle (as a server sends them), then writes that no server confirmed.

import { initializeApp } from "firebase/app";
import {
  arrayUnion, Bytes, collection, deleteDoc, deleteField, disableNetwork, doc, DocumentReference, GeoPoint, getDocFromCache, getDocsFromCache, increment,
  initializeFirestore, loadBundle, persistentLocalCache, serverTimestamp, setDoc, terminate, Timestamp, updateDoc, vector, VectorValue, writeBatch,
} from "firebase/firestore";

import { document } from "./told.js";

const ROOT = "projects/golden/databases/(default)/documents";
const AT = "2026-11-29T10:00:00.123456Z";
const text = (value) => ({ stringValue: value });
const DOCUMENTS = {
  "rooms/a": { name: text("ünï 日本"), n: { integerValue: "7" }, big: { integerValue: "9007199254740991" }, half: { doubleValue: 1.5 }, none: { nullValue: null }, yes: { booleanValue: true } },
  "rooms/b": {
    at: { timestampValue: AT }, where: { geoPointValue: { latitude: 48.25, longitude: -16.5 } }, bytes: { bytesValue: "AAH/" },
    ref: { referenceValue: `${ROOT}/rooms/a` }, nan: { doubleValue: "NaN" }, inf: { doubleValue: "-Infinity" }, zero: { doubleValue: "-0" },
    list: { arrayValue: { values: [{ integerValue: "1" }, { mapValue: { fields: { a: text("b") } } }, { nullValue: null }] } },
    empty: { arrayValue: {} }, map: { mapValue: { fields: { "": text(""), "a.b": { mapValue: {} }, seconds: { integerValue: "1" } } } },
    embedding: { mapValue: { fields: { __type__: text("__vector__"), value: { arrayValue: { values: [{ doubleValue: 0.5 }, { doubleValue: 2 }] } } } } },
    early: { timestampValue: "1969-12-31T23:59:59Z" },
  },
  "rooms/a/messages/m1": { body: text("in a subcollection") },
  "rooms/a/messages/m2": { body: text("to be patched"), tags: { arrayValue: { values: [text("old")] } }, count: { integerValue: "1" }, old: text("x") },
  "rooms/empty": {},
  "todos/t1": { title: text("to be deleted"), done: { booleanValue: false } },
};

/** A bundle, as a server makes it: each element with its length before it. */
function bundle() {
  const elements = Object.entries(DOCUMENTS).flatMap(([path, fields]) => [
    { documentMetadata: { name: `${ROOT}/${path}`, readTime: AT, exists: true } },
    { document: { name: `${ROOT}/${path}`, fields, createTime: AT, updateTime: AT } },
  ]);
  elements.push({ documentMetadata: { name: `${ROOT}/rooms/missing`, readTime: AT, exists: false } });
  const framed = elements.map((one) => JSON.stringify(one)).map((one) => `${new TextEncoder().encode(one).length}${one}`).join("");
  const head = JSON.stringify({ metadata: { id: "golden", createTime: AT, version: 1, totalDocuments: Object.keys(DOCUMENTS).length + 1, totalBytes: new TextEncoder().encode(framed).length } });
  return `${head.length}${head}${framed}`;
}

/** A value as the library gives it, in its own JSON where a class of its own stands for it; bytes as bytes. */
function plain(value) {
  if (value instanceof Bytes) return value.toUint8Array();
  if (value instanceof DocumentReference) return { type: "firestore/documentReference/1.0", referencePath: value.path };
  if (value instanceof Timestamp || value instanceof GeoPoint || value instanceof VectorValue) return value.toJSON();
  if (Array.isArray(value)) return value.map(plain);
  return value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)])) : value;
}

export async function write() {
  const app = initializeApp({ projectId: "golden" });
  const db = initializeFirestore(app, { localCache: persistentLocalCache() });
  await disableNetwork(db);
  await loadBundle(db, bundle());
  const found = [];
  for (const path of Object.keys(DOCUMENTS)) {
    const got = await getDocFromCache(doc(db, path));
    found.push(await document(`firestore/documents/${path.split("/").at(-2)}`, path, plain(got.data())));
  }
  setDoc(doc(db, "rooms/new"), { name: "written offline", at: new Timestamp(1, 500_000_000), n: 3, f: 0.5 });
  setDoc(doc(db, "rooms/a"), { merged: { deep: "yes" } }, { merge: true });
  updateDoc(doc(db, "rooms/a/messages/m2"), { body: "patched", tags: arrayUnion("new"), count: increment(2), old: deleteField(), at: serverTimestamp() });
  deleteDoc(doc(db, "todos/t1"));
  const batch = writeBatch(db);
  batch.set(doc(db, "todos/t2"), { title: "one of a batch", ref: doc(db, "rooms/a") });
  batch.update(doc(db, "rooms/b"), { "map.added": vector([1, 2]) });
  batch.commit();
  const views = [];
  for (const path of ["rooms", "rooms/a/messages", "todos"]) {
    for (const one of (await getDocsFromCache(collection(db, path))).docs) views.push(await document(`firestore/documents/${path.split("/").at(-1)}`, one.ref.path, plain(one.data())));
  }
  await terminate(db);
  return { "firestore/[DEFAULT]/golden/main": { library: "Firestore", documents: found, views } };
}
