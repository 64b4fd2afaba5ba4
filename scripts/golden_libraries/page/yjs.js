// Yjs with y-indexeddb: every shared type as a root, nested ones, deleted content.

import { IndexeddbPersistence } from "y-indexeddb";
import * as Y from "yjs";

import { document } from "./told.js";

const KINDS = { map: Y.Map, list: Y.Array, text: Y.Text, xml: Y.XmlFragment, "list of lists": Y.Array, "rich text": Y.Text, "elements in a list": Y.Array, "ü/日本": Y.Map };

function fill(doc) {
  const map = doc.getMap("map");
  map.set("text", "ünï 日本 😀");
  map.set("n", 1.5);
  map.set("big", 2 ** 40);
  map.set("none", null);
  map.set("yes", true);
  map.set("json", { a: [1, { b: null }], "": "" });
  map.set("bytes", new Uint8Array([0, 1, 255]));
  map.set("inner", new Y.Map([["list", Y.Array.from([1, "a"])], ["text", new Y.Text("inner")]]));
  map.set("gone", 1);
  map.delete("gone");
  map.set("often", 1);
  map.set("often", 2);
  const list = doc.getArray("list");
  list.push([1, "two", { three: 3 }, null, 5]);
  list.delete(4);
  list.insert(0, ["first"]);
  const text = doc.getText("text");
  text.insert(0, "hello world 😀");
  text.delete(5, 6);
  text.insert(5, ", you");
  const xml = doc.getXmlFragment("xml");
  const paragraph = new Y.XmlElement("p");
  paragraph.setAttribute("class", "note");
  paragraph.insert(0, [new Y.XmlText("in a paragraph & more")]);
  xml.insert(0, [paragraph]);
  doc.getArray("list of lists").push([Y.Array.from([1]), Y.Array.from([])]);
  const rich = doc.getText("rich text");
  rich.insert(0, "bold and plain");
  rich.format(0, 4, { bold: true });
  doc.getArray("elements in a list").push([new Y.Map([["a", 1]])]);
  doc.getMap("ü/日本").set("k", "v");
}

async function told(name, work) {
  const doc = new Y.Doc();
  const kept = new IndexeddbPersistence(name, doc);
  await kept.whenSynced;
  work(doc);
  await kept.set("title", "custom value");
  await kept.destroy();
  const again = new Y.Doc();
  const read = new IndexeddbPersistence(name, again);
  await read.whenSynced;
  const found = [];
  for (const [root, Kind] of Object.entries(KINDS)) {
    if (again.share.has(root)) {
      const type = again.get(root, Kind);
      const plain = type instanceof Y.Text && !type.toDelta().some((run) => run.attributes);
      found.push(await document("yjs/types", root, plain || type instanceof Y.XmlFragment ? type.toString() : type instanceof Y.Text ? type.toDelta() : type.toJSON()));
    }
  }
  await read.destroy();
  return { library: "Yjs (y-indexeddb)", documents: found };
}

/** Three people edit at once, at the same places, and exchange what they did now and then. */
function together(doc) {
  let seed = 7;
  const random = (below) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor((seed / 2147483648) * below); };
  const people = [doc, new Y.Doc(), new Y.Doc()];
  for (let n = 0; n < 60; n += 1) {
    const one = people[random(3)];
    const [text, list, map] = [one.getText("text"), one.getArray("list"), one.getMap("map")];
    const what = random(6);
    if (what === 0) text.insert(random(text.length + 1), ["ab", "😀", "x", "日本"][random(4)]);
    if (what === 1 && text.length) text.delete(random(text.length), 1);
    if (what === 2) list.insert(random(list.length + 1), [n, `t${n}`].slice(random(2)));
    if (what === 3 && list.length) list.delete(random(list.length), 1);
    if (what === 4) map.set(`k${random(4)}`, n);
    if (what === 5) map.delete(`k${random(4)}`);
    if (n % 7 === 0 || n === 59) for (const from of people) for (const to of people) if (from !== to) Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)));
  }
  const rich = doc.getText("rich text");
  rich.insert(0, "a link here");
  rich.insertEmbed(2, { image: "i.png" });
  rich.format(3, 4, { link: "https://x", bold: true });
  const xml = doc.getXmlFragment("xml");
  const words = new Y.XmlText();
  words.insert(0, "bold, plain");
  words.format(0, 4, { b: { class: "x" } });
  xml.insert(0, [words, new Y.XmlElement("BR")]);
}

export async function write() {
  const many = (doc) => { for (let n = 0; n < 8; n += 1) doc.getMap("map").set(`k${n % 7}`, n); doc.getText("text").insert(0, "x"); doc.getText("text").delete(0, 1); doc.getText("text").insert(0, "y"); };
  return { "notes-yjs": await told("notes-yjs", fill), "many-yjs": await told("many-yjs", many), "together-yjs": await told("together-yjs", together) };
}
