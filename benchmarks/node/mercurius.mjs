// mercurius with its compiler: node mercurius.mjs PORT FILE
import Fastify from "fastify";
import mercurius from "mercurius";
import { resolversOver, typeDefs } from "./list.mjs";

const [port, file] = process.argv.slice(2);
const app = Fastify();
app.register(mercurius, { schema: typeDefs, resolvers: resolversOver(file), jit: 1 });
await app.listen({ port: Number(port), host: "127.0.0.1" });
