// Models × runs on a canvas: blue is faster than the model's own median, orange slower, ✕ failed. Arrow keys walk cells.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { go, href } from "../address";
import { changeText, duration, localTime, statusText } from "../format";
import { ratioScale, type Heat } from "../layout/heat";
import { channels, fitted, pixels, prepared, themeColours, useDrawing, type Colour, type TextWidths } from "./canvas";
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
  const widths = useRef<TextWidths>(new Map());
  const draw = () => {
    const context = canvas.current && width.value ? prepared(canvas.current, width.value, rows.length * ROW) : null;
    if (context) paint(context, { ...heat, rows }, { label, step, widths: widths.current });
  };
  useDrawing(draw, [heat, width.value]);
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
        {chosen.value && <span class="cursor" style={pixels({ left: label + chosen.value.column * step - 1, top: chosen.value.row * ROW - 1, width: step + 1, height: ROW + 1 })} />}
        <p class="readout" aria-live="polite">{chosen.value ? readout({ ...heat, rows }, chosen.value) : <span class="quiet">{NOTE}</span>}</p>
      </div>
      <p class="tools"><CopyPicture place={place} /></p>
    </>
  );
}

const NOTE = "Columns are runs, oldest left; rows are models. Blue ran faster than the model's median, orange slower (full colour: half, or twice the median).";
const MOVES: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

interface Measures {
  label: number;
  step: number;
  widths: TextWidths;
}

function paint(context: CanvasRenderingContext2D, heat: Heat, { label, step, widths }: Measures): void {
  const colour = themeColours();
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.fillStyle = colour("text");
  heat.rows.forEach((row, y) => context.fillText(fitted(context, widths, row.name, label - 10), 0, y * ROW + ROW / 2));
  paintCells(context, heat, label, step, colour);
  context.fillStyle = colour("text");
  heat.rows.forEach((row, y) =>
    row.cells.forEach((cell, x) => {
      if (cell?.status === "FAILURE") context.fillText("✕", label + x * step + step / 2 - 4, y * ROW + ROW / 2);
    }),
  );
}

/** A pixel a cell, then drawn larger: a tenth of what filling each cell takes. */
function paintCells(context: CanvasRenderingContext2D, heat: Heat, left: number, step: number, colour: Colour): void {
  const [columns, rows] = [heat.runs.length, heat.rows.length];
  const cells = document.createElement("canvas");
  [cells.width, cells.height] = [columns, rows];
  cells.getContext("2d")?.putImageData(pixelsOf(heat, colour), 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, left, 0, columns * step, rows * ROW);
  for (let y = 1; y <= rows; y++) context.clearRect(left, y * ROW - 1, columns * step, 1);
  if (step >= 3) for (let x = 1; x <= columns; x++) context.clearRect(left + x * step - 1, 0, 1, rows * ROW);
}

function pixelsOf(heat: Heat, colour: Colour): ImageData {
  const image = new ImageData(heat.runs.length, heat.rows.length);
  const [even, hot, cold] = [channels(colour("even")), channels(colour("hot")), channels(colour("cold"))];
  heat.rows.forEach((row, y) =>
    row.cells.forEach((cell, x) => {
      if (!cell || cell.runtime === null) return;
      const level = ratioScale(cell.runtime, row.median);
      const place = 4 * (y * heat.runs.length + x);
      even.forEach((from, channel) => (image.data[place + channel] = from + ((level > 0 ? hot : cold)[channel]! - from) * Math.abs(level)));
      image.data[place + 3] = 255;
    }),
  );
  return image;
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
