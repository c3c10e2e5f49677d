// What changed in a model's code between two of its runs, which stand in the address.
import { computed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { change, href, parameters } from "../address";
import { useScreen } from "../api";
import { localTime, statusText } from "../format";
import { difference } from "../layout/difference";
import type { CodePageQuery, CodePageQueryVariables } from "../operations";
import { ScreenView } from "./screen";
import type { Point } from "./series_chart";

type Code = NonNullable<NonNullable<CodePageQuery["model"]>["before"]>;

/** `points` are the model's runs, oldest first. */
export function CodeDifference({ modelId, points }: { modelId: string; points: readonly Point[] }) {
  const before = parameters.value.get("before");
  const after = parameters.value.get("after") ?? points.at(-1)?.runId ?? "";
  if (points.length < 2 && before === null) return null;
  const runs = [...points].reverse();
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <RunChoice label="Compare the code of" runs={runs} chosen={before} empty="no run" choose={(run) => change({ before: run || null, after: run ? after : null })} />
        {before && <RunChoice label="with that of" runs={runs} chosen={after} choose={(run) => change({ after: run })} />}
      </form>
      {before && <Compared key={`${before} ${after}`} modelId={modelId} before={before} after={after} />}
    </>
  );
}

interface ChoiceProps {
  label: string;
  runs: readonly Point[];
  chosen: string | null;
  empty?: string;
  choose: (run: string) => void;
}

function RunChoice({ label, runs, chosen, empty, choose }: ChoiceProps) {
  const isListed = chosen === null || runs.some(({ runId }) => runId === chosen);
  return (
    <label>
      {label}{" "}
      <select value={chosen ?? ""} onChange={(event) => choose(event.currentTarget.value)}>
        {empty && <option value="">{empty}</option>}
        {!isListed && <option value={chosen}>run {chosen}</option>}
        {runs.map((run) => <option value={run.runId}>{nameOf(run)}</option>)}
      </select>
    </label>
  );
}

function nameOf({ runId, startTime, status }: Point): string {
  return `${startTime ? localTime(new Date(startTime)) : `run ${runId}`} ${statusText(status)[0]}`;
}

function Compared({ modelId, before, after }: { modelId: string; before: string; after: string }) {
  const variables = useMemo(() => computed<CodePageQueryVariables>(() => ({ id: modelId, before, after })), []);
  const screen = useScreen<CodePageQuery, CodePageQueryVariables>("code", variables);
  return (
    <ScreenView screen={screen} isSmall>
      {({ model }) => (model?.before && model.after ? <Differences before={model.before} after={model.after} runs={[before, after]} /> : <p class="empty">The code of these runs could not be read.</p>)}
    </ScreenView>
  );
}

function Differences({ before, after, runs }: { before: Code; after: Code; runs: [string, string] }) {
  return (
    <>
      <p class="quiet">− only in <a href={href({ run: runs[0] })}>run {runs[0]}</a>, + only in <a href={href({ run: runs[1] })}>run {runs[1]}</a></p>
      <Difference title="Source" before={before.rawCode} after={after.rawCode} />
      <Difference title="Compiled" before={before.compiledCode} after={after.compiledCode} />
    </>
  );
}

function Difference({ title, before, after }: { title: string; before: string | null; after: string | null }) {
  const hunks = useMemo(() => (before === null || after === null ? null : difference(before, after)), [before, after]);
  return (
    <div class="difference">
      <h3>{title}</h3>
      {hunks === null && <p class="empty">Not known of {before === null && after === null ? "both runs" : before === null ? "the first run" : "the second run"}.</p>}
      {hunks?.length === 0 && <p class="empty">The same in both runs.</p>}
      {hunks?.map((hunk) => (
        <pre class="code" tabIndex={0} aria-label={`Changes of the ${title.toLowerCase()} code`}><code>
          {hunk.map(({ sign, text }) => {
            const line = `${sign === "-" ? "−" : sign} ${text}\n`;
            return sign === "+" ? <ins>{line}</ins> : sign === "-" ? <del>{line}</del> : line;
          })}
        </code></pre>
      ))}
    </div>
  );
}
