// Runs over time: how many of each outcome began in each hour or day.

export interface TimedRun {
  status: string;
  startTime: string | null;
}

export interface Bucket {
  start: Date;
  end: Date;
  counts: Record<string, number>;
  total: number;
}

const HOUR = 3_600_000;
const MOST_HOURS = 48;

/** Hours of the reader's clock up to two days, days beyond. Runs without a start are left out. */
export function bucketRuns(runs: readonly TimedRun[], from: Date, until: Date): Bucket[] {
  const daily = until.getTime() - from.getTime() > MOST_HOURS * HOUR;
  const buckets: Bucket[] = [];
  let start = daily
    ? new Date(from.getFullYear(), from.getMonth(), from.getDate())
    : new Date(from.getFullYear(), from.getMonth(), from.getDate(), from.getHours());
  while (start <= until) {
    const end = daily
      ? new Date(start.getFullYear(), start.getMonth(), start.getDate() + 1)
      : new Date(start.getTime() + HOUR);
    buckets.push({ start, end, counts: {}, total: 0 });
    start = end;
  }
  for (const run of runs) {
    const bucket = run.startTime === null ? undefined : bucketAt(buckets, new Date(run.startTime));
    if (bucket) {
      bucket.counts[run.status] = (bucket.counts[run.status] ?? 0) + 1;
      bucket.total += 1;
    }
  }
  return buckets;
}

function bucketAt(buckets: readonly Bucket[], time: Date): Bucket | undefined {
  let low = 0;
  let high = buckets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const bucket = buckets[middle];
    if (bucket && bucket.end <= time) low = middle + 1;
    else high = middle;
  }
  const bucket = buckets[low];
  return bucket && bucket.start <= time ? bucket : undefined;
}

export const PERIODS = { "24h": 24, "7d": 7 * 24, "30d": 30 * 24, all: Infinity } as const;
export type Period = keyof typeof PERIODS;

export function isPeriod(text: string): text is Period {
  return Object.hasOwn(PERIODS, text);
}

const ENOUGH = 10;

/** The shortest period before the newest run that holds ten runs; all where none does. */
export function usualPeriod(runs: readonly TimedRun[], now: Date): Period {
  for (const period of ["24h", "7d", "30d"] as const) {
    const { from, until } = periodOf(runs, PERIODS[period], now);
    if (runs.filter((run) => within(run, from, until)).length >= ENOUGH) return period;
  }
  return "all";
}

/** The period to look at: so many hours up to now, or up to the newest run where the last one is longer ago. */
export function periodOf(runs: readonly TimedRun[], hours: number, now: Date): { from: Date; until: Date; isPast: boolean } {
  const times = runs.flatMap((run) => (run.startTime ? [new Date(run.startTime).getTime()] : []));
  const newest = times.length ? Math.max(...times) : now.getTime();
  const oldest = times.length ? Math.min(...times) : now.getTime();
  const isPast = now.getTime() - newest > Math.min(hours, MOST_HOURS) * HOUR;
  const until = isPast ? newest : Math.max(now.getTime(), newest);
  const from = Number.isFinite(hours) ? until - hours * HOUR : oldest;
  return { from: new Date(from), until: new Date(until), isPast };
}

export function within(run: TimedRun, from: Date, until: Date): boolean {
  const start = run.startTime === null ? NaN : new Date(run.startTime).getTime();
  return start >= from.getTime() && start <= until.getTime();
}
