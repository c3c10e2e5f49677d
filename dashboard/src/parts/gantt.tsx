// A run's results in lanes, on a canvas. Arrow keys, Home and End walk the bars, Enter opens the model, + and − zoom.
import { useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { go, href } from "../address";
import { count, duration, statusText, words } from "../format";
import { barAt, ganttLayout, type Bar, type Gantt, type TimedResult } from "../layout/gantt";
import { pixels, prepared, useDrawing, type Place, type TextWidths } from "./canvas";
import { CopyPicture } from "./copy";
import { LANE, TOP, ganttHeight, paintGantt, timeScale, type View } from "./gantt_canvas";
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
  const wasDragged = useRef(false);
  const widths = useRef<TextWidths>(new Map());
  const label = useComputed(() => Math.min(LABEL, width.value / 4));
  const draw = () => {
    const context = canvas.current && width.value ? prepared(canvas.current, width.value, ganttHeight(gantt)) : null;
    if (context) paintGantt(context, { gantt, results, view: view.value, width: width.value, label: label.value, widths: widths.current });
  };
  useDrawing(draw, [results, width.value, view.value]);
  if (gantt.bars.length === 0) return <p class="empty">No result of this run has times.</p>;
  const zoom = (factor: number) => (view.value = zoomed(view.value, factor, gantt, chosen.value));
  const endNear = (event: PointerEvent): number | null => {
    const bar = chosen.value === null ? undefined : gantt.bars[chosen.value];
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const distance = bar ? Math.abs(timeScale(view.value, label.value, width.value)(bar.end) - (event.clientX - box.left)) : Infinity;
    return bar && results[bar.index]?.resourceType === "MODEL" && distance <= REACH ? chosen.value : null;
  };
  const onDown = (event: PointerEvent) => {
    wasDragged.current = false;
    const place = endNear(event);
    const bar = place === null ? undefined : gantt.bars[place];
    if (place === null || !bar) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    stretch.value = { place, end: bar.end };
    wasDragged.current = true;
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
  // A browser sends a click after a drag, too.
  const onClick = (event: MouseEvent) => !wasDragged.current && endNear(event as PointerEvent) === null && open();
  const walk = (to: number) => {
    chosen.value = Math.max(0, Math.min(gantt.bars.length - 1, to));
    view.value = showing(view.value, gantt.bars[chosen.value]!, gantt);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowRight") walk((chosen.value ?? -1) + 1);
    else if (event.key === "ArrowLeft") walk((chosen.value ?? 1) - 1);
    else if (event.key === "Home") walk(0);
    else if (event.key === "End") walk(gantt.bars.length - 1);
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
        {picked && <span class="cursor" style={pixels(placeOf(picked.start, picked.end, picked.lane, view.value, label.value, width.value))} />}
        {picked && stretch.value && <span class="cursor wished" style={pixels(placeOf(picked.start, stretch.value.end, picked.lane, view.value, label.value, width.value))} />}
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

/** The pixels of a stretch of a lane, as far as it is shown; a pixel more around it. */
function placeOf(start: number, end: number, lane: number, view: View, label: number, width: number): Place | null {
  if (end < view.from || start > view.until) return null;
  const scale = timeScale(view, label, width);
  const left = Math.max(label, scale(start)) - 1;
  return { left, top: TOP + lane * LANE + 1, width: Math.max(3.5, Math.min(width, scale(end)) + 1 - left), height: LANE - 3 };
}

/** The view, moved where the bar would lie outside. */
function showing(view: View, bar: Bar, gantt: Gantt): View {
  if (bar.start >= view.from && bar.start <= view.until) return view;
  const span = view.until - view.from;
  const from = Math.max(0, Math.min(gantt.seconds - span, bar.start - span / 4));
  return { from, until: from + span };
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
