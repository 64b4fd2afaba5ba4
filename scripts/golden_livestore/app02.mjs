// The app over LiveStore 0.2: the tables and arguments of `full`, with that version's mutations in place of events and materializers.
//
// Two mutations carry JSON text inside their JSON arguments, as the examples of that time did; a reader meets both kinds.

import { columnsFrom, fullColumns, fullFields, wordsOf } from "./app.mjs";

export function appOf02({ DbSchema, defineMutation, makeSchema, Schema }) {
  const words = wordsOf(Schema, DbSchema);
  const columns = fullColumns(words);
  const tables = Object.fromEntries(Object.entries(columns).map(([name, each]) => [name, DbSchema.table(name, each)]));

  /** Column values as SQLite wants them. */
  const encoded = (table, values) => Object.fromEntries(Object.entries(values).map(([name, value]) =>
    [name, value === null ? null : Schema.encodeSync(columns[table][name].schema)(value)]));
  const statement = (table, sql, bindValues) => ({ sql, bindValues, writeTables: new Set([table]) });
  const insert = (table, values) => {
    const names = Object.keys(values);
    return statement(table, `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map((name) => `$${name}`).join(", ")})`, encoded(table, values));
  };
  const update = (table, id, values) =>
    statement(table, `UPDATE ${table} SET ${Object.keys(values).map((name) => `${name} = $${name}`).join(", ")} WHERE id = $id`, { ...encoded(table, values), id });

  const effects = {
    MigrationStarted: () => [],
    PersonaImported: ({ sourceId, ...persona }) => insert("personas", persona),
    MemoryEntityImported: ({ sourceId, ...memory }) => insert("memoryEntities", { ...memory, memoryTier: "hot", connectionCount: 0 }),
    PersonaCreated: ({ createdAt, ...persona }) =>
      insert("personas", { ...persona, avatar: null, isActive: false, usageCount: 0, createdAt, updatedAt: createdAt, lastUsed: null }),
    PersonaUpdated: ({ id, updates, updatedAt }) => update("personas", id, { ...columnsFrom(updates), updatedAt }),
    PersonaActivated: ({ id, activatedAt }) => [
      statement("personas", "UPDATE personas SET isActive = 0", {}),
      statement("personas", "UPDATE personas SET isActive = 1, lastUsed = $at, usageCount = usageCount + 1 WHERE id = $id", { id, at: activatedAt.getTime() }),
    ],
    PersonaDeactivated: ({ id }) => update("personas", id, { isActive: false }),
    MemoryEntityCreated: ({ importance, embedding, embeddingModel, createdAt, ...memory }) => insert("memoryEntities", {
      ...memory, importance: importance ?? 50, embedding: embedding ?? null, embeddingModel: embeddingModel ?? null, memoryTier: "hot", connectionCount: 0,
      lastAccessed: createdAt, createdAt, updatedAt: createdAt, deletedAt: null,
    }),
    MemoryEntityUpdated: ({ id, updates, updatedAt }) => update("memoryEntities", id, { ...columnsFrom(updates), updatedAt }),
    MemoryEntityAccessed: ({ id, accessedAt }) =>
      statement("memoryEntities", "UPDATE memoryEntities SET lastAccessed = $at, connectionCount = connectionCount + 1 WHERE id = $id", { id, at: accessedAt.getTime() }),
    MemoryEntityDeleted: ({ id, deletedAt }) => update("memoryEntities", id, { deletedAt }),
    ConversationStarted: ({ startedAt, ...conversation }) => insert("conversations", {
      ...conversation, messages: [], summary: null, sentiment: null, topics: [], importance: 50, isArchived: false,
      createdAt: startedAt, updatedAt: startedAt, archivedAt: null,
    }),
    MessageAdded: ({ conversationId, message }) => statement(
      "conversations", "UPDATE conversations SET messages = json_insert(messages, '$[#]', json($message)), updatedAt = $at WHERE id = $id",
      { id: conversationId, message: JSON.stringify(Schema.encodeSync(words.message)(message)), at: message.timestamp.getTime() },
    ),
    ConversationArchived: ({ id, archivedAt }) => update("conversations", id, { isArchived: true, archivedAt }),
  };

  const fields = fullFields(words);
  fields.PersonaCreated.personality = Schema.parseJson(words.personality);
  fields.MemoryEntityCreated.content = Schema.parseJson(words.anything);
  const events = Object.fromEntries(Object.entries(fields).map(([name, each]) => [name, defineMutation(`v1.${name}`, Schema.Struct(each), effects[name])]));
  return { schema: makeSchema({ tables, mutations: events, migrations: { strategy: "from-mutation-log" } }), tables, events };
}
