// Figures and times as people read them. Seconds in, text with its unit out.

/** "0.39 s", "16.2 s", "4 min 05 s", "1 h 02 min". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 0) return `−${duration(-seconds)}`;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.round(minutes / 60 / 24)} days`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** "+120 %" or "−8 %". */
export function changeText(before: number, after: number): string {
  if (before <= 0) return "";
  const percent = Math.round((after / before - 1) * 100);
  return `${percent < 0 ? "−" : "+"}${Math.abs(percent)} %`;
}

export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? singular : plural}`;
}

/** Making a formatter takes longer than a hundred uses of it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatted(date: Date, options: Intl.DateTimeFormatOptions): string {
  const key = JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat("en-GB", options)));
  return format.format(date);
}

const DAY = { day: "numeric", month: "short" } as const;
const CLOCK = { hour: "2-digit", minute: "2-digit" } as const;

/** The year where it is not this one. */
function yearOf(date: Date): { year?: "numeric" } {
  return date.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
}

/** "11 Mar, 06:00", with the year where it is not this one. */
export function localTime(date: Date): string {
  return formatted(date, { ...DAY, ...yearOf(date), ...CLOCK });
}

/** "11 Mar", with the year where it is not this one. */
export function localDay(date: Date): string {
  return formatted(date, { ...DAY, ...yearOf(date) });
}

export function localClock(date: Date): string {
  return formatted(date, CLOCK);
}

export function utcClock(date: Date): string {
  return formatted(date, { ...CLOCK, timeZone: "UTC" });
}

/** Whether the reader's clock shows UTC at this moment. */
export function isUtc(date: Date): boolean {
  return date.getTimezoneOffset() === 0;
}

export function zoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

const STATUS = {
  SUCCESS: ["✓", "Success"],
  FAILURE: ["✕", "Failure"],
  CANCELLED: ["⊘", "Cancelled"],
  WARN: ["!", "Warning"],
  SKIPPED: ["↷", "Skipped"],
  REUSED: ["↻", "Reused"],
  QUEUED: ["…", "Queued"],
  RUNNING: ["▸", "Running"],
  UNKNOWN: ["?", "Unknown"],
} as const;

export type Status = keyof typeof STATUS;
export const STATUSES = Object.keys(STATUS) as Status[];

/** Sign and word of a status: never colour alone. */
export function statusText(status: string): readonly [string, string] {
  return STATUS[status as Status] ?? ["?", words(status)];
}

/** FULL_REFRESH → "full refresh". */
export function words(name: string): string {
  return name.toLowerCase().replaceAll("_", " ");
}
