// Runs by hour or day, stacked by outcome; failures stand on the ground line, where heights can be compared.
import { scaleLinear } from "d3-scale";
import type { Bucket } from "../layout/buckets";
import { STATUSES, count, localClock, localDay, localTime, statusText } from "../format";
import { CopyPicture } from "./copy";
import { useWidth } from "./width";

const HEIGHT = 140;
const BOTTOM = 22;
const LEFT = 30;
const ORDER = ["FAILURE", "CANCELLED", "WARN", ...STATUSES].filter((status, place, all) => all.indexOf(status) === place);

export function RunsChart({ buckets }: { buckets: Bucket[] }) {
  const [place, width] = useWidth<HTMLDivElement>();
  const most = Math.max(1, ...buckets.map((bucket) => bucket.total));
  const y = scaleLinear([0, most], [HEIGHT - BOTTOM, 8]).nice(4);
  const step = Math.max(1, (width.value - LEFT) / buckets.length);
  const every = Math.ceil(64 / step);
  const total = buckets.reduce((sum, bucket) => sum + bucket.total, 0);
  return (
    <>
      <div ref={place} class="chart">
        <svg width={width.value} height={HEIGHT} role="img" aria-label={`${count(total, "run")} over time; the table below has each.`}>
          {y.ticks(Math.min(4, most)).filter(Number.isInteger).map((tick) => (
            <g class="tick">
              <line x1={LEFT} x2={width.value} y1={y(tick)} y2={y(tick)} />
              <text x={LEFT - 6} y={y(tick) + 4} text-anchor="end">{tick}</text>
            </g>
          ))}
          {buckets.map((bucket, index) => (
            <Stack bucket={bucket} x={LEFT + index * step} width={step} y={y} />
          ))}
          {buckets.map((bucket, index) =>
            index % every === 0 ? (
              <text class="axis" x={LEFT + index * step} y={HEIGHT - 6}>{label(bucket, index === 0)}</text>
            ) : null,
          )}
        </svg>
      </div>
      <p class="tools"><CopyPicture place={place} /></p>
    </>
  );
}

function Stack({ bucket, x, width, y }: { bucket: Bucket; x: number; width: number; y: (value: number) => number }) {
  let below = 0;
  const gap = width > 6 ? 1 : 0;
  return (
    <g>
      <title>{`${localTime(bucket.start)}: ${ORDER.filter((s) => bucket.counts[s]).map((s) => `${bucket.counts[s]} ${statusText(s)[1].toLowerCase()}`).join(", ") || "no runs"}`}</title>
      <rect x={x} y={0} width={width} height={HEIGHT - BOTTOM} class="target" />
      {ORDER.map((status) => {
        const height = bucket.counts[status] ?? 0;
        if (!height) return null;
        const top = y(below + height);
        const bar = <rect x={x + gap} y={top} width={width - 2 * gap} height={y(below) - top} class={`fill ${status}`} />;
        below += height;
        return bar;
      })}
    </g>
  );
}

function label(bucket: Bucket, isFirst: boolean): string {
  const isHour = bucket.end.getTime() - bucket.start.getTime() <= 3_600_000;
  if (!isHour || isFirst || bucket.start.getHours() === 0) return localDay(bucket.start);
  return localClock(bucket.start);
}
