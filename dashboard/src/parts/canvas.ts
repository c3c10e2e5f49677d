// What canvases share: when they are drawn, and the theme's colours, as they do not see style sheets.
import { useLayoutEffect } from "preact/hooks";

export type Colour = (name: string) => string;

export function themeColours(): Colour {
  const style = getComputedStyle(document.documentElement);
  const known = new Map<string, string>();
  return (name) => {
    const found = known.get(name) ?? style.getPropertyValue(`--${name}`).trim();
    known.set(name, found);
    return found;
  };
}

/** The context of a canvas, sized for the screen's own pixels. */
export function prepared(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Draws in a frame of its own after what is given has changed, so that laying out the page and drawing are two tasks. */
export function useDrawing(draw: () => void, changes: readonly unknown[]): void {
  useLayoutEffect(() => {
    const frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, changes);
  // At once, because a printer does not wait for a frame.
  useLayoutEffect(() => onTheme(draw), changes);
}

/** Calls back when the colours change: between light and dark, or to be printed. */
function onTheme(draw: () => void): () => void {
  const queries = [matchMedia("(prefers-color-scheme: dark)"), matchMedia("print")];
  const observer = new MutationObserver(draw);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  queries.forEach((query) => query.addEventListener("change", draw));
  return () => {
    observer.disconnect();
    queries.forEach((query) => query.removeEventListener("change", draw));
  };
}

/** Red, green and blue of a colour written as #rrggbb. */
export function channels(colour: string): [number, number, number] {
  return [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16)) as [number, number, number];
}

/** Widths of texts in one font: measuring costs more than drawing. */
export type TextWidths = Map<string, number>;

/** A text, cut where it is wider than its room; "" where not even two letters have room. */
export function fitted(context: CanvasRenderingContext2D, widths: TextWidths, text: string, room: number): string {
  let width = widths.get(text);
  if (width === undefined) widths.set(text, (width = context.measureText(text).width));
  if (width <= room) return text;
  const letters = Math.floor((text.length * room) / width) - 1;
  return letters < 2 ? "" : `${text.slice(0, letters).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Where something chosen lies in a picture. It is an element over the canvas, which is not drawn anew for it. */
export interface Place {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** As the style of that element; outside the picture it is hidden. */
export function pixels(place: Place | null): Record<string, string> {
  if (!place) return { display: "none" };
  const { left, top, width, height } = place;
  return { display: "block", left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` };
}
