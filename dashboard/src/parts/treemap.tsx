// Parts of a whole as areas. Arrow keys walk them from the greatest to the least, Enter opens one.
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { go } from "../address";
import { treemap, type Tile } from "../layout/treemap";
import { CopyPicture } from "./copy";
import { useWidth } from "./width";

export interface Part {
  name: string;
  size: number;
  /** What it says when it is chosen. */
  text: string;
  /** Where it leads, if anywhere. */
  address: string | null;
  isPale: boolean;
}

const HEIGHT = 420;

export function Treemap({ parts, label }: { parts: readonly Part[]; label: string }) {
  const [place, width] = useWidth<HTMLDivElement>();
  const chosen = useSignal<number | null>(null);
  const tiles = useMemo(() => treemap(parts.map(({ size }) => size), width.value, HEIGHT), [parts, width.value]);
  const picked = chosen.value === null ? undefined : tiles[chosen.value];
  const part = picked && parts[picked.index];
  const open = () => part?.address && go(part.address);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowRight" || event.key === "ArrowDown") chosen.value = Math.min(tiles.length - 1, (chosen.value ?? -1) + 1);
    else if (event.key === "ArrowLeft" || event.key === "ArrowUp") chosen.value = Math.max(0, (chosen.value ?? 1) - 1);
    else if (event.key === "Enter") open();
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div ref={place} class="chart" tabIndex={0} role="application" onKeyDown={onKeyDown}
        aria-label={`${label}: ${tiles.length} areas. Arrow keys walk them, Enter opens one; the table below has each.`}>
        <svg class="treemap" width={width.value} height={HEIGHT} aria-hidden="true" onMouseLeave={() => (chosen.value = null)} onClick={open}>
          {tiles.map((tile, index) => (
            <g onMouseMove={() => (chosen.value = index)} class={parts[tile.index]?.address ? "linked" : ""}>
              <rect class={parts[tile.index]?.isPale ? "area pale" : "area"} x={tile.x + 1} y={tile.y + 1} width={Math.max(0.5, tile.width - 2)} height={Math.max(0.5, tile.height - 2)} />
              <Label tile={tile} text={parts[tile.index]?.name ?? ""} />
            </g>
          ))}
          {picked && <rect class="ring" x={picked.x + 1} y={picked.y + 1} width={Math.max(0.5, picked.width - 2)} height={Math.max(0.5, picked.height - 2)} />}
        </svg>
        <p class="readout" aria-live="polite">{part ? part.text : <span class="quiet">An area is a share of the time.</span>}</p>
      </div>
      <p class="tools"><CopyPicture place={place} /></p>
    </>
  );
}

/** Pixels of a wide letter at 13 px. */
const LETTER = 7.8;

/** A name where at least four letters of it have room. */
function Label({ tile, text }: { tile: Tile; text: string }) {
  const most = Math.floor((tile.width - 14) / LETTER);
  if (most < 4 || tile.height < 22) return null;
  const letters = [...text];
  return <text x={tile.x + 8} y={tile.y + 19}>{letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text}</text>;
}
