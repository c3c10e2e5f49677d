// Real clients against a gateway: `node clients.mjs ws|sse URL`. Reads subscriptions from stdin, one JSON per line, and
// prints each answer as a line; "STOP" ends them.
import { createInterface } from "node:readline";
import { createClient as createWsClient } from "graphql-ws";
import { createClient as createSseClient } from "graphql-sse";
import WebSocket from "ws";

const [, , kind, url] = process.argv;
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const client =
  kind === "ws"
    ? createWsClient({
        url: url.replace("http", "ws"),
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: { authorization: "Bearer nobody-asks" },
        on: { closed: (event) => tell({ closed: event.code }) },
      })
    : createSseClient({ url, retryAttempts: 0 });

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "STOP") break;
  client.subscribe(JSON.parse(line), {
    next: (answer) => tell({ next: answer }),
    error: (problem) => tell({ error: Array.isArray(problem) ? problem : String(problem) }),
    complete: () => tell({ complete: true }),
  });
}
await client.dispose();
process.exit(0);
