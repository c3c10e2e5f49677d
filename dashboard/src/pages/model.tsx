// One model: how long it takes and since when, its tests, freshness, lineage, code.
import { computed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { change, href, parameters } from "../address";
import { useScreen } from "../api";
import { words } from "../format";
import type { ModelPageQuery, ModelPageQueryVariables } from "../operations";
import { CodeDifference } from "../parts/code_difference";
import { CopyButton } from "../parts/copy";
import { History } from "../parts/history";
import { LineageView } from "../parts/lineage";
import { Duration, Fact, Name, StatusMark, Time } from "../parts/marks";
import { Gone, ScreenView, Section, Unread } from "../parts/screen";
import { Table, type Column } from "../parts/table";
import { useTitle } from "../parts/title";

type Model = NonNullable<ModelPageQuery["model"]>;
type Test = NonNullable<Model["tests"]>[number];

export function ModelPage({ id }: { id: string }) {
  const variables = useMemo(() => computed<ModelPageQueryVariables>(() => ({ id, job: parameters.value.get("of"), depth: depth() })), [id]);
  const screen = useScreen<ModelPageQuery, ModelPageQueryVariables>("model", variables);
  const model = screen.value.answer?.data?.model;
  useTitle(id);
  return (
    <>
      <div class="head">
        <h1><bdi>{model?.name ?? id}</bdi></h1>
        <p class="quiet"><bdi>{model?.uniqueId ?? ""}</bdi></p>
      </div>
      <ScreenView screen={screen}>
        {(data) => (data.model ? <ModelView model={data.model} query={{ document: "model", variables: variables.value }} /> : <Gone what="model" id={id} />)}
      </ScreenView>
    </>
  );
}

function ModelView({ model, query }: { model: Model; query: { document: string; variables: unknown } }) {
  const job = model.runtimeSeries?.job;
  return (
    <>
      <Section title="This model" query={query}><Facts model={model} /></Section>
      <Section title="Runtime over time" note={job ? <>in runs of <a href={href({ job: job.id })}><bdi>{job.name ?? job.id}</bdi></a></> : null} query={query}>
        <JobChoice jobs={model.jobs?.nodes ?? []} chosen={job?.id ?? null} />
        <History series={model.runtimeSeries} label={`Runtimes of ${model.name}`} codeHref={(before, after) => href({ model: model.id, ...(job ? { of: job.id } : {}), before, after })} />
      </Section>
      <div class="pair">
        <Section title="Tests" query={query}><Table caption="Tests" columns={TEST_COLUMNS} rows={model.tests} empty="No test looks at this model." /></Section>
        <Section title="Freshness of its sources" query={query}><Freshness model={model} /></Section>
      </div>
      <Section title="Lineage" note="sources on the left; the bar is a model's runtime" query={query}>
        <DepthChoice />
        {!model.lineage ? <Unread /> : model.lineage.resources.length > 0 ? <LineageView lineage={model.lineage} start={model.id} /> : <p class="empty">Nothing is known around it.</p>}
      </Section>
      <Section title="Code" note={model.filePath} query={query}>
        <CodeDifference modelId={model.id} points={model.runtimeSeries?.points ?? []} />
        <Code title="Source" text={model.rawCode} isOpen />
        <Code title="Compiled" text={model.compiledCode} isOpen={false} />
      </Section>
    </>
  );
}

function Facts({ model }: { model: Model }) {
  return (
    <>
      {model.description && <p><bdi>{model.description}</bdi></p>}
      <dl class="facts">
        <Fact name="Last attempt">
          {model.lastRun ? <><StatusMark status={model.lastRun.status} /> <a href={href({ run: model.lastRun.runId })}><Time at={model.lastRun.startTime} /></a></> : "never"}
        </Fact>
        <Fact name="Last success">{model.lastSuccess ? <><Duration seconds={model.lastSuccess.runtime} />, <a href={href({ run: model.lastSuccess.runId })}><Time at={model.lastSuccess.startTime} /></a></> : "never"}</Fact>
        <Fact name="Project"><a href={href({ project: model.project.id })}><bdi>{model.project.name}</bdi></a></Fact>
        <Fact name="Materialization">{model.materialization ?? "–"}</Fact>
        <Fact name="Tags">{model.tags.length ? model.tags.map((tag, place) => <>{place > 0 && ", "}<a href={href({ tag })}><bdi>{tag}</bdi></a></>) : "–"}</Fact>
        <Fact name="Owner">{model.owner?.name ?? model.owner?.email ?? "–"}</Fact>
        <Fact name="Relation" isWide><code>{model.relationName ?? "–"}</code></Fact>
      </dl>
      {model.lastRun?.error && <pre class="message" tabIndex={0}><bdi>{model.lastRun.error}</bdi></pre>}
    </>
  );
}

const DEPTHS = [1, 2, 3, 5, 50];

function depth(): number {
  const asked = Number(parameters.value.get("depth"));
  return DEPTHS.includes(asked) ? asked : 2;
}

function DepthChoice() {
  return (
    <label class="quiet">
      Levels each way{" "}
      <select value={depth()} onChange={(event) => change({ depth: event.currentTarget.value })}>
        {DEPTHS.map((levels) => <option value={levels}>{levels === 50 ? "all" : levels}</option>)}
      </select>
    </label>
  );
}

function JobChoice({ jobs, chosen }: { jobs: readonly { id: string; name: string | null }[]; chosen: string | null }) {
  if (jobs.length < 2) return null;
  return (
    <label class="quiet">
      Job{" "}
      <select value={chosen ?? ""} onChange={(event) => change({ of: event.currentTarget.value })}>
        {jobs.map((job) => <option value={job.id}>{job.name ?? job.id}</option>)}
      </select>
    </label>
  );
}

function Freshness({ model }: { model: Model }) {
  const sources = model.freshness?.sources ?? [];
  return <Table caption="Sources" columns={SOURCE_COLUMNS} rows={sources} empty="It stands on no source." />;
}

function Code({ title, text, isOpen }: { title: string; text: string | null; isOpen: boolean }) {
  if (!text) return <p class="empty">{title} code is not known.</p>;
  return (
    <details open={isOpen}>
      <summary>{title}</summary>
      <pre class="code" tabIndex={0}><code>{text}</code></pre>
      <p class="tools"><CopyButton label="Copy" text={() => text} /></p>
    </details>
  );
}

const TEST_COLUMNS: Column<Test>[] = [
  { head: "Test", value: ({ name }) => name, cell: ({ name, error }) => <><Name text={name} />{error && <p class="message quiet"><bdi>{error}</bdi></p>}</> },
  { head: "Outcome", value: ({ status }) => status, cell: ({ status }) => (status ? <StatusMark status={status} /> : <span class="quiet">never ran</span>) },
  { head: "Failing rows", value: ({ failingRows }) => failingRows, isNumber: true },
  { head: "Last run", value: ({ lastRunTime }) => lastRunTime, cell: ({ lastRunTime }) => <Time at={lastRunTime} /> },
];

const SOURCE_COLUMNS: Column<NonNullable<Model["freshness"]>["sources"][number]>[] = [
  { head: "Source", value: (source) => `${source.sourceName}.${source.name}`, cell: (source) => <Name text={`${source.sourceName}.${source.name}`} /> },
  { head: "State", value: ({ freshness }) => words(freshness.status) },
  { head: "Age when checked", value: ({ freshness }) => freshness.ageSeconds, cell: ({ freshness }) => <Duration seconds={freshness.ageSeconds} />, isNumber: true },
];
