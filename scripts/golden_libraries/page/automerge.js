// automerge-repo over IndexedDB: a snapshot, and incremental chunks after it.

import * as Automerge from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { IndexedDBStorageAdapter } from "@automerge/automerge-repo-storage-indexeddb";

import { document } from "./told.js";

export async function write() {
  const repo = new Repo({ storage: new IndexedDBStorageAdapter("automerge") });
  const one = repo.create({ title: "ünï 日本", n: 1.5, none: null, yes: true, list: [1, [2], {}], at: new Date(1e12), bytes: new Uint8Array([0, 255]), raw: new Automerge.ImmutableString("raw") });
  one.change((doc) => { doc.count = new Automerge.Counter(3); doc.gone = 1; });
  await repo.flush();
  one.change((doc) => { delete doc.gone; doc.count.increment(2); doc.list.push("last"); Automerge.splice(doc, ["title"], 0, 1, "Ü"); });
  const two = repo.create({ todos: [] });
  for (let n = 0; n < 5; n += 1) { two.change((doc) => doc.todos.push({ id: n, done: n % 2 === 0 })); await repo.flush(); }
  await repo.flush();
  await repo.shutdown?.();
  const again = new Repo({ storage: new IndexedDBStorageAdapter("automerge") });
  const found = [];
  for (const { documentId } of [one, two]) {
    const plain = Automerge.toJS((await again.find(documentId)).doc());
    for (const [name, value] of Object.entries(plain)) {
      if (value instanceof Automerge.Counter) plain[name] = value.value;
      if (value instanceof Automerge.ImmutableString) plain[name] = value.toString();
    }
    found.push(await document("automerge/documents", documentId, plain));
  }
  return { automerge: { library: "Automerge (automerge-repo)", documents: found } };
}
