// Guide B's LiveStore schema, corrected so that LiveStore 0.3.1 accepts it: NullOr for nullable event fields,
// records by {key, value}, a materializer for every event, and no clock inside a materializer.
// Three events beyond the guide's: ConversationImported, MemoryEntityUpdated, MemoryEntityDeleted.
import { Events, makeSchema, Schema, State } from '@livestore/livestore'

const { text, integer, boolean, json, table } = State.SQLite

const Instant = Schema.DateFromNumber
const Free = Schema.Record({ key: Schema.String, value: Schema.Unknown })
const Texts = Schema.Array(Schema.String)

const Personality = Schema.Struct({
  traits: Texts,
  temperament: Schema.String,
  communicationStyle: Schema.String,
})

const Settings = Schema.Struct({
  memoryRetention: Schema.Number,
  privacyLevel: Schema.Literal('low', 'medium', 'high'),
  autoLearn: Schema.Boolean,
})

const Message = Schema.Struct({
  id: Schema.String,
  role: Schema.Literal('user', 'assistant', 'system'),
  content: Schema.String,
  timestamp: Instant,
  metadata: Schema.optional(Free),
})

const instant = (more = {}) => integer({ schema: Instant, ...more })

export const tables = {
  personas: table({
    name: 'personas',
    columns: {
      id: text({ primaryKey: true }),
      name: text(),
      description: text(),
      avatar: text({ nullable: true }),
      personality: json({ schema: Personality }),
      settings: json({ schema: Settings }),
      isActive: boolean({ default: false }),
      createdAt: instant(),
      updatedAt: instant(),
      lastUsed: instant({ nullable: true }),
      usageCount: integer({ default: 0 }),
    },
  }),
  memoryEntities: table({
    name: 'memoryEntities',
    columns: {
      id: text({ primaryKey: true }),
      personaId: text(),
      type: text(),
      name: text(),
      content: json({ schema: Free }),
      summary: text(),
      tags: json({ schema: Texts }),
      importance: integer({ default: 50 }),
      embedding: json({ schema: Schema.Array(Schema.Number), nullable: true }),
      embeddingModel: text({ nullable: true }),
      memoryTier: text({ default: 'hot' }),
      connectionCount: integer({ default: 0 }),
      lastAccessed: instant(),
      createdAt: instant(),
      updatedAt: instant(),
      deletedAt: instant({ nullable: true }),
    },
  }),
  conversations: table({
    name: 'conversations',
    columns: {
      id: text({ primaryKey: true }),
      personaId: text(),
      sessionId: text(),
      messages: json({ schema: Schema.Array(Message) }),
      summary: text({ nullable: true }),
      sentiment: text({ nullable: true }),
      topics: json({ schema: Texts }),
      importance: integer({ default: 50 }),
      isArchived: boolean({ default: false }),
      createdAt: instant(),
      updatedAt: instant(),
      archivedAt: instant({ nullable: true }),
    },
  }),
}

const event = (name, fields) => Events.synced({ name: `v1.${name}`, schema: Schema.Struct(fields) })

export const events = {
  migrationStarted: event('MigrationStarted', {
    fromSystem: Schema.String,
    toSystem: Schema.String,
    startedAt: Instant,
  }),
  personaImported: event('PersonaImported', {
    id: Schema.String,
    sourceId: Schema.String,
    name: Schema.String,
    description: Schema.String,
    avatar: Schema.NullOr(Schema.String),
    personality: Personality,
    settings: Settings,
    isActive: Schema.Boolean,
    createdAt: Instant,
    updatedAt: Instant,
    lastUsed: Schema.NullOr(Instant),
    usageCount: Schema.Number,
  }),
  memoryEntityImported: event('MemoryEntityImported', {
    id: Schema.String,
    sourceId: Schema.String,
    personaId: Schema.String,
    type: Schema.String,
    name: Schema.String,
    content: Free,
    summary: Schema.String,
    tags: Texts,
    importance: Schema.Number,
    lastAccessed: Instant,
    createdAt: Instant,
    updatedAt: Instant,
  }),
  memoryEntityUpdated: event('MemoryEntityUpdated', {
    id: Schema.String,
    memoryTier: Schema.String,
    embedding: Schema.NullOr(Schema.Array(Schema.Number)),
    embeddingModel: Schema.NullOr(Schema.String),
    connectionCount: Schema.Number,
  }),
  memoryEntityDeleted: event('MemoryEntityDeleted', { id: Schema.String, deletedAt: Instant }),
  conversationImported: event('ConversationImported', {
    id: Schema.String,
    personaId: Schema.String,
    sessionId: Schema.String,
    messages: Schema.Array(Message),
    summary: Schema.NullOr(Schema.String),
    sentiment: Schema.NullOr(Schema.String),
    topics: Texts,
    importance: Schema.Number,
    isArchived: Schema.Boolean,
    createdAt: Instant,
    updatedAt: Instant,
    archivedAt: Schema.NullOr(Instant),
  }),
}

const materializers = State.SQLite.materializers(events, {
  'v1.MigrationStarted': () => [],
  'v1.PersonaImported': ({ sourceId: _, ...persona }) => tables.personas.insert(persona),
  'v1.MemoryEntityImported': ({ sourceId: _, ...memory }) =>
    tables.memoryEntities.insert({
      ...memory,
      embedding: null,
      embeddingModel: null,
      memoryTier: 'hot',
      connectionCount: 0,
      deletedAt: null,
    }),
  'v1.MemoryEntityUpdated': ({ id, ...changed }) => tables.memoryEntities.update(changed).where({ id }),
  'v1.MemoryEntityDeleted': ({ id, deletedAt }) => tables.memoryEntities.update({ deletedAt }).where({ id }),
  'v1.ConversationImported': (conversation) => tables.conversations.insert(conversation),
})

export const schema = makeSchema({ events, state: State.SQLite.makeState({ tables, materializers }) })
