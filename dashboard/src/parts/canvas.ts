// Colours of the theme for canvases, which do not see style sheets.

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

/** Calls back when the reader changes between light and dark. */
export function onTheme(draw: () => void): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(draw);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  dark.addEventListener("change", draw);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", draw);
  };
}

/** A colour between two, both written as #rrggbb: 0 is the first, 1 the second. */
export function mixed(from: string, to: string, share: number): string {
  const channel = (place: number) => {
    const [a, b] = [from, to].map((colour) => parseInt(colour.slice(place, place + 2), 16)) as [number, number];
    return Math.round(a + (b - a) * share);
  };
  return `rgb(${channel(1)} ${channel(3)} ${channel(5)})`;
}
