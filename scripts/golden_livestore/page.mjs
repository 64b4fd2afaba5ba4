// What runs in the page: one store, told by puppeteer what to do.

import { rows, tell } from "./account.mjs";
import { stories, stream } from "./story.mjs";

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/**
 * `app` is the schema and its events, `openStore(storeId)` boots, `commit(store, event)` commits, `settled(store)` comes back when the leader, which
 * writes the files, has all that the session committed; these differ between the versions.
 */
export function page({ app: { tables, events }, openStore, commit, settled, select }) {
  let store;
  const commitAll = (list) => list.forEach(([name, args]) => commit(store, events[name](args)));
  return {
    open: async (storeId) => void (store = await openStore(storeId)),
    commit: (name) => commitAll(stories[name]),
    settled: () => settled(store),
    /** Commit in small batches until the browser is killed. */
    async stream() {
      for (let from = 0; ; from += 5) {
        commitAll(stream(from, 5));
        await wait(5);
      }
    },
    rows: () => tell(rows(store, tables, select)),
  };
}

/** Scripts of the workers, by version. */
export const workers = (version) => ({
  worker: ({ name }) => new Worker(`/${version}/worker.js`, { name, type: "module" }),
  sharedWorker: ({ name }) => new SharedWorker(`/${version}/shared.js`, { name, type: "module" }),
});

/** Poll `{session, leader}` until they agree. */
export const agreed = (syncStates) => async (store) => {
  for (let round = 0; round < 300; round += 1) {
    const { session, leader } = await syncStates(store);
    if (session.pending.length === 0 && leader.localHead.global === session.localHead.global) return;
    await wait(100);
  }
  throw new Error("the leader does not follow");
};

/** 0.2 does not tell; the next boot on a copy, which must show the same rows, is the proof that it was long enough. */
export const patient = () => wait(4000);
