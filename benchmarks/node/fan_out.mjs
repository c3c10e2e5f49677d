// graphql-yoga with its JIT in front of dbt's APIs, with undici and dataloader: node fan_out.mjs PORT UPSTREAM_PORT
import { createServer } from "node:http";
import { useGraphQlJit } from "@envelop/graphql-jit";
import DataLoader from "dataloader";
import { createSchema, createYoga } from "graphql-yoga";
import { Pool } from "undici";

const [port, upstream] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${upstream}`, { connections: 20 });
const ACCOUNT = 42;

const PAGE = `query Page($e: BigInt!, $after: String) { environment(id: $e) { dbtProjectName applied {
  models(first: 500, after: $after) { pageInfo { hasNextPage endCursor }
    edges { node { uniqueId name executionInfo { executionTime } } } } } } }`;

async function get(path) {
  const { body } = await pool.request({ method: "GET", path: `/api/${path}?limit=100&offset=0` });
  return (await body.json()).data;
}

async function readPage(environment, after) {
  const { body } = await pool.request({
    method: "POST",
    path: "/graphql",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: PAGE, variables: { e: environment, after } }),
  });
  return (await body.json()).data.environment;
}

async function readModels(environment) {
  const models = [];
  let after = null;
  do {
    const found = await readPage(environment, after);
    const { edges, pageInfo } = found.applied.models;
    for (const { node } of edges) models.push({ id: `${found.dbtProjectName}.${node.name}`, runtime: node.executionInfo.executionTime });
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
  return models;
}

const typeDefs = `
type Model { id: ID! }
type RankedModel { rank: Int! runtime: Float! model: Model! }
type Account { slowestModels(first: Int!): [RankedModel!]! }
type Query { account: Account! }
`;

const resolvers = {
  Query: { account: () => ({}) },
  Account: {
    slowestModels: async (_, { first }, context) => {
      const environments = await get(`v3/accounts/${ACCOUNT}/environments/`);
      const models = (await context.models.loadMany(environments.map(({ id }) => id))).flat();
      models.sort((one, other) => other.runtime - one.runtime || (one.id < other.id ? -1 : 1));
      return models.slice(0, first).map((model, index) => ({ rank: index + 1, runtime: model.runtime, model }));
    },
  },
};

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  plugins: [useGraphQlJit()],
  logging: false,
  context: () => ({ models: new DataLoader((ids) => Promise.all(ids.map(readModels))) }),
});
createServer(yoga).listen(Number(port), "127.0.0.1");
