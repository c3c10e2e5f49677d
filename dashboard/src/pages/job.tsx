// One job: its runs over time, and each model in them.
import { computed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { href } from "../address";
import { useScreen } from "../api";
import { changeText, words } from "../format";
import { heatLayout, type HeatRow } from "../layout/heat";
import type { JobPageQuery, JobPageQueryVariables } from "../operations";
import { HeatMap } from "../parts/heat_map";
import { History } from "../parts/history";
import { Duration, Fact, Name, StatusMark, Time } from "../parts/marks";
import { Gone, ScreenView, Section } from "../parts/screen";
import { Table, type Column } from "../parts/table";
import { useTitle } from "../parts/title";

type Job = NonNullable<JobPageQuery["job"]>;
type Run = NonNullable<Job["runs"]>["nodes"][number];

export function JobPage({ id }: { id: string }) {
  const variables = useMemo(() => computed<JobPageQueryVariables>(() => ({ id })), [id]);
  const screen = useScreen<JobPageQuery, JobPageQueryVariables>("job", variables);
  const name = screen.value.answer?.data?.job?.name ?? `Job ${id}`;
  useTitle(name);
  return (
    <>
      <div class="head"><h1><bdi>{name}</bdi></h1><p class="quiet">Job {id}</p></div>
      <ScreenView screen={screen}>
        {(data) => (data.job ? <JobView job={data.job} /> : <Gone what="job" id={id} />)}
      </ScreenView>
    </>
  );
}

function JobView({ job }: { job: Job }) {
  const query = { document: "job", variables: { id: job.id } };
  const runs = job.runs?.nodes ?? [];
  const heat = useMemo(() => heatLayout(job.matrix ?? [], runs), [job]);
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
      <Section title="Models in each run" note={`the last ${heat.runs.length} completed runs`} query={query}>
        <HeatMap heat={heat} />
        <details>
          <summary>As a table</summary>
          <Table caption="Models in each run" columns={HEAT_COLUMNS} rows={heat.rows} />
        </details>
      </Section>
      <Section title="Runs" query={query}>
        <Table caption="Runs" columns={RUN_COLUMNS} rows={runs} empty="This job has not run yet." />
      </Section>
    </>
  );
}

const HEAT_COLUMNS: Column<HeatRow>[] = [
  { head: "Model", value: ({ modelId }) => modelId, cell: ({ modelId }) => <Name text={modelId} href={href({ model: modelId })} /> },
  { head: "Runs", value: ({ cells }) => cells.filter(Boolean).length, isNumber: true },
  { head: "Median", value: ({ median }) => median, cell: ({ median }) => <Duration seconds={median} />, isNumber: true },
  { head: "Last", value: ({ last }) => last, cell: ({ last }) => <Duration seconds={last} />, isNumber: true },
  { head: "Last beside median", value: ({ last, median }) => (last === null ? null : last / median), cell: ({ last, median }) => (last === null ? "–" : changeText(median, last)), isNumber: true },
];

const RUN_COLUMNS: Column<Run>[] = [
  { head: "Run", value: ({ id }) => id, cell: ({ id }) => <a href={href({ run: id })}>{id}</a> },
  { head: "Outcome", value: ({ status }) => status, cell: ({ status }) => <StatusMark status={status} /> },
  { head: "Started", value: ({ startTime }) => startTime, cell: ({ startTime }) => <Time at={startTime} /> },
  { head: "Duration", value: ({ runtime }) => runtime, cell: ({ runtime }) => <Duration seconds={runtime} />, isNumber: true },
  { head: "In the queue", value: ({ queueSeconds }) => queueSeconds, cell: ({ queueSeconds }) => <Duration seconds={queueSeconds} />, isNumber: true },
];
