// What can be taken away: a table as CSV, a picture as PNG. Where the browser gives no clipboard (plain HTTP), it is a file.
import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { themeColours } from "./canvas";

export function CopyButton({ label, text }: { label: string; text: () => string }) {
  return <TakeButton label={label} take={async () => taken(new Blob([text()], { type: "text/plain" }), "table.csv")} />;
}

/** Copies the canvas or the SVG in a place. */
export function CopyPicture({ place }: { place: RefObject<Element | null> }) {
  const take = async () => {
    const picture = place.current?.querySelector("canvas, svg");
    return picture ? taken(await png(picture), "picture.png") : "Nothing to copy";
  };
  return <TakeButton label="Copy as PNG" take={take} />;
}

function TakeButton({ label, take }: { label: string; take: () => Promise<string> }) {
  const done = useSignal("");
  const onClick = async () => {
    done.value = await take().catch(() => "This browser does not allow it");
    setTimeout(() => (done.value = ""), 2000);
  };
  return <button type="button" class="quiet" onClick={onClick} aria-live="polite">{done.value || label}</button>;
}

/** Puts it into the clipboard, else saves it; what has been done. */
async function taken(content: Blob, fileName: string): Promise<string> {
  if (navigator.clipboard) {
    await navigator.clipboard.write([new ClipboardItem({ [content.type]: content })]);
    return "Copied";
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  return "Saved";
}

/** The picture on the ground of the page, in the screen's own pixels. */
async function png(picture: Element): Promise<Blob> {
  const { width, height } = picture.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d")!;
  context.fillStyle = themeColours()("ground");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture instanceof HTMLCanvasElement ? picture : await imageOf(picture as SVGElement), 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("No picture"))), "image/png"));
}

/** Style sheets do not reach into an image: what they give is written into its elements. */
const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "font-weight"];

async function imageOf(svg: SVGElement): Promise<HTMLImageElement> {
  const copy = svg.cloneNode(true) as SVGElement;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const originals = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((element, place) => {
    const style = getComputedStyle(originals[place]!);
    for (const name of STYLES) element.setAttribute(name, style.getPropertyValue(name));
  });
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
}
