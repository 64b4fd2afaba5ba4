// The app whose stores these are: its tables, its events, and what each event does, for LiveStore 0.3 and 0.4 (0.2: see app02.mjs).
//
// Told over the `livestore` module that is handed in, since each version brings its own. Four variants of one app:
//   full    the tables of guide B with all events; every date comes from the event, so that a replay gives the same rows
//   wider   `full`, one release later: memoryEntities has two columns more, and there are two events more
//   newer   `full` with events of a later release, over the same tables
//   ui      `full` with what never leaves the device: a client document and a client-only event
//   impure  the app as it was really coded: other columns, and materializers that look at the clock

const DATES = new Set(["createdAt", "updatedAt", "lastUsed", "lastAccessed", "deletedAt", "archivedAt"]);

/** `updates` travel as plain JSON; the columns want dates. */
export const columnsFrom = (updates) => Object.fromEntries(Object.entries(updates).map(([name, value]) => [name, DATES.has(name) && value !== null ? new Date(value) : value]));

/** Short names for the schema words of one LiveStore; `columns` is where it keeps its kinds of columns. */
export function wordsOf(Schema, columns) {
  const { text, integer, boolean, json } = columns;
  const date = (options = {}) => integer({ schema: Schema.DateFromNumber, ...options });
  const anything = Schema.Record({ key: Schema.String, value: Schema.Unknown });
  const strings = Schema.Array(Schema.String);
  const message = Schema.Struct({
    id: Schema.String, role: Schema.Literal("user", "assistant", "system"), content: Schema.String, timestamp: Schema.DateFromNumber,
    metadata: Schema.optional(anything),
  });
  const personality = Schema.Struct({ traits: strings, temperament: Schema.String, communicationStyle: Schema.String });
  const settings = Schema.Struct({ memoryRetention: Schema.Number, privacyLevel: Schema.Literal("low", "medium", "high"), autoLearn: Schema.Boolean });
  return { Schema, text, integer, boolean, json, date, anything, strings, message, personality, settings };
}

const words = ({ Schema, State }) => wordsOf(Schema, State.SQLite);

/** The columns of guide B's tables, in its order. */
export function fullColumns({ Schema, text, integer, boolean, json, date, anything, strings, message, personality, settings }) {
  return {
    personas: {
      id: text({ primaryKey: true }), name: text(), description: text(), avatar: text({ nullable: true }),
      personality: json({ schema: personality }), settings: json({ schema: settings }), isActive: boolean({ default: false }),
      createdAt: date(), updatedAt: date(), lastUsed: date({ nullable: true }), usageCount: integer({ default: 0 }),
    },
    memoryEntities: {
      id: text({ primaryKey: true }), personaId: text(), type: text(), name: text(), content: json({ schema: anything }), summary: text(),
      tags: json({ schema: strings }), importance: integer({ default: 50 }), embedding: json({ schema: Schema.Array(Schema.Number), nullable: true }),
      embeddingModel: text({ nullable: true }), memoryTier: text({ default: "hot" }), connectionCount: integer({ default: 0 }),
      lastAccessed: date(), createdAt: date(), updatedAt: date(), deletedAt: date({ nullable: true }),
    },
    conversations: {
      id: text({ primaryKey: true }), personaId: text(), sessionId: text(), messages: json({ schema: Schema.Array(message) }),
      summary: text({ nullable: true }), sentiment: text({ nullable: true }), topics: json({ schema: strings }), importance: integer({ default: 50 }),
      isArchived: boolean({ default: false }), createdAt: date(), updatedAt: date(), archivedAt: date({ nullable: true }),
    },
  };
}

function fullTables(livestore, more = {}) {
  const { personas, memoryEntities, conversations } = fullColumns(words(livestore));
  const table = (name, columns) => livestore.State.SQLite.table({ name, columns });
  return {
    personas: table("personas", personas), memoryEntities: table("memoryEntities", { ...memoryEntities, ...more }), conversations: table("conversations", conversations),
  };
}

/** Events as `{ PersonaCreated: fields }` become definitions with versioned names; `v2.` and the like may be given in the key. */
function definitions({ Events, Schema }, fields) {
  return Object.fromEntries(Object.entries(fields).map(([key, each]) =>
    [key, Events.synced({ name: key.includes(".") ? key : `v1.${key}`, schema: Schema.Struct(each) })]));
}

/** The arguments of the events: those of the app's LiveStore schema, with the dates that its materializers take from the clock. */
export function fullFields({ Schema, anything, strings, message, personality, settings }) {
  const { String, Number, Boolean, NullOr, optional, DateFromNumber } = Schema;
  const memory = { id: String, personaId: String, type: String, name: String, content: anything, summary: String, tags: strings };
  return {
    MigrationStarted: { fromSystem: String, toSystem: String, startedAt: DateFromNumber },
    PersonaImported: {
      id: String, sourceId: String, name: String, description: String, avatar: NullOr(String), personality, settings, isActive: Boolean,
      createdAt: DateFromNumber, updatedAt: DateFromNumber, lastUsed: NullOr(DateFromNumber), usageCount: Number,
    },
    MemoryEntityImported: {
      id: String, sourceId: String, personaId: String, type: String, name: String, content: anything, summary: String, tags: strings,
      importance: Number, lastAccessed: DateFromNumber, createdAt: DateFromNumber, updatedAt: DateFromNumber,
    },
    PersonaCreated: { id: String, name: String, description: String, personality, settings, createdAt: DateFromNumber },
    PersonaUpdated: { id: String, updates: anything, updatedAt: DateFromNumber },
    PersonaActivated: { id: String, activatedAt: DateFromNumber },
    PersonaDeactivated: { id: String },
    MemoryEntityCreated: {
      ...memory, importance: optional(Number), embedding: optional(Schema.Array(Number)), embeddingModel: optional(String), createdAt: DateFromNumber,
    },
    MemoryEntityUpdated: { id: String, updates: anything, updatedAt: DateFromNumber },
    MemoryEntityAccessed: { id: String, accessedAt: DateFromNumber },
    MemoryEntityDeleted: { id: String, deletedAt: DateFromNumber },
    ConversationStarted: { id: String, personaId: String, sessionId: String, startedAt: DateFromNumber },
    MessageAdded: { conversationId: String, message },
    ConversationArchived: { id: String, archivedAt: DateFromNumber },
  };
}

const fullEvents = (livestore) => definitions(livestore, fullFields(words(livestore)));

const fullMaterializers = ({ personas, memoryEntities, conversations }) => ({
  "v1.MigrationStarted": () => [],
  "v1.PersonaImported": ({ sourceId, ...persona }) => personas.insert(persona),
  "v1.MemoryEntityImported": ({ sourceId, ...memory }) => memoryEntities.insert({ ...memory, memoryTier: "hot", connectionCount: 0 }),
  "v1.PersonaCreated": ({ createdAt, ...persona }) =>
    personas.insert({ ...persona, avatar: null, isActive: false, usageCount: 0, createdAt, updatedAt: createdAt, lastUsed: null }),
  "v1.PersonaUpdated": ({ id, updates, updatedAt }) => personas.update({ ...columnsFrom(updates), updatedAt }).where({ id }),
  "v1.PersonaActivated": ({ id, activatedAt }, { query }) => {
    const [{ usageCount } = { usageCount: 0 }] = query(personas.where({ id }));
    return [personas.update({ isActive: false }), personas.update({ isActive: true, lastUsed: activatedAt, usageCount: usageCount + 1 }).where({ id })];
  },
  "v1.PersonaDeactivated": ({ id }) => personas.update({ isActive: false }).where({ id }),
  "v1.MemoryEntityCreated": ({ importance, embedding, embeddingModel, createdAt, ...memory }) => memoryEntities.insert({
    ...memory, importance: importance ?? 50, embedding: embedding ?? null, embeddingModel: embeddingModel ?? null, memoryTier: "hot", connectionCount: 0,
    lastAccessed: createdAt, createdAt, updatedAt: createdAt, deletedAt: null,
  }),
  "v1.MemoryEntityUpdated": ({ id, updates, updatedAt }) => memoryEntities.update({ ...columnsFrom(updates), updatedAt }).where({ id }),
  "v1.MemoryEntityAccessed": ({ id, accessedAt }, { query }) => {
    const [{ connectionCount } = { connectionCount: 0 }] = query(memoryEntities.where({ id }));
    return memoryEntities.update({ lastAccessed: accessedAt, connectionCount: connectionCount + 1 }).where({ id });
  },
  "v1.MemoryEntityDeleted": ({ id, deletedAt }) => memoryEntities.update({ deletedAt }).where({ id }),
  "v1.ConversationStarted": ({ startedAt, ...conversation }) => conversations.insert({
    ...conversation, messages: [], summary: null, sentiment: null, topics: [], importance: 50, isArchived: false,
    createdAt: startedAt, updatedAt: startedAt, archivedAt: null,
  }),
  "v1.MessageAdded": ({ conversationId, message }, { query }) => {
    const [conversation] = query(conversations.where({ id: conversationId }));
    return conversation ? conversations.update({ messages: [...conversation.messages, message], updatedAt: message.timestamp }).where({ id: conversationId }) : [];
  },
  "v1.ConversationArchived": ({ id, archivedAt }) => conversations.update({ isArchived: true, archivedAt }).where({ id }),
});

function full(livestore) {
  const tables = fullTables(livestore);
  return { tables, events: fullEvents(livestore), materializers: fullMaterializers(tables) };
}

/** What only a later release of the app commits. */
function laterEvents(livestore) {
  const { Schema, anything } = words(livestore);
  return definitions(livestore, {
    "v2.MemoryEntityUpdated": { id: Schema.String, updates: anything, version: Schema.Number, metadata: anything, updatedAt: Schema.DateFromNumber },
    MemoryOptimized: { id: Schema.String, memoryTier: Schema.String, optimizedAt: Schema.DateFromNumber },
  });
}

function wider(livestore) {
  const { integer, json, anything } = words(livestore);
  const tables = fullTables(livestore, { version: integer({ default: 1 }), metadata: json({ schema: anything, nullable: true }) });
  const events = { ...fullEvents(livestore), ...laterEvents(livestore) };
  const materializers = {
    ...fullMaterializers(tables),
    "v2.MemoryEntityUpdated": ({ id, updates, version, metadata, updatedAt }) =>
      tables.memoryEntities.update({ ...columnsFrom(updates), version, metadata, updatedAt }).where({ id }),
    "v1.MemoryOptimized": ({ id, memoryTier, optimizedAt }) => tables.memoryEntities.update({ memoryTier, updatedAt: optimizedAt }).where({ id }),
  };
  return { tables, events, materializers };
}

function newer(livestore) {
  const { tables, events, materializers } = full(livestore);
  const { memoryEntities } = tables;
  return {
    tables,
    events: { ...events, ...laterEvents(livestore) },
    materializers: {
      ...materializers,
      "v2.MemoryEntityUpdated": ({ id, updates, updatedAt }) => memoryEntities.update({ ...columnsFrom(updates), updatedAt }).where({ id }),
      "v1.MemoryOptimized": ({ id, memoryTier, optimizedAt }) => memoryEntities.update({ memoryTier, updatedAt: optimizedAt }).where({ id }),
    },
  };
}

function ui(livestore) {
  const { Schema, text, integer } = words(livestore);
  const { Events, SessionIdSymbol, State } = livestore;
  const uiState = State.SQLite.clientDocument({
    name: "uiState",
    schema: Schema.Struct({ selectedPersonaId: Schema.NullOr(Schema.String), currentView: Schema.String, searchQuery: Schema.String, theme: Schema.String }),
    default: { id: SessionIdSymbol, value: { selectedPersonaId: null, currentView: "dashboard", searchQuery: "", theme: "auto" } },
  });
  const drafts = State.SQLite.table({ name: "drafts", columns: { id: text({ primaryKey: true }), words: text(), revision: integer({ default: 0 }) } });
  const base = full(livestore);
  return {
    tables: { ...base.tables, uiState, drafts },
    events: {
      ...base.events, uiStateSet: uiState.set,
      DraftKept: Events.clientOnly({ name: "v1.DraftKept", schema: Schema.Struct({ id: Schema.String, words: Schema.String, revision: Schema.Number }) }),
    },
    materializers: { ...base.materializers, "v1.DraftKept": (draft) => drafts.insert(draft).onConflict("id", "replace") },
  };
}

function impure(livestore) {
  const { Schema, text, integer, boolean, json, date, strings } = words(livestore);
  const { table } = livestore.State.SQLite;
  const any = Schema.Any;
  const personas = table({
    name: "personas",
    columns: {
      id: text({ primaryKey: true }), name: text(), description: text(), personality: json({ schema: any }), memoryConfiguration: json({ schema: any }),
      privacySettings: json({ schema: any }), isActive: boolean({ default: false }), createdAt: date(), updatedAt: date(),
    },
  });
  const memories = table({
    name: "memory_entities",
    columns: {
      id: text({ primaryKey: true }), personaId: text(), type: text(), name: text(), content: text(), summary: text(), tags: json({ schema: strings }),
      importance: integer({ default: 50 }), memoryTier: text({ default: "active" }), embedding: json({ schema: Schema.Array(Schema.Number), nullable: true }),
      embeddingModel: text({ nullable: true }), accessCount: integer({ default: 0 }), lastAccessed: date({ nullable: true }),
      createdAt: date(), updatedAt: date(), deletedAt: date({ nullable: true }),
    },
  });
  const { String, Number, Boolean, DateFromNumber } = Schema;
  const events = definitions(livestore, {
    PersonaCreated: { id: String, name: String, description: String, personality: any, memoryConfiguration: any, privacySettings: any, isActive: Boolean },
    PersonaUpdated: { id: String, updates: any },
    PersonaActivated: { id: String },
    PersonaDeactivated: { id: String },
    MemoryEntityCreated: {
      id: String, personaId: String, type: String, name: String, content: String, summary: String, tags: strings, importance: Number, memoryTier: String,
    },
    MemoryEntityUpdated: { id: String, updates: any },
    MemoryEntityAccessed: { id: String, accessedAt: DateFromNumber },
    MemoryEntityDeleted: { id: String, deletedAt: DateFromNumber },
  });
  const materializers = {
    "v1.PersonaCreated": (persona) => personas.insert({ ...persona, createdAt: new Date(), updatedAt: new Date() }),
    "v1.PersonaUpdated": ({ id, updates }) => personas.update({ ...updates, updatedAt: new Date() }).where({ id }),
    "v1.PersonaActivated": ({ id }) => [personas.update({ isActive: false }), personas.update({ isActive: true, updatedAt: new Date() }).where({ id })],
    "v1.PersonaDeactivated": ({ id }) => personas.update({ isActive: false, updatedAt: new Date() }).where({ id }),
    "v1.MemoryEntityCreated": (memory) => memories.insert({
      ...memory, embedding: null, embeddingModel: null, accessCount: 0, lastAccessed: null, createdAt: new Date(), updatedAt: new Date(), deletedAt: null,
    }),
    "v1.MemoryEntityUpdated": ({ id, updates }) => memories.update({ ...updates, updatedAt: new Date() }).where({ id }),
    "v1.MemoryEntityAccessed": ({ id, accessedAt }) => memories.update({ lastAccessed: accessedAt, accessCount: 1 }).where({ id }),
    "v1.MemoryEntityDeleted": ({ id, deletedAt }) => memories.update({ deletedAt }).where({ id }),
  };
  return { tables: { personas, memory_entities: memories }, events, materializers };
}

const variants = { full, wider, newer, ui, impure };

/** One variant over one LiveStore: `{ schema, tables, events }`. */
export function appOf(livestore, variant) {
  const { tables, events, materializers } = variants[variant](livestore);
  const { makeSchema, State } = livestore;
  const state = State.SQLite.makeState({ tables, materializers: State.SQLite.materializers(events, materializers) });
  return { schema: makeSchema({ events, state }), tables, events };
}
