// Models × runs on a canvas: blue is faster than the model's own median, orange slower, ✕ failed. Arrow keys walk cells.
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { go, href } from "../address";
import { changeText, duration, localTime, statusText } from "../format";
import { ratioScale, type Heat } from "../layout/heat";
import { onTheme, prepared, themeColours } from "./canvas";
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
  const draw = () => {
    const context = canvas.current && width.value ? prepared(canvas.current, width.value, rows.length * ROW) : null;
    if (context) paint(context, { ...heat, rows }, { label, step, chosen: chosen.value });
  };
  useLayoutEffect(draw, [heat, width.value, chosen.value]);
  useLayoutEffect(() => onTheme(draw), [heat]);
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
    <div ref={place} class="chart" tabIndex={0} role="application" onKeyDown={onKeyDown}
      aria-label={`Runtimes of ${rows.length} models in ${heat.runs.length} runs beside each model's median. Arrow keys walk the cells, Enter opens the run; the table below has each model.`}>
      <canvas ref={canvas} aria-hidden="true" onMouseMove={onMove} onMouseLeave={() => (chosen.value = null)} onClick={open} />
      <p class="readout" aria-live="polite">{chosen.value ? readout({ ...heat, rows }, chosen.value) : <span class="quiet">{NOTE}</span>}</p>
    </div>
  );
}

const NOTE = "Columns are runs, oldest left; rows are models. Blue ran faster than the model's median, orange slower (full colour: half, or twice the median).";
const MOVES: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

interface Measures {
  label: number;
  step: number;
  chosen: Choice | null;
}

function paint(context: CanvasRenderingContext2D, heat: Heat, { label, step, chosen }: Measures): void {
  const colour = themeColours();
  context.clearRect(0, 0, 1e5, heat.rows.length * ROW);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  heat.rows.forEach((row, y) => {
    context.fillStyle = colour("text");
    context.fillText(shortened(context, row.modelId, label - 10), 0, y * ROW + ROW / 2);
    row.cells.forEach((cell, x) => {
      if (!cell) return;
      const ratio = ratioScale(cell.runtime, row.median);
      fill(context, { x: label + x * step, y: y * ROW, width: Math.max(1, step - 1), height: ROW - 1 }, ratio, colour);
      if (cell.status === "FAILURE") {
        context.fillStyle = colour("FAILURE");
        context.fillText("✕", label + x * step + step / 2 - 4, y * ROW + ROW / 2);
      }
    });
  });
  if (chosen) {
    context.strokeStyle = colour("text");
    context.lineWidth = 2;
    context.strokeRect(label + chosen.column * step, chosen.row * ROW, step - 1, ROW - 1);
  }
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

function fill(context: CanvasRenderingContext2D, box: Box, ratio: number, colour: (name: string) => string): void {
  context.fillStyle = colour("even");
  context.fillRect(box.x, box.y, box.width, box.height);
  if (ratio === 0) return;
  context.globalAlpha = Math.abs(ratio);
  context.fillStyle = colour(ratio > 0 ? "hot" : "cold");
  context.fillRect(box.x, box.y, box.width, box.height);
  context.globalAlpha = 1;
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
  if (!cell) return `${model.modelId}, ${when}: not in this run`;
  const ratio = changeText(model.median, cell.runtime);
  return `${model.modelId}, ${when}: ${duration(cell.runtime)} (${ratio} of its median ${duration(model.median)}), ${statusText(cell.status)[1].toLowerCase()}`;
}
