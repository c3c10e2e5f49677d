// Models × runs on a canvas: blue is faster than the model's own median, orange slower, ✕ failed. Arrow keys walk cells.
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { go, href } from "../address";
import { changeText, duration, localTime, statusText } from "../format";
import { ratioScale, type Heat } from "../layout/heat";
import { mixed, onTheme, prepared, themeColours } from "./canvas";
import { CopyPicture } from "./copy";
import { useWidth } from "./width";

const ROW = 20;
const MOST_ROWS = 200;

interface Choice {
  row: number;
  column: number;
}

export function HeatMap({ heat }: { heat: Heat }) {
  const [place, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const chosen = useSignal<Choice | null>(null);
  const rows = heat.rows.slice(0, MOST_ROWS);
  const label = Math.min(260, width.value * 0.35);
  const step = Math.min(36, (width.value - label) / Math.max(1, heat.runs.length));
  const base = useRef<HTMLCanvasElement | null>(null);
  const drawAll = () => {
    base.current = width.value ? picture({ ...heat, rows }, { width: width.value, label, step }) : null;
    drawChoice();
  };
  const drawChoice = () => {
    if (!canvas.current || !base.current) return;
    const context = prepared(canvas.current, width.value, rows.length * ROW);
    context?.drawImage(base.current, 0, 0, width.value, rows.length * ROW);
    if (!context || !chosen.value) return;
    context.strokeStyle = themeColours()("text");
    context.lineWidth = 2;
    context.strokeRect(label + chosen.value.column * step, chosen.value.row * ROW, step - 1, ROW - 1);
  };
  useLayoutEffect(drawAll, [heat, width.value]);
  useLayoutEffect(drawChoice, [chosen.value]);
  useLayoutEffect(() => onTheme(drawAll), [heat, width.value]);
  const choose = (row: number, column: number) => {
    const isInside = row >= 0 && row < rows.length && column >= 0 && column < heat.runs.length;
    if (isInside) chosen.value = { row, column };
  };
  const open = () => {
    const run = chosen.value && heat.runs[chosen.value.column];
    if (run) go(href({ run: run.id }));
  };
  const onMove = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    choose(Math.floor((event.clientY - box.top) / ROW), Math.floor((event.clientX - box.left - label) / step));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const [down, right] = MOVES[event.key] ?? [0, 0];
    const from = chosen.value ?? { row: 0, column: heat.runs.length };
    if (down || right) choose(from.row + down, Math.min(heat.runs.length - 1, from.column + right));
    else if (event.key === "Enter") open();
    else return;
    event.preventDefault();
  };
  if (rows.length === 0) return <p class="empty">No model ran in these runs.</p>;
  return (
    <>
      <div ref={place} class="chart" tabIndex={0} role="application" onKeyDown={onKeyDown}
        aria-label={`Runtimes of ${rows.length} models in ${heat.runs.length} runs beside each model's median. Arrow keys walk the cells, Enter opens the run; the table below has each model.`}>
        <canvas ref={canvas} aria-hidden="true" onMouseMove={onMove} onMouseLeave={() => (chosen.value = null)} onClick={open} />
        <p class="readout" aria-live="polite">{chosen.value ? readout({ ...heat, rows }, chosen.value) : <span class="quiet">{NOTE}</span>}</p>
      </div>
      <p class="tools"><CopyPicture place={place} /></p>
    </>
  );
}

const NOTE = "Columns are runs, oldest left; rows are models. Blue ran faster than the model's median, orange slower (full colour: half, or twice the median).";
const MOVES: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

interface Measures {
  width: number;
  label: number;
  step: number;
}

/** The whole picture, drawn once; what is chosen is drawn over it. */
function picture(heat: Heat, { width, label, step }: Measures): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const context = prepared(canvas, width, heat.rows.length * ROW);
  if (!context) return canvas;
  const colour = themeColours();
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.fillStyle = colour("text");
  heat.rows.forEach((row, y) => context.fillText(shortened(context, row.name, label - 10), 0, y * ROW + ROW / 2));
  for (const [level, places] of byLevel(heat)) {
    context.fillStyle = mixed(colour("even"), colour(level > 0 ? "hot" : "cold"), Math.abs(level) / LEVELS);
    for (const [x, y] of places) context.fillRect(label + x * step, y * ROW, Math.max(1, step - 1), ROW - 1);
  }
  context.fillStyle = colour("text");
  heat.rows.forEach((row, y) =>
    row.cells.forEach((cell, x) => {
      if (cell?.status === "FAILURE") context.fillText("✕", label + x * step + step / 2 - 4, y * ROW + ROW / 2);
    }),
  );
  return canvas;
}

const LEVELS = 12;

/** Cells of one colour together: setting a colour costs more than filling a cell. */
function byLevel(heat: Heat): Map<number, [number, number][]> {
  const levels = new Map<number, [number, number][]>();
  heat.rows.forEach((row, y) =>
    row.cells.forEach((cell, x) => {
      if (!cell || cell.runtime === null) return;
      const level = Math.round(ratioScale(cell.runtime, row.median) * LEVELS);
      const places = levels.get(level) ?? [];
      places.push([x, y]);
      levels.set(level, places);
    }),
  );
  return levels;
}

function shortened(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length -= Math.max(1, Math.ceil(length / 20));
  return `${text.slice(0, length)}…`;
}

function readout(heat: Heat, { row, column }: Choice): string {
  const model = heat.rows[row];
  const run = heat.runs[column];
  if (!model || !run) return "";
  const when = run.startTime ? localTime(new Date(run.startTime)) : `run ${run.id}`;
  const cell = model.cells[column];
  if (!cell) return `${model.name}, ${when}: not in this run`;
  const status = statusText(cell.status)[1].toLowerCase();
  if (cell.runtime === null || model.median === null) return `${model.name}, ${when}: ${duration(cell.runtime)}, ${status}`;
  const ratio = changeText(model.median, cell.runtime);
  return `${model.name}, ${when}: ${duration(cell.runtime)} (${ratio} of its median ${duration(model.median)}), ${status}`;
}
