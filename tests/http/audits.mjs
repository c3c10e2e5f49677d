// Runs the GraphQL-over-HTTP audit suite against a server. Arguments: the suite's folder, the endpoint's address.
// Prints one JSON array of {id, name, status, reason}.
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [suite, url] = process.argv.slice(2);
const { serverAudits } = await import(pathToFileURL(join(suite, "server.mjs")).href);
const results = [];
for (const audit of serverAudits({ url })) {
  const { status, reason } = await audit.fn();
  results.push({ id: audit.id, name: audit.name, status, reason: reason ?? null });
}
console.log(JSON.stringify(results));
