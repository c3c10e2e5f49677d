// The picture of a timeline: its bars by colour, so that a colour is set once, and none that another one covers.
import { scaleLinear } from "d3-scale";
import { duration, statusText } from "../format";
import type { Bar, Gantt } from "../layout/gantt";
import { fitted, themeColours, type Colour, type TextWidths } from "./canvas";

export const LANE = 22;
export const TOP = 24;

/** The seconds that are shown. */
export interface View {
  from: number;
  until: number;
}

/** What is drawn of a result. */
export interface DrawnResult {
  name: string;
  resourceType: string;
  status: string;
  isCritical: boolean;
  isOnChain: boolean;
}

export interface Picture {
  gantt: Gantt;
  results: readonly DrawnResult[];
  view: View;
  width: number;
  /** Pixels left of second `view.from`, where the names of the lanes stand. */
  label: number;
  widths: TextWidths;
}

export function timeScale(view: View, label: number, width: number) {
  return scaleLinear([view.from, Math.max(view.until, view.from + 0.001)], [label, Math.max(label + 1, width - 8)]);
}

export function ganttHeight(gantt: Gantt): number {
  return TOP + gantt.lanes.length * LANE + 4;
}

/** Left, top and width of each bar of one colour, one after the other. */
interface Batch {
  status: string;
  isSolid: boolean;
  places: number[];
  /** By lane: the pixel up to which it is filled in this colour. */
  filled: number[];
}

interface Boxes {
  batches: Batch[];
  critical: number[];
  /** Bars that are wide enough for a name. */
  named: { bar: Bar; x: number; wide: number }[];
  /** Failed bars that are too narrow for one. */
  failed: { x: number; lane: number }[];
}

const NAMED = 40;
const SIGN = 12;

export function paintGantt(context: CanvasRenderingContext2D, picture: Picture): void {
  const { gantt, width, label } = picture;
  const colour = themeColours();
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.clearRect(0, 0, width, ganttHeight(gantt));
  paintGrid(context, picture, colour);
  context.save();
  context.beginPath();
  context.rect(label, 0, width - label, ganttHeight(gantt));
  context.clip();
  const boxes = boxesOf(picture);
  paintBars(context, boxes, colour);
  paintNames(context, picture, boxes, colour);
  paintChain(context, picture, colour);
  context.restore();
}

/** A linear scale without the cost of a call for each bar. */
function positions({ view, label, width }: Picture): (second: number) => number {
  const factor = (Math.max(label + 1, width - 8) - label) / Math.max(0.001, view.until - view.from);
  return (second) => label + (second - view.from) * factor;
}

function boxesOf(picture: Picture): Boxes {
  const { gantt, results, view } = picture;
  const at = positions(picture);
  const batches = new Map<string, Batch>();
  const boxes: Boxes = { batches: [], critical: [], named: [], failed: [] };
  const signs: number[] = [];
  for (const bar of gantt.bars) {
    const result = results[bar.index];
    if (!result || bar.end < view.from) continue;
    if (bar.start > view.until) break; // bars are in the order of their starts
    const x = at(bar.start);
    const wide = Math.max(1.5, at(bar.end) - x);
    const batch = batchOf(batches, result);
    if (x + wide > (batch.filled[bar.lane] ?? -Infinity) + 0.5) {
      batch.places.push(x, TOP + bar.lane * LANE + 2, wide);
      batch.filled[bar.lane] = x + wide;
    }
    if (result.isCritical) boxes.critical.push(x, TOP + bar.lane * LANE + LANE - 3, wide);
    if (wide > NAMED) boxes.named.push({ bar, x, wide });
    else if (result.status === "FAILURE" && x - (signs[bar.lane] ?? -Infinity) >= SIGN) {
      signs[bar.lane] = x;
      boxes.failed.push({ x: x + wide + 2, lane: bar.lane });
    }
  }
  boxes.batches = [...batches.values()];
  return boxes;
}

function batchOf(batches: Map<string, Batch>, { resourceType, status }: DrawnResult): Batch {
  const isSolid = resourceType === "MODEL" || status === "FAILURE";
  const key = isSolid ? status : `${status} pale`;
  let batch = batches.get(key);
  if (!batch) batches.set(key, (batch = { status, isSolid, places: [], filled: [] }));
  return batch;
}

function paintBars(context: CanvasRenderingContext2D, { batches, critical }: Boxes, colour: Colour): void {
  for (const { status, isSolid, places } of batches) {
    context.globalAlpha = isSolid ? 1 : 0.45;
    context.fillStyle = colour(status);
    fillAll(context, places, LANE - 5);
  }
  context.globalAlpha = 1;
  context.fillStyle = colour("text");
  fillAll(context, critical, 2);
}

function fillAll(context: CanvasRenderingContext2D, places: readonly number[], height: number): void {
  for (let place = 0; place < places.length; place += 3) context.fillRect(places[place]!, places[place + 1]!, places[place + 2]!, height);
}

function paintNames(context: CanvasRenderingContext2D, { results, widths, label }: Picture, { named, failed }: Boxes, colour: Colour): void {
  for (const { bar, x, wide } of named) {
    const result = results[bar.index]!;
    const isSolid = result.resourceType === "MODEL" || result.status === "FAILURE";
    const start = Math.max(x, label);
    context.fillStyle = colour(isSolid ? "ground" : "text");
    // A name of another direction stays behind its sign.
    const text = fitted(context, widths, `${statusText(result.status)[0]} \u2068${result.name}`, x + wide - start - 8);
    context.fillText(text, start + 4, TOP + bar.lane * LANE + (LANE - 1) / 2);
  }
  context.fillStyle = colour("FAILURE");
  for (const { x, lane } of failed) context.fillText("✕", x, TOP + lane * LANE + (LANE - 1) / 2);
}

/** Joins what the end of the run waited for, bar to bar. */
function paintChain(context: CanvasRenderingContext2D, picture: Picture, colour: Colour): void {
  const at = positions(picture);
  const middle = (bar: Bar) => TOP + bar.lane * LANE + LANE / 2;
  context.strokeStyle = colour("slower");
  context.lineWidth = 1.5;
  context.beginPath();
  let before: Bar | undefined;
  for (const bar of picture.gantt.bars) {
    if (!picture.results[bar.index]?.isOnChain) continue;
    if (before) {
      context.moveTo(at(before.end), middle(before));
      context.lineTo(at(bar.start), middle(bar));
    }
    before = bar;
  }
  context.stroke();
}

function paintGrid(context: CanvasRenderingContext2D, { gantt, view, width, label, widths }: Picture, colour: Colour): void {
  const scale = timeScale(view, label, width);
  context.strokeStyle = colour("line");
  context.fillStyle = colour("quiet");
  context.lineWidth = 1;
  context.beginPath();
  for (const tick of scale.ticks(Math.max(2, (width - label) / 90))) {
    const x = Math.round(scale(tick)) + 0.5;
    context.moveTo(x, TOP - 4);
    context.lineTo(x, TOP + gantt.lanes.length * LANE);
    context.fillText(tick < 60 ? `${Number(tick.toFixed(2))} s` : duration(tick), x + 3, 10);
  }
  context.stroke();
  gantt.lanes.forEach((lane, index) => context.fillText(fitted(context, widths, lane, label - 8), 0, TOP + index * LANE + LANE / 2));
}
