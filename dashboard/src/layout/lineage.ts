// Resources in layers: everything stands right of what it is built from, near what it is linked to.

export interface Link {
  parentId: string;
  childId: string;
}

export interface Placed {
  id: string;
  layer: number;
  row: number;
}

const SWEEPS = 4;

/** Layers by the longest way from the left; rows by the mean row of neighbours. Links to strangers are passed over. */
export function lineageLayout(ids: readonly string[], links: readonly Link[]): Placed[] {
  const parents = neighbours(ids, links, "childId", "parentId");
  const children = neighbours(ids, links, "parentId", "childId");
  const layers = new Map<string, number>();
  for (const id of ids) layerOf(id, parents, layers);
  const columns: string[][] = [];
  for (const id of ids) (columns[layers.get(id) ?? 0] ??= []).push(id);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const rightwards = sweep % 2 === 0;
    const order = rightwards ? columns : [...columns].reverse();
    const rows = rowsOf(columns);
    for (const column of order) {
      sortByMean(column, rightwards ? parents : children, rows);
      column.forEach((id, row) => rows.set(id, row));
    }
  }
  return columns.flatMap((column, layer) => column.map((id, row) => ({ id, layer, row })));
}

function neighbours(ids: readonly string[], links: readonly Link[], from: keyof Link, to: keyof Link): Map<string, string[]> {
  const found = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const link of links) if (found.has(link[to])) found.get(link[from])?.push(link[to]);
  return found;
}

/** Walks up without recursion: chains may be thousands long. A cycle, which dbt refuses, ends where it began. */
function layerOf(id: string, parents: ReadonlyMap<string, string[]>, layers: Map<string, number>): void {
  const open = [id];
  const entered = new Set<string>();
  while (open.length) {
    const current = open[open.length - 1] as string;
    const above = parents.get(current) ?? [];
    const unknown = above.filter((parent) => !layers.has(parent) && !entered.has(parent));
    if (!layers.has(current) && !entered.has(current) && unknown.length) {
      entered.add(current);
      open.push(...unknown);
    } else {
      open.pop();
      if (!layers.has(current)) layers.set(current, Math.max(-1, ...above.map((parent) => layers.get(parent) ?? -1)) + 1);
    }
  }
}

function rowsOf(columns: readonly (readonly string[])[]): Map<string, number> {
  return new Map(columns.flatMap((column) => column.map((id, row) => [id, row] as const)));
}

/** What has no neighbour on that side keeps its row. */
function sortByMean(column: string[], near: ReadonlyMap<string, string[]>, rows: ReadonlyMap<string, number>): void {
  const means = new Map(
    column.map((id, row) => {
      const beside = near.get(id) ?? [];
      const sum = beside.reduce((total, one) => total + (rows.get(one) ?? 0), 0);
      return [id, beside.length ? sum / beside.length : row];
    }),
  );
  column.sort((a, b) => (means.get(a) ?? 0) - (means.get(b) ?? 0));
}
