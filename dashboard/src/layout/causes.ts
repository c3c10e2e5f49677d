// Failures by their cause: the same resource with the same message, however many runs it spoilt.

export interface FailedResult {
  uniqueId: string;
  name: string;
  resourceType: string;
  message: string | null;
}

export interface FailedRun {
  id: string;
  status: string;
  error: string | null;
  job: { id: string; name: string | null } | null;
  nodeResults: { totalCount: number; nodes: readonly FailedResult[] } | null;
}

export interface Cause<Run extends FailedRun> {
  key: string;
  status: string;
  /** Null where dbt names no resource: the run itself was cancelled or could not start. */
  result: FailedResult | null;
  message: string;
  /** Newest first, as they came. */
  runs: Run[];
}

/** The cause of the newest run first. */
export function groupByCause<Run extends FailedRun>(runs: readonly Run[]): Cause<Run>[] {
  const causes = new Map<string, Cause<Run>>();
  for (const run of runs) {
    const results = run.nodeResults?.nodes ?? [];
    for (const result of results.length ? results : [null]) {
      const message = shortMessage(result ? (result.message ?? "") : (run.error ?? ""));
      const key = JSON.stringify([run.status, result?.uniqueId ?? run.job?.id ?? run.id, message]);
      const cause = causes.get(key) ?? { key, status: run.status, result, message, runs: [] };
      cause.runs.push(run);
      causes.set(key, cause);
    }
  }
  return [...causes.values()];
}

const MOST_LINES = 3;

/** What went wrong, in three lines: without the paths of compiled code, empty lines and common indentation. */
export function shortMessage(message: string): string {
  const lines = message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("compiled code at") && !/^\^+$/.test(line));
  return lines.slice(0, MOST_LINES).join("\n");
}
