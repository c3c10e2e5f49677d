// What came of many runs: what got slower, what was broken, what flips, which builds changed nothing.
import { href } from "../address";
import { changeText, count, duration, words } from "../format";
import type { AccountPageQuery } from "../operations";
import { Cause } from "./cause";
import { Duration, ModelName, Name, Time } from "./marks";
import { Table, type Column } from "./table";

type Account = NonNullable<AccountPageQuery["account"]>;
type Regression = NonNullable<Account["regressions"]>["nodes"][number];
type FlakyResource = NonNullable<Account["flaky"]>[number];
type Incident = NonNullable<Account["incidents"]>["nodes"][number];
type WastedBuild = NonNullable<Account["wastedBuilds"]>["models"][number];

export function Regressions({ regressions }: { regressions: NonNullable<Account["regressions"]> }) {
  const { nodes, totalCount, expectedFalseAlarms, basis } = regressions;
  const falseAlarms = Number(expectedFalseAlarms.toPrecision(2));
  return (
    <>
      <Table caption="What got slower" columns={REGRESSION_COLUMNS} rows={nodes} empty="✓ Nothing got slower for good." />
      {totalCount > nodes.length && <p class="quiet">{count(totalCount - nodes.length, "more change")} cost less time a day.</p>}
      {nodes.length > 0 && <p class="quiet">Of suspected changes, {falseAlarms} in this time are expected to be chance.</p>}
      <Missing texts={basis.missing} />
    </>
  );
}

/** What a list could not look at. */
function Missing({ texts }: { texts: readonly string[] }) {
  return <>{texts.map((text) => <p class="quiet">Missing: {text}.</p>)}</>;
}

const REGRESSION_COLUMNS: Column<Regression>[] = [
  { head: "Model or job", value: ({ model, job }) => model?.id ?? job?.name ?? job?.id ?? null, cell: (change) => <Slower change={change} /> },
  { head: "Change", value: ({ beforeSeconds, afterSeconds }) => afterSeconds / beforeSeconds, cell: ({ beforeSeconds, afterSeconds }) => <span class="slower">{changeText(beforeSeconds, afterSeconds)}</span>, isNumber: true },
  { head: "Before", value: ({ beforeSeconds }) => beforeSeconds, cell: ({ beforeSeconds }) => <Duration seconds={beforeSeconds} />, isNumber: true },
  { head: "Now", value: ({ afterSeconds }) => afterSeconds, cell: ({ afterSeconds }) => <Duration seconds={afterSeconds} />, isNumber: true },
  { head: "Costs a day", value: ({ secondsPerDay }) => secondsPerDay, cell: ({ secondsPerDay }) => <Duration seconds={secondsPerDay} />, isNumber: true },
  { head: "Since", value: ({ since }) => since, cell: ({ since, firstRun }) => (firstRun ? <a href={href({ run: firstRun.id })}><Time at={since} /></a> : <Time at={since} />) },
  { head: "Cause", value: ({ cause }) => cause && words(cause), cell: (change) => <Cause {...change} /> },
  { head: "Certainty", value: ({ certainty }) => words(certainty) },
  { head: "Commits", value: ({ lastGoodSha, firstBadSha }) => (lastGoodSha && firstBadSha ? `${lastGoodSha}..${firstBadSha}` : null), cell: (change) => <Commits change={change} /> },
];

function Slower({ change: { model, job } }: { change: Regression }) {
  if (model) return <Name text={model.id} href={href({ model: model.id, ...(job ? { of: job.id } : {}) })} />;
  return job ? <>job <Name text={job.name ?? job.id} href={href({ job: job.id })} /></> : <span class="quiet">no longer defined</span>;
}

function Commits({ change: { lastGoodSha, firstBadSha } }: { change: Regression }) {
  if (!lastGoodSha || !firstBadSha) return <span class="quiet">–</span>;
  if (lastGoodSha === firstBadSha) return <span class="quiet">the same before and after</span>;
  return <code title={`${lastGoodSha}..${firstBadSha}`}>{lastGoodSha.slice(0, 7)}..{firstBadSha.slice(0, 7)}</code>;
}

export function Flaky({ flaky }: { flaky: NonNullable<Account["flaky"]> }) {
  return <Table caption="Flaky" columns={FLAKY_COLUMNS} rows={flaky} empty="✓ Nothing fails and passes by turns." />;
}

const FLAKY_COLUMNS: Column<FlakyResource>[] = [
  { head: "Resource", value: ({ resource, uniqueId }) => resource?.name ?? uniqueId, cell: (row) => <ResourceName {...row} /> },
  { head: "Type", value: ({ resource }) => (resource ? words(resource.resourceType) : null) },
  { head: "Flips", value: ({ flips }) => flips, isNumber: true },
  { head: "Of attempts", value: ({ attempts }) => attempts, isNumber: true },
  { head: "Newest flip", value: ({ lastFlip }) => lastFlip?.startTime ?? null, cell: ({ lastFlip }) => (lastFlip ? <a href={href({ run: lastFlip.id })}><Time at={lastFlip.startTime} /></a> : <span class="quiet">–</span>) },
  { head: "Why", value: ({ unstableData }) => (unstableData ? "new data upstream" : null) },
];

interface Named {
  uniqueId: string;
  resource: { __typename?: string; id: string; name: string } | null;
}

function ResourceName({ uniqueId, resource }: Named) {
  if (!resource) return <Name text={uniqueId} />;
  return resource.__typename === "Model" ? <Name text={resource.name} href={href({ model: resource.id })} /> : <Name text={resource.name} />;
}

export function Incidents({ incidents }: { incidents: NonNullable<Account["incidents"]> }) {
  const { nodes, totalCount, medianRepairSeconds } = incidents;
  const open = nodes.filter(({ repairedAt }) => repairedAt === null).length;
  return (
    <>
      {nodes.length > 0 && (
        <p>
          {open > 0 ? `✕ ${count(open, "resource")} broken now.` : "✓ Nothing is broken now."}
          {medianRepairSeconds !== null && ` Half of all were repaired within ${duration(medianRepairSeconds)}.`}
        </p>
      )}
      <Table caption="Broken and repaired" columns={INCIDENT_COLUMNS} rows={nodes} empty="✓ Nothing was broken." />
      {totalCount > nodes.length && <p class="quiet">{count(totalCount - nodes.length, "older one")}.</p>}
    </>
  );
}

const INCIDENT_COLUMNS: Column<Incident>[] = [
  { head: "Resource", value: ({ resource, uniqueId }) => resource?.name ?? uniqueId, cell: (row) => <ResourceName {...row} /> },
  { head: "Broken", value: ({ brokenAt }) => brokenAt, cell: ({ brokenAt, firstFailure }) => (firstFailure ? <a href={href({ run: firstFailure.runId })}><Time at={brokenAt} /></a> : <Time at={brokenAt} />) },
  { head: "Repaired", value: ({ repairedAt }) => repairedAt, cell: ({ repairedAt }) => (repairedAt ? <Time at={repairedAt} /> : <span class="status FAILURE">✕ not yet</span>) },
  { head: "For", value: ({ brokenSeconds }) => brokenSeconds, cell: ({ brokenSeconds }) => <Duration seconds={brokenSeconds} />, isNumber: true },
];

export function Waste({ waste }: { waste: NonNullable<Account["wastedBuilds"]> }) {
  const { buildsPerDay, weightedSecondsPerDay, costPerDay, reuse, models, basis } = waste;
  return (
    <>
      {buildsPerDay !== null && (
        <ul class="tiles">
          <li><strong>{Number(buildsPerDay.toFixed(1)).toLocaleString()}</strong>builds a day</li>
          <li><strong>{duration(weightedSecondsPerDay)}</strong>of busy time a day</li>
          {costPerDay && <li><strong>{costPerDay.amount.toFixed(2)} {costPerDay.currency}</strong>a day, estimated</li>}
          {reuse.resultCount > 0 && <li><strong>{duration(reuse.savedSeconds)}</strong>saved by {count(reuse.resultCount, "reused result")}</li>}
        </ul>
      )}
      <Table caption="Wasted builds" columns={WASTE_COLUMNS} rows={models} first={5} empty={buildsPerDay === null ? "Not known." : "✓ Every build had something new to read."} />
      <Missing texts={basis.missing} />
    </>
  );
}

const WASTE_COLUMNS: Column<WastedBuild>[] = [
  { head: "Model", value: ({ model, uniqueId }) => model?.id ?? uniqueId, cell: ({ model, uniqueId }) => <ModelName id={model?.id ?? null} uniqueId={uniqueId} /> },
  { head: "Builds", value: ({ buildCount }) => buildCount, isNumber: true },
  { head: "Busy time", value: ({ weightedSeconds }) => weightedSeconds, cell: ({ weightedSeconds }) => <Duration seconds={weightedSeconds} />, isNumber: true },
  { head: "Certainty", value: ({ certainty }) => words(certainty) },
];
