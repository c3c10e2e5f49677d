// One job: its runs over time, and each model in them.
import { computed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { href } from "../address";
import { useScreen } from "../api";
import { changeText, words } from "../format";
import { heatOf, type HeatRow } from "../layout/heat";
import type { JobPageQuery, JobPageQueryVariables } from "../operations";
import { HeatMap } from "../parts/heat_map";
import { History } from "../parts/history";
import { Duration, Fact, ModelName, Name, StatusMark, Time } from "../parts/marks";
import { Gone, ScreenView, Section, Unread } from "../parts/screen";
import { Table, type Column } from "../parts/table";
import { useTitle } from "../parts/title";
import { Windowed } from "../parts/windowed";
import { WINDOW_DAYS, lastDays } from "../window";

type Job = NonNullable<JobPageQuery["job"]>;
type Concurrency = NonNullable<JobPageQuery["account"]>["concurrency"];
type Run = NonNullable<Job["runs"]>["nodes"][number];

export function JobPage({ id }: { id: string }) {
  const variables = useMemo(() => computed<JobPageQueryVariables>(() => ({ id, ...lastDays() })), [id]);
  const screen = useScreen<JobPageQuery, JobPageQueryVariables>("job", variables);
  const name = screen.value.answer?.data?.job?.name ?? `Job ${id}`;
  useTitle(name);
  return (
    <>
      <div class="head"><h1><bdi>{name}</bdi></h1>{screen.value.answer?.data?.job?.name && <p class="quiet">Job {id}</p>}</div>
      <ScreenView screen={screen}>
        {({ job, account }, answer) => job ? (
          <Windowed answer={answer} newest={account?.runs?.nodes[0]?.startTime}>
            <JobView job={job} concurrency={account?.concurrency ?? null} variables={variables.value} />
          </Windowed>
        ) : <Gone what="job" id={id} />}
      </ScreenView>
    </>
  );
}

function JobView({ job, concurrency, variables }: { job: Job; concurrency: Concurrency; variables: JobPageQueryVariables }) {
  const query = { document: "job", variables };
  const heat = useMemo(() => heatOf(job.runMatrix ?? { runs: [], rows: [] }), [job]);
  const leftOut = job.runMatrix?.leftOut ?? 0;
  return (
    <>
      <Section title="This job" query={query}>
        {job.description && <p><bdi>{job.description}</bdi></p>}
        <dl class="facts">
          <Fact name="Project">{job.project ? <a href={href({ project: job.project.id })}><bdi>{job.project.name}</bdi></a> : "–"}</Fact>
          <Fact name="Kind">{job.kind ? words(job.kind) : "–"}</Fact>
          <Fact name="Schedule (UTC)">{job.schedule ? <code>{job.schedule}</code> : "none"}</Fact>
          <Fact name="Commands" isWide>{job.steps.map((step) => <div><code>{step}</code></div>)}</Fact>
        </dl>
      </Section>
      <Section title="Duration over time" query={query}>
        <History series={job.runtimeSeries} label={`Durations of ${job.name ?? job.id}`} />
      </Section>
      <Section title="Models in each run" note={`the last ${heat.runs.length} completed runs${leftOut ? `, the slowest ${heat.rows.length} of ${heat.rows.length + leftOut} models` : ""}`} query={query}>
        {job.runMatrix ? <HeatMap heat={heat} /> : <Unread />}
        <details>
          <summary>As a table</summary>
          <Table caption="Models in each run" columns={HEAT_COLUMNS} rows={heat.rows} />
        </details>
      </Section>
      <div class="pair">
        <Section title="Often on the critical path" note="in its last 20 completed runs" query={query}>
          <Table caption="Often on the critical path" columns={CRITICAL_COLUMNS} rows={job.oftenCritical} empty="No run has times and a manifest." />
        </Section>
        <Section title="Overlap and queue" note={`${WINDOW_DAYS} days`} query={query}>
          {concurrency ? <Overlap row={concurrency.jobs.find(({ jobId }) => jobId === job.id)} /> : <Unread />}
        </Section>
      </div>
      <Section title="Runs" query={query}>
        <Table caption="Runs" columns={RUN_COLUMNS} rows={job.runs?.nodes} empty="This job has not run yet." />
      </Section>
    </>
  );
}

function Overlap({ row }: { row: NonNullable<Concurrency>["jobs"][number] | undefined }) {
  if (!row) return <p class="empty">No run of this job began in this time.</p>;
  return (
    <>
      <p class={row.isOverScheduled ? "slower" : ""}>
        {row.isOverScheduled ? "! Over-scheduled: " : ""}{Math.round(row.overScheduledShare * 100)} % of its runs had not ended when the next one was created.
      </p>
      <dl class="facts">
        <Fact name="Together with other jobs"><Duration seconds={row.overlapSeconds} /></Fact>
        <Fact name="In the queue, median"><Duration seconds={row.queue?.p50} /></Fact>
        <Fact name="In the queue, p95"><Duration seconds={row.queue?.p95} /></Fact>
        <Fact name="Preparation, median"><Duration seconds={row.preparation?.p50} /></Fact>
      </dl>
    </>
  );
}

const HEAT_COLUMNS: Column<HeatRow>[] = [
  { head: "Model", value: ({ name }) => name, cell: ({ name, modelId }) => <Name text={name} {...(modelId ? { href: href({ model: modelId }) } : {})} /> },
  { head: "Runs", value: ({ cells }) => cells.filter((cell) => typeof cell?.runtime === "number").length, isNumber: true },
  { head: "Median", value: ({ median }) => median, cell: ({ median }) => <Duration seconds={median} />, isNumber: true },
  { head: "Last", value: ({ last }) => last, cell: ({ last }) => <Duration seconds={last} />, isNumber: true },
  { head: "Last beside median", value: ({ last, median }) => (last === null || !median ? null : last / median), cell: ({ last, median }) => (last === null || !median ? "–" : changeText(median, last)), isNumber: true },
];

const CRITICAL_COLUMNS: Column<NonNullable<Job["oftenCritical"]>[number]>[] = [
  { head: "Model", value: ({ uniqueId, model }) => model?.id ?? uniqueId, cell: ({ uniqueId, model }) => <ModelName id={model?.id ?? null} uniqueId={uniqueId} /> },
  { head: "On the path", value: ({ share }) => share, cell: ({ share }) => `${Math.round(share * 100)} % of runs`, isNumber: true },
  { head: "Mean there", value: ({ meanSeconds }) => meanSeconds, cell: ({ meanSeconds }) => <Duration seconds={meanSeconds} />, isNumber: true },
];

const RUN_COLUMNS: Column<Run>[] = [
  { head: "Run", value: ({ id }) => id, cell: ({ id }) => <a href={href({ run: id })}>{id}</a> },
  { head: "Outcome", value: ({ status }) => status, cell: ({ status }) => <StatusMark status={status} /> },
  { head: "Started", value: ({ startTime }) => startTime, cell: ({ startTime }) => <Time at={startTime} /> },
  { head: "Duration", value: ({ runtime }) => runtime, cell: ({ runtime }) => <Duration seconds={runtime} />, isNumber: true },
  { head: "In the queue", value: ({ queueSeconds }) => queueSeconds, cell: ({ queueSeconds }) => <Duration seconds={queueSeconds} />, isNumber: true },
];
