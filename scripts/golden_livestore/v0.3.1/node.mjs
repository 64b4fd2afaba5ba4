// LiveStore of this folder's version, for make.mjs's child: a module finds its packages beside itself.
export * from "@livestore/livestore";
export { makeAdapter } from "@livestore/adapter-node";
