// What happens in the stores: lists of [event, arguments]. All people, memories and talks are invented.
//
// Pure values, the same in every run, so that a store can be made again and compared.

const START = Date.UTC(2024, 4, 1, 9, 30, 0, 250);
const MINUTE = 60_000;
const at = (minutes) => new Date(START + minutes * MINUTE);

const EARLIEST = new Date(-8_640_000_000_000_000);
const LATEST = new Date(8_640_000_000_000_000);
const BEFORE_1970 = new Date(Date.UTC(1944, 1, 29, 23, 59, 59, 999));
const JUST_BEFORE_1970 = new Date(-1);
const NUL = "before\u0000after";
const LONE_HIGH = "half \ud83d a pair";
const LONE_LOW = "\udc4b other half";
const ODD_KEYS = JSON.parse('{"10":"ten","2":"two","b":1,"a":2,"":"no name","__proto__":{"polluted":false},"constructor":"word","ключ":"значение","🔑":"key"}');

const personality = (traits, temperament, communicationStyle) => ({ traits, temperament, communicationStyle });
const settings = (memoryRetention, privacyLevel, autoLearn) => ({ memoryRetention, privacyLevel, autoLearn });

/** 384 numbers of a made-up model, with a few that a careless reader bends. */
const embedding = Array.from({ length: 384 }, (_, index) => Math.round(Math.sin(index + 1) * 1e6) / 1e6);
embedding.splice(0, 6, 0.1 + 0.2, -1.5e-7, 5e-324, 1.7976931348623157e308, 0, 1 / 3);

const imported = [
  ["PersonaImported", {
    id: "persona-hilma", sourceId: "persona_1700000000000_h1lm4a000", name: "Hilma", description: "Keeps bees and a diary.", avatar: "avatars/hilma.png",
    personality: personality(["patient", "dry"], "calm", "brief"), settings: settings(90, "medium", true), isActive: true,
    createdAt: at(-500_000), updatedAt: at(-400), lastUsed: at(-5), usageCount: 41,
  }],
  ["PersonaImported", {
    id: "persona-空", sourceId: "persona_1700000000001_000000000", name: "空海 👩🏽‍🚀 Ælfrēd مرحبا", description: "e\u0301 and é, \u2028 and \u2029, \ufeff too", avatar: null,
    personality: personality(["好奇心", "🤖", ""], "тихий", "…"), settings: settings(0, "high", false), isActive: false,
    createdAt: BEFORE_1970, updatedAt: JUST_BEFORE_1970, lastUsed: null, usageCount: 0,
  }],
  ["PersonaImported", {
    id: "persona-empty", sourceId: "", name: "", description: "", avatar: "", personality: personality([], "", ""), settings: settings(-1, "low", false),
    isActive: false, createdAt: new Date(0), updatedAt: new Date(0), lastUsed: new Date(0), usageCount: 0,
  }],
  ["PersonaImported", {
    id: "persona-far", sourceId: "x", name: NUL, description: LONE_HIGH, avatar: "a'b\"c\\d\n\t\r\u0001\u007f", personality: personality([NUL, LONE_LOW], LONE_HIGH, NUL),
    settings: settings(0.1 + 0.2, "low", true), isActive: false, createdAt: EARLIEST, updatedAt: LATEST, lastUsed: LATEST, usageCount: Number.MAX_SAFE_INTEGER,
  }],
];

const memory = (id, personaId, name, rest = {}) => ["MemoryEntityImported", {
  id, sourceId: `source-${id}`, personaId, type: "text", name, content: { text: `About ${name}.` }, summary: `${name}, in short`, tags: ["import"], importance: 50,
  lastAccessed: at(-10), createdAt: at(-1000), updatedAt: at(-900), ...rest,
}];

const importedMemories = [
  memory("memory-hives", "persona-hilma", "Nine hives", { type: "fact", importance: 80, tags: ["bees", "count"], content: { text: "Nine hives stand by the linden.", count: 9, healthy: true, loss: null } }),
  memory("memory-zero", "persona-hilma", "Worth nothing", { importance: 0, tags: [] }),
  memory("memory-hundred", "persona-hilma", "Worth everything", { importance: 100 }),
  memory("memory-nested", "persona-hilma", "Nested", { content: { list: [1, [2, [3, { deep: [] }]]], object: { a: { b: { c: {} } } }, flags: [true, false, null] } }),
  memory("memory-keys", "persona-hilma", "Odd keys", { content: ODD_KEYS }),
  memory("memory-numbers", "persona-hilma", "Numbers", { content: {
    sum: 0.1 + 0.2, safe: Number.MAX_SAFE_INTEGER, unsafe: 9_007_199_254_740_993, huge: 123_456_789_012_345_680_000, max: Number.MAX_VALUE, min: Number.MIN_VALUE,
    minusZero: -0, tiny: 1e-7, exponent: 1e21, third: 1 / 3, asText: "9007199254740993",
  } }),
  memory("memory-unicode", "persona-空", "ÅÄÖ åäö ﬁ 👨‍👩‍👧‍👦 🇫🇮 \u202eRTL", { content: { text: "日本語 中文 한국어 עברית", combining: "A\u030a" }, tags: ["🏷️", "näkyvä", "a,b", "\"q\""] }),
  memory("memory-nul", "persona-空", NUL, { summary: "\u0000", content: { text: NUL }, tags: ["\u0000"] }),
  memory("memory-surrogate", "persona-空", LONE_LOW, { summary: LONE_HIGH, content: { text: LONE_HIGH, [LONE_LOW]: 1 }, tags: [LONE_LOW] }),
  memory("memory-empty", "persona-empty", "", { type: "", content: {}, summary: "", tags: [] }),
  memory("memory-old", "persona-far", "From long ago", { lastAccessed: BEFORE_1970, createdAt: EARLIEST, updatedAt: JUST_BEFORE_1970 }),
  memory("memory-future", "persona-far", "Not yet", { lastAccessed: LATEST, createdAt: new Date(253_402_300_799_999), updatedAt: LATEST }),
  memory("memory-orphan", "persona-that-never-was", "Belongs to nobody"),
  memory("memory'; DROP TABLE personas;--", "persona-hilma", "%_[]*?", { content: { json: "{\"not\":\"parsed\"}", html: "<b>&amp;</b>", lines: "one\r\ntwo\n\nthree " } }),
];

const created = (id, personaId, name, minutes, rest = {}) => ["MemoryEntityCreated", {
  id, personaId, type: "text", name, content: { text: `${name}, made in the app.` }, summary: name, tags: ["made"], createdAt: at(minutes), ...rest,
}];

const everyday = [
  ["PersonaCreated", {
    id: "persona-otso", name: "Otso", description: "Asks one question too many.", personality: personality(["curious"], "lively", "questions"),
    settings: settings(30, "high", true), createdAt: at(1),
  }],
  ["PersonaActivated", { id: "persona-otso", activatedAt: at(2) }],
  created("memory-embedded", "persona-otso", "Embedded", 3, { importance: 71, embedding, embeddingModel: "Xenova/all-MiniLM-L6-v2" }),
  created("memory-short-embedding", "persona-otso", "Short embedding", 4, { embedding: [0, 1, -1], embeddingModel: "" }),
  created("memory-no-embedding", "persona-otso", "Empty embedding", 5, { embedding: [] }),
  created("memory-default", "persona-otso", "Importance left out", 6),
  created("memory-created-zero", "persona-otso", "Importance zero", 7, { importance: 0 }),
  created("memory-forgotten", "persona-otso", "To be forgotten", 8, { type: "event" }),
  created("memory-forgotten-twice", "persona-otso", "Forgotten twice", 9),
  created("memory-warm", "persona-hilma", "Will be warm", 10),
  created("memory-cold", "persona-hilma", "Will be cold", 11),
  created("memory-renamed", "persona-hilma", "First name", 12, { type: "concept" }),
  ["MemoryEntityAccessed", { id: "memory-hives", accessedAt: at(13) }],
  ["MemoryEntityAccessed", { id: "memory-hives", accessedAt: at(14) }],
  ["MemoryEntityAccessed", { id: "memory-hives", accessedAt: at(13.5) }],
  ["MemoryEntityUpdated", { id: "memory-warm", updates: { memoryTier: "warm", importance: 45 }, updatedAt: at(15) }],
  ["MemoryEntityUpdated", { id: "memory-cold", updates: { memoryTier: "cold", tags: ["made", "cold"], lastAccessed: at(15).getTime() }, updatedAt: at(16) }],
  ["MemoryEntityUpdated", { id: "memory-renamed", updates: { name: "Second name" }, updatedAt: at(17) }],
  ["MemoryEntityUpdated", { id: "memory-renamed", updates: { name: "Third name 🐝", content: { text: "Again.", was: ["First name", "Second name"] } }, updatedAt: at(18) }],
  ["MemoryEntityUpdated", { id: "memory-embedded", updates: { embedding: null, embeddingModel: null }, updatedAt: at(19) }],
  ["MemoryEntityUpdated", { id: "memory-default", updates: { embedding, embeddingModel: "Xenova/all-MiniLM-L6-v2" }, updatedAt: at(20) }],
  ["MemoryEntityUpdated", { id: "memory-that-never-was", updates: { name: "nobody" }, updatedAt: at(21) }],
  ["MemoryEntityDeleted", { id: "memory-forgotten", deletedAt: at(22) }],
  ["MemoryEntityDeleted", { id: "memory-forgotten-twice", deletedAt: at(23) }],
  ["MemoryEntityDeleted", { id: "memory-forgotten-twice", deletedAt: at(24) }],
  ["MemoryEntityDeleted", { id: "memory-zero", deletedAt: new Date(0) }],
  ["PersonaUpdated", { id: "persona-hilma", updates: { description: "Keeps bees, a diary and one secret.", personality: personality(["patient", "dry", "secretive"], "calm", "brief") }, updatedAt: at(25) }],
  ["PersonaUpdated", { id: "persona-otso", updates: { avatar: "avatars/otso.png", settings: settings(365, "low", false), lastUsed: null }, updatedAt: at(26) }],
  ["PersonaActivated", { id: "persona-hilma", activatedAt: at(27) }],
  ["PersonaActivated", { id: "persona-空", activatedAt: at(28) }],
  ["PersonaDeactivated", { id: "persona-空" }],
];

const message = (conversationId, id, role, content, minutes, rest = {}) => ["MessageAdded", { conversationId, message: { id, role, content, timestamp: at(minutes), ...rest } }];

const talks = [
  ["ConversationStarted", { id: "talk-bees", personaId: "persona-hilma", sessionId: "session-1", startedAt: at(30) }],
  message("talk-bees", "talk-bees-1", "system", "You are Hilma.", 30),
  message("talk-bees", "talk-bees-2", "user", "How many hives? 🐝", 31, { metadata: { tokens: 6, model: null, ratio: 0.1 + 0.2 } }),
  message("talk-bees", "talk-bees-3", "assistant", "Nine.", 32, { metadata: {} }),
  ["ConversationStarted", { id: "talk-archived", personaId: "persona-otso", sessionId: "session-2", startedAt: at(33) }],
  message("talk-archived", "talk-archived-1", "user", NUL, 34, { metadata: { key: ODD_KEYS, half: LONE_HIGH } }),
  message("talk-archived", "talk-archived-2", "assistant", "", 35),
  message("talk-archived", "talk-archived-2", "assistant", "the same id once more", -50_000_000),
  ["ConversationArchived", { id: "talk-archived", archivedAt: at(36) }],
  ["ConversationStarted", { id: "talk-silent", personaId: "persona-that-never-was", sessionId: "", startedAt: at(37) }],
  message("talk-that-never-was", "lost-1", "user", "Nobody hears this.", 38),
];

const begun = ["MigrationStarted", { fromSystem: "rxdb", toSystem: "livestore", startedAt: at(0) }];

const few = [
  begun, imported[0], imported[2], ...importedMemories.slice(0, 4), everyday[0], everyday[1],
  created("memory-one", "persona-otso", "One", 3), created("memory-two", "persona-otso", "Two", 4, { importance: 0 }), created("memory-three", "persona-hilma", "Three 🌲", 5),
];

const laterRelease = [
  ["v2.MemoryEntityUpdated", { id: "memory-one", updates: { name: "One, second version" }, version: 2, metadata: { editor: "release two" }, updatedAt: at(120) }],
  ["MemoryOptimized", { id: "memory-two", memoryTier: "cold", optimizedAt: at(121) }],
];

const persona5 = (id, name, rest = {}) => ["PersonaCreated", {
  id, name, description: `${name} of the coded app`, personality: { traits: { curious: 80 }, anything: [1, null, "x"] },
  memoryConfiguration: { maxMemories: 1000, memoryImportanceThreshold: 50, autoOptimize: true, retentionPeriod: 90, memoryCategories: [], compressionEnabled: true },
  privacySettings: { dataCollection: true, analyticsEnabled: false, shareWithResearchers: false, allowPersonalityAnalysis: true, memoryRetention: true, exportDataAllowed: true },
  isActive: false, ...rest,
}];
const memory5 = (id, personaId, rest = {}) => ["MemoryEntityCreated", {
  id, personaId, type: "text", name: `Name of ${id}`, content: `Content of ${id}`, summary: `Summary of ${id}`, tags: ["coded"], importance: 50, memoryTier: "active", ...rest,
}];

export const stories = {
  /** Everything: 5 personas, 24 memories, 3 conversations, and every value that a reader gets wrong. */
  app: [begun, ...imported, ...importedMemories, ...everyday, ...talks],
  /** A short one for the stores whose point lies elsewhere. */
  few,
  fewMore: [
    created("memory-four", "persona-otso", "Four", 60), ["MemoryEntityUpdated", { id: "memory-one", updates: { importance: 99 }, updatedAt: at(61) }],
    ["MemoryEntityDeleted", { id: "memory-three", deletedAt: at(62) }],
    ["ConversationStarted", { id: "talk-late", personaId: "persona-otso", sessionId: "session-9", startedAt: at(63) }], message("talk-late", "talk-late-1", "user", "Still there?", 64),
  ],
  /** Only the later release of the app knows two of these. */
  laterRelease: [created("memory-five", "persona-hilma", "Five", 100), ...laterRelease, created("memory-six", "persona-hilma", "Six", 122)],
  /** Another device's; no app here has a definition for it. */
  neverDefined: [["v9.DreamRecorded", { id: "dream-1", text: "Bees, but larger.", depth: 0.1 + 0.2 }]],
  newApp: [
    ["PersonaCreated", { id: "persona-new", name: "Made after the update", description: "Written by 0.4.0 only.", personality: personality([], "new", "new"), settings: settings(1, "low", true), createdAt: at(200) }],
    created("memory-new-1", "persona-new", "New one", 201), created("memory-one", "persona-new", "Same id as in the old files", 202, { importance: 7 }),
  ],
  otherDevice: [
    created("memory-elsewhere-1", "persona-hilma", "Made elsewhere 1", 65), ["MemoryEntityUpdated", { id: "memory-one", updates: { importance: 1, name: "Renamed elsewhere" }, updatedAt: at(66) }],
    ["PersonaActivated", { id: "persona-empty", activatedAt: at(67) }],
  ],
  ui: [
    ["uiStateSet", { selectedPersonaId: "persona-hilma", currentView: "memory", searchQuery: "", theme: "dark" }],
    ["DraftKept", { id: "draft-1", words: "Dear bees", revision: 1 }],
    ["PersonaActivated", { id: "persona-hilma", activatedAt: at(70) }],
    ["DraftKept", { id: "draft-1", words: "Dear bees 🐝", revision: 2 }],
    ["uiStateSet", { selectedPersonaId: null, currentView: "chat", searchQuery: "hives \u0000 end", theme: "auto" }],
    ["DraftKept", { id: "draft-2", words: "", revision: 0 }],
    created("memory-after-drafts", "persona-hilma", "After drafts", 71),
    ["uiStateSet", { selectedPersonaId: "persona-otso", currentView: "chat", searchQuery: "", theme: "light" }],
  ],
  coded: [
    persona5("persona_1714555800250_a1b2c3d4e", "Signe", { isActive: true }),
    persona5("persona_1714555800251_f5g6h7i8j", "Ture 🌊", { description: "", personality: {}, memoryConfiguration: {}, privacySettings: { dataCollection: false } }),
    persona5("persona_1714555800252_empty0000", "", { personality: ODD_KEYS, memoryConfiguration: null, privacySettings: "not an object" }),
    memory5("memory_1714555800300_000000001", "persona_1714555800250_a1b2c3d4e"),
    memory5("memory_1714555800301_000000002", "persona_1714555800250_a1b2c3d4e", { importance: 0, tags: [], content: "" }),
    memory5("memory_1714555800302_000000003", "persona_1714555800250_a1b2c3d4e", { importance: 100, memoryTier: "hot" }),
    memory5("memory_1714555800303_000000004", "persona_1714555800251_f5g6h7i8j", { content: "{\"text\":\"JSON in a text column\"}", summary: "" }),
    memory5("memory_1714555800304_000000005", "persona_1714555800251_f5g6h7i8j", { content: NUL, name: LONE_HIGH }),
    memory5("memory_1714555800305_000000006", "persona_1714555800251_f5g6h7i8j", { content: "日本語 👩🏽‍🚀\n\u2028", memoryTier: "cold" }),
    memory5("memory_1714555800306_000000007", "persona-that-never-was"),
    memory5("memory_1714555800307_000000008", "persona_1714555800250_a1b2c3d4e", { importance: 150, type: "emotion" }),
    ["PersonaActivated", { id: "persona_1714555800251_f5g6h7i8j" }],
    ["PersonaUpdated", { id: "persona_1714555800250_a1b2c3d4e", updates: { description: "Updated", personality: { traits: ["a", "b"], temperament: "calm" } } }],
    ["MemoryEntityUpdated", { id: "memory_1714555800300_000000001", updates: { importance: 10, tags: ["updated"], embedding: embedding.slice(0, 16), embeddingModel: "small" } }],
    ["MemoryEntityAccessed", { id: "memory_1714555800302_000000003", accessedAt: at(40) }],
    ["MemoryEntityAccessed", { id: "memory_1714555800302_000000003", accessedAt: at(41) }],
    ["MemoryEntityDeleted", { id: "memory_1714555800303_000000004", deletedAt: at(42) }],
    ["PersonaDeactivated", { id: "persona_1714555800251_f5g6h7i8j" }],
  ],
};

/** `count` small memories, for a store that is killed while it writes. */
export const stream = (from, count) => Array.from({ length: count }, (_, index) => created(`memory-stream-${from + index}`, "persona-hilma", `Stream ${from + index}`, 300 + from + index));
