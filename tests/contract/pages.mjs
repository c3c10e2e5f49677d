// Pages that switch environment and filter: `node pages.mjs apollo|urql|relay URL FOLDER`. Reads questions from stdin as
// JSON, [{name, query, variables}], asks each through the client and beside it, then reads all of them from its cache.
// FOLDER holds the configurations of docs/clients.md and, for Relay, what its compiler made of the same questions.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , kind, url, folder] = process.argv;
const questions = JSON.parse(readFileSync(0, "utf8"));
const load = (file) => import(pathToFileURL(`${folder}/${file}`));
const post = async (body) =>
  (
    await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    })
  ).json();
const introspect = async () => {
  const { getIntrospectionQuery } = await import("graphql");
  return (await post({ query: getIntrospectionQuery() })).data;
};
const warnings = [];
for (const level of ["warn", "error"]) console[level] = (...parts) => warnings.push(parts.map(String).join(" "));

async function apollo() {
  const { client } = await load("apollo.mjs");
  const { gql } = await import("@apollo/client/core/index.js");
  const it = client(url);
  return {
    ask: async ({ query, variables }) => (await it.query({ query: gql(query), variables })).data,
    cached: async ({ query, variables }) => it.readQuery({ query: gql(query), variables }),
  };
}

async function urql() {
  const { client } = await load("urql.mjs");
  const it = client(url, await introspect());
  const run = async ({ query, variables }, requestPolicy) => {
    const { data, error } = await it.query(query, variables, { requestPolicy }).toPromise();
    if (error) throw error;
    return data;
  };
  return { ask: (question) => run(question, "cache-first"), cached: (question) => run(question, "cache-only") };
}

async function relay() {
  const { default: runtime } = await import("relay-runtime");
  const { environment } = await load("relay.mjs");
  const it = environment(url);
  const artifact = async (name) => (await load(`__generated__/${name}.graphql.js`)).default;
  const kept = [];
  return {
    ask: async ({ name, variables }) => {
      const node = await artifact(name);
      kept.push(it.retain(runtime.createOperationDescriptor(node, variables)));
      return runtime.fetchQuery(it, node, variables).toPromise();
    },
    cached: async ({ name, variables }) =>
      it.lookup(runtime.createOperationDescriptor(await artifact(name), variables).fragment).data,
  };
}

const page = await { apollo, urql, relay }[kind]();
const shown = [];
for (const question of questions) {
  const { data } = await post({ query: question.query, variables: question.variables });
  shown.push({ server: data, client: await page.ask(question) });
}
for (const [place, question] of questions.entries()) shown[place].cached = await page.cached(question);
process.stdout.write(JSON.stringify({ shown, warnings }));
process.exit(0);
