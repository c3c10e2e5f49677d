// A history of runtimes: the picture, what it says in words, and the table of its runs.
import { href } from "../address";
import { changeText, duration, words } from "../format";
import { Cause } from "./cause";
import { Duration, StatusMark, Time } from "./marks";
import { Unread } from "./screen";
import { SeriesChart, type Point, type Series } from "./series_chart";
import { Table, type Column } from "./table";

interface HistorySeries extends Series {
  changePoints: readonly (Series["changePoints"][number] & {
    cause: string | null;
    evidence: readonly string[] | null;
    lastGoodSha: string | null;
    firstBadSha: string | null;
  })[];
  isElevated: boolean;
  trend: { percentPer30Days: number } | null;
  basis: { missing: readonly string[] };
}

interface HistoryProps {
  series: HistorySeries | null;
  label: string;
  /** Where the code of two runs is compared. */
  codeHref?: (before: string, after: string) => string;
}

export function History({ series, label, codeHref }: HistoryProps) {
  if (series === undefined) return <Unread />;
  if (!series || series.points.length === 0) return <p class="empty">There is no run to show yet.</p>;
  return (
    <>
      <SeriesChart series={series} label={label} />
      <Findings series={series} {...(codeHref ? { codeHref } : {})} />
      <details>
        <summary>As a table</summary>
        <Table caption={label} columns={POINT_COLUMNS} rows={[...series.points].reverse()} />
      </details>
    </>
  );
}

/** The run before a change, among those that count. */
function runBefore(series: HistorySeries, first: string): string | null {
  const counted = series.points.filter(({ runId, leftOut }) => leftOut === null || runId === first);
  return counted[counted.findIndex(({ runId }) => runId === first) - 1]?.runId ?? null;
}

function Findings({ series, codeHref }: { series: HistorySeries; codeHref?: HistoryProps["codeHref"] }) {
  const { changePoints, trend, isElevated, basis } = series;
  return (
    <ul class="list">
      {changePoints.map((point) => (
        <li>
          <span class={point.afterSeconds > point.beforeSeconds ? "slower" : "faster"}>{changeText(point.beforeSeconds, point.afterSeconds)}</span>
          {" "}since <Time at={point.since} />: {duration(point.beforeSeconds)} before, {duration(point.afterSeconds)} after ({words(point.certainty)})
          {point.firstRun && <>, <a href={href({ run: point.firstRun.id })}>first run</a></>}
          {point.firstRun && codeHref && runBefore(series, point.firstRun.id) && <>, <a href={codeHref(runBefore(series, point.firstRun.id)!, point.firstRun.id)}>code before and after</a></>}
          {point.cause && <>; cause: <Cause cause={point.cause} evidence={point.evidence} /></>}
          {point.lastGoodSha && point.firstBadSha && point.lastGoodSha !== point.firstBadSha && <>; commits <code title={`${point.lastGoodSha}..${point.firstBadSha}`}>{point.lastGoodSha.slice(0, 7)}..{point.firstBadSha.slice(0, 7)}</code></>}
        </li>
      ))}
      {trend && <li>{trend.percentPer30Days > 0 ? "Rising" : "Falling"} by {Math.abs(Math.round(trend.percentPer30Days))} % in 30 days.</li>}
      {isElevated && <li>The last three runs are all unusually slow.</li>}
      {changePoints.length === 0 && !trend && !isElevated && <li class="quiet">No lasting change found.</li>}
      {basis.missing.map((text) => <li class="quiet">Missing: {text}.</li>)}
    </ul>
  );
}

const POINT_COLUMNS: Column<Point>[] = [
  { head: "Run", value: ({ runId }) => runId, cell: ({ runId }) => <a href={href({ run: runId })}>{runId}</a> },
  { head: "Started", value: ({ startTime }) => startTime, cell: ({ startTime }) => <Time at={startTime} /> },
  { head: "Outcome", value: ({ status }) => status, cell: ({ status }) => <StatusMark status={status} /> },
  { head: "Duration", value: ({ runtime }) => runtime, cell: ({ runtime }) => <Duration seconds={runtime} />, isNumber: true },
  { head: "Counts", value: ({ leftOut }) => (leftOut ? `no: ${words(leftOut)}` : "yes") },
  { head: "Commit", value: ({ gitSha }) => gitSha, cell: ({ gitSha }) => (gitSha ? <code title={gitSha}>{gitSha.slice(0, 7)}</code> : "–") },
];
