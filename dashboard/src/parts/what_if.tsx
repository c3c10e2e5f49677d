// How long the run would take with other threads, or with one model faster: two sliders and the gateway's simulation.
import { computed, useSignal, useSignalEffect, type Signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { useScreen } from "../api";
import { duration } from "../format";
import type { WhatifPageQuery, WhatifPageQueryVariables } from "../operations";
import { ScreenView } from "./screen";

type Simulated = NonNullable<NonNullable<WhatifPageQuery["run"]>["whatIf"]>;

/** What the reader would change: threads, and the time of one model as a share of what it took. */
export interface Wish {
  threads: number;
  uniqueId: string;
  percent: number;
}

interface WhatIfProps {
  runId: string;
  threads: number;
  models: readonly { uniqueId: string; name: string }[];
  /** Set by the sliders here, and by a bar dragged in the timeline. */
  wish: Signal<Wish | null>;
}

const PAUSE = 250;

export function WhatIf({ runId, threads, models, wish }: WhatIfProps) {
  const asked = useSignal<WhatifPageQueryVariables["change"] | null>(null);
  const now = wish.value ?? { threads, uniqueId: models[0]?.uniqueId ?? "", percent: 100 };
  useSignalEffect(() => {
    const next = wish.value && changeOf(threads, wish.value);
    const timer = setTimeout(() => (asked.value = next), PAUSE);
    return () => clearTimeout(timer);
  });
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          Threads{" "}
          <input type="range" min={1} max={Math.max(16, threads * 4)} value={now.threads} onInput={(event) => (wish.value = { ...now, threads: Number(event.currentTarget.value) })} />{" "}
          <output>{now.threads}</output>
        </label>
        <label>
          Model{" "}
          <select value={now.uniqueId} onChange={(event) => (wish.value = { ...now, uniqueId: event.currentTarget.value })}>
            {models.map(({ uniqueId, name }) => <option value={uniqueId}>{name}</option>)}
          </select>
        </label>
        <label>
          takes{" "}
          <input type="range" min={0} max={200} step={5} value={now.percent} onInput={(event) => (wish.value = { ...now, percent: Number(event.currentTarget.value) })} />{" "}
          <output>{now.percent} %</output> of its time
        </label>
      </form>
      {asked.value ? <Outcome key={JSON.stringify(asked.value)} runId={runId} change={asked.value} /> : <p class="empty">Move a slider, or drag the end of a model's bar in the timeline, to see how long the run would take.</p>}
    </>
  );
}

function changeOf(threads: number, { threads: wanted, uniqueId, percent }: Wish): WhatifPageQueryVariables["change"] | null {
  const isFaster = percent !== 100 && uniqueId !== "";
  if (wanted === threads && !isFaster) return null;
  return {
    order: "AS_DBT",
    ...(wanted === threads ? {} : { threads: wanted }),
    ...(isFaster ? { speedUps: [{ uniqueId, factor: percent / 100 }] } : {}),
  };
}

function Outcome({ runId, change }: { runId: string; change: WhatifPageQueryVariables["change"] }) {
  const variables = useMemo(() => computed<WhatifPageQueryVariables>(() => ({ id: runId, change })), []);
  const screen = useScreen<WhatifPageQuery, WhatifPageQueryVariables>("whatif", variables);
  return (
    <ScreenView screen={screen} isSmall>
      {(data) => (data.run?.whatIf ? <Verdict simulated={data.run.whatIf} /> : <p class="empty">Nothing can be said of this run.</p>)}
    </ScreenView>
  );
}

const VERDICTS: Record<string, string> = {
  CLEAR: "The saving is larger than the usual difference between two runs.",
  WITHIN_NOISE: "That is less than the usual difference between two runs.",
  CANNOT_TELL: "The simulation does not reproduce this run well enough to be trusted.",
};

function Verdict({ simulated }: { simulated: Simulated }) {
  const { nowSeconds, thenSeconds, savedSeconds, noiseSeconds, verdict, basis } = simulated;
  return (
    <div aria-live="polite">
      <ul class="tiles">
        <li><strong>{duration(thenSeconds)}</strong>in place of {duration(nowSeconds)}</li>
        <li><strong>{duration(savedSeconds)}</strong>saved</li>
      </ul>
      <p>{VERDICTS[verdict] ?? verdict}{noiseSeconds !== null && <span class="quiet"> Two runs usually differ by {duration(noiseSeconds)}.</span>}</p>
      {basis.missing.map((text) => <p class="quiet">Missing: {text}.</p>)}
    </div>
  );
}
