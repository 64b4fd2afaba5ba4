// The stores written by the node adapter. `make(folders)` fills `base/<storeId>`; `read` says which app of which version then gives the account.

import { join } from "node:path";

import { drop } from "./folders.mjs";
import { append } from "./log.mjs";
import { session } from "./session.mjs";

/** Boots, commits and leaves; the next step does the same on what the one before left. */
const steps = (...orders) => async (base) => {
  for (const order of orders) await session({ base, ...order });
};

/** One version, one app, one story. */
const plain = (version, variant, storeId, story, rest) => ({
  storeId, read: { version, variant }, make: steps({ version, variant, storeId, story }), ...rest,
});

const store = (base, storeId) => join(base, storeId);

const impureNote = "The materializers call new Date(): createdAt and updatedAt stand in the state file and nowhere else, and a replay of the log would set new ones.";

async function partial(base) {
  const order = { base, version: "0.4.0", variant: "full", storeId: "pjais" };
  await session({ ...order, story: "few" });
  append(store(base, "pjais"), "0.4.0", [
    ["v1.MemoryEntityUpdated", "{\"id\":\"memory-one\",\"updates\":\"not an object\",\"updatedAt\":1714559400250}"],
    ["v1.MemoryEntityDeleted", "{\"id\":\"memory-two\",\"deletedAt\":1714559460250}"],
    ["v1.MemoryEntityAccessed", "{\"id\":\"memory-three\",\"accessedAt\":1714559520250}"],
  ]);
  // As after an update of the app with other tables: no state file for them yet, so the whole log is replayed, up to the bad event.
  await drop(store(base, "pjais"), /^state/);
  const first = await session({ ...order, mayFail: true });
  const second = await session(order);
  return { boots: [first.booted, second.booted], badEvent: 13, lostEvents: [13, 14, 15] };
}

async function unknown(base) {
  const older = { base, version: "0.4.0", variant: "full", storeId: "pjais" };
  const newer = { ...older, variant: "newer" };
  await session({ ...newer, story: "few" });
  await session({ ...newer, story: "laterRelease" });
  await drop(store(base, "pjais"), /^state/);
  // Then the older app, and an event of a name that nobody here ever defined comes from another device.
  await session({ ...older, plan: [["confirmed"], ["refuse"], ["other", "neverDefined"]] });
  await session({ ...older, story: "fewMore" });
  return { unknownEvents: ["v1.MemoryOptimized", "v2.MemoryEntityUpdated", "v9.DreamRecorded"] };
}

export const items = {
  "node-0.4.0-app": plain("0.4.0", "full", "pjais", "app", { pure: true, note: "All events of the app, and every value that a reader gets wrong." }),
  "node-0.3.1-app": plain("0.3.1", "full", "pjais", "app", { pure: true, note: "The story of node-0.4.0-app, told by 0.3.1." }),
  "node-0.3.1-impure": plain("0.3.1", "impure", "default", "coded", { note: impureNote }),
  "node-0.4.0-impure": plain("0.4.0", "impure", "default", "coded", { note: `${impureNote} NODE_ENV=production: in development 0.4.0 shuts such a store down.` }),
  "node-0.4.0-twoschemas": {
    storeId: "pjais", read: { version: "0.4.0", variant: "wider" },
    make: steps(
      { version: "0.4.0", variant: "full", storeId: "pjais", story: "few" }, { version: "0.4.0", variant: "full", storeId: "pjais", story: "fewMore" },
      { version: "0.4.0", variant: "wider", storeId: "pjais", story: "laterRelease" },
    ),
    note: "memoryEntities got two columns: a second state file. Current is the one whose last changeset is the log's last event; times of files say nothing in a checkout.",
  },
  "node-0.4.0-partial": {
    storeId: "pjais", read: { version: "0.4.0", variant: "full" }, make: partial,
    note: "The log has an event whose arguments do not decode. The first boot failed on it, the next ones succeed and show the rows before it; the good events after it are not in the state.",
  },
  "node-0.4.0-unknown": {
    storeId: "pjais", read: { version: "0.4.0", variant: "full" }, make: unknown,
    note: "Two kinds of events come from a later release of the app, one from another device (schemaHash -1). The account is the older app's, which skips all three. "
      + "The first 17 events are confirmed by a sync backend (head), so their changesets are trimmed.",
  },
  "node-both-formats": {
    storeId: "pjais", read: { version: "0.4.0", variant: "full" },
    make: steps({ version: "0.3.1", variant: "full", storeId: "pjais", story: "few" }, { version: "0.4.0", variant: "full", storeId: "pjais", story: "newApp" }),
    others: [{ version: "0.3.1", variant: "full" }],
    note: "0.4.0 was started on a folder of 0.3.1 and began with nothing: two stores side by side. `tables` is what 0.4.0 shows, `others` what 0.3.1 does. memory-one and persona ids are in both.",
  },
  "node-0.4.0-clientonly": {
    storeId: "pjais", read: { version: "0.4.0", variant: "ui" },
    make: steps({ version: "0.4.0", variant: "ui", storeId: "pjais", story: "few" }, { version: "0.4.0", variant: "ui", storeId: "pjais", story: "ui" }),
    note: "uiStateSet and v1.DraftKept never leave the device: seqNumClient > 0. They are no data of personas or memories.",
  },
  "node-0.4.0-rebased": {
    storeId: "pjais", read: { version: "0.4.0", variant: "ui" },
    make: steps(
      { version: "0.4.0", variant: "ui", storeId: "pjais", plan: [["commit", "few"], ["confirmed"], ["refuse"], ["commit", "ui"], ["other", "otherDevice"], ["commit", "fewMore"]] },
    ),
    note: "Another device's events (client other-device) came first: this device's unconfirmed events were numbered anew, with a rebase generation.",
  },
};
