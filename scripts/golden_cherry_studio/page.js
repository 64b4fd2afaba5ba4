// What Cherry Studio keeps, written as it does: Dexie with its tables, redux-persist's item of localStorage.  Everything is invented.

import Dexie from "dexie";

const db = new Dexie("CherryStudio");
db.version(10).stores({
  files: "id, name, origin_name, path, size, ext, type, created_at, count",
  topics: "&id",
  settings: "&id, value",
  knowledge_notes: "&id, baseId, type, content, created_at, updated_at",
  translate_history: "&id, sourceText, targetText, sourceLanguage, targetLanguage, createdAt",
  translate_languages: "&id, langCode",
  quick_phrases: "id",
  message_blocks: "id, messageId, file.id",
});

const DAY = "2026-05-0";
const at = (day, minute = 0) => `${DAY}${day}T10:${String(minute).padStart(2, "0")}:00.000Z`;
const KEY = "sk-PLANTED-NOT-A-KEY";

const topics = [];
const blocks = [];
let minute = 0;

function said(topic, id, role, text, more = {}, kind = "main_text") {
  const name = `${topic.id}-${id}-b`;
  if (text !== undefined) blocks.push({ id: name, messageId: id, type: kind, createdAt: at(4, minute), status: "success", content: text });
  topic.messages.push({
    id, role, topicId: topic.id, assistantId: "as-1", createdAt: at(4, minute++ % 60), status: "success", blocks: text === undefined ? [] : [name], ...more,
  });
}

function topic(id) {
  const made = { id, messages: [] };
  topics.push(made);
  return made;
}

/** A text that does not shrink: Chromium keeps values above 64 KB in a file of their own. */
function noise(length) {
  let seed = 1;
  let text = "";
  while (text.length < length) text += String.fromCharCode(97 + ((seed = (seed * 48271) % 2147483647) % 26));
  return text;
}

const long = topic("3f1c2b9a-0d4e-4c77-9a51-1d2e3f405162");
for (let number = 0; number < 400; number++) {
  said(long, `long-${number}`, number % 2 ? "assistant" : "user", number === 7 ? noise(90_000) : `Line ${number} of a long talk.`);
}
const fork = topic("fork");
said(fork, "q", "user", "Which moth?");
said(fork, "a1", "assistant", "A hawk moth.", { askId: "q", foldSelected: false, modelId: "m1" });
said(fork, "a2", "assistant", "A tiger moth.", { askId: "q", foldSelected: true, modelId: "m2", traceId: undefined });
said(fork, "a3", "assistant", "A silk moth.", { askId: "q", modelId: "m3" });
said(fork, "c", "user", undefined, { type: "clear" });
said(fork, "q2", "user", "\u{1F98B} später \u2028 \ud800 end");
const dirty = topic("dirty");
said(dirty, "q", "user", "The same id as in another topic", { topicId: "fork" });
said(dirty, "gone", "assistant", undefined, { blocks: ["not-there"] });
said(dirty, "old", "user", undefined, { content: "Inline text of an old version", blocks: undefined, metadata: { time: new Date(1777888800000), none: undefined } });
said(dirty, "late", "user", "No date", { createdAt: undefined });
dirty.messages.push(null, 17);
topic("empty").messages = undefined;
const other = topic("of-the-default");
said(other, "d", "user", "In the default assistant");
said(other, "e", "assistant", "Failed", { enabledMCPs: [{ id: "s", env: { TOKEN: KEY } }] }, "error");

const entry = (id, more = {}) => ({ id, assistantId: "as-1", name: id, createdAt: at(4), updatedAt: at(5), messages: [], ...more });
const state = {
  assistants: {
    defaultAssistant: { id: "default", name: "Default Assistant", prompt: "Be brief.", topics: [entry("of-the-default", { name: "" })], type: "assistant" },
    assistants: [
      { id: "default", name: "Default", prompt: "", emoji: "\u{1F600}", topics: [entry("only-here")], type: "assistant" },
      { id: "as-1", name: "Lepidopterist", prompt: "You know every moth.", topics: [entry(long.id, { pinned: true }), entry("fork"), entry("empty")], settings: { temperature: 0.5 } },
    ],
    presets: [{ id: "1", name: "Saved", prompt: "Saved prompt", topics: [] }],
    tagsOrder: ["moths"],
  },
  llm: { providers: [{ id: "p", apiKey: KEY, name: "Anbieter \u00fc" }] },
  settings: { webdavPass: KEY, userName: "T\u00e4st", nested: JSON.stringify({ deeper: JSON.stringify({ apiKey: KEY }) }) },
  mcp: { servers: [{ id: "s", env: { ANY: KEY }, args: ["--api-key", KEY] }] },
  _persist: { version: 180, rehydrated: true },
};

/** First run: a profile as it grows. */
export async function write() {
  await db.open();
  await db.topics.bulkPut(topics.map((one) => ({ ...one, messages: (one.messages ?? []).slice(0, 2) })));
  await db.topics.put({ id: "deleted", messages: [] });
  await db.files.bulkPut([
    { id: "f1", name: "f1.txt", origin_name: "moths.txt", path: "/nowhere/f1.txt", size: 5, ext: ".txt", type: "text", created_at: new Date(1777888800000), count: 1 },
    { id: "f2", name: "f2.txt", origin_name: "lost.txt", path: "/nowhere/f2.txt", size: 5, ext: ".txt", type: "text", created_at: at(4), count: 2 },
  ]);
  await db.settings.bulkPut([
    { id: "image://avatar", value: "data:image/png;base64,AAAA" },
    { id: "translate:pair", value: ["en-us", undefined, NaN, -0, 1e21] },
    { id: "x:apiKey", value: KEY },
  ]);
  await db.quick_phrases.put({ id: "q1", title: "hi", content: "hello there", createdAt: 1777889000000, updatedAt: 1777889000000 });
  await db.translate_history.put({ id: "h1", sourceText: "moth", targetText: "Motte", createdAt: at(4) });
  await db.knowledge_notes.put({ id: "n1", baseId: "b", type: "note", content: '{"token": "what a person wrote"}' });
  localStorage.setItem("persist:cherry-studio", "{}");
  localStorage.setItem("modelscope_token", KEY);
  localStorage.setItem("memory_currentUserId", "default-user");
}

/** Second run: everything is overwritten, one topic deleted. */
export async function change() {
  await db.open();
  await db.message_blocks.bulkPut(blocks);
  await db.message_blocks.bulkPut([
    { id: "left", messageId: "nobody", type: "main_text", content: "A block that no message names" },
    { id: "fork-file", messageId: "q", type: "file", file: await db.files.get("f1") },
    { id: "fork-lost", messageId: "q", type: "file", file: await db.files.get("f2") },
  ]);
  fork.messages[0].blocks.push("fork-file", "fork-lost");
  await db.topics.bulkPut(topics);
  await db.topics.delete("deleted");
  const item = Object.fromEntries(Object.entries(state).map(([name, slice]) => [name, JSON.stringify(slice)]));
  localStorage.setItem("persist:cherry-studio", JSON.stringify(item));
}

/** What a backup of version 5 would hold: JSON.stringify of everything, as the app did it. */
export async function told() {
  await db.open();
  const indexedDB = {};
  for (const table of db.tables) indexedDB[table.name] = await table.toArray();
  return JSON.stringify({ time: 1777889100000, version: 5, localStorage, indexedDB });
}
