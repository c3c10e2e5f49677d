// Composes subgraphs into a supergraph. Arguments: the composer, then name, address and SDL file of each subgraph.
// Prints {"supergraph": SDL or null, "errors": [{code, message}]}.
import { readFileSync } from "node:fs";
import { parse } from "graphql";

const composers = {
  apollo: () => import("@apollo/composition"),
  guild: () => import("@theguild/federation-composition"),
};

const [composer, ...rest] = process.argv.slice(2);
const subgraphs = [];
for (let place = 0; place < rest.length; place += 3) {
  const [name, url, file] = rest.slice(place, place + 3);
  subgraphs.push({ name, url, typeDefs: parse(readFileSync(file, "utf8")) });
}
const { composeServices } = await composers[composer]();
const { supergraphSdl, errors } = composeServices(subgraphs);
const told = (errors ?? []).map(({ message, extensions }) => ({ code: extensions?.code ?? null, message }));
console.log(JSON.stringify({ supergraph: told.length ? null : supergraphSdl, errors: told }));
