// A router in front of the subgraphs of a supergraph, on a free port. Arguments: the router, the supergraph's file.
// With the router `caching` a port follows: Hive's gateway keeps answers as long as their Cache-Control says, and
// POST /purge {"tags": [...]} drops those that hold what a tag names. Prints its address once it can be asked, and serves until it is killed.
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

class Entries {
  #entries = new Map();
  get = (key) => (this.#entries.get(key)?.until > Date.now() ? this.#entries.get(key).value : undefined);
  set = (key, value, { ttl = Infinity } = {}) => void this.#entries.set(key, { value, until: Date.now() + ttl * 1000 });
  delete = (key) => this.#entries.delete(key);
  getKeysByPrefix = (prefix) => [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
}

// The keys under which Hive's response cache files an answer by the entities in it.
function purge(cache, tag) {
  const [, kind, id] = tag.match(/^(account|project|model|job|run)-(.*)$/);
  const typename = kind[0].toUpperCase() + kind.slice(1);
  const entity = `${typename}.${decodeURIComponent(id)}:`;
  for (const key of cache.getKeysByPrefix(`response-cache:${entity}`)) {
    cache.delete(`response-cache:${key.slice(key.lastIndexOf(":") + 1)}`);
    cache.delete(key);
  }
}

async function caching(supergraph, port) {
  const { createGatewayRuntime } = await import("@graphql-hive/gateway-runtime");
  const cache = new Entries();
  const responseCaching = { session: () => null, ttl: 3_600_000, includeExtensionMetadata: true };
  const gateway = createGatewayRuntime({ supergraph, logging: false, cache, responseCaching });
  const server = createServer(async (request, response) => {
    if (request.url !== "/purge") return gateway(request, response);
    const body = Buffer.concat(await request.toArray()).toString();
    JSON.parse(body).tags.forEach((tag) => purge(cache, tag));
    response.writeHead(204).end();
  });
  await new Promise((listening) => server.listen(Number(port), "127.0.0.1", listening));
  return `http://127.0.0.1:${port}/graphql`;
}

const [router, file, ...rest] = process.argv.slice(2);
console.log(`Router ${await { apollo, hive, caching }[router](readFileSync(file, "utf8"), ...rest)}`);
