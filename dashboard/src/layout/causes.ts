// Failures by their cause: the same resource with the same message, however many runs it spoilt.

export interface Failure {
  message: string;
  isNew: boolean | null;
  skippedCount: number | null;
  failingSince: { id: string; startTime: string | null } | null;
  result: { uniqueId: string; name: string; resourceType: string } | null;
}

export interface FailedRun {
  id: string;
  status: string;
  job: { id: string; name: string | null } | null;
  failureCount: number | null;
  failures: readonly Failure[] | null;
}

export interface Cause<Run extends FailedRun> {
  key: string;
  status: string;
  /** As the newest run tells it; null where the answer has none of this run. */
  failure: Failure | null;
  /** Newest first, as they came. */
  runs: Run[];
}

/** The cause of the newest run first. */
export function groupByCause<Run extends FailedRun>(runs: readonly Run[]): Cause<Run>[] {
  const causes = new Map<string, Cause<Run>>();
  for (const run of runs) {
    const failures = run.failures ?? [];
    for (const failure of failures.length ? failures : [null]) {
      const key = JSON.stringify([run.status, failure?.result?.uniqueId ?? run.job?.id ?? run.id, failure?.message ?? null]);
      const cause = causes.get(key) ?? { key, status: run.status, failure, runs: [] };
      cause.runs.push(run);
      causes.set(key, cause);
    }
  }
  return [...causes.values()];
}
