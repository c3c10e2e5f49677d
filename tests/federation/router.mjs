// A router in front of the subgraphs of a supergraph, on a free port. Arguments: the router, the supergraph's file.
// Prints its address once it can be asked, and serves until it is killed.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

async function apollo(supergraphSdl) {
  const { ApolloGateway } = await import("@apollo/gateway");
  const { ApolloServer } = await import("@apollo/server");
  const { startStandaloneServer } = await import("@apollo/server/standalone");
  const server = new ApolloServer({ gateway: new ApolloGateway({ supergraphSdl }) });
  const { url } = await startStandaloneServer(server, { listen: { host: "127.0.0.1", port: 0 } });
  return url;
}

async function hive(supergraph) {
  const { createGatewayRuntime } = await import("@graphql-hive/gateway-runtime");
  const server = createServer(createGatewayRuntime({ supergraph, logging: false, demandControl: { includeExtensionMetadata: true } }));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return `http://127.0.0.1:${server.address().port}/graphql`;
}

const [router, file] = process.argv.slice(2);
console.log(`Router ${await { apollo, hive }[router](readFileSync(file, "utf8"))}`);
