// One request a screen: a trusted document by its id, its variables, and what became of it.
import { effect, signal, type ReadonlySignal } from "@preact/signals";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { given } from "./given";
import { partsOf, withPart, type Json } from "./parts_of";

export interface GatewayError {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string };
}

export interface Answer<Data> {
  data: Data | null;
  /** False while parts are still to come. */
  isWhole: boolean;
  /** The data as text, by which an equal answer is known. */
  text: string;
  /** The variables that it answers, as JSON. */
  variables: string;
  errors: GatewayError[];
  incomplete: { project?: string; code?: string }[];
  stale: boolean;
  oldestFactSeconds: number | null;
}

export type Screen<Data> =
  /** `isOther`: what is still shown answers other variables. */
  | { state: "loading"; answer: Answer<Data> | null; isOther: boolean }
  | { state: "ready"; answer: Answer<Data>; at: Date }
  | { state: "key"; message: string; answer: null }
  | { state: "failed"; message: string; code: string; retrySeconds: number | null; answer: Answer<Data> | null };

/** The key typed into the page. It lives in memory only. */
export const key = signal("");
/** Counts up when the page is to be asked for anew. */
export const reload = signal(0);

/** Whether the gateway has answered this page: with this key it lets us in. */
export const hasAnswer = signal(false);
/** Whether news comes by itself, over a socket. */
export const isLive = signal(false);

const REFRESH_SECONDS = 60;
/** News tells of runs alone; what else changes is read this often. */
const LIVE_REFRESH_SECONDS = 300;

/** The state of a screen, asked again when its variables, the key or `reload` change, and every minute while seen. */
export function useScreen<Data, Variables>(name: string, variables: ReadonlySignal<Variables>): ReadonlySignal<Screen<Data>> {
  const screen = useMemo(() => signal<Screen<Data>>({ state: "loading", answer: null, isOther: false }), []);
  // Before the first paint: the gateway works while the browser draws.
  useLayoutEffect(() => {
    let holder = key.peek();
    return effect(() => {
      const asked = JSON.stringify(variables.value);
      const credentials = key.value;
      reload.value;
      const isHolders = credentials === holder;
      holder = credentials;
      const shown = isHolders ? screen.peek().answer : null;
      screen.value = { state: "loading", answer: shown, isOther: shown !== null && shown.variables !== asked };
      return follow(screen, (signal) => ask<Data>(name, asked, credentials, signal));
    });
  }, []);
  return screen;
}

type Asked<Data> = (signal: AbortSignal) => AsyncGenerator<Screen<Data>>;

/** Asks now and later; ends when the returned function is called. What is shown stays until there is something new. */
function follow<Data>(screen: { value: Screen<Data>; peek(): Screen<Data> }, asked: Asked<Data>): () => void {
  const abort = new AbortController();
  let timer = 0;
  const turn = async () => {
    let wait: number | null = isLive.peek() ? LIVE_REFRESH_SECONDS : REFRESH_SECONDS;
    if (!document.hidden) {
      for await (const next of asked(abort.signal)) {
        if (abort.signal.aborted) return;
        screen.value = kept(next, screen.peek());
        if (next.state === "failed") wait = next.retrySeconds;
        if (next.state === "key") wait = null;
        if (next.state === "ready") hasAnswer.value = true;
      }
    }
    if (wait !== null) timer = setTimeout(turn, wait * 1000);
  };
  void turn();
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}

/** A failure leaves what is shown, a part never takes its place, and an equal answer leaves its data: nothing is drawn anew. */
function kept<Data>(next: Screen<Data>, shown: Screen<Data>): Screen<Data> {
  const answer = shown.answer;
  if (next.state === "failed") return { ...next, answer };
  if (next.state !== "ready" || !answer) return next;
  if (!next.answer.isWhole && answer.isWhole && answer.variables === next.answer.variables) return shown;
  return next.answer.text === answer.text ? { ...next, answer: { ...next.answer, data: answer.data } } : next;
}

const ACCEPT = "multipart/mixed;deferSpec=20220824, application/graphql-response+json, application/json;q=0.9";

async function* ask<Data>(name: string, variables: string, credentials: string, signal: AbortSignal): AsyncGenerator<Screen<Data>> {
  const headers: Record<string, string> = { "Content-Type": "application/json", Accept: ACCEPT };
  if (credentials) headers["X-API-Key"] = credentials;
  const body = `{"documentId":"sha256:${given.documents[name] ?? ""}","variables":${variables}}`;
  try {
    const response = await fetch("graphql", { method: "POST", headers, body, signal });
    yield* screensOf<Data>(response, variables);
  } catch {
    yield { state: "failed", code: "", message: "The gateway cannot be reached.", retrySeconds: 10, answer: null };
  }
}

/** One screen for each part of an answer, each with all that came before it. */
async function* screensOf<Data>(response: Response, variables: string): AsyncGenerator<Screen<Data>> {
  let whole: Json | null = null;
  for await (const part of partsOf(response)) {
    whole = whole === null ? part : joined(whole, part);
    yield screenOf<Data>(response, whole, variables);
  }
  if (whole === null) yield screenOf<Data>(response, {}, variables);
  else if (whole["hasNext"]) throw new Error("The answer ended early.");
}

function joined(whole: Json, part: Json): Json {
  let data = whole["data"];
  const errors = [...(whole["errors"] ?? []), ...(part["errors"] ?? [])];
  for (const piece of part["incremental"] ?? []) {
    data = withPart(data, piece);
    errors.push(...(piece.errors ?? []));
  }
  return { ...part, data, errors };
}

const RETRIED = new Set([408, 429, 502, 503, 504]);
const OUTDATED = new Set(["DOCUMENT_NOT_TRUSTED", "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_SUPPORTED"]);

function screenOf<Data>(response: Response, content: Json, variables: string): Screen<Data> {
  const errors: GatewayError[] = content["errors"] ?? [];
  const code = errors[0]?.extensions?.code ?? "";
  const message = errors[0]?.message ?? `The gateway answered with status ${response.status}.`;
  if (response.status === 401 || code === "UNAUTHENTICATED") return { state: "key", message, answer: null };
  if (!content["data"]) {
    if (OUTDATED.has(code)) return failed("The gateway has changed since this page was loaded. Load it again.", code, null);
    const wait = Number(response.headers.get("Retry-After")) || 10;
    return failed(message, code, RETRIED.has(response.status) ? wait : null);
  }
  const told = content["extensions"]?.gateway ?? {};
  const answer: Answer<Data> = {
    data: content["data"],
    isWhole: !content["hasNext"],
    text: JSON.stringify(content["data"]),
    variables,
    errors,
    incomplete: told.incomplete ?? [],
    stale: told.stale ?? false,
    oldestFactSeconds: told.oldestFactSeconds ?? null,
  };
  return { state: "ready", answer, at: new Date() };
}

function failed<Data>(message: string, code: string, retrySeconds: number | null): Screen<Data> {
  return { state: "failed", message, code, retrySeconds, answer: null };
}
