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
  /** Of the newest run, but failing since the earliest of all runs; null where the answer has no failures of this run. */
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
      const cause = causes.get(key) ?? { key, status: run.status, failure: null, runs: [] };
      cause.failure = cause.failure && failure ? joined(cause.failure, failure) : failure;
      cause.runs.push(run);
      causes.set(key, cause);
    }
  }
  return [...causes.values()];
}

/** Several jobs may build one resource, and each has its own first failure. */
function joined(newer: Failure, older: Failure): Failure {
  const isNew = newer.isNew === null || older.isNew === null ? null : newer.isNew && older.isNew;
  return { ...newer, isNew, failingSince: earlier(newer.failingSince, older.failingSince) };
}

function earlier(one: Failure["failingSince"], other: Failure["failingSince"]): Failure["failingSince"] {
  if (!one?.startTime || !other?.startTime) return one ?? other;
  return other.startTime < one.startTime ? other : one;
}
