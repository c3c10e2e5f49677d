// Models × runs of a job: each cell is a runtime beside the median of its own model.

export interface Cell {
  modelId: string | null;
  runId: string;
  runtime: number;
  startTime: string | null;
  status: string;
}

export interface HeatRow {
  modelId: string;
  median: number;
  last: number | null;
  total: number;
  cells: (Cell | undefined)[];
}

export interface Heat {
  runs: { id: string; startTime: string | null }[];
  rows: HeatRow[];
}

/** Runs oldest first, models by the time they took altogether, the longest first. */
export function heatLayout(cells: readonly Cell[], runs: readonly { id: string; startTime: string | null }[]): Heat {
  const executed = new Set(cells.map((cell) => cell.runId));
  const columns = runs.filter((run) => executed.has(run.id)).reverse();
  const places = new Map(columns.map((run, place) => [run.id, place]));
  const byModel = new Map<string, (Cell | undefined)[]>();
  for (const cell of cells) {
    const place = places.get(cell.runId);
    if (cell.modelId === null || place === undefined) continue;
    const row = byModel.get(cell.modelId) ?? new Array<Cell | undefined>(columns.length).fill(undefined);
    row[place] = cell;
    byModel.set(cell.modelId, row);
  }
  const rows = [...byModel].map(([modelId, row]) => rowOf(modelId, row));
  rows.sort((a, b) => b.total - a.total || (a.modelId < b.modelId ? -1 : 1));
  return { runs: columns, rows };
}

function rowOf(modelId: string, cells: (Cell | undefined)[]): HeatRow {
  const runtimes = cells.flatMap((cell) => (cell ? [cell.runtime] : []));
  return {
    modelId,
    cells,
    median: median(runtimes),
    last: cells.findLast((cell) => cell !== undefined)?.runtime ?? null,
    total: runtimes.reduce((sum, runtime) => sum + runtime, 0),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** −1 (half the median or less) to 1 (twice the median or more), by powers of two. */
export function ratioScale(runtime: number, usual: number): number {
  if (usual <= 0 || runtime <= 0) return 0;
  return Math.max(-1, Math.min(1, Math.log2(runtime / usual)));
}
