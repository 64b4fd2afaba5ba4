// The documents: personas and memories in the shape of the app, with the values that break readers.

const DAY = 86_400_000;
const START = Date.UTC(2025, 0, 1);
const iso = (days) => new Date(START + days * DAY).toISOString();
const pad = (n) => String(n).padStart(4, "0");

const WORDS = "the of quiet always train river blue likes tomorrow because coffee persona music house letter memory garden walks never number".split(" ");

/** Numbers in [0, 1) that are the same on every run (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function words(length, seed = 1) {
  const next = random(seed);
  let text = "";
  while (text.length < length) text += WORDS[Math.floor(next() * WORDS.length)] + " ";
  return text.slice(0, length);
}

export function noise(length, seed = 2) {
  const next = random(seed);
  return Array.from({ length }, () => String.fromCharCode(33 + Math.floor(next() * 222))).join("");
}

export function bytes(length, seed = 3) {
  const next = random(seed);
  return Uint8Array.from({ length }, () => Math.floor(next() * 256));
}

export function embedding(length = 384, seed = 4) {
  const next = random(seed);
  return Array.from({ length }, () => next() * 2 - 1);
}

/** The same value with lists that V8 holds as HOLEY, although nothing is missing in them. */
export function holey(value) {
  if (Array.isArray(value)) {
    const list = new Array(value.length);
    value.forEach((item, at) => { list[at] = holey(item); });
    return list;
  }
  if (value && Object.getPrototypeOf(value) === Object.prototype) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, holey(item)]));
  return value;
}

export function persona(id, changes = {}) {
  return {
    id, name: `Persona ${id}`, description: "A helpful persona", avatar: null,
    personality: { traits: ["curious", "calm"], temperament: "balanced", communicationStyle: "friendly" },
    settings: { memoryRetention: 90, privacyLevel: "medium", autoLearn: true },
    memoryConfig: { maxMemories: 1000, categories: ["fact", "event"] },
    isActive: false, createdAt: "2024-03-01T09:00:00.000Z", updatedAt: "2024-06-01T10:11:12.345Z", lastUsed: null, usageCount: 0, ...changes,
  };
}

function without(document, ...names) {
  return Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name)));
}

export function personas() {
  return [
    persona("persona-ada", { name: "Ada Lovelace", isActive: true, usageCount: 42, avatar: "data:image/png;base64,iVBORw0KGgo=", lastUsed: "2025-07-01T08:30:00.000Z" }),
    persona("persona-empty", {
      name: "", description: "", personality: { traits: [], temperament: "", communicationStyle: "" }, settings: {}, memoryConfig: {}, lastUsed: "" }),
    persona("persona-numbers", { usageCount: 9007199254740991, settings: { memoryRetention: -1.5, privacyLevel: "high", autoLearn: false } }),
    without(persona("persona-sparse"), "description", "avatar", "personality", "settings", "memoryConfig", "isActive", "updatedAt", "lastUsed", "usageCount"),
    persona("persona-unicode", {
      name: "Zoë Straße 🧙‍♀️ 日本語", description: "RTL שלום. LS:\u2028 PS:\u2029 NUL:\u0000 BOM:\ufeff ZWJ 👨‍👩‍👧‍👦 é vs e\u0301", createdAt: "2024-02-29T12:00:00.000+02:00" }),
    persona("persona-removed", { isActive: true }),
  ];
}

export function memory(n, changes = {}) {
  const id = typeof n === "number" ? `mem-${pad(n)}` : n;
  const at = typeof n === "number" ? n : 0;
  return {
    id, personaId: at % 3 ? "persona-ada" : "persona-unicode", type: ["fact", "preference", "event", "text"][at % 4], name: `Memory ${id}`,
    content: { text: `plain text of ${id}` }, summary: `summary of ${id}`, tags: ["a", "b"], importance: (at * 5) % 101,
    embedding: null, embeddingModel: null, memoryTier: ["hot", "warm", "cold"][at % 3], compressionApplied: at % 2 === 0, isPinned: at % 5 === 0,
    accessCount: at, connectionCount: 0, metadata: { source: "chat", secret: `hidden ${at}` },
    lastAccessed: "2025-01-02T03:04:05.678Z", createdAt: iso(at), updatedAt: iso(at + 1), deletedAt: null, ...changes,
  };
}

/** The awkward ones. `pipes`: keys that begin with `|` or `__`, which key compression cannot carry. */
export function awkwardMemories({ pipes = true, orphans = true } = {}) {
  const list = [
    memory("mem-numbers", { importance: 0, accessCount: -42, connectionCount: 2147483648, content: {
      zero: 0, negativeZero: -0, minusOne: -1, float: 0.1, negativeFloat: -0.5, pi: Math.PI, tiny: 5e-324, max: Number.MAX_VALUE,
      i32max: 2147483647, i32over: 2147483648, i32min: -2147483648, i32under: -2147483649, u32: 4294967295, smi31: 1073741824,
      maxSafe: 9007199254740991, ms: 1735689600000, before1970: -14182940000, e21: 1e21, wholeFloat: 3.0 } }),
    memory("mem-strings", { name: "", summary: "café Ångström ñ ü ÿ £ ß", content: {
      empty: "", latin1: "é ß ÿ \u00a0", euro: "€", emoji: "🧠🔥🏳️‍🌈", high: "lone \ud83e high", low: "lone \udde0 low", both: "\udde0\ud83e",
      separators: "a\u2028b\u2029c", controls: "\\ \" ' \n \r \t \u0000 \u001f \u007f \u0085", odd: "日", json: "{\"_deleted\":true}" } }),
    memory("mem-nested", { content: {
      a: { b: { c: { d: [1, [2, [3, [4, { f: null }]]]] } } }, "key with spaces": 1, "dotted.key": { "x.y": 2 }, "": "empty key", "日本": "🧠", "ключ": 1, "clé": 1,
      0: "index-like", 2: "two", 10: "ten", "-1": "minus", $dollar: 1, constructor: "c", list: [], object: {}, mixed: [null, true, false, 0, "", [], {}, "x", -1.5] } }),
    memory("mem-booleans-true", { isPinned: true, compressionApplied: true, content: { yes: true, no: false, one: "1", zero: "0" } }),
    memory("mem-booleans-false", { isPinned: false, compressionApplied: false }),
    without(memory("mem-booleans-missing"), "isPinned", "compressionApplied"),
    without(memory("mem-missing"), "type", "name", "content", "summary", "tags", "embedding", "embeddingModel", "lastAccessed", "updatedAt", "deletedAt", "metadata"),
    memory("mem-nulls", { type: null, name: null, content: null, summary: null, tags: null, importance: 50, updatedAt: null, lastAccessed: null, metadata: null }),
    memory("mem-embedding", { embedding: embedding(), embeddingModel: "all-MiniLM-L6-v2" }),
    memory("mem-embedding-mixed", { embedding: [0, 1, -1, 0.5, -0.5, 1.5, 3], embeddingModel: "" }),
    memory("mem-lists", { tags: ["one", "two", "three"], embedding: [1, 0.5, -2], content: { list: [{ deep: [1, 2] }, "x", null], none: [] } }),
    memory("mem-orphan", { personaId: "persona-does-not-exist" }),
    memory("mem-soft-deleted", { deletedAt: "2025-05-05T05:05:05.000Z" }),
    memory("mem-old-dates", { createdAt: "1969-12-31T23:59:59.999Z", updatedAt: "1815-12-10T00:00:00Z", lastAccessed: "not a date", deletedAt: "" }),
    memory("mem-uni-é-日本-🧠", { tags: ["日本語", "🏷️", "ß", ""] }),
  ];
  if (!orphans) list.splice(list.findIndex(({ id }) => id === "mem-orphan"), 1);
  if (pipes) {
    list.push(memory("mem-pipes", { content: { "|one": 1, "|": "only", plain: { "|deep": true, list: [{ "|in": 1 }] }, "a|b": "inside" } }));
    list.push(memory("mem-underscores", { content: { __two: "two", _one: 1, ___three: 3, nested: { __deep: true, list: [{ __in: 1 }] }, "a.__b": "part" } }));
  }
  return list;
}

/** What JSON cannot say. */
export function exoticMemories() {
  const holes = [1, , 3];
  holes.length = 5;
  return [
    memory("mem-exotic-numbers", { content: { nan: NaN, infinity: Infinity, minus: -Infinity, negativeZero: -0, big: 12345678901234567890n, negativeBig: -1n, zeroBig: 0n } }),
    memory("mem-exotic-missing", { content: { undefined: undefined, list: [undefined, null, 1], holes } }),
    memory("mem-exotic-objects", { content: {
      date: new Date(0), map: new Map([[1, 2]]), set: new Set([1]), regexp: /a/g, bytes: new Uint8Array([1, 2]), boxed: new Number(1) }, lastAccessed: new Date(0) }),
    memory("mem-exotic-unindexed", { createdAt: new Date(0) }),
  ];
}

/** Longer than 64 KiB in each way Chromium has of storing that. */
export function bigMemories() {
  return [
    memory("mem-64k-words", { content: { text: words(90_000) } }),
    memory("mem-64k-noise", { content: { text: noise(66_000) } }),
    memory("mem-240k-words", { content: { text: words(240_000, 5) } }),
    memory("mem-64k-two-byte", { content: { text: "日本語テキスト🧠".repeat(4000) } }),
    memory("mem-just-below", { content: { text: words(64_000, 6) } }),
    memory("mem-rewritten", { content: { text: noise(66_000, 7) } }),
    memory("mem-big-removed", { content: { text: noise(66_000, 8) } }),
  ];
}
