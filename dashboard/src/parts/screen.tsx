// The frame of every page: waiting, failed, partly there, or there. Whatever the state, the page says what it is.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ReadonlySignal } from "@preact/signals";
import { key, reload, type Answer, type GatewayError, type Screen } from "../api";
import { given } from "../given";
import { count, duration } from "../format";

interface ScreenProps<Data> {
  screen: ReadonlySignal<Screen<Data>>;
  children: (data: Data, answer: Answer<Data>) => ComponentChildren;
  /** Part of a page: waiting is one line. */
  isSmall?: boolean;
}

export function ScreenView<Data>({ screen, children, isSmall = false }: ScreenProps<Data>) {
  const now = screen.value;
  if (now.state === "key") return <KeyForm message={now.message} />;
  const data = now.answer?.data ?? null;
  return (
    <>
      {now.state === "failed" && <Failed message={now.message} code={now.code} retrySeconds={now.retrySeconds} />}
      {now.state === "loading" && data === null && (isSmall ? <p role="status">Loading …</p> : <Waiting />)}
      {now.answer && <Missing answer={now.answer} />}
      {now.answer && data !== null && (
        <div class={now.state === "loading" && now.isOther ? "content busy" : "content"} aria-busy={now.state === "loading"}>{children(data, now.answer)}</div>
      )}
    </>
  );
}

export function Waiting() {
  return (
    <div class="waiting" role="status">
      <p>Loading …</p>
      <div class="bone" /><div class="bone" /><div class="bone" />
    </div>
  );
}

function Failed({ message, code, retrySeconds }: { message: string; code: string; retrySeconds: number | null }) {
  return (
    <div class="notice bad" role="alert">
      <p>
        <strong>{message}</strong> {code && <code>{code}</code>}
      </p>
      <p>
        {retrySeconds !== null && `Trying again in ${count(Math.ceil(retrySeconds), "second")}. `}
        <button type="button" onClick={() => (reload.value += 1)}>Try again</button>
      </p>
    </div>
  );
}

/** What could not be read is named, and the rest is shown. */
function Missing({ answer }: { answer: Answer<unknown> }) {
  const projects = [...new Set(answer.incomplete.flatMap(({ project }) => (project ? [project] : [])))];
  const messages = [...new Set(answer.errors.filter((error) => !isGone(error, answer.data)).map(({ message }) => message))];
  return (
    <>
      {(projects.length > 0 || messages.length > 0) && (
        <div class="notice warn" role="status">
          <p>
            <strong>{projects.length ? `Missing from this page: ${projects.join(", ")}.` : "Part of this page is missing."}</strong>
          </p>
          {messages.slice(0, 5).map((message) => <p><bdi>{message}</bdi></p>)}
        </div>
      )}
      {answer.stale && (
        <p class="notice" role="status">dbt could not be reached: these facts are {duration(answer.oldestFactSeconds)} old.</p>
      )}
    </>
  );
}

/** That there is no such thing is what the page itself says. */
function isGone({ path, extensions }: GatewayError, data: unknown): boolean {
  const root = path?.length === 1 ? path[0] : undefined;
  return extensions?.code === "NOT_FOUND" && root !== undefined && (data as Record<string, unknown> | null)?.[root] === null;
}

/** A key is kept in memory: closing or loading the page forgets it. */
function KeyForm({ message }: { message: string }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    key.value = field.current?.value.trim() ?? "";
    reload.value += 1;
  };
  return (
    <form class="notice" onSubmit={submit}>
      <p><strong>{message}</strong></p>
      <p>
        <label>
          API key <input ref={field} type="password" autocomplete="off" spellcheck={false} required />
        </label>{" "}
        <button type="submit">Show the pages</button>
      </p>
      <p class="quiet">It stays in the memory of this page and is forgotten when you close it.</p>
    </form>
  );
}

/** In place of what the answer lacks: it failed, or a gateway of another version does not have it. */
export function Unread() {
  return <p class="empty">! This could not be read.</p>;
}

/** A part of the answer that comes later: what it shows once there, that it is on its way, or that it could not be read. */
export function Later<Part>({ part, isWhole, isTall = false, children }: LaterProps<Part>) {
  if (part) return <>{children(part)}</>;
  return isWhole ? <Unread /> : <p class={isTall ? "later tall" : "later"} role="status">Loading …</p>;
}

interface LaterProps<Part> {
  part: Part | null | undefined;
  isWhole: boolean;
  /** It takes much room, which is kept for it. */
  isTall?: boolean;
  children: (part: Part) => ComponentChildren;
}

interface SectionProps {
  title: string;
  note?: ComponentChildren;
  children: ComponentChildren;
  query?: { document: string; variables: unknown };
}

/** One picture or table with its heading, and a link to the query behind it. */
export function Section({ title, note, children, query }: SectionProps) {
  return (
    <section aria-label={title}>
      <header>
        <h2>{title}</h2>
        {note && <p class="quiet">{note}</p>}
        {query && given.explorer && <a class="query" href={graphiqlLink(query)} title="Open the query in GraphiQL">Query</a>}
      </header>
      {children}
    </section>
  );
}

function graphiqlLink({ document, variables }: { document: string; variables: unknown }): string {
  return `graphiql?${new URLSearchParams({ document, variables: JSON.stringify(variables) })}`;
}

export function Gone({ what, id }: { what: string; id: string }) {
  return (
    <div class="notice">
      <p>There is no {what} <code><bdi>{id}</bdi></code> here, or you may not see it.</p>
      <p><a href="?">Back to the account</a></p>
    </div>
  );
}
