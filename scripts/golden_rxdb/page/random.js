// A random life of the app: the same seed gives the same steps.

import { memory, noise, persona, random, words } from "./documents.js";

const PIECES = [
  "é", "e\u0301", "ß", "🧠", "👨‍👩‍👧‍👦", "\u2028", "\u2029", "\u0000", "\ufeff", "日本", "שלום", "ÿ", "€", "\"", "\\", "\n", "\ud83e", "\udde0",
  "a", "tea", " ", "'", "<", "|", "__", "~", "1", "\u007f", "\u0085", "\u{10ffff}",
];
const KEYS = [
  "text", "list", "", "0", "17", "-1", "01", "4294967295", "a.b", "key with spaces", "日本", "🧠", "é", "|pipe", "|", "__two", "_one", "$dollar",
  "$number", "$bytes", "_deleted", "_rev", "_meta", "_attachments", "id", "length", "constructor", "toString", "x\u2028y",
];
const NUMBERS = [
  0, -0, 1, -1, 63, 64, -64, -65, 127, 128, 255, 256, 65535, 65536, 2 ** 30 - 1, 2 ** 30, -(2 ** 30), -(2 ** 30) - 1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1,
  2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 53, 2 ** 60, 1e20, 1e21, -1e21, 0.1, -0.5, Math.PI, 5e-324, -2.2250738585072014e-308, Number.MAX_VALUE, Number.EPSILON,
];

/** All that is drawn from one seed. */
function dice(seed) {
  const next = random(seed);
  const below = (n) => Math.floor(next() * n);
  const one = (list) => list[below(list.length)];
  const chance = (share) => next() < share;
  const times = (n, make) => Array.from({ length: n }, (_, at) => make(at));
  const text = (longest = 12) => times(below(longest + 1), () => one(PIECES)).join("");
  const number = () => {
    const kind = below(5);
    if (kind === 0) return one(NUMBERS);
    if (kind === 1) return below(2 ** 31) * one([1, -1]);
    if (kind === 2) return next() * 2 - 1;
    if (kind === 3) return (next() - 0.5) * 10 ** (below(600) - 300);
    return below(200) - 100;
  };
  const leaf = () => one([() => null, () => true, () => false, number, number, text, text, () => "", () => one(["0", "1", "null", "true"])])();
  const value = (depth) => {
    if (depth === 0 || chance(0.35)) return leaf();
    const kind = below(5);
    if (kind === 0) return times(below(40), number);
    if (kind === 1) return times(below(6), () => value(depth - 1));
    if (kind === 2) return times(below(4), () => ({ a: leaf(), b: leaf() }));
    return object(depth - 1);
  };
  const object = (depth) => Object.fromEntries(times(below(8), () => [chance(0.8) ? one(KEYS) : `k${text(3)}`, value(depth)]));
  /** Longer than 64 KiB: what compresses, what does not, and both in two bytes per character. */
  const long = () => {
    const length = 65_000 + below(90_000);
    return one([() => words(length, below(1e6)), () => noise(length, below(1e6)), () => text(30).repeat(3000), () => "x".repeat(length), () => `日${noise(length / 2, below(1e6))}`])();
  };
  return { below, one, chance, times, text, number, object, value, long };
}

/** Changes of a memory: what its schema lets free is random, what is indexed stays a key. */
function changesOf(drawn) {
  const { below, chance, times, text, number, object, value, long, one } = drawn;
  const changes = {
    name: text(), summary: chance(0.2) ? null : text(40), tags: times(below(5), () => text(4)), content: object(1 + below(5)), metadata: object(2),
    importance: one([0, -1, 50, 99.5, -1_000_000, 1_000_000, below(100)]), memoryTier: one(["hot", "warm", "cold", "ß🧠"]), isPinned: one([true, false, true, false, null]), compressionApplied: chance(0.5),
    embedding: chance(0.2) ? times(one([1, 3, 384]), number) : null, accessCount: number(), deletedAt: chance(0.1) ? "2025-05-05T05:05:05.000Z" : null,
    createdAt: new Date(Date.UTC(1960, 0, 1) + below(70 * 365) * 86_400_000).toISOString(),
  };
  if (chance(0.3)) changes.content.deep = value(9);
  if (chance(0.07)) changes.content.long = long();
  return changes;
}

/** The steps of a life with `count` documents: `{ collection, how, ids, documents, changes }`. */
export function life(seed, count) {
  const drawn = dice(seed);
  const { below, one, chance, times, text, object } = drawn;
  const steps = [];
  const make = (id) => {
    const document = memory(id, changesOf(drawn));
    for (const name of Object.keys(document)) {
      if (["type", "embeddingModel", "isPinned", "metadata", "tags", "summary"].includes(name) && chance(0.05)) delete document[name];
    }
    return document;
  };
  const people = times(Math.ceil(count / 10), (at) => persona(`p${at}-${text(4)}`, {
    name: text(), description: text(60), isActive: chance(0.5), personality: { traits: times(below(4), () => text(3)), temperament: text(), communicationStyle: "" },
    settings: { memoryRetention: drawn.number(), privacyLevel: text(2), autoLearn: chance(0.5) }, memoryConfig: object(3), usageCount: drawn.number() }));
  const memories = times(count - people.length, (at) => make(`m${at}-${text(4)}`));
  // Two long ones of each kind that matters, whatever the dice say.
  memories[0].content.long = words(150_000, seed);
  memories[1].content.long = noise(80_000, seed);
  memories[2].content.long = `日${"🧠ß".repeat(30_000)}`;
  steps.push({ collection: "personas", how: "bulkInsert", documents: people });
  for (let at = 0; at < memories.length;) {
    const some = memories.slice(at, at + 1 + below(30));
    at += some.length;
    steps.push({ collection: "memoryEntities", how: one(["bulkInsert", "insert", "upsert"]), documents: some });
  }
  const living = new Set(memories.map(({ id }) => id));
  const gone = new Set();
  for (let turn = 0; turn < count / 2; turn++) {
    const id = one([...living]);
    const kind = below(5);
    if (kind <= 1) steps.push({ collection: "memoryEntities", how: "patch", ids: [id], changes: changesOf(drawn) });
    if (kind === 2) steps.push({ collection: "memoryEntities", how: "upsert", documents: [make(id)] });
    if (kind === 3) {
      steps.push({ collection: "memoryEntities", how: one(["remove", "bulkRemove"]), ids: [id] });
      living.delete(id);
      gone.add(id);
    }
    if (kind === 4 && gone.size && chance(0.4)) {
      const again = one([...gone]);
      steps.push({ collection: "memoryEntities", how: one(["insert", "bulkInsert", "upsert"]), documents: [make(again)] });
      gone.delete(again);
      living.add(again);
    }
  }
  for (const { id } of people.slice(0, 2)) steps.push({ collection: "personas", how: "remove", ids: [id] });
  for (const { id } of people.slice(2, 5)) steps.push({ collection: "personas", how: "patch", ids: [id], changes: { isActive: chance(0.5), memoryConfig: object(4) } });
  return steps;
}
