// The address is the state: `?run=ID`, `?model=ID`, `?job=ID`, `?search=TEXT`, `?calendar=`, `?time=DIMENSION`, else the account, with filters beside.
// Only the query string is used, so the pages work below any path that a proxy puts in front.
import { computed, signal } from "@preact/signals";

import { isPeriod, type Period } from "./layout/buckets";

export type PageName = "run" | "model" | "job" | "search" | "calendar" | "time" | "account";

const query = signal(location.search);
export const parameters = computed(() => new URLSearchParams(query.value));

export const page = computed<{ name: PageName; id: string }>(() => {
  for (const name of ["run", "model", "job", "search", "calendar", "time"] as const) {
    const id = parameters.value.get(name);
    if (id !== null) return { name, id };
  }
  return { name: "account", id: "" };
});

export const filters = computed(() => ({
  environment: parameters.value.get("environment") === "STAGING" ? ("STAGING" as const) : ("PRODUCTION" as const),
  projects: parameters.value.getAll("project"),
  tags: parameters.value.getAll("tag"),
  period: periodOf(parameters.value.get("period")),
}));

/** Null where the address names none: the page takes the shortest that holds enough. */
function periodOf(text: string | null): Period | null {
  return text !== null && isPeriod(text) ? text : null;
}

/** The address of a page, relative to wherever this one is served. */
export function href(entries: Record<string, string | string[]>): string {
  const next = new URLSearchParams();
  for (const [name, value] of Object.entries(entries)) {
    for (const text of [value].flat()) next.append(name, text);
  }
  return `?${next}`;
}

/** Changes some parameters of this page; null removes one. `replace` leaves no step for the back button. */
export function change(entries: Record<string, string | string[] | null>, replace = false): void {
  const next = new URLSearchParams(parameters.value);
  for (const [name, value] of Object.entries(entries)) {
    next.delete(name);
    if (value !== null) for (const text of [value].flat()) next.append(name, text);
  }
  go(`?${next}`, replace);
}

export function go(address: string, replace = false): void {
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  query.value = location.search;
}

/** Links between pages change the address without loading the page again. */
export function followLinks(): void {
  addEventListener("popstate", () => (query.value = location.search));
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.("a");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const target = link?.getAttribute("href");
    if (plain && target?.startsWith("?")) {
      event.preventDefault();
      go(target);
      scrollTo(0, 0);
    }
  });
}
