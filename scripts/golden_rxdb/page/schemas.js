// The JSON schemas of the app's two collections, as the app would give them to one major of RxDB.

import { major } from "rxdb-of-this-major";

const TEXT = { type: "string" };
const INSTANT = { type: "string", maxLength: 40 };
const ID = { type: "string", maxLength: 100 };
const FREE = { type: "object", additionalProperties: true };
const LIST = (items) => ({ type: "array", items });

/** 13 and 14 refuse booleans in an index (DXE1); `as`: the major whose schemas are asked for. */
const booleanIndexes = (as) => as === 13 || as === 14 ? [] : ["isActive", "settings.autoLearn"];
const booleanMemoryIndexes = (as) => as === 13 || as === 14 ? [] : ["isPinned", ["isPinned", "createdAt"]];

/** From 16 on an indexed field must be required; a nested one need not. Nobody checks the documents: no validator is installed. */
const indexed = (indexes) => indexes.flat().filter((path) => !path.includes("."));

function personas({ encrypted, as = major }) {
  const indexes = ["createdAt", ...booleanIndexes(as).filter((path) => !encrypted || path !== "settings.autoLearn")];
  return {
    title: "personas", version: 0, type: "object", primaryKey: "id", indexes,
    properties: {
      id: ID, name: TEXT, description: TEXT, avatar: TEXT,
      personality: { type: "object", properties: { traits: LIST(TEXT), temperament: TEXT, communicationStyle: TEXT } },
      settings: { type: "object", properties: { memoryRetention: { type: "number" }, privacyLevel: TEXT, autoLearn: { type: "boolean" } } },
      memoryConfig: FREE, isActive: { type: "boolean" }, createdAt: INSTANT, updatedAt: INSTANT, lastUsed: INSTANT,
      usageCount: { type: "number" }, apiKeys: TEXT, privateMemory: TEXT,
    },
    required: [...new Set(["id", "name", "createdAt", ...indexed(indexes)])],
    ...(encrypted ? { encrypted: ["apiKeys", "privateMemory", "settings"] } : {}),
  };
}

/** 16 breaks on an encrypted field inside another (it sets a property of undefined). */
function memoryEntities(version, { encrypted, attachments, as = major }) {
  const indexes = [["personaId", "createdAt"], "importance", "memoryTier", ...booleanMemoryIndexes(as)];
  return {
    title: "memoryEntities", version, type: "object", primaryKey: "id", indexes,
    properties: {
      id: ID, personaId: ID, type: TEXT, name: TEXT, content: FREE, summary: TEXT, tags: LIST(TEXT),
      importance: { type: "number", minimum: -1_000_000, maximum: 1_000_000, multipleOf: 0.01 },
      embedding: LIST({ type: "number" }), embeddingModel: TEXT,
      memoryTier: { type: "string", maxLength: 20 }, ...(version ? { compressionApplied: { type: "boolean" } } : {}),
      isPinned: { type: "boolean" }, accessCount: { type: "number" }, connectionCount: { type: "number" },
      metadata: { ...FREE, properties: { source: TEXT, secret: TEXT } },
      lastAccessed: INSTANT, createdAt: INSTANT, updatedAt: INSTANT, deletedAt: INSTANT,
    },
    required: [...new Set(["id", "personaId", "createdAt", ...indexed(indexes)])],
    ...(encrypted ? { encrypted: ["content", "summary", "tags", ...(as === 16 ? [] : ["metadata.secret"])] } : {}),
    ...(attachments ? { attachments: { encrypted: Boolean(encrypted) } } : {}),
  };
}

/** What an unknown app stores: one string, one number, anything else. */
function other(name) {
  return {
    title: name, version: 0, type: "object", primaryKey: "key", indexes: ["done"],
    properties: { key: ID, text: TEXT, done: { type: "boolean" }, more: FREE }, required: ["key", "done"],
  };
}

/** An app whose primary keys have names of their own. */
const keyed = ({ encrypted }) => ({
  notes: {
    title: "notes", version: 0, type: "object", primaryKey: "slug", indexes: ["done"],
    properties: { slug: ID, text: TEXT, done: { type: "boolean" }, more: FREE, secret: TEXT }, required: ["slug", "done"],
    ...(encrypted ? { encrypted: ["secret"] } : {}), attachments: { encrypted: Boolean(encrypted) },
  },
  entries: {
    title: "entries", version: 0, type: "object", primaryKey: { key: "uid", fields: ["owner", "number"], separator: "|" },
    properties: { uid: ID, owner: TEXT, number: { type: "number" }, text: TEXT }, required: ["uid", "owner", "number"],
  },
});

/** The argument of addCollections for these options. */
export function collections(options) {
  const compressed = (schema) => ({ ...schema, ...(options.keyCompression ? { keyCompression: true } : {}) });
  if (options.keyed) return Object.fromEntries(Object.entries(keyed(options)).map(([name, schema]) => [name, { schema: compressed(schema), localDocuments: true }]));
  if (options.others) {
    return Object.fromEntries(options.others.map((name) => [name, { schema: other(name), ...(options.local ? { localDocuments: true } : {}) }]));
  }
  // 14 cannot migrate an encrypted collection (EN3), and opening version 1 begins with looking for version 0.
  const version = options.memoryVersion ?? (options.encrypted && (options.as ?? major) <= 14 ? 0 : 1);
  return {
    personas: { schema: compressed(personas(options)) },
    memoryEntities: {
      schema: compressed(memoryEntities(version, options)),
      ...(version ? { migrationStrategies: { 1: options.migration ?? ((document) => document) }, autoMigrate: !options.noMigration } : {}),
    },
  };
}
