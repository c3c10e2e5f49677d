// A squarified treemap (Bruls, Huizing, van Wijk 2000): areas in proportion to sizes, rectangles near to squares.

export interface Tile {
  index: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Room {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** One tile for each size above 0, the greatest first. `index` is its place among the sizes. */
export function treemap(sizes: readonly number[], width: number, height: number): Tile[] {
  const total = sizes.reduce((sum, size) => sum + Math.max(0, size), 0);
  if (total <= 0 || width <= 0 || height <= 0) return [];
  const scale = (width * height) / total;
  const areas = sizes.map((size, index) => ({ index, area: size * scale })).filter(({ area }) => area > 0);
  areas.sort((a, b) => b.area - a.area || a.index - b.index);
  const tiles: Tile[] = [];
  let room: Room = { x: 0, y: 0, width, height };
  for (let first = 0; first < areas.length; ) {
    const count = rowLength(areas.slice(first).map(({ area }) => area), Math.min(room.width, room.height));
    const row = areas.slice(first, first + count);
    room = placeRow(row, room, tiles);
    first += count;
  }
  return tiles;
}

/** How many of the areas make a row along a side: as many as make its worst rectangle better. */
function rowLength(areas: readonly number[], side: number): number {
  let sum = 0;
  let worst = Infinity;
  const most = areas[0] ?? 0;
  for (const [place, area] of areas.entries()) {
    sum += area;
    const next = Math.max((side * side * most) / (sum * sum), (sum * sum) / (side * side * area));
    if (next > worst) return place;
    worst = next;
  }
  return areas.length;
}

/** Lays a row along the shorter side; what is left of the room. */
function placeRow(row: readonly { index: number; area: number }[], room: Room, tiles: Tile[]): Room {
  const sum = row.reduce((total, { area }) => total + area, 0);
  const isColumn = room.width >= room.height;
  const depth = Math.min(sum / (isColumn ? room.height : room.width), isColumn ? room.width : room.height);
  let at = isColumn ? room.y : room.x;
  for (const { index, area } of row) {
    const length = depth > 0 ? area / depth : 0;
    tiles.push(isColumn ? { index, x: room.x, y: at, width: depth, height: length } : { index, x: at, y: room.y, width: length, height: depth });
    at += length;
  }
  return isColumn
    ? { x: room.x + depth, y: room.y, width: room.width - depth, height: room.height }
    : { x: room.x, y: room.y + depth, width: room.width, height: room.height - depth };
}
