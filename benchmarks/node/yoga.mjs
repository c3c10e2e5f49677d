// graphql-yoga: node yoga.mjs PORT FILE [jit] [cache]
import { createServer } from "node:http";
import { useGraphQlJit } from "@envelop/graphql-jit";
import { useResponseCache } from "@graphql-yoga/plugin-response-cache";
import { createSchema, createYoga } from "graphql-yoga";
import { resolversOver, typeDefs } from "./list.mjs";

const [port, file, ...options] = process.argv.slice(2);
const plugins = [];
if (options.includes("jit")) plugins.push(useGraphQlJit());
if (options.includes("cache")) plugins.push(useResponseCache({ session: () => null, ttl: 3_600_000 }));
const schema = createSchema({ typeDefs, resolvers: resolversOver(file) });
createServer(createYoga({ schema, plugins, logging: false })).listen(Number(port), "127.0.0.1");
