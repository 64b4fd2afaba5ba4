// Random values of every type that a page can store, under random keys, in stores of every declaration: the same seed gives the same.

import { bytes, noise, random, words } from "./documents.js";

const done = (request) => new Promise((kept, failed) => { request.onsuccess = () => kept(request.result); request.onerror = () => failed(request.error); });
const finished = (transaction) => new Promise((kept) => { transaction.oncomplete = transaction.onabort = kept; });

const PIECES = ["a", "tea", " ", "ü", "ÿ", "€", "日本", "🧠", "\0", "\ud800", "\udfff", "\ufeff", "\uffff", "\u{10ffff}", "\"", "\\", "\n", "|", "\x7f", "\x80", "e\u0301"];
const NAMES = ["", "__proto__", "$x", "$", "$$", "$ref", "$date", "constructor", "toString", "length", "0", "17", "-1", "01", "4294967294", "4294967295", "a.b", "ü", "日本", "\ud800", "_id", "a", "b", "c"];
const NUMBERS = [0, -0, 1, -1, 63, 64, -64, -65, 255, 256, 2 ** 30 - 1, 2 ** 30, -(2 ** 30) - 1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 2 ** 60, 1e20, 1e21, -1e21, 0.1, -0.5, 5e-324, Number.MAX_VALUE, NaN, Infinity, -Infinity];
const TIMES = [0, -1, 1, NaN, 8.64e15, -8.64e15, -62135596800001, -62135596800000, 253402300799999, 253402300800000, 1.5e12, -11644473600000];
const PATTERNS = ["", "a/b[ü]+", "\\d{2,}", "(?<year>x)|y", "[\\/]", "\n", "日本", "^$"];
const FLAGS = ["", "g", "i", "m", "s", "u", "y", "d", "v", "dgimsuy", "dgimsvy", "gi"];
const VIEWS = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView];
const ERRORS = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
const set = (object, name, value) => Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });

/** All that is drawn from one seed. */
function dice(seed) {
  const next = random(seed);
  const below = (n) => Math.floor(next() * n);
  const one = (list) => list[below(list.length)];
  const chance = (share) => next() < share;
  const times = (n, make) => Array.from({ length: n }, (_, at) => make(at));
  const text = (longest = 8) => times(below(longest + 1), () => one(PIECES)).join("");
  const number = () => one([() => one(NUMBERS), () => below(200) - 100, () => below(2 ** 31) * one([1, -1]), () => next() * 2 - 1, () => (next() - 0.5) * 10 ** (below(600) - 300)])();
  const bigint = () => one([-1n, 1n]) * (BigInt(below(2 ** 31)) ** BigInt(below(8)) + BigInt(below(3) - 1));
  const date = () => new Date(chance(0.5) ? one(TIMES) : Math.floor((next() - 0.5) * 1e13));
  const long = () => one([() => words(70_000, below(1e6)), () => noise(70_000, below(1e6)), () => "日ü".repeat(40_000), () => `日${noise(40_000, below(1e6))}`, () => "x".repeat(200 + below(30_000))])();
  const data = () => bytes(one([0, 1, 7, 8, 9, 64, 1000, chance(0.1) ? 70_000 : 24]), below(1e6)).buffer;
  const view = (buffer) => {
    const Kind = one(VIEWS);
    const width = Kind.BYTES_PER_ELEMENT ?? 1;
    const fit = Math.floor(buffer.byteLength / width);
    const from = below(fit + 1);
    return chance(0.3) && buffer.byteLength % width === 0 && !buffer.resizable ? new Kind(buffer) : new Kind(buffer, from * width, below(fit - from + 1));
  };
  const resizable = () => new ArrayBuffer(below(9), { maxByteLength: 8 + below(40) });
  const blob = () => {
    const parts = times(below(3), () => one([() => text(), data])());
    const type = one(["", "text/plain", "a/b;charset=ü", "application/json"]);
    return chance(0.5) ? new Blob(parts, { type }) : new File(parts, text(), { type, lastModified: one([1, 1600000000000, 4e12, below(2 ** 31) + 1]) });
  };
  const whole = () => text().toWellFormed(); // Chromium gives null for a DOMException whose text is not
  const host = () => one([
    () => new ImageData(1 + below(4), 1 + below(4)), () => new DOMRect(number(), 1, 2, 3), () => new DOMRectReadOnly(number()), () => new DOMPoint(number(), number()), () => new DOMPointReadOnly(),
    () => new DOMQuad(), () => new DOMMatrix([1, 2, 3, number(), 5, 6]), () => new DOMMatrixReadOnly(), () => new DOMException(whole(), one(["AbortError", "DataError", whole()])),
  ])();
  const name = () => (chance(0.7) ? one(NAMES) : text(3));

  /** One value: `met` are the objects so far that something in it may refer to again. A Map, Set, Error or array with properties never refers to itself but through an object. */
  const value = (depth, met = []) => {
    const kept = (made) => { met.push(made); return made; };
    const inner = () => value(depth - 1, met);
    const leaf = () => one([
      () => null, () => undefined, () => chance(0.5), number, number, bigint, text, text, () => (chance(0.05) ? long() : text(20)), () => kept(date()), () => kept(new RegExp(one(PATTERNS), one(FLAGS))),
      () => kept(new Number(number())), () => kept(new String(text())), () => kept(new Boolean(chance(0.5))), () => kept(Object(bigint())), () => kept(view(data())), () => kept(data()),
      () => kept(blob()), () => kept(host()), () => (chance(0.3) ? kept(resizable()) : number()), () => (met.length ? one(met) : null),
    ])();
    if (depth <= 0 || chance(0.25)) return leaf();
    const object = () => { const made = kept({}); for (const each of times(below(7), name)) set(made, each, inner()); return made; };
    const array = () => {
      const made = kept([]);
      for (let left = below(7); left > 0; left -= 1) { if (chance(0.2)) made.length += 1 + below(3); else made.push(inner()); }
      if (chance(0.1)) made.length += below(60);
      if (chance(0.1)) made[made.length + below(300)] = inner();
      return made;
    };
    const withProperties = () => { const made = times(below(4), inner); if (chance(0.3)) made.length += 2; for (const each of times(1 + below(3), name)) { if (each !== "length" && each.length < 8) set(made, each === "17" ? "x" : each, inner()); } return kept(made); };
    const together = () => { const buffer = data(); return times(2 + below(2), () => kept(view(buffer))); };
    const map = () => kept(new Map(times(below(5), () => [inner(), inner()])));
    const unique = () => kept(new Set(times(below(5), inner)));
    const error = () => { const Kind = one(ERRORS); const made = chance(0.1) ? new Kind() : chance(0.5) ? new Kind(text()) : new Kind(text(), { cause: inner() }); if (chance(0.2)) made.name = one(["Odd", "TypeError", ""]); if (chance(0.1)) delete made.stack; return kept(made); };
    const deep = () => { let made = inner(); for (let left = below(40); left > 0; left -= 1) made = kept(chance(0.5) ? [made] : { [name()]: made }); return made; };
    return one([object, object, object, array, array, () => times(below(30), number), withProperties, together, map, unique, error, deep])();
  };
  const key = (depth = 2) => one([
    () => { const found = number(); return Number.isNaN(found) ? 0 : found; }, () => below(50), () => -Infinity, () => new Date(one(TIMES.filter((one) => !Number.isNaN(one)))), () => new Date(below(2 ** 40)),
    text, () => text(3), () => "k".repeat(below(300)), () => data().slice(0, 80), () => view(data().slice(0, 40)), () => (depth ? times(below(4), () => key(depth - 1)) : ""), () => `${below(50)}`,
  ])();
  return { below, one, chance, times, text, key, value, name };
}

/** Write `count` values to two databases, overwrite and delete some, abort a transaction. */
export async function write(seed, count) {
  const drawn = dice(seed);
  const { below, one, chance, times, text, key, value } = drawn;
  for (const database of ["values", `other ${text()}`]) {
    const opening = indexedDB.open(database, 1 + below(1000));
    opening.onupgradeneeded = () => {
      for (const each of ["outside", "", "\ud800", `${text()}-name`]) opening.result.createObjectStore(each);
      opening.result.createObjectStore("numbered", { autoIncrement: true });
      const inside = opening.result.createObjectStore("inside", { keyPath: "id" });
      inside.createIndex("by value", "value"); inside.createIndex("by tag", "tags", { multiEntry: true }); inside.createIndex("both", ["id", "tags"]); inside.createIndex("one", "rare", { unique: true });
      opening.result.createObjectStore("made", { keyPath: "id", autoIncrement: true });
      opening.result.createObjectStore("deep", { keyPath: "meta.id", autoIncrement: true });
      opening.result.createObjectStore("compound", { keyPath: ["a", "b.c", "b.d"] });
    };
    const db = await done(opening);
    const kept = Object.fromEntries([...db.objectStoreNames].map((each) => [each, []]));
    const put = (store) => {
      const again = kept[store.name].length && chance(0.15) ? one(kept[store.name]) : undefined;
      const mine = value(1 + below(4));
      const tags = times(below(3), () => key(1));
      let used = again ?? key();
      if (store.autoIncrement && used > 1e6) used = "large"; // after 2 ** 53 no more keys are generated
      if (store.keyPath === null && !store.autoIncrement) store.put(mine, used);
      else if (store.name === "numbered") { if (chance(0.2)) store.put(mine, again ?? below(100)); else store.add(mine); return; }
      else if (store.name === "inside") store.put({ before: below(9), id: used, value: chance(0.3) ? key(1) : mine, tags });
      else if (store.name === "made") store.put(one([() => ({ id: used, mine }), () => [mine], () => ({ mine }), () => ({ mine })])());
      else if (store.name === "deep") store.put(one([() => ({ mine }), () => ({ meta: { mine } }), () => ({ meta: { id: used }, mine }), () => ({ mine, meta: {} }), () => ({ meta: [mine] })])());
      else store.put({ a: used, b: { mine, c: chance(0.5) ? 0 : key(1), d: "d" } });
      if (store.keyPath !== "meta.id" && store.name !== "compound") kept[store.name].push(used);
    };
    for (let left = Math.ceil(count / 2); left > 0;) {
      const transaction = db.transaction([...db.objectStoreNames], "readwrite");
      for (let turn = Math.min(left, 1 + below(30)); turn > 0; turn -= 1, left -= 1) put(transaction.objectStore(one([...db.objectStoreNames])));
      if (chance(0.3)) { const name = one(Object.keys(kept)); if (kept[name].length) transaction.objectStore(name).delete(one(kept[name])); }
      if (chance(0.1)) transaction.objectStore("outside").delete(IDBKeyRange.bound(below(40), below(40) + 45));
      if (chance(0.05)) transaction.objectStore("").clear();
      await finished(transaction);
    }
    const undone = db.transaction([...db.objectStoreNames], "readwrite");
    for (let turn = 0; turn < 20; turn += 1) put(undone.objectStore(one([...db.objectStoreNames])));
    const ended = finished(undone);
    await done(undone.objectStore("inside").clear());
    undone.abort();
    await ended;
    db.close();
  }
}

/** Begin a transaction that overwrites everything and never ends. */
export async function begin() {
  const db = await done(indexedDB.open("values"));
  const transaction = db.transaction([...db.objectStoreNames], "readwrite");
  const store = transaction.objectStore("outside");
  store.clear();
  for (let at = 0; at < 50; at += 1) store.put({ never: at }, at);
  await new Promise((kept) => { const go = () => { store.get(0).onsuccess = go; kept(); }; go(); });
}
