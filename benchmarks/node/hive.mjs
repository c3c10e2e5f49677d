// Hive Gateway over a supergraph of dbt's Discovery API, the ranking as an additional resolver:
// node hive.mjs PORT UPSTREAM_PORT
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [port, upstream] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const place = mkdtempSync(join(tmpdir(), "hive-"));
const supergraph = join(place, "supergraph.graphql");
writeFileSync(supergraph, readFileSync(join(here, "supergraph.graphql"), "utf-8").replaceAll("UPSTREAM_PORT", upstream));
const command = join(here, "node_modules", ".bin", "hive-gateway");
const options = ["supergraph", supergraph, "-c", join(here, "hive.config.mjs"), "--port", port, "--host", "127.0.0.1", "--fork", "1"];
const child = spawn(command, options, { stdio: "inherit", cwd: here, env: { ...process.env, UPSTREAM_PORT: upstream } });
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code) => {
  rmSync(place, { recursive: true, force: true });
  process.exit(code ?? 0);
});
