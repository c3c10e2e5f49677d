// Runs by day and hour of the reader's clock: how many were under way at once, how many began, how long they queued.

export interface CalendarRun {
  startTime: string | null;
  runtime: number | null;
  queueSeconds: number | null;
}

export interface Hour {
  start: Date;
  peak: number;
  began: number;
  queueSeconds: number;
}

export interface Day {
  start: Date;
  hours: Hour[];
}

const HOUR = 3_600_000;

/** Days from the first run to the last, oldest first. A run without a runtime counts at its start alone. */
export function calendarOf(runs: readonly CalendarRun[]): Day[] {
  const timed = runs.flatMap((run) => {
    const start = run.startTime === null ? NaN : Date.parse(run.startTime);
    return Number.isFinite(start) ? [{ run, start, end: start + Math.max(0, run.runtime ?? 0) * 1000 }] : [];
  });
  if (timed.length === 0) return [];
  const hours = new Map<number, Hour>();
  for (const { run, start } of timed) {
    const hour = hourAt(hours, start);
    hour.began += 1;
    hour.queueSeconds += run.queueSeconds ?? 0;
  }
  markPeaks(hours, timed);
  const last = Math.max(...timed.map(({ end }) => end));
  return daysOf(hours, Math.min(...timed.map(({ start }) => start)), last);
}

/** Hours begin where the reader's clock shows a full hour, in zones of half hours too. */
function hourAt(hours: Map<number, Hour>, time: number): Hour {
  const date = new Date(time);
  date.setMinutes(0, 0, 0);
  const key = date.getTime();
  const known = hours.get(key);
  if (known) return known;
  const hour = { start: date, peak: 0, began: 0, queueSeconds: 0 };
  hours.set(key, hour);
  return hour;
}

/** Walks starts and ends in order; a run that ends when another begins is not beside it. */
function markPeaks(hours: Map<number, Hour>, timed: readonly { start: number; end: number }[]): void {
  const events = timed.flatMap(({ start, end }) => [[start, 1], [Math.max(end, start + 1), -1]] as const);
  events.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let open = 0;
  events.forEach(([time, step], place) => {
    open += step;
    const until = events[place + 1]?.[0] ?? time;
    for (let hour = hourAt(hours, time).start.getTime(); open > 0 && hour < until; hour += HOUR) {
      const entry = hourAt(hours, hour);
      entry.peak = Math.max(entry.peak, open);
    }
  });
}

function daysOf(hours: ReadonlyMap<number, Hour>, first: number, last: number): Day[] {
  const days: Day[] = [];
  const start = new Date(first);
  start.setHours(0, 0, 0, 0);
  for (const day = start; day.getTime() <= last; day.setDate(day.getDate() + 1)) {
    const row = Array.from({ length: 24 }, (_, hour) => {
      const at = new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour);
      return hours.get(at.getTime()) ?? { start: at, peak: 0, began: 0, queueSeconds: 0 };
    });
    days.push({ start: new Date(day), hours: row });
  }
  return days;
}
