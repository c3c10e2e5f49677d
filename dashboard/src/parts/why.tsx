// Why a run took as long: the longest chain of dependencies, what its end waited for, and what threads waited for.
import { duration, words } from "../format";
import type { RunPageQuery } from "../operations";
import { Duration, Fact, Name } from "./marks";
import { Table, type Column } from "./table";

type Run = NonNullable<RunPageQuery["run"]>;
type Link = NonNullable<Run["observedChain"]>["links"][number];
type Blocker = NonNullable<Run["utilization"]>["blockers"][number];
type Difference = NonNullable<Run["compare"]>["differences"][number];

/** What a result or a thread waited for, as a reader says it. */
const WAITS: Record<string, string> = {
  DEPENDENCY: "a dependency",
  THREAD: "a free thread",
  SCHEDULER: "dbt to start it",
  HEAD: "the first resource",
  TAIL: "the end",
};

export function Why({ run }: { run: Run }) {
  const { timeline, criticalPath, observedChain, utilization } = run;
  if (!timeline || !observedChain) return <p class="empty">Without times nothing can be said.</p>;
  return (
    <>
      <dl class="facts">
        <Fact name="First start to last end"><Duration seconds={observedChain.wallSeconds} /></Fact>
        <Fact name="Critical path">{criticalPath ? <Duration seconds={criticalPath.runtime} /> : "not known without a manifest"}</Fact>
        {criticalPath && <Fact name="At best, with these threads"><Duration seconds={criticalPath.lowerBoundSeconds} /></Fact>}
        {utilization && <Fact name="Threads">{utilization.threads}, busy {Math.round(utilization.share * 100)} % of the time</Fact>}
        {utilization?.idle.map(({ reason, seconds }) => (
          <Fact name={`Idle for ${WAITS[reason] ?? words(reason)}`}>{duration(seconds)} <span class="quiet">of thread time</span></Fact>
        ))}
      </dl>
      {timeline.basis.missing.map((text) => <p class="quiet">Missing: {text}.</p>)}
      <div class="pair">
        <div>
          <h3>What its end waited for</h3>
          <Table caption="What its end waited for" columns={LINK_COLUMNS} rows={observedChain.links} />
        </div>
        <div>
          <h3>What idle threads waited for</h3>
          <Table caption="What idle threads waited for" columns={BLOCKER_COLUMNS} rows={utilization === null ? [] : utilization?.blockers} empty="No thread waited for a resource." />
        </div>
      </div>
    </>
  );
}

const LINK_COLUMNS: Column<Link>[] = [
  { head: "Resource", value: ({ result }) => result.name, cell: ({ result }) => <Name text={result.name} /> },
  { head: "Type", value: ({ result }) => words(result.resourceType) },
  { head: "Waited for", value: ({ waitedFor }) => WAITS[waitedFor] ?? words(waitedFor) },
  { head: "Waited", value: ({ gapSeconds }) => gapSeconds, cell: ({ gapSeconds }) => <Duration seconds={gapSeconds} />, isNumber: true },
  { head: "Ran", value: ({ runtime }) => runtime, cell: ({ runtime }) => <Duration seconds={runtime} />, isNumber: true },
];

const BLOCKER_COLUMNS: Column<Blocker>[] = [
  { head: "Resource", value: ({ result }) => result.name, cell: ({ result }) => <Name text={result.name} /> },
  { head: "Idle thread time", value: ({ idleSeconds }) => idleSeconds, cell: ({ idleSeconds }) => <Duration seconds={idleSeconds} />, isNumber: true },
];

export function Differences({ comparison }: { comparison: Run["compare"] }) {
  if (!comparison) return <p class="empty">There is no such run of this job.</p>;
  const moved = comparison.differences.filter((difference) => difference.contributionSeconds !== 0 || difference.codeChanged);
  return <Table caption="Differences" columns={DIFFERENCE_COLUMNS} rows={moved} empty="No resource moved the end of the run." />;
}

const DIFFERENCE_COLUMNS: Column<Difference>[] = [
  { head: "Resource", value: ({ uniqueId }) => uniqueId, cell: ({ uniqueId }) => <Name text={uniqueId} /> },
  { head: "Moved the end by", value: ({ contributionSeconds }) => contributionSeconds, cell: ({ contributionSeconds }) => <Signed seconds={contributionSeconds} />, isNumber: true },
  { head: "Before", value: ({ before }) => before?.runtime ?? null, cell: ({ before }) => <Duration seconds={before?.runtime} />, isNumber: true },
  { head: "Now", value: ({ after }) => after?.runtime ?? null, cell: ({ after }) => <Duration seconds={after?.runtime} />, isNumber: true },
  { head: "Code", value: ({ codeChanged }) => (codeChanged === null ? null : codeChanged ? "changed" : "the same") },
];

export function Signed({ seconds }: { seconds: number | null | undefined }) {
  if (seconds === null || seconds === undefined) return <span class="quiet">–</span>;
  return <span class={`figure ${seconds > 0 ? "slower" : seconds < 0 ? "faster" : ""}`}>{seconds > 0 ? "+" : ""}{duration(seconds)}</span>;
}
