// Where the time goes: the busy time of the runs of a period, by project, folder, tag, owner or what else they share.
import { computed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { change, filters, href, page } from "../address";
import { useScreen } from "../api";
import { count, duration, words } from "../format";
import { PERIODS, type Period } from "../layout/buckets";
import type { TimePageQuery, TimePageQueryVariables } from "../operations";
import { Duration, Name } from "../parts/marks";
import { ScreenView, Section, Unread } from "../parts/screen";
import { Table, type Column } from "../parts/table";
import { useTitle } from "../parts/title";
import { Treemap, type Part } from "../parts/treemap";
import { Windowed } from "../parts/windowed";
import { EVER, WINDOW_DAYS, lastDays } from "../window";

type Account = NonNullable<TimePageQuery["account"]>;
type Share = NonNullable<Account["weightedSeconds"]>[number];
type Dimension = TimePageQueryVariables["by"];

const DIMENSIONS: Partial<Record<Dimension, string>> = {
  PROJECT: "Project",
  FOLDER: "Folder",
  TAG: "Tag",
  OWNER: "Owner",
  MATERIALIZATION: "Materialization",
  GROUP: "Group",
  JOB: "Job",
  RESOURCE_TYPE: "Type of resource",
  NODE: "Resource",
};
const DAYS: Record<Exclude<Period, "all">, string> = { "24h": "24 hours", "7d": "7 days", "30d": "30 days" };

const dimension = computed<Dimension>(() => {
  const asked = page.value.id.toUpperCase() as Dimension;
  return asked in DIMENSIONS ? asked : "PROJECT";
});
const period = computed<Period>(() => filters.value.period ?? "30d");

const variables = computed<TimePageQueryVariables>(() => {
  const { environment, projects } = filters.value;
  const { since, until } = lastDays(period.value === "all" ? WINDOW_DAYS : PERIODS[period.value] / 24);
  return { environment, projects: projects.length ? { projectIds: projects } : null, by: dimension.value, since: period.value === "all" ? EVER : since, until };
});

export function TimePage() {
  const screen = useScreen<TimePageQuery, TimePageQueryVariables>("time", variables);
  useTitle("Where the time goes");
  return (
    <>
      <div class="head"><h1>Where the time goes</h1></div>
      <Choices />
      <ScreenView screen={screen}>
        {({ account }, answer) => account ? (
          <Windowed answer={answer} newest={account.runs?.nodes[0]?.startTime}>{account.weightedSeconds ? <Shares shares={account.weightedSeconds} /> : <Unread />}</Windowed>
        ) : <p class="notice">There is no account to show.</p>}
      </ScreenView>
    </>
  );
}

function Choices() {
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        By{" "}
        <select value={dimension.value} onChange={(event) => change({ time: event.currentTarget.value.toLowerCase() })}>
          {Object.entries(DIMENSIONS).map(([value, word]) => <option value={value}>{word}</option>)}
        </select>
      </label>
      <label>
        Period{" "}
        <select value={period.value} onChange={(event) => change({ period: event.currentTarget.value })}>
          {Object.entries({ ...DAYS, all: "All runs" }).map(([value, word]) => <option value={value}>{word}</option>)}
        </select>
      </label>
    </form>
  );
}

function Shares({ shares }: { shares: readonly Share[] }) {
  const by = dimension.value;
  const busy = useMemo(() => shares.filter(({ isIdle }) => !isIdle), [shares]);
  const total = sumOf(busy);
  const idle = sumOf(shares) - total;
  const cost = costOf(shares);
  const parts = useMemo(() => busy.map((share) => partOf(share, by, total)), [busy, by]);
  const note = period.value === "all" ? "of all runs" : `of the runs of ${DAYS[period.value]}`;
  return (
    <Section title={`By ${(DIMENSIONS[by] ?? words(by)).toLowerCase()}`} note={note} query={{ document: "time", variables: variables.value }}>
      {shares.length > 0 && (
        <ul class="tiles">
          <li><strong>{duration(total)}</strong>busy</li>
          <li><strong>{duration(idle)}</strong>idle: runs were under way and executed nothing</li>
          {cost && <li><strong>{cost}</strong>estimated</li>}
        </ul>
      )}
      {total > 0 && <Treemap parts={parts} label="Where the time goes" />}
      <Table caption="Where the time goes" columns={columnsOf(by, total, cost !== null)} rows={busy} first={20} empty="No run of this period has times." />
    </Section>
  );
}

function sumOf(shares: readonly Share[]): number {
  return shares.reduce((sum, { weightedSeconds }) => sum + weightedSeconds, 0);
}

function costOf(shares: readonly Share[]): string | null {
  const costs = shares.flatMap(({ cost }) => (cost ? [cost] : []));
  return costs[0] ? `${costs.reduce((sum, { amount }) => sum + amount, 0).toFixed(2)} ${costs[0].currency}` : null;
}

function partOf(share: Share, by: Dimension, total: number): Part {
  const text = `${nameOf(share, by)}: ${duration(share.weightedSeconds)}, ${percent(share, total)} of the busy time; runtimes of ${count(share.resultCount, "result")} add up to ${duration(share.runtime)}`;
  const name = nameOf(share, by);
  const shortName = by === "NODE" ? name.split(".").slice(2).join(".") : name;
  return { name: shortName || name, size: share.weightedSeconds, text, address: addressOf(share, by), isPale: share.key === null };
}

function nameOf({ key }: Share, by: Dimension): string {
  if (by === "FOLDER" && key === ".") return "top folder of the project";
  return key ?? `no ${(DIMENSIONS[by] ?? words(by)).toLowerCase()}`;
}

function percent({ weightedSeconds }: Share, total: number): string {
  const share = (100 * weightedSeconds) / total;
  return `${share < 10 ? Number(share.toPrecision(2)) : Math.round(share)} %`;
}

/** Only what has a page leads somewhere. */
function addressOf({ key }: Share, by: Dimension): string | null {
  if (key === null) return null;
  if (by === "PROJECT") return href({ project: key });
  if (by === "TAG") return href({ tag: key });
  return by === "JOB" ? href({ search: key }) : null; // its key is a name
}

function columnsOf(by: Dimension, total: number, hasCost: boolean): Column<Share>[] {
  const address = (share: Share) => addressOf(share, by);
  const columns: Column<Share>[] = [
    { head: DIMENSIONS[by] ?? words(by), value: (share) => nameOf(share, by), cell: (share) => <Name text={nameOf(share, by)} {...(address(share) ? { href: address(share)! } : {})} /> },
    { head: "Busy time", value: ({ weightedSeconds }) => weightedSeconds, cell: ({ weightedSeconds }) => <Duration seconds={weightedSeconds} />, isNumber: true },
    { head: "Share", value: ({ weightedSeconds }) => weightedSeconds / total, cell: (share) => percent(share, total), isNumber: true },
    { head: "Sum of runtimes", value: ({ runtime }) => runtime, cell: ({ runtime }) => <Duration seconds={runtime} />, isNumber: true },
    { head: "Results", value: ({ resultCount }) => resultCount, isNumber: true },
  ];
  if (hasCost) columns.push({ head: "Cost, estimated", value: ({ cost }) => cost?.amount ?? null, cell: ({ cost }) => (cost ? `${cost.amount.toFixed(2)} ${cost.currency}` : "–"), isNumber: true });
  return columns;
}
