// A run's results in lanes, on a canvas. Arrow keys walk the bars, Enter opens the model, + and − zoom.
import { useComputed, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { scaleLinear } from "d3-scale";
import { go, href } from "../address";
import { count, duration, statusText, words } from "../format";
import { barAt, ganttLayout, type Bar, type Gantt, type TimedResult } from "../layout/gantt";
import { onTheme, prepared, themeColours } from "./canvas";
import { CopyPicture } from "./copy";
import { useWidth } from "./width";

export interface GanttResult extends TimedResult {
  uniqueId: string;
  name: string;
  resourceType: string;
  status: string;
  runtime: number | null;
  modelId: string | null;
  slackSeconds: number | null;
  isCritical: boolean;
  isOnChain: boolean;
}

interface View {
  from: number;
  until: number;
}

const LANE = 22;
const TOP = 24;
const LABEL = 110;

interface GanttProps {
  results: readonly GanttResult[];
  runStart: string | null;
  /** The reader dragged the end of a model's bar: the model would take so many per cent of its time. */
  onStretch: (uniqueId: string, percent: number) => void;
}

/** While the end of a bar is dragged: which one, and where its end is now. */
interface Stretch {
  place: number;
  end: number;
}

export function GanttChart({ results, runStart, onStretch }: GanttProps) {
  const [place, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const gantt = useMemoGantt(results, runStart);
  const view = useSignal<View>({ from: 0, until: gantt.seconds });
  const chosen = useSignal<number | null>(null);
  const stretch = useSignal<Stretch | null>(null);
  const label = useComputed(() => Math.min(LABEL, width.value / 4));
  const height = TOP + gantt.lanes.length * LANE + 4;
  const draw = () => {
    const context = canvas.current && width.value ? prepared(canvas.current, width.value, height) : null;
    if (context) paint(context, { gantt, results, view: view.value, chosen: chosen.value, stretch: stretch.value, width: width.value, label: label.value });
  };
  useLayoutEffect(draw, [results, width.value, view.value, chosen.value, stretch.value]);
  useLayoutEffect(() => onTheme(draw), [results]);
  if (gantt.bars.length === 0) return <p class="empty">No result of this run has times.</p>;
  const zoom = (factor: number) => (view.value = zoomed(view.value, factor, gantt, chosen.value));
  const endNear = (event: PointerEvent): number | null => {
    const bar = chosen.value === null ? undefined : gantt.bars[chosen.value];
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const distance = bar ? Math.abs(timeScale(view.value, label.value, width.value)(bar.end) - (event.clientX - box.left)) : Infinity;
    return bar && results[bar.index]?.resourceType === "MODEL" && distance <= REACH ? chosen.value : null;
  };
  const onDown = (event: PointerEvent) => {
    const place = endNear(event);
    const bar = place === null ? undefined : gantt.bars[place];
    if (place === null || !bar) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    stretch.value = { place, end: bar.end };
  };
  const onUp = () => {
    const bar = stretch.value && gantt.bars[stretch.value.place];
    const uniqueId = bar && results[bar.index]?.uniqueId;
    if (bar && uniqueId && stretch.value) onStretch(uniqueId, percentOf(bar, stretch.value.end));
    stretch.value = null;
  };
  const onMove = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const scale = timeScale(view.value, label.value, width.value);
    if (stretch.value) {
      const bar = gantt.bars[stretch.value.place]!;
      const end = bar.start + ((bar.end - bar.start) * percentOf(bar, scale.invert(event.clientX - box.left))) / 100;
      stretch.value = { ...stretch.value, end };
      return;
    }
    const lane = Math.floor((event.clientY - box.top - TOP) / LANE);
    const second = scale.invert(event.clientX - box.left);
    const bar = barAt(gantt.bars, lane, second, (scale.invert(2) - scale.invert(0)) as number);
    chosen.value = bar ? gantt.bars.indexOf(bar) : null;
    (event.currentTarget as HTMLElement).style.cursor = endNear(event) === null ? "" : "ew-resize";
  };
  const picked = chosen.value === null ? undefined : gantt.bars[chosen.value];
  const result = picked && results[picked.index];
  const open = () => result?.modelId && go(href({ model: result.modelId }));
  const onClick = (event: MouseEvent) => endNear(event as PointerEvent) === null && open();
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowRight") chosen.value = Math.min(gantt.bars.length - 1, (chosen.value ?? -1) + 1);
    else if (event.key === "ArrowLeft") chosen.value = Math.max(0, (chosen.value ?? 1) - 1);
    else if (event.key === "Enter") open();
    else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else return;
    event.preventDefault();
  };
  return (
    <div>
      <div ref={place} class="chart" tabIndex={0} role="application" onKeyDown={onKeyDown}
        aria-label={`Timeline of ${gantt.bars.length} results in ${gantt.lanes.length} lanes. Arrow keys walk the bars, Enter opens the model, plus and minus zoom; the table below has each.`}>
        <canvas ref={canvas} aria-hidden="true" onPointerDown={onDown} onPointerMove={onMove} onPointerUp={onUp} onPointerCancel={() => (stretch.value = null)} onPointerLeave={() => !stretch.value && (chosen.value = null)} onClick={onClick} />
        <p class="readout" aria-live="polite">{picked && result ? (stretch.value ? `${result.name} would take ${percentOf(picked, stretch.value.end)} % of its time: ${duration(stretch.value.end - picked.start)}` : readout(picked, result)) : <span class="quiet">{note(gantt)}</span>}</p>
      </div>
      <p class="tools">
        <button type="button" onClick={() => zoom(0.5)}>Zoom in</button>
        <button type="button" onClick={() => zoom(2)}>Zoom out</button>
        <button type="button" onClick={() => (view.value = moved(view.value, -0.5, gantt))}>← Earlier</button>
        <button type="button" onClick={() => (view.value = moved(view.value, 0.5, gantt))}>Later →</button>
        <CopyPicture place={place} />
      </p>
    </div>
  );
}

function useMemoGantt(results: readonly GanttResult[], runStart: string | null): Gantt {
  const kept = useRef<{ results: readonly GanttResult[]; gantt: Gantt } | null>(null);
  if (kept.current?.results !== results) kept.current = { results, gantt: ganttLayout(results, runStart) };
  return kept.current.gantt;
}

function timeScale(view: View, label: number, width: number) {
  return scaleLinear([view.from, Math.max(view.until, view.from + 0.001)], [label, Math.max(label + 1, width - 8)]);
}

function zoomed(view: View, factor: number, gantt: Gantt, chosen: number | null): View {
  const bar = chosen === null ? undefined : gantt.bars[chosen];
  const middle = bar ? (bar.start + bar.end) / 2 : (view.from + view.until) / 2;
  const span = Math.min(gantt.seconds, (view.until - view.from) * factor);
  const from = Math.max(0, Math.min(gantt.seconds - span, middle - span / 2));
  return { from, until: from + span };
}

function moved(view: View, share: number, gantt: Gantt): View {
  const span = view.until - view.from;
  const from = Math.max(0, Math.min(gantt.seconds - span, view.from + span * share));
  return { from, until: from + span };
}

/** Pixels around the end of a bar in which it can be taken. */
const REACH = 6;

/** In steps of five, as the slider has them. */
function percentOf(bar: Bar, end: number): number {
  const share = (end - bar.start) / Math.max(0.001, bar.end - bar.start);
  return Math.max(0, Math.min(200, Math.round(share * 20) * 5));
}

interface Picture {
  gantt: Gantt;
  results: readonly GanttResult[];
  view: View;
  chosen: number | null;
  stretch: Stretch | null;
  width: number;
  label: number;
}

function paint(context: CanvasRenderingContext2D, picture: Picture): void {
  const { gantt, results, view, chosen, width, label } = picture;
  const colour = themeColours();
  const scale = timeScale(view, label, width);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  paintGrid(context, picture, scale, colour);
  context.save();
  context.beginPath();
  context.rect(label, 0, width - label, TOP + gantt.lanes.length * LANE);
  context.clip();
  gantt.bars.forEach((bar, place) => {
    const result = results[bar.index];
    if (!result || bar.end < view.from || bar.start > view.until) return;
    const x = scale(bar.start);
    const wide = Math.max(1.5, scale(bar.end) - x);
    const y = TOP + bar.lane * LANE + 2;
    const isSolid = result.resourceType === "MODEL" || result.status === "FAILURE";
    context.globalAlpha = isSolid ? 1 : 0.45;
    context.fillStyle = colour(result.status);
    context.fillRect(x, y, wide, LANE - 5);
    context.globalAlpha = 1;
    if (wide > 40) paintLabel(context, `${statusText(result.status)[0]} ${result.name}`, x, y, wide, colour(isSolid ? "ground" : "text"));
    else if (result.status === "FAILURE") paintLabel(context, "✕", x, y, 14, colour("FAILURE"), wide + 2);
    if (result.isCritical) {
      context.fillStyle = colour("text");
      context.fillRect(x, y + LANE - 5, wide, 2);
    }
    if (place === chosen) {
      context.strokeStyle = colour("text");
      context.lineWidth = 2;
      context.strokeRect(x - 1, y - 1, wide + 2, LANE - 3);
    }
  });
  paintChain(context, picture, scale, colour);
  paintStretch(context, picture, scale, colour);
  context.restore();
}

/** The bar as it would be, dashed, over the one that is. */
function paintStretch(context: CanvasRenderingContext2D, { gantt, stretch }: Picture, scale: ReturnType<typeof timeScale>, colour: (name: string) => string): void {
  const bar = stretch && gantt.bars[stretch.place];
  if (!bar) return;
  const x = scale(bar.start);
  context.strokeStyle = colour("text");
  context.lineWidth = 2;
  context.setLineDash([4, 3]);
  context.strokeRect(x, TOP + bar.lane * LANE + 1, Math.max(2, scale(stretch.end) - x), LANE - 3);
  context.setLineDash([]);
}

/** Joins what the end of the run waited for, bar to bar. */
function paintChain(context: CanvasRenderingContext2D, { gantt, results }: Picture, scale: ReturnType<typeof timeScale>, colour: (name: string) => string): void {
  const chain = gantt.bars.filter((bar) => results[bar.index]?.isOnChain);
  context.strokeStyle = colour("slower");
  context.lineWidth = 1.5;
  context.beginPath();
  chain.forEach((bar, place) => {
    const y = TOP + bar.lane * LANE + LANE / 2;
    const before = chain[place - 1];
    if (before) {
      context.moveTo(scale(before.end), TOP + before.lane * LANE + LANE / 2);
      context.lineTo(scale(bar.start), y);
    }
  });
  context.stroke();
}

function paintGrid(context: CanvasRenderingContext2D, { gantt, width, label }: Picture, scale: ReturnType<typeof timeScale>, colour: (name: string) => string): void {
  context.clearRect(0, 0, width, TOP + gantt.lanes.length * LANE + 4);
  context.strokeStyle = colour("line");
  context.fillStyle = colour("quiet");
  context.lineWidth = 1;
  for (const tick of scale.ticks(Math.max(2, (width - label) / 90))) {
    const x = Math.round(scale(tick)) + 0.5;
    context.beginPath();
    context.moveTo(x, TOP - 4);
    context.lineTo(x, TOP + gantt.lanes.length * LANE);
    context.stroke();
    context.fillText(tick < 60 ? `${Number(tick.toFixed(2))} s` : duration(tick), x + 3, 10);
  }
  gantt.lanes.forEach((lane, index) => context.fillText(lane, 0, TOP + index * LANE + LANE / 2, label - 8));
}

function paintLabel(context: CanvasRenderingContext2D, text: string, x: number, y: number, wide: number, colour: string, offset = 4): void {
  context.save();
  context.beginPath();
  context.rect(x, y, offset === 4 ? wide - 3 : wide + offset, LANE - 5);
  context.clip();
  context.fillStyle = colour;
  context.fillText(text, x + offset, y + (LANE - 5) / 2);
  context.restore();
}

function readout(bar: Bar, result: GanttResult): string {
  const status = statusText(result.status)[1].toLowerCase();
  const slack = result.slackSeconds === null ? "" : `, slack ${duration(result.slackSeconds)}`;
  const paths = `${result.isCritical ? ", on the critical path" : ""}${result.isOnChain ? ", the end waited for it" : ""}`;
  return `${words(result.resourceType)} ${result.name}: ${status}, ${duration(result.runtime)}, from ${duration(bar.start)} to ${duration(bar.end)} after the start${slack}${paths}`;
}

function note(gantt: Gantt): string {
  const out = gantt.leftOut ? ` Without times, and so in the table only: ${count(gantt.leftOut, "result")}.` : "";
  return `Models are solid, tests and the rest pale; underlined: the critical path; joined by lines: what the end waited for. Seconds count from the start of the run.${out}`;
}
