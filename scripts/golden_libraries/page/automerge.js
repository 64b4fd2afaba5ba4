// automerge-repo over IndexedDB: snapshots, incremental chunks after them, and what three people changed at once.

import * as Automerge from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { IndexedDBStorageAdapter } from "@automerge/automerge-repo-storage-indexeddb";

import { document } from "./told.js";

let seed = 7;
const random = (below) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor((seed / 2147483648) * below); };

/** Change a document somewhere. */
function change(doc, n) {
  const what = random(8);
  if (what === 0) Automerge.splice(doc, ["text"], random(doc.text.length + 1), 0, ["ab", "é", "x", "日本"][random(4)]);
  if (what === 1 && doc.text.length) Automerge.splice(doc, ["text"], random(doc.text.length), 1);
  if (what === 2) doc.list.insertAt(random(doc.list.length + 1), n, { of: n });
  if (what === 3 && doc.list.length) doc.list.deleteAt(random(doc.list.length));
  if (what === 4) doc.map[`k${random(4)}`] = n;
  if (what === 5) delete doc.map[`k${random(4)}`];
  if (what === 6) doc.count.increment(n % 5);
  if (what === 7 && doc.list.length) doc.list[random(doc.list.length)] = `set ${n}`;
}

export async function write() {
  const repo = new Repo({ storage: new IndexedDBStorageAdapter("automerge") });
  const one = repo.create({ title: "ünï 日本", n: 1.5, none: null, yes: true, list: [1, [2], {}], at: new Date(1e12), bytes: new Uint8Array([0, 255]), raw: new Automerge.ImmutableString("raw"), big: 2 ** 52, low: -7 });
  one.change((doc) => { doc.count = new Automerge.Counter(3); doc.gone = 1; });
  await repo.flush();
  one.change((doc) => { delete doc.gone; doc.count.increment(2); doc.list.push("last"); Automerge.splice(doc, ["title"], 0, 1, "Ü"); });
  const two = repo.create({ todos: [] });
  for (let n = 0; n < 5; n += 1) { two.change((doc) => doc.todos.push({ id: n, done: n % 2 === 0 })); }
  const filler = Array.from({ length: 1100 }, () => String.fromCharCode(97 + random(26))).join("");
  const three = repo.create({ filler, text: "shared", list: [], map: {}, count: new Automerge.Counter(1) });
  await repo.flush();
  const people = [1, 2, 3].map(() => Automerge.clone(three.doc()));
  const merge = (doc, others) => others.reduce((all, other) => Automerge.merge(all, Automerge.clone(other)), doc);
  for (let n = 0; n < 48; n += 1) {
    const who = random(3);
    people[who] = Automerge.change(people[who], (doc) => change(doc, n));
    if (n % 9 === 0) for (const at of [0, 1, 2]) people[at] = merge(people[at], people.filter((_, from) => from !== at));
    if (n === 30) { three.update((doc) => merge(doc, [people[1]])); await repo.flush(); }
  }
  three.update((doc) => merge(doc, people));
  three.change((doc) => Automerge.mark(doc, ["text"], { start: 0, end: 2, expand: "after" }, "bold", true));
  await repo.flush();
  await repo.shutdown?.();
  const again = new Repo({ storage: new IndexedDBStorageAdapter("automerge") });
  const found = [];
  for (const { documentId } of [one, two, three]) {
    const plain = Automerge.toJS((await again.find(documentId)).doc());
    for (const [name, value] of Object.entries(plain)) {
      if (value instanceof Automerge.Counter) plain[name] = value.value;
      if (value instanceof Automerge.ImmutableString) plain[name] = value.toString();
    }
    found.push(await document("automerge/documents", documentId, plain));
  }
  return { automerge: { library: "Automerge (automerge-repo)", documents: found } };
}
