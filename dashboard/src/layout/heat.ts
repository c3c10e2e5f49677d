// Models × runs of a job, as the gateway tells them: each cell is a runtime beside the median of its own model.

export interface Matrix {
  runs: readonly { id: string; startTime: string | null }[];
  rows: readonly {
    uniqueId: string;
    medianSeconds: number | null;
    runtimes: readonly (number | null)[];
    statuses: readonly (string | null)[];
    model: { id: string } | null;
  }[];
}

export interface Cell {
  runtime: number | null;
  status: string;
}

export interface HeatRow {
  name: string;
  /** Null where the project no longer defines it: there is no page of it. */
  modelId: string | null;
  median: number | null;
  last: number | null;
  cells: (Cell | undefined)[];
}

export interface Heat {
  runs: Matrix["runs"];
  rows: HeatRow[];
}

/** Runs and rows in the order of the matrix: oldest run left, slowest model first. */
export function heatOf({ runs, rows }: Matrix): Heat {
  return { runs, rows: rows.map(rowOf) };
}

function rowOf({ uniqueId, medianSeconds, runtimes, statuses, model }: Matrix["rows"][number]): HeatRow {
  const cells = statuses.map((status, place) => (status === null ? undefined : { status, runtime: runtimes[place] ?? null }));
  return {
    name: model?.id ?? uniqueId,
    modelId: model?.id ?? null,
    median: medianSeconds,
    last: runtimes.findLast((runtime) => runtime !== null) ?? null,
    cells,
  };
}

/** −1 (half the median or less) to 1 (twice the median or more), by powers of two. */
export function ratioScale(runtime: number, usual: number | null): number {
  if (usual === null || usual <= 0 || runtime <= 0) return 0;
  return Math.max(-1, Math.min(1, Math.log2(runtime / usual)));
}
