// Models, jobs and sources by a part of their name, a run by its id.
import { computed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { href, page, change } from "../address";
import { useScreen } from "../api";
import { count, words } from "../format";
import type { SearchPageQuery, SearchPageQueryVariables } from "../operations";
import { Name } from "../parts/marks";
import { ScreenView, Section } from "../parts/screen";
import { Table, type Column } from "../parts/table";
import { useTitle } from "../parts/title";

type Hits = NonNullable<SearchPageQuery["account"]>;
interface Hit { id: string; name: string | null; project: { id: string } | null }

const variables = computed<SearchPageQueryVariables>(() => ({ text: page.value.id.trim() }));
const PAUSE = 250;

export function SearchPage() {
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  useTitle("Search");
  useEffect(() => field.current?.focus(), []);
  const onInput = (event: Event) => {
    const text = (event.target as HTMLInputElement).value;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => change({ search: text }, true), PAUSE);
  };
  const text = variables.value.text;
  return (
    <>
      <div class="head"><h1>Search</h1></div>
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label>
          Part of a name, or the id of a run{" "}
          <input ref={field} type="search" defaultValue={page.value.id} onInput={onInput} size={40} autocomplete="off" spellcheck={false} />
        </label>
      </form>
      {/^[0-9a-f-]{4,}$/i.test(text) && <p><a href={href({ run: text })}>Open run <bdi>{text}</bdi></a></p>}
      {text ? <Found /> : <p class="quiet">Type a part of a model's, a job's or a source's name, or the id of a run.</p>}
    </>
  );
}

function Found() {
  const screen = useScreen<SearchPageQuery, SearchPageQueryVariables>("search", variables);
  return <ScreenView screen={screen}>{(data) => (data.account ? <Results hits={data.account} /> : null)}</ScreenView>;
}

function Results({ hits }: { hits: Hits }) {
  const query = { document: "search", variables: variables.value };
  return (
    <div class="pair">
      <Section title="Models" note={note(hits.models?.nodes.length ?? 0, hits.models?.totalCount)} query={query}>
        <Table caption="Models" columns={columnsTo("model")} rows={hits.models?.nodes} first={20} empty="No model has this in its name." />
      </Section>
      <Section title="Jobs" note={note(hits.jobs?.nodes.length ?? 0, hits.jobs?.totalCount)} query={query}>
        <Table caption="Jobs" columns={columnsTo("job")} rows={hits.jobs?.nodes} first={20} empty="No job has this in its name." />
      </Section>
      <Section title="Sources" note={note(hits.sources?.nodes.length ?? 0, hits.sources?.totalCount)} query={query}>
        <Table caption="Sources" columns={SOURCE_COLUMNS} rows={hits.sources?.nodes} first={20} empty="No source has this in its name." />
      </Section>
    </div>
  );
}

function note(shown: number, total: number | undefined): string {
  return total !== undefined && total > shown ? `the first ${shown} of ${count(total, "hit")}` : "";
}

const SOURCE_COLUMNS: Column<NonNullable<Hits["sources"]>["nodes"][number]>[] = [
  { head: "Name", value: ({ sourceName, name }) => `${sourceName}.${name}`, cell: ({ sourceName, name }) => <Name text={`${sourceName}.${name}`} /> },
  { head: "Project", value: ({ project }) => project.id },
  { head: "When last checked", value: ({ freshness }) => words(freshness.status) },
];

function columnsTo(target: "model" | "job"): Column<Hit>[] {
  return [
    { head: "Name", value: ({ name, id }) => name ?? id, cell: ({ name, id }) => <Name text={name ?? id} href={href({ [target]: id })} /> },
    { head: "Project", value: ({ project }) => project?.id ?? null },
  ];
}
