// One run: what it did when, what failed.
import { computed, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { change, href, parameters } from "../address";
import { useScreen } from "../api";
import { count, duration, words } from "../format";
import type { Baseline, RunPageQuery, RunPageQueryVariables } from "../operations";
import { Consequences } from "../parts/consequences";
import { GanttChart, type GanttResult } from "../parts/gantt";
import { Duration, Fact, Name, StatusMark, Time } from "../parts/marks";
import { Gone, ScreenView, Section, Unread } from "../parts/screen";
import { Table, type Column } from "../parts/table";
import { WhatIf, type Wish } from "../parts/what_if";
import { Differences, Signed, Why } from "../parts/why";
import { useTitle } from "../parts/title";

type Run = NonNullable<RunPageQuery["run"]>;
type Result = NonNullable<Run["nodeResults"]>["nodes"][number];

export function RunPage({ id }: { id: string }) {
  const variables = useMemo(() => computed<RunPageQueryVariables>(() => ({ id, to: baseline.value })), [id]);
  const screen = useScreen<RunPageQuery, RunPageQueryVariables>("run", variables);
  const run = screen.value.answer?.data?.run;
  const title = run?.job?.name ?? `Run ${id}`;
  useTitle(run?.job ? `${title}, run ${id}` : title);
  return (
    <>
      <div class="head">
        <h1><bdi>{title}</bdi></h1>
        {run && <StatusMark status={run.status} />}
        {run && <p class="quiet">Run {id}{run.job && <>, <a href={href({ job: run.job.id })}>all runs of this job</a></>}</p>}
      </div>
      <ScreenView screen={screen}>
        {(data) => (data.run ? <RunView run={data.run} variables={variables.value} /> : <Gone what="run" id={id} />)}
      </ScreenView>
    </>
  );
}

function RunView({ run, variables }: { run: Run; variables: RunPageQueryVariables }) {
  const wish = useSignal<Wish | null>(null);
  const results = run.nodeResults?.nodes ?? [];
  const bars = useMemo(() => ganttResults(run), [run]);
  const failures = results.filter((result) => result.status === "FAILURE" || result.status === "WARN");
  const query = { document: "run", variables };
  const models = useMemo(() => longest(results), [run]);
  const total = run.nodeResults?.totalCount ?? results.length;
  return (
    <>
      <Section title="This run" query={query}><Facts run={run} /></Section>
      <Section title="Failures and warnings" query={query}>{run.nodeResults ? <Failures results={failures} run={run} /> : <Unread />}</Section>
      <Section title="Timeline" note={run.nodeResults && (total > results.length ? `the first ${results.length} of ${total} results` : count(total, "result"))} query={query}>
        <ul class="tiles" aria-label="Results by outcome">
          {run.nodeResults?.byStatus.map(({ status, count: number }) => <li><strong>{number}</strong><StatusMark status={status} /></li>)}
        </ul>
        {!run.nodeResults ? <Unread /> : <GanttChart results={bars} runStart={run.startTime} onStretch={(uniqueId, percent) => (wish.value = { threads: wish.peek()?.threads ?? run.utilization?.threads ?? 1, uniqueId, percent })} />}
      </Section>
      {run.utilization && (
        <Section title="What if" note="simulated by the gateway">
          <WhatIf runId={run.id} threads={run.utilization.threads} models={models} wish={wish} />
        </Section>
      )}
      <Section title="Why it took this long" query={query}><Why run={run} /></Section>
      <Section title={`Beside ${BASELINES[variables.to ?? "PREVIOUS_SUCCESS"]}`} note={comparisonNote(run)} query={query}>
        <BaselineChoice />
        <Differences comparison={run.compare} />
      </Section>
      <Section title="Results" note={run.nodeResults && count(total, "result")} query={query}>
        <Table caption="Results" columns={resultColumns(run.startTime)} rows={run.nodeResults?.nodes} empty="dbt recorded no result of this run." />
      </Section>
      <Section title="Steps" query={query}>
        <Table caption="Steps" columns={STEP_COLUMNS} rows={run.steps === null ? [] : run.steps} empty="The steps of this run are not known." />
      </Section>
    </>
  );
}

const BASELINES = { PREVIOUS_SUCCESS: "the last success before it", PREVIOUS: "the run before it", TYPICAL: "a usual run" };

/** What the run is compared with stands in the address. */
const baseline = computed<Baseline>(() => {
  const asked = (parameters.value.get("beside") ?? "").toUpperCase() as Baseline;
  return asked in BASELINES ? asked : "PREVIOUS_SUCCESS";
});

function BaselineChoice() {
  return (
    <label class="quiet">
      Compare with{" "}
      <select value={baseline.value} onChange={(event) => change({ beside: event.currentTarget.value.toLowerCase() })}>
        {Object.entries(BASELINES).map(([value, word]) => <option value={value}>{word}</option>)}
      </select>
    </label>
  );
}

function ganttResults(run: Run): GanttResult[] {
  const analysed = new Map(run.timeline?.bars.map((bar) => [bar.resultId, bar]));
  return (run.nodeResults?.nodes ?? []).map((result) => {
    const bar = analysed.get(result.id);
    return {
      ...result,
      modelId: modelId(result),
      slackSeconds: bar?.slackSeconds ?? null,
      isCritical: bar?.onCriticalPath ?? false,
      isOnChain: bar?.onObservedChain ?? false,
    };
  });
}

/** The models of the run, the longest first. */
function longest(results: readonly Result[]): Result[] {
  return results.filter(({ resourceType, runtime }) => resourceType === "MODEL" && runtime !== null).sort((a, b) => (b.runtime ?? 0) - (a.runtime ?? 0)).slice(0, 200);
}

function comparisonNote({ compare }: Run) {
  if (!compare) return null;
  return (
    <>
      <a href={href({ run: compare.base.id })}>run {compare.base.id}</a>, <Time at={compare.base.startTime} />, <Duration seconds={compare.base.runtime} />; this one <Signed seconds={compare.differenceSeconds} />
    </>
  );
}

function modelId(result: Result): string | null {
  return result.__typename === "ModelRun" ? (result.model?.id ?? null) : null;
}

function Facts({ run }: { run: Run }) {
  return (
    <dl class="facts">
      <Fact name="Started"><Time at={run.startTime} /></Fact>
      <Fact name="Ended"><Time at={run.endTime} /></Fact>
      <Fact name="Duration"><Duration seconds={run.runtime} /></Fact>
      <Fact name="In the queue"><Duration seconds={run.queueSeconds} /></Fact>
      <Fact name="Project">{run.job?.project ? <a href={href({ project: run.job.project.id })}><bdi>{run.job.project.name}</bdi></a> : "–"}</Fact>
      <Fact name="Started by">{run.trigger?.category ? words(run.trigger.category) : "–"}{run.trigger?.cause && <span class="quiet"> ({run.trigger.cause})</span>}</Fact>
      <Fact name="Commit">{run.gitSha ? <code title={run.gitSha}>{run.gitSha.slice(0, 7)}</code> : "–"}{run.gitBranch && <span class="quiet"> on {run.gitBranch}</span>}</Fact>
      <Fact name="dbt">{run.dbtVersion ?? "–"}</Fact>
      {run.url && <Fact name="In dbt Cloud"><a href={run.url} rel="noreferrer">Open this run</a></Fact>}
      {run.inferred && <Fact name="Source">derived from its models: without the Admin API times cover models only</Fact>}
    </dl>
  );
}

function Failures({ results, run }: { results: readonly Result[]; run: Run }) {
  const failures = run.failures ?? [];
  const known = new Map(failures.map((failure) => [failure.result?.id ?? "", failure]));
  const elsewhere = failures.filter(({ result }) => !result);
  if (results.length === 0 && failures.length === 0 && !run.error) return <p class="empty">✓ Nothing failed.</p>;
  return (
    <>
      {run.error && failures.length === 0 && <p class="message"><bdi>{run.error}</bdi></p>}
      {elsewhere.map((failure) => <p class="message"><bdi>{failure.message}</bdi> <Consequences failure={failure} /></p>)}
      <ul class="failures">
        {results.slice(0, 50).map((result) => (
          <li class={result.status}>
            <div class="line">
              <StatusMark status={result.status} />
              <span>{words(result.resourceType)}</span>
              <ResultName result={result} />
              {result.__typename === "TestRun" && result.failingRows !== null && <span>{count(result.failingRows, "failing row")}</span>}
              <Duration seconds={result.runtime} />
              {known.has(result.id) && <Consequences failure={known.get(result.id)!} />}
            </div>
            {result.message && <pre class="message" tabIndex={0}><bdi>{result.message}</bdi></pre>}
          </li>
        ))}
      </ul>
      {results.length > 50 && <p class="quiet">{results.length - 50} more are in the table below.</p>}
    </>
  );
}

function ResultName({ result }: { result: Result }) {
  const model = modelId(result);
  return model ? <Name text={result.name} href={href({ model })} /> : <Name text={result.name} />;
}

function resultColumns(runStart: string | null): Column<Result>[] {
  const after = (time: string | null) => (time && runStart ? (Date.parse(time) - Date.parse(runStart)) / 1000 : null);
  return [
  { head: "Name", value: ({ name }) => name, cell: (result) => <ResultName result={result} /> },
  { head: "Type", value: ({ resourceType }) => words(resourceType) },
  { head: "Outcome", value: ({ status }) => status, cell: ({ status }) => <StatusMark status={status} /> },
  { head: "Began after", value: ({ startTime }) => after(startTime), cell: ({ startTime }) => <span title={startTime ?? ""}><Duration seconds={after(startTime)} /></span>, isNumber: true },
  { head: "Duration", value: ({ runtime }) => runtime, cell: ({ runtime }) => <Duration seconds={runtime} />, isNumber: true },
  { head: "Thread", value: ({ thread }) => thread?.replace(/ \(worker\)$/, "") ?? null },
  ];
}

const STEP_COLUMNS: Column<NonNullable<Run["steps"]>[number]>[] = [
  { head: "Step", value: ({ index }) => index, isNumber: true },
  { head: "Command", value: ({ name }) => name, cell: ({ name }) => <code>{name}</code> },
  { head: "Outcome", value: ({ status }) => status, cell: ({ status }) => <StatusMark status={status} /> },
  { head: "Duration", value: ({ runtime }) => runtime, cell: ({ runtime }) => <span title={duration(runtime)}><Duration seconds={runtime} /></span>, isNumber: true },
];
