// Runtimes over time: a point a run, the median of each segment, and where it changed. Arrow keys walk the points.
import { scaleLinear, scaleTime } from "d3-scale";
import { line } from "d3-shape";
import { useSignal } from "@preact/signals";
import { changeText, duration, localClock, localDay, localTime, statusText, words } from "../format";
import { go, href } from "../address";
import { CopyPicture } from "./copy";
import { useWidth } from "./width";

export interface Point {
  runId: string;
  startTime: string | null;
  runtime: number | null;
  status: string;
  leftOut: string | null;
  gitSha: string | null;
}

export interface Series {
  points: readonly Point[];
  segments: readonly { firstPoint: number; lastPoint: number; runtimes: { p50: number; p95: number; count: number } | null }[];
  changePoints: readonly { since: string; beforeSeconds: number; afterSeconds: number; certainty: string; firstRun: { id: string } | null }[];
}

const HEIGHT = 240;
const EDGE = { left: 64, right: 12, top: 18, bottom: 26 };

export function SeriesChart({ series, label }: { series: Series; label: string }) {
  const [place, width] = useWidth<HTMLDivElement>();
  const chosen = useSignal<number | null>(null);
  const scales = scalesOf(series.points, width.value);
  const step = (by: number) => {
    const last = series.points.length - 1;
    chosen.value = Math.max(0, Math.min(last, (chosen.value ?? (by > 0 ? -1 : last + 1)) + by));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const point = chosen.value === null ? undefined : series.points[chosen.value];
    if (event.key === "ArrowRight") step(1);
    else if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "Enter" && point) go(href({ run: point.runId }));
    else return;
    event.preventDefault();
  };
  const onMove = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    chosen.value = nearest(series.points, scales.x, event.clientX - box.left);
  };
  const picked = chosen.value === null ? undefined : series.points[chosen.value];
  return (
    <>
      <div ref={place} class="chart" tabIndex={0} role="application" aria-label={`${label}. Arrow keys walk the runs, Enter opens one; the table below has each.`} onKeyDown={onKeyDown}>
        <svg width={width.value} height={HEIGHT} aria-hidden="true" onMouseMove={onMove} onMouseLeave={() => (chosen.value = null)} onClick={() => picked && go(href({ run: picked.runId }))}>
          <Axes scales={scales} width={width.value} />
          <path class="thread" d={threadOf(series.points, scales)} />
          {series.segments.map((segment) => <Segment segment={segment} scales={scales} />)}
          {series.changePoints.map((point) => <Change point={point} points={series.points} scales={scales} />)}
          {series.points.map((point, index) => <Dot point={point} x={scales.x(index)} y={scales.y(point.runtime ?? 0)} isChosen={index === chosen.value} />)}
        </svg>
        <p class="readout" aria-live="polite">{picked ? readout(picked) : <span class="quiet">{legend(series.points)}</span>}</p>
      </div>
      <p class="tools"><CopyPicture place={place} /></p>
    </>
  );
}

/** Joins the runs that count. */
function threadOf(points: readonly Point[], scales: Scales): string {
  const places = points.flatMap((point, index) => (point.leftOut === null && point.runtime !== null ? [[index, point.runtime] as const] : []));
  return line<readonly [number, number]>(([index]) => scales.x(index), ([, runtime]) => scales.y(runtime))(places) ?? "";
}

interface Scales {
  x: (index: number) => number;
  y: ReturnType<typeof scaleLinear<number, number>>;
  ticks: { at: number; text: string }[];
}

/** By time where every run has one, else run by run. */
function scalesOf(points: readonly Point[], width: number): Scales {
  const most = Math.max(0.001, ...points.map((point) => point.runtime ?? 0));
  const y = scaleLinear([0, most], [HEIGHT - EDGE.bottom, EDGE.top]).nice(5);
  const range = [EDGE.left, Math.max(EDGE.left + 1, width - EDGE.right)];
  const times = points.map((point) => (point.startTime ? Date.parse(point.startTime) : NaN));
  if (points.length > 1 && times.every(Number.isFinite)) {
    const scale = scaleTime([Math.min(...times), Math.max(...times)], range);
    const ticks = scale.ticks(Math.max(2, width / 110)).map((time, place) => ({ at: scale(time), text: tickText(time, place === 0) }));
    return { x: (index) => scale(times[index] ?? 0), y, ticks };
  }
  const scale = scaleLinear([0, Math.max(1, points.length - 1)], range);
  return { x: scale, y, ticks: [] };
}

function tickText(time: Date, isFirst: boolean): string {
  if (isFirst && time.getHours()) return localTime(time);
  return time.getHours() || time.getMinutes() ? localClock(time) : localDay(time);
}

function Axes({ scales, width }: { scales: Scales; width: number }) {
  return (
    <g>
      {scales.y.ticks(5).map((tick) => (
        <g class="tick">
          <line x1={EDGE.left} x2={width - EDGE.right} y1={scales.y(tick)} y2={scales.y(tick)} />
          <text x={EDGE.left - 6} y={scales.y(tick) + 4} text-anchor="end">{tick === 0 ? "0" : axisDuration(tick)}</text>
        </g>
      ))}
      {scales.ticks.map(({ at, text }) => <text class="axis" x={at} y={HEIGHT - 8} text-anchor={at > width - 30 ? "end" : "middle"}>{text}</text>)}
    </g>
  );
}

function axisDuration(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const [whole, unit] = seconds < 3600 ? [Math.round(seconds), "min"] : [Math.round(seconds / 60), "h"];
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} ${unit}`;
}

function Segment({ segment, scales }: { segment: Series["segments"][number]; scales: Scales }) {
  if (!segment.runtimes) return null;
  const y = scales.y(segment.runtimes.p50);
  return <line class="median" x1={scales.x(segment.firstPoint) - 4} x2={scales.x(segment.lastPoint) + 4} y1={y} y2={y} />;
}

function Change({ point, points, scales }: { point: Series["changePoints"][number]; points: readonly Point[]; scales: Scales }) {
  const index = points.findIndex(({ runId, startTime }) => (point.firstRun ? runId === point.firstRun.id : startTime === point.since));
  if (index < 0) return null;
  const x = scales.x(index) - 6;
  return (
    <g class={`change ${point.afterSeconds > point.beforeSeconds ? "slower" : "faster"}`}>
      <line x1={x} x2={x} y1={EDGE.top} y2={HEIGHT - EDGE.bottom} />
      <text x={x + 4} y={EDGE.top - 6}>{changeText(point.beforeSeconds, point.afterSeconds)}</text>
    </g>
  );
}

function Dot({ point, x, y, isChosen }: { point: Point; x: number; y: number; isChosen: boolean }) {
  const ring = isChosen && <circle class="ring" cx={x} cy={y} r={8} />;
  if (point.status === "FAILURE") {
    return <g>{ring}<path class="fail" d={`M${x - 4},${y - 4}l8,8m0,-8l-8,8`} /></g>;
  }
  return <g>{ring}<circle class={point.leftOut ? "dot out" : "dot"} cx={x} cy={y} r={3.5} /></g>;
}

function nearest(points: readonly Point[], x: (index: number) => number, at: number): number | null {
  let best: number | null = null;
  points.forEach((_, index) => {
    if (best === null || Math.abs(x(index) - at) < Math.abs(x(best) - at)) best = index;
  });
  return best;
}

function readout(point: Point): string {
  const when = point.startTime ? localTime(new Date(point.startTime)) : "time unknown";
  const out = point.leftOut ? `, does not count: ${words(point.leftOut)}` : "";
  const commit = point.gitSha ? `, commit ${point.gitSha.slice(0, 7)}` : "";
  return `${when}: ${duration(point.runtime)}, ${statusText(point.status)[1].toLowerCase()}${out}${commit}`;
}

function legend(points: readonly Point[]): string {
  const parts = ["● a run", "— median of a segment"];
  if (points.some((point) => point.leftOut)) parts.push("○ does not count");
  if (points.some((point) => point.status === "FAILURE")) parts.push("✕ failed");
  return parts.join("   ");
}
