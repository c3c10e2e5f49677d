// The stretch of time in which a page looks for what came of many runs. It ends now; where the newest run is longer ago
// than the stretch is long, it ends at that run, and the page asks a second time.
import { signal } from "@preact/signals";

const HOUR = 3_600_000;
export const WINDOW_DAYS = 30;
export const EVER = "1970-01-01T00:00:00Z";

/** The newest run where it is too long ago for a window that ends now; known after the first answer. */
const newestRun = signal<number | null>(null);

export interface Window {
  since: string;
  /** Exclusive; null is now. */
  until: string | null;
}

/** The last so many days. Its start is a full hour, so that asking again within the hour is the same question. */
export function lastDays(days = WINDOW_DAYS): Window {
  // A run that was created before the newest one may have begun after it.
  const end = newestRun.value === null ? null : newestRun.value + HOUR;
  const since = Math.floor(((end ?? Date.now()) - days * 24 * HOUR) / HOUR) * HOUR;
  return { since: new Date(since).toISOString(), until: end === null ? null : new Date(end).toISOString() };
}

/** Whether the account's newest run began when a window that ends now does not reach it. */
function pastRun(startTime: string | null | undefined): number | null {
  const time = startTime ? Date.parse(startTime) : NaN;
  return Number.isFinite(time) && Date.now() - time > WINDOW_DAYS * 24 * HOUR ? time : null;
}

/** Whether an answer is that of the right window, told by the account's newest run in it. */
export function isInWindow(startTime: string | null | undefined): boolean {
  return pastRun(startTime) === newestRun.value;
}

export function moveWindow(startTime: string | null | undefined): void {
  newestRun.value = pastRun(startTime);
}
