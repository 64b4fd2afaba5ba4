// What a library answered: for each database the documents as [collection, key, value], key and value in tagged JSON.

import { tagged } from "../../golden_rxdb/page/tagged.js";

/** Return `[collection, key, value]` in tagged JSON. */
export const document = async (collection, key, value) => [collection, await tagged(key), await tagged(value)];
