// What a model is built from and what is built from it, left to right. Each box is a link; its bar is the longer the slower.
import { useRef } from "preact/hooks";
import { href } from "../address";
import { duration, statusText, words } from "../format";
import { lineageLayout, type Placed } from "../layout/lineage";
import type { ModelPageQuery } from "../operations";
import { CopyPicture } from "./copy";
import { Duration, Name, StatusMark } from "./marks";
import { Table, type Column } from "./table";

export type Lineage = NonNullable<NonNullable<ModelPageQuery["model"]>["lineage"]>;
type Entry = Lineage["resources"][number];
type Resource = Entry["resource"];

const BOX = { width: 184, height: 30, right: 40, below: 10 };
// Frames are two pixels wide, half of them outside.
const EDGE = 1;

export function LineageView({ lineage, start }: { lineage: Lineage; start: string }) {
  const picture = useRef<HTMLDivElement>(null);
  const resources = new Map(lineage.resources.map(({ resource }) => [resource.id, resource]));
  const placed = lineageLayout([...resources.keys()], lineage.links);
  const places = new Map(placed.map((place) => [place.id, place]));
  const width = (Math.max(...placed.map(({ layer }) => layer)) + 1) * (BOX.width + BOX.right) - BOX.right + 2 * EDGE;
  const height = (Math.max(...placed.map(({ row }) => row)) + 1) * (BOX.height + BOX.below);
  const slowest = Math.max(0.001, ...lineage.resources.map(({ resource }) => runtimeOf(resource) ?? 0));
  return (
    <>
      <div ref={picture} class="scroll" tabIndex={0} role="group" aria-label="Lineage">
        <svg class="lineage" width={width} height={height}>
          {lineage.links.map((link) => <Edge from={places.get(link.parentId)} to={places.get(link.childId)} isIndirect={link.indirect} />)}
          {placed.map((place) => {
            const resource = resources.get(place.id);
            return resource && <Box place={place} resource={resource} isStart={place.id === start} share={(runtimeOf(resource) ?? 0) / slowest} />;
          })}
        </svg>
      </div>
      <p class="tools"><CopyPicture place={picture} /></p>
      {lineage.leftOut > 0 && <p class="quiet">{lineage.leftOut} more resources lie beyond.</p>}
      <details>
        <summary>As a table</summary>
        <Table caption="Lineage" columns={COLUMNS} rows={lineage.resources} />
      </details>
    </>
  );
}

function corner({ layer, row }: Placed): { x: number; y: number } {
  return { x: EDGE + layer * (BOX.width + BOX.right), y: EDGE + row * (BOX.height + BOX.below) };
}

function Edge({ from, to, isIndirect }: { from: Placed | undefined; to: Placed | undefined; isIndirect: boolean }) {
  if (!from || !to) return null;
  const [start, end] = [corner(from), corner(to)];
  const x = start.x + BOX.width;
  const [y, until] = [start.y + BOX.height / 2, end.y + BOX.height / 2];
  const bend = Math.max(20, (end.x - x) / 2);
  return <path class={isIndirect ? "edge indirect" : "edge"} d={`M${x},${y}C${x + bend},${y} ${end.x - bend},${until} ${end.x},${until}`} />;
}

function Box({ place, resource, isStart, share }: { place: Placed; resource: Resource; isStart: boolean; share: number }) {
  const { x, y } = corner(place);
  const runtime = runtimeOf(resource);
  const [status, sign] = stateOf(resource);
  const text = `${words(resource.resourceType)} ${resource.name}${runtime === null ? "" : `, ${duration(runtime)}`}${status ? `, ${words(status)}` : ""}`;
  const box = (
    <g class={isStart ? "box start" : "box"} transform={`translate(${x} ${y})`}>
      <title>{text}</title>
      <rect class="frame" width={BOX.width} height={BOX.height} rx={5} />
      <rect class="share" y={BOX.height - 4} width={BOX.width * share} height={4} />
      <text x={8} y={18}><tspan class={`status ${status}`}>{sign}</tspan> {shortened(resource.name)}</text>
    </g>
  );
  return resource.__typename === "Model" ? <a href={href({ model: resource.id })} aria-label={text}>{box}</a> : box;
}

const MOST = 24;

function shortened(name: string): string {
  return name.length > MOST ? `${name.slice(0, MOST - 1)}…` : name;
}

function runtimeOf(resource: Resource): number | null {
  return resource.__typename === "Model" ? resource.runtime : null;
}

const FRESHNESS: Record<string, string> = { FRESH: "SUCCESS", WARN: "WARN", STALE: "FAILURE", NEVER_CHECKED: "UNKNOWN" };

/** The last attempt of a model, the freshness of a source: as a status, and its sign. */
function stateOf(resource: Resource): [string, string] {
  if (resource.__typename === "Model") return resource.lastRunStatus ? [resource.lastRunStatus, statusText(resource.lastRunStatus)[0]] : ["", "·"];
  if (resource.__typename === "Source") {
    const status = FRESHNESS[resource.freshness.status] ?? "UNKNOWN";
    return [status, statusText(status)[0]];
  }
  return ["", "·"];
}

const COLUMNS: Column<Entry>[] = [
  { head: "Level", value: ({ level }) => level, isNumber: true },
  { head: "Resource", value: ({ resource }) => resource.id, cell: ({ resource }) => (resource.__typename === "Model" ? <Name text={resource.id} href={href({ model: resource.id })} /> : <Name text={resource.name} />) },
  { head: "Type", value: ({ resource }) => words(resource.resourceType) },
  { head: "State", value: ({ resource }) => stateOf(resource)[0], cell: ({ resource }) => <State resource={resource} /> },
  { head: "Runtime", value: ({ resource }) => runtimeOf(resource), cell: ({ resource }) => <Duration seconds={runtimeOf(resource)} />, isNumber: true },
];

function State({ resource }: { resource: Resource }) {
  if (resource.__typename === "Source") return <>{words(resource.freshness.status)}</>;
  const [status] = stateOf(resource);
  return status ? <StatusMark status={status} /> : <span class="quiet">–</span>;
}
