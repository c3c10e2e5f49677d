// Apollo Server: node apollo.mjs PORT FILE
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { resolversOver, typeDefs } from "./list.mjs";

const [port, file] = process.argv.slice(2);
const server = new ApolloServer({ typeDefs, resolvers: resolversOver(file) });
await startStandaloneServer(server, { listen: { port: Number(port), host: "127.0.0.1" } });
