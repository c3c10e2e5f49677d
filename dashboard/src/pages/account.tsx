// The account at a glance.
import { computed } from "@preact/signals";
import { change, filters, href } from "../address";
import { useScreen, type Answer } from "../api";
import { changeText, count, duration, localDay, localTime, statusText, words } from "../format";
import { groupByCause, type Cause } from "../layout/causes";
import { PERIODS, bucketRuns, periodOf, usualPeriod, within, type Period } from "../layout/buckets";
import type { AccountPageQuery, AccountPageQueryVariables } from "../operations";
import { Consequences } from "../parts/consequences";
import { Duration, Name, StatusMark, Time } from "../parts/marks";
import { RunsChart } from "../parts/runs_chart";
import { Flaky, Incidents, Regressions, Waste } from "../parts/findings";
import { Later, ScreenView, Section, Unread } from "../parts/screen";
import { Sparkline } from "../parts/sparkline";
import { Table, type Column } from "../parts/table";
import { useTitle } from "../parts/title";
import { useWindowed } from "../parts/windowed";
import { EVER, WINDOW_DAYS, lastDays } from "../window";

type Account = NonNullable<AccountPageQuery["account"]>;
type RunRow = NonNullable<Account["runs"]>["nodes"][number];
type FailedRun = NonNullable<Account["failed"]>["nodes"][number];
type SlowModel = NonNullable<Account["slowestModels"]>[number];
type LongJob = NonNullable<Account["longestRunningJobs"]>[number];
type StaleSource = NonNullable<Account["sources"]>["nodes"][number];

const variables = computed<AccountPageQueryVariables>(() => {
  const { environment, projects, tags, period } = filters.value;
  const models = tags.length ? { tags } : null;
  const { since, until } = lastDays();
  return {
    environment,
    since: period === "all" ? EVER : since,
    until,
    projects: projects.length ? { projectIds: projects } : null,
    models,
    jobs: models && { models },
  };
});

export function AccountPage() {
  const screen = useScreen<AccountPageQuery, AccountPageQueryVariables>("account", variables);
  const name = screen.value.answer?.data?.account?.name ?? "Account";
  useTitle(name);
  return (
    <>
      <div class="head"><h1><bdi>{name}</bdi></h1></div>
      <Filters account={screen.value.answer?.data?.account ?? null} />
      <ScreenView screen={screen}>
        {(data, answer) => (data.account ? (
          <Overview account={data.account} answer={answer} />
        ) : <p class="notice">There is no account to show.</p>)}
      </ScreenView>
    </>
  );
}

function Overview({ account, answer }: { account: Account; answer: Answer<AccountPageQuery> }) {
  const runs = account.runs?.nodes ?? [];
  const windowed = useWindowed({ account, isWhole: answer.isWhole }, answer, runs[0]?.startTime);
  const { isWhole } = windowed ?? { isWhole: false };
  const period = filters.value.period ?? usualPeriod(runs, new Date());
  const { from, until, isPast } = periodOf(runs, PERIODS[period], new Date());
  const recent = runs.filter((run) => within(run, from, until));
  const failed = account.failed?.nodes.filter((run) => within(run, from, until));
  const query = { document: "account", variables: variables.value };
  const lookedAt = filters.value.period === "all" ? "at any time" : `in ${WINDOW_DAYS} days`;
  return (
    <>
      <Section title={HEADINGS[period]} note={periodNote(from, until, isPast, account, runs)} query={query}>
        {account.runs && <Outcomes runs={recent} />}
        {!account.runs ? <Unread /> : recent.length === 0 ? <p class="empty">No run began in this period.</p> : (
          <>
            <RunsChart buckets={bucketRuns(recent, from, until)} />
            <details>
              <summary>{count(recent.length, "run")} as a table</summary>
              <Table caption="Runs" columns={RUN_COLUMNS} rows={recent} />
            </details>
          </>
        )}
      </Section>
      <Section title="What failed and why" note={failed?.length ? count(failed.length, "run") : null} query={query}>
        <Later part={account.failed} isWhole={answer.isWhole} isTall>{(part) => <Failures runs={failed ?? []} isCut={part.nodes.length >= 20} />}</Later>
      </Section>
      <Section title="What got slower" note={lookedAt} query={query}><Later part={windowed?.account.regressions} isWhole={isWhole}>{(part) => <Regressions regressions={part} />}</Later></Section>
      <div class="pair">
        <Section title="Slowest models" note="mean of the last 5 ordinary successful runs" query={query}>
          <Later part={account.slowestModels} isWhole={answer.isWhole}>{(part) => <Table caption="Slowest models" columns={MODEL_COLUMNS} rows={part} empty="No model has a runtime." />}</Later>
        </Section>
        <Section title="Longest jobs" note="mean of the last 5 completed runs" query={query}>
          <Later part={account.longestRunningJobs} isWhole={answer.isWhole}>{(part) => <Table caption="Longest jobs" columns={JOB_COLUMNS} rows={part} empty="No job has completed a run." />}</Later>
        </Section>
      </div>
      <div class="pair wide">
        <Section title="Broken and repaired" note={lookedAt} query={query}><Later part={windowed?.account.incidents} isWhole={isWhole}>{(part) => <Incidents incidents={part} />}</Later></Section>
        <Section title="Flaky" note={`fails and passes without a change of code, ${lookedAt}`} query={query}><Later part={windowed?.account.flaky} isWhole={isWhole}>{(part) => <Flaky flaky={part} />}</Later></Section>
      </div>
      <Section title="Wasted builds" note="builds of the last 7 days that changed nothing" query={query}><Later part={windowed?.account.wastedBuilds} isWhole={isWhole}>{(part) => <Waste waste={part} />}</Later></Section>
      <div class="pair">
        <Section title="Stale sources" query={query}>
          <Later part={account.sources} isWhole={answer.isWhole}>{(part) => <Table caption="Stale sources" columns={SOURCE_COLUMNS} rows={part.nodes} empty="Every source that is checked is fresh." />}</Later>
        </Section>
        <Section title="Projects" query={query}>
          <Table caption="Projects" columns={PROJECT_COLUMNS} rows={account.projects?.nodes} empty="No project is to be seen here." />
        </Section>
      </div>
    </>
  );
}

const HEADINGS: Record<Period, string> = { "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days", all: "All runs" };

function periodNote(from: Date, until: Date, isPast: boolean, account: Account, runs: readonly RunRow[]) {
  const isCut = runs.length >= 500 && account.runs?.totalCount !== runs.length;
  return (
    <>
      {localTime(from)} to {localTime(until)}
      {isPast && ", up to the newest run"}
      {isCut && `; of the newest ${runs.length} runs`}
    </>
  );
}

function Outcomes({ runs }: { runs: readonly RunRow[] }) {
  const counts = new Map<string, number>();
  for (const run of runs) counts.set(run.status, (counts.get(run.status) ?? 0) + 1);
  const shown = ["SUCCESS", "FAILURE", "CANCELLED", ...counts.keys()].filter((status, place, all) => all.indexOf(status) === place);
  return (
    <ul class="tiles" aria-label="Runs by outcome">
      {shown.map((status) => (
        <li>
          <strong>{counts.get(status) ?? 0}</strong>
          {counts.get(status) ? <StatusMark status={status} /> : <span class="quiet">{statusText(status)[1]}</span>}
        </li>
      ))}
    </ul>
  );
}

function Failures({ runs, isCut }: { runs: readonly FailedRun[]; isCut: boolean }) {
  if (runs.length === 0) return <p class="empty">✓ No run of this period failed or was cancelled.</p>;
  const causes = groupByCause(runs);
  const rest = causes.slice(MOST_CAUSES);
  return (
    <>
      <ul class="failures">{causes.slice(0, MOST_CAUSES).map((cause) => <CauseItem key={cause.key} cause={cause} />)}</ul>
      {rest.length > 0 && (
        <details>
          <summary>{count(rest.length, "more cause")}</summary>
          <ul class="failures">{rest.map((cause) => <CauseItem key={cause.key} cause={cause} />)}</ul>
        </details>
      )}
      {isCut && <p class="quiet">Only the newest 20 failed or cancelled runs are looked at.</p>}
    </>
  );
}

function CauseItem({ cause }: { cause: Cause<FailedRun> }) {
  const { status, failure, runs } = cause;
  const result = failure?.result;
  const hidden = Math.max(...runs.map((run) => (run.failureCount ?? 0) - (run.failures?.length ?? 0)));
  return (
    <li class={status}>
      <div class="line">
        <StatusMark status={status} />
        {result && <span>{words(result.resourceType)} <strong><bdi>{result.name}</bdi></strong></span>}
        {runs.length > 1 && <span>{runs.length} times</span>}
        {failure && <Consequences failure={{ ...failure, isNew: failure.isNew && runs.length === 1 }} />}
      </div>
      {failure && <p class="message brief"><bdi>{failure.message.replace(/[\s^]+$/, "")}</bdi></p>}
      <ul class="runs">
        {runs.slice(0, MOST_SHOWN).map((run) => (
          <li><a href={href({ run: run.id })}><bdi>{run.job?.name ?? `run ${run.id}`}</bdi></a> <Time at={run.startTime} /></li>
        ))}
        {runs.length > MOST_SHOWN && <li class="quiet">and {count(runs.length - MOST_SHOWN, "more run")}</li>}
      </ul>
      {hidden > 0 && <p class="quiet">{count(hidden, "more failure")} in these runs.</p>}
    </li>
  );
}

const MOST_CAUSES = 6;
const MOST_SHOWN = 4;

function Filters({ account }: { account: Account | null }) {
  const { environment, projects, tags, period } = filters.value;
  const known = account?.projects?.nodes ?? [];
  const shown = period ?? usualPeriod(account?.runs?.nodes ?? [], new Date());
  const ids = [...new Set([...known.map(({ id }) => id), ...projects])];
  const toggle = (id: string) => change({ project: projects.includes(id) ? projects.filter((one) => one !== id) : [...projects, id] });
  const setTags = (event: Event) => change({ tag: (event.target as HTMLInputElement).value.split(",").map((tag) => tag.trim()).filter(Boolean) });
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        Period{" "}
        <select value={shown} onChange={(event) => change({ period: event.currentTarget.value })}>
          {Object.entries(HEADINGS).map(([value, word]) => <option value={value}>{word}</option>)}
        </select>
      </label>
      <label>
        Environment{" "}
        <select value={environment} onChange={(event) => change({ environment: event.currentTarget.value })}>
          <option value="PRODUCTION">Production</option>
          <option value="STAGING">Staging</option>
        </select>
      </label>
      <label>
        Tags <input value={tags.join(", ")} onChange={setTags} placeholder="any" size={16} />
      </label>
      {ids.length > 1 || projects.length ? (
        <fieldset>
          <legend>Projects</legend>
          {ids.map((id) => (
            <label>
              <input type="checkbox" checked={projects.includes(id)} onChange={() => toggle(id)} /> <bdi>{id}</bdi>
            </label>
          ))}
        </fieldset>
      ) : null}
    </form>
  );
}

const RUN_COLUMNS: Column<RunRow>[] = [
  { head: "Job", value: (run) => run.job?.name ?? run.id, cell: (run) => <Name text={run.job?.name ?? `run ${run.id}`} href={href({ run: run.id })} /> },
  { head: "Outcome", value: (run) => run.status, cell: (run) => <StatusMark status={run.status} /> },
  { head: "Started", value: (run) => run.startTime, cell: (run) => <Time at={run.startTime} /> },
  { head: "Duration", value: (run) => run.runtime, cell: (run) => <Duration seconds={run.runtime} />, isNumber: true },
];

const MODEL_COLUMNS: Column<SlowModel>[] = [
  { head: "Model", value: ({ model }) => model.id, cell: ({ model }) => <Name text={model.id} href={href({ model: model.id })} /> },
  { head: "Mean", value: ({ runtime }) => runtime, cell: ({ runtime }) => <Duration seconds={runtime} />, isNumber: true },
  { head: "p95", value: ({ runtimes }) => runtimes.p95, cell: ({ runtimes }) => <Duration seconds={runtimes.p95} />, isNumber: true },
  { head: "Last 30 runs", value: ({ model }) => model.runtimeSeries?.points.length ?? 0, cell: ({ model }) => <Sparkline points={model.runtimeSeries?.points ?? []} /> },
  { head: "Changed", value: ({ model }) => newestChange(model)?.since ?? null, cell: ({ model }) => <Changed model={model} /> },
];

function newestChange(model: SlowModel["model"]) {
  return model.runtimeSeries?.changePoints[0];
}

function Changed({ model }: { model: SlowModel["model"] }) {
  const point = newestChange(model);
  if (!point) return <span class="quiet">–</span>;
  const isSlower = point.afterSeconds > point.beforeSeconds;
  return (
    <span class={isSlower ? "slower" : "faster"} title={`${duration(point.beforeSeconds)} before, ${duration(point.afterSeconds)} after; ${words(point.certainty)}`}>
      {changeText(point.beforeSeconds, point.afterSeconds)} <span class="quiet since">since {localDay(new Date(point.since))}</span>
    </span>
  );
}

const JOB_COLUMNS: Column<LongJob>[] = [
  { head: "Job", value: ({ job }) => job.name ?? job.id, cell: ({ job }) => <Name text={job.name ?? job.id} href={href({ job: job.id })} /> },
  { head: "Mean", value: ({ runtime }) => runtime, cell: ({ runtime }) => <Duration seconds={runtime} />, isNumber: true },
  { head: "p95", value: ({ runtimes }) => runtimes.p95, cell: ({ runtimes }) => <Duration seconds={runtimes.p95} />, isNumber: true },
  { head: "Schedule (UTC)", value: ({ job }) => job.schedule, cell: ({ job }) => (job.schedule ? <code>{job.schedule}</code> : <span class="quiet">none</span>) },
];

const SOURCE_COLUMNS: Column<StaleSource>[] = [
  { head: "Source", value: (source) => `${source.project.id} ${source.sourceName}.${source.name}`, cell: (source) => <Name text={`${source.project.id}: ${source.sourceName}.${source.name}`} /> },
  { head: "State", value: ({ freshness }) => freshness.status, cell: ({ freshness }) => <span class={`status ${freshness.status === "STALE" ? "FAILURE" : "WARN"}`}>{freshness.status === "STALE" ? "✕ Stale" : "! Warning"}</span> },
  { head: "Age when checked", value: ({ freshness }) => freshness.ageSeconds, cell: ({ freshness }) => <Duration seconds={freshness.ageSeconds} />, isNumber: true },
  { head: "Newest row", value: ({ freshness }) => freshness.maxLoadedAt, cell: ({ freshness }) => <Time at={freshness.maxLoadedAt} /> },
];

const PROJECT_COLUMNS: Column<NonNullable<Account["projects"]>["nodes"][number]>[] = [
  { head: "Project", value: ({ id }) => id, cell: ({ id }) => <Name text={id} href={href({ project: id })} /> },
  { head: "Adapter", value: ({ adapterType }) => adapterType },
  { head: "Models", value: ({ modelCount }) => modelCount, isNumber: true },
  { head: "Jobs", value: ({ jobCount }) => jobCount, isNumber: true },
];
