// localForage: two stores of IndexedDB, and its localStorage driver, which writes binaries as text.

import localforage from "localforage";

import { document } from "./told.js";

const BYTES = new Uint8Array([0, 1, 2, 250, 251, 252, 253, 254, 255, 7, 8, 9, 10, 11, 12, 13]);
const VIEWS = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array];

async function fill(store, cloned) {
  await store.setItem("text", "ünï 日本");
  await store.setItem("json", { a: [1, null, { b: false }], "": "" });
  await store.setItem("zero", 0);
  await store.setItem("null", null);
  await store.setItem("undefined", undefined);
  await store.setItem("buffer", BYTES.buffer.slice(0, 5));
  await store.setItem("no bytes", new ArrayBuffer(0));
  await store.setItem("blob", new Blob([BYTES], { type: "image/png" }));
  await store.setItem("blob of no type", new Blob(["x"]));
  for (const View of VIEWS) await store.setItem(View.name, new View(BYTES.slice().buffer));
  await store.setItem("looks like one", "__lfsc__:ui08AAE=");
  if (!cloned) return;
  await store.setItem("date", new Date(1e12));
  await store.setItem("set", new Set([1, "1"]));
  await store.setItem("file", new File([BYTES], "f.bin", { type: "application/x-f", lastModified: 1e12 }));
  await store.setItem("persist:not redux", "no JSON");
}

async function told(store, collection) {
  const found = [];
  for (const key of (await store.keys()).sort()) {
    found.push(await document(collection, key, await store.getItem(key)));
  }
  return found;
}

export async function write() {
  const [one, two] = [localforage.createInstance({ name: "lf" }), localforage.createInstance({ name: "lf", storeName: "drafts" })];
  await fill(one, true);
  await two.setItem("d1", { title: "a draft" });
  const documents = [...await told(two, "localforage/drafts"), ...await told(one, "localforage/keyvaluepairs")];
  const local = { driver: localforage.LOCALSTORAGE, name: "lf-text" };
  const [three, four] = [localforage.createInstance(local), localforage.createInstance({ ...local, storeName: "more" })];
  await fill(three, false);
  await four.setItem("m1", [1]);
  await three.removeItem("looks like one"); // it would not come back as it was
  const text = [...await told(three, "localforage/keyvaluepairs"), ...await told(four, "localforage/more")];
  return { lf: { library: "localForage", documents }, "localStorage lf-text": { library: "localForage", documents: text } };
}
