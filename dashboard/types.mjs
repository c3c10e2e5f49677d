// Writes src/operations.ts: the types of the pages' documents, from schema.graphql.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { codegen } from "@graphql-codegen/core";
import * as operations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const here = (path) => new URL(path, import.meta.url);
const screens = here("../gateway/http/pages/screens/");
const documents = readdirSync(screens)
  .filter((name) => name.endsWith(".graphql"))
  .sort()
  .map((name) => ({ location: name, document: parse(readFileSync(new URL(name, screens), "utf8")) }));
const types = await codegen({
  filename: "operations.ts",
  schema: parse(readFileSync(here("../schema.graphql"), "utf8")),
  documents,
  config: {
    scalars: { DateTime: "string", ID: "string", JSON: "unknown" },
    enumType: "string-literal",
    skipTypename: true,
    avoidOptionals: { field: true },
    useTypeImports: true,
  },
  plugins: [{ operations: {} }],
  pluginMap: { operations },
});
writeFileSync(here(process.argv[2] ?? "src/operations.ts"), `// Written by \`npm run check\` from schema.graphql. Do not edit.\n${types}\n`);
