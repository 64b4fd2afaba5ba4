// redux-persist in localStorage and in localForage.

import localforage from "localforage";
import { combineReducers, legacy_createStore } from "redux";
import { getStoredState, persistReducer, persistStore } from "redux-persist";
import createWebStorage from "redux-persist/es/storage/createWebStorage";

import { document } from "./told.js";

const slice = (initial) => (state = initial) => state;
const reducer = combineReducers({
  todos: slice([{ id: 1, text: 'a "quoted" ü', done: false }, { id: 2, text: "", done: true }]),
  filter: slice("all"), count: slice(0), none: slice(null), nested: slice({ a: { "b-c": [1.5, [null]] } }),
});

async function told(config) {
  const store = legacy_createStore(persistReducer(config, reducer));
  const persistor = persistStore(store);
  await new Promise((kept) => { if (persistor.getState().bootstrapped) kept(); else persistor.subscribe(() => persistor.getState().bootstrapped && kept()); });
  await persistor.flush();
  const found = [];
  for (const [name, value] of Object.entries(await getStoredState(config))) found.push(await document(`redux-persist/${config.key}`, name, value));
  if (!(config.storage.getItems ?? config.storage.keys)) return found;
  const key = `persist:${config.key}`;
  return [await document("localforage/keyvaluepairs", key, await config.storage.getItem(key)), ...found];
}

export async function write() {
  const storage = localforage.createInstance({ name: "lf-redux" });
  return {
    "localStorage persist:root": { library: "redux-persist", documents: await told({ key: "root", version: 3, storage: createWebStorage("local") }) },
    "lf-redux": {
      library: "localForage",
      documents: [
        ...await told({ key: "app", storage }),
        ...await told({ key: "raw", storage, serialize: false, deserialize: false }),
      ],
    },
  };
}
