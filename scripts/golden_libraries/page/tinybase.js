// TinyBase: a Store and a MergeableStore, each in a database of its own.

import { createMergeableStore, createStore } from "tinybase";
import { createIndexedDbPersister } from "tinybase/persisters/persister-indexed-db";

import { document } from "./told.js";

function fill(store) {
  store.setTables({
    pets: { fido: { species: "dog", age: 3, sold: false }, felix: { species: "cat", price: 1.5 }, "ü/日本": { "": "" } },
    species: { dog: { legs: 4 }, fish: { legs: 0 } },
    json: { row: { list: [1, { a: null }], object: { b: "ü" }, none: null } },
    empty: {},
  });
  store.setValues({ open: true, count: 7, title: "Pets", list: [1, 2], none: null });
  store.setCell("pets", "gone", "species", "rat");
  store.delRow("pets", "gone");
  store.delCell("pets", "felix", "price");
  store.setTable("gone", { a: { b: 1 } });
  store.delTable("gone");
  store.setValue("gone", 1);
  store.delValue("gone");
}

async function told(name, make) {
  const store = make();
  const persister = createIndexedDbPersister(store, name);
  fill(store);
  await persister.save();
  persister.destroy?.();
  const again = make();
  const other = createIndexedDbPersister(again, name);
  await other.load();
  other.destroy?.();
  const found = [];
  for (const [table, rows] of Object.entries(again.getTables())) {
    for (const [row, cells] of Object.entries(rows)) found.push(await document(`tinybase/tables/${table}`, row, cells));
  }
  for (const [id, value] of Object.entries(again.getValues())) found.push(await document("tinybase/values", id, value));
  return { library: "TinyBase", documents: found };
}

export async function write() {
  return { "tiny": await told("tiny", () => createStore()), "tiny-mergeable": await told("tiny-mergeable", () => createMergeableStore("one")) };
}
