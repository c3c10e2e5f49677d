// A small trend for a table cell: the runtimes that count, with the last one marked. Its row has the figures.
import { line } from "d3-shape";
import { scaleLinear } from "d3-scale";
import { duration } from "../format";

interface Point {
  runtime: number | null;
  leftOut: string | null;
}

const WIDTH = 120;
const HEIGHT = 24;

export function Sparkline({ points }: { points: readonly Point[] }) {
  const runtimes = points.flatMap(({ runtime, leftOut }) => (runtime !== null && leftOut === null ? [runtime] : []));
  if (runtimes.length < 2) return <span class="quiet">too few runs</span>;
  const x = scaleLinear([0, runtimes.length - 1], [3, WIDTH - 4]);
  const y = scaleLinear([0, Math.max(...runtimes)], [HEIGHT - 3, 3]);
  const path = line<number>((_, index) => x(index), (runtime) => y(runtime))(runtimes) ?? "";
  const last = runtimes.length - 1;
  const first = duration(runtimes[0]);
  return (
    <svg class="spark" width={WIDTH} height={HEIGHT} role="img" aria-label={`${runtimes.length} runs, from ${first} to ${duration(runtimes[last])}`}>
      <path d={path} />
      <circle cx={x(last)} cy={y(runtimes[last] ?? 0)} r={2.5} />
    </svg>
  );
}
