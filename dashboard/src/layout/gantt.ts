// Bars of a run in lanes: one lane a thread and step; results without a thread are packed into as few lanes as hold them.

export interface TimedResult {
  startTime: string | null;
  endTime: string | null;
  thread: string | null;
  step: number | null;
}

export interface Bar {
  index: number;
  lane: number;
  start: number;
  end: number;
}

export interface Gantt {
  lanes: string[];
  bars: Bar[];
  /** Milliseconds since the epoch at which second 0 lies. */
  origin: number;
  seconds: number;
  leftOut: number;
}

/** Seconds count from `runStart`, else from the first bar. Results without times are left out and counted. */
export function ganttLayout(results: readonly TimedResult[], runStart: string | null): Gantt {
  const timed = results.flatMap((result, index) => {
    if (!result.startTime || !result.endTime) return [];
    return [{ index, result, start: Date.parse(result.startTime), end: Date.parse(result.endTime) }];
  });
  timed.sort((a, b) => a.start - b.start || a.end - b.end);
  const first = timed[0]?.start ?? 0;
  const origin = runStart ? Math.min(Date.parse(runStart), first || Infinity) : first;
  const lanes = new Map<string, number>();
  const free: { lane: number; end: number }[] = [];
  const laneOf = (label: string): number => {
    const known = lanes.get(label);
    if (known !== undefined) return known;
    lanes.set(label, lanes.size);
    return lanes.size - 1;
  };
  const bars = timed.map(({ index, result, start, end }) => {
    const lane = result.thread ? laneOf(laneLabel(result)) : packed(free, start, end, laneOf);
    return { index, lane, start: (start - origin) / 1000, end: (end - origin) / 1000 };
  });
  const seconds = bars.reduce((latest, bar) => Math.max(latest, bar.end), 0);
  return { ...inOrder([...lanes.keys()], bars), origin, seconds, leftOut: results.length - timed.length };
}

function laneLabel(result: TimedResult): string {
  const thread = /^Thread-(\d+)/.exec(result.thread ?? "")?.[1];
  const name = thread ? `thread ${thread}` : (result.thread ?? "");
  return result.step === null ? name : `step ${result.step}, ${name}`;
}

function packed(free: { lane: number; end: number }[], start: number, end: number, laneOf: (label: string) => number): number {
  const room = free.find((lane) => lane.end <= start);
  if (room) {
    room.end = end;
    return room.lane;
  }
  const lane = laneOf(`lane ${free.length + 1}`);
  free.push({ lane, end });
  return lane;
}

/** Lanes by step, then by the number of the thread. */
function inOrder(lanes: string[], bars: Bar[]): { lanes: string[]; bars: Bar[] } {
  const sorted = lanes.map((label, lane) => ({ label, lane })).sort((a, b) => compareNatural(a.label, b.label));
  const places = new Map(sorted.map(({ lane }, place) => [lane, place]));
  return { lanes: sorted.map(({ label }) => label), bars: bars.map((bar) => ({ ...bar, lane: places.get(bar.lane) ?? 0 })) };
}

const natural = new Intl.Collator("en", { numeric: true });

export function compareNatural(a: string, b: string): number {
  return natural.compare(a, b);
}

/** The bar under a point, given as lane and second; of overlapping ones the last that began. */
export function barAt(bars: readonly Bar[], lane: number, second: number, slack: number): Bar | undefined {
  let hit: Bar | undefined;
  for (const bar of bars) {
    if (bar.lane === lane && bar.start - slack <= second && second <= bar.end + slack) hit = bar;
  }
  return hit;
}
