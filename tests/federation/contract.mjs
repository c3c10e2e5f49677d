// Composes a contract of a supergraph: a variant without what has one of some tags. Arguments: the tags, with commas
// between them, then name, address and SDL file of each subgraph. Prints {"supergraph": SDL or null, "public": SDL or
// null, "errors": [message]}.
import { readFileSync } from "node:fs";
import { composeSchemaContract } from "@theguild/federation-composition";
import { parse } from "graphql";

const [tags, ...rest] = process.argv.slice(2);
const subgraphs = [];
for (let place = 0; place < rest.length; place += 3) {
  const [name, url, file] = rest.slice(place, place + 3);
  subgraphs.push({ name, url, typeDefs: parse(readFileSync(file, "utf8")) });
}
const filter = { include: new Set(), exclude: new Set(tags.split(",").filter(Boolean)) };
const { supergraphSdl, publicSdl, errors } = composeSchemaContract(subgraphs, filter, true);
const told = (errors ?? []).map(({ message }) => message);
console.log(JSON.stringify({ supergraph: supergraphSdl ?? null, public: publicSdl ?? null, errors: told }));
