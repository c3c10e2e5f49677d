// One request a screen: a trusted document by its id, its variables, and what became of it.
import { effect, signal, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { given } from "./given";

export interface GatewayError {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string };
}

export interface Answer<Data> {
  data: Data | null;
  errors: GatewayError[];
  incomplete: { project?: string; code?: string }[];
  stale: boolean;
  oldestFactSeconds: number | null;
}

export type Screen<Data> =
  | { state: "loading"; answer: Answer<Data> | null }
  | { state: "ready"; answer: Answer<Data>; at: Date }
  | { state: "key"; message: string; answer: null }
  | { state: "failed"; message: string; code: string; retrySeconds: number | null; answer: Answer<Data> | null };

/** The key typed into the page. It lives in memory only. */
export const key = signal("");
/** Counts up when the page is to be asked for anew. */
export const reload = signal(0);

const REFRESH_SECONDS = 60;

/** The state of a screen, asked again when its variables, the key or `reload` change, and every minute while seen. */
export function useScreen<Data, Variables>(name: string, variables: ReadonlySignal<Variables>): ReadonlySignal<Screen<Data>> {
  const screen = useMemo(() => signal<Screen<Data>>({ state: "loading", answer: null }), []);
  useEffect(() => {
    let last = "";
    return effect(() => {
      const asked = JSON.stringify(variables.value);
      const headers = key.value;
      reload.value;
      const isSame = asked === last;
      last = asked;
      return follow(screen, () => ask<Data>(name, asked, headers), isSame);
    });
  }, []);
  return screen;
}

type Asked<Data> = () => Promise<Screen<Data>>;

/** Asks now and later; ends when the returned function is called. What is shown stays until there is something new. */
function follow<Data>(screen: { value: Screen<Data>; peek(): Screen<Data> }, asked: Asked<Data>, keep: boolean): () => void {
  let ended = false;
  let timer = 0;
  screen.value = { state: "loading", answer: keep ? screen.peek().answer : null };
  const turn = async () => {
    const next = document.hidden ? null : await asked();
    if (ended) return;
    if (next) screen.value = next.state === "failed" ? { ...next, answer: screen.peek().answer } : next;
    const wait = next?.state === "failed" ? next.retrySeconds : next?.state === "key" ? null : REFRESH_SECONDS;
    if (wait !== null) timer = setTimeout(turn, wait * 1000);
  };
  void turn();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

async function ask<Data>(name: string, variables: string, credentials: string): Promise<Screen<Data>> {
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    Accept: "application/graphql-response+json, application/json",
  };
  if (credentials) headers["X-API-Key"] = credentials;
  const body = `{"documentId":"sha256:${given.documents[name] ?? ""}","variables":${variables}}`;
  try {
    const response = await fetch("graphql", { method: "POST", headers, body });
    return await screenOf<Data>(response);
  } catch {
    return { state: "failed", code: "", message: "The gateway cannot be reached.", retrySeconds: 10, answer: null };
  }
}

const RETRIED = new Set([408, 429, 502, 503, 504]);
const OUTDATED = new Set(["DOCUMENT_NOT_TRUSTED", "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_SUPPORTED"]);

async function screenOf<Data>(response: Response): Promise<Screen<Data>> {
  const content = await response.json().catch(() => null);
  const errors: GatewayError[] = content?.errors ?? [];
  const code = errors[0]?.extensions?.code ?? "";
  const message = errors[0]?.message ?? `The gateway answered with status ${response.status}.`;
  if (response.status === 401 || code === "UNAUTHENTICATED") return { state: "key", message, answer: null };
  if (!content?.data) {
    if (OUTDATED.has(code)) return failed("The gateway has changed since this page was loaded. Load it again.", code, null);
    const wait = Number(response.headers.get("Retry-After")) || 10;
    return failed(message, code, RETRIED.has(response.status) ? wait : null);
  }
  const told = content.extensions?.gateway ?? {};
  const answer: Answer<Data> = {
    data: content.data,
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
