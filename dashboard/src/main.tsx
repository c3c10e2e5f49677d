// The frame of all pages: the bar on top, the page that the address names, ⌘K.
import { render, type ComponentType } from "preact";
import { useErrorBoundary } from "preact/hooks";
import { effect, signal, useSignalEffect } from "@preact/signals";
import { followLinks, go, href, page, type PageName } from "./address";
import { AccountPage } from "./pages/account";
import { given } from "./given";
import { zoneName } from "./format";
import { startLive } from "./live";
import { LiveMark, News } from "./parts/news";
import { Waiting } from "./parts/screen";
import "./main.css";

type PageOf = ComponentType<{ id: string }>;

/** Each page but the first is fetched when it is first opened. */
const LAZY: Record<Exclude<PageName, "account">, () => Promise<PageOf>> = {
  run: () => import("./pages/run").then((module) => module.RunPage),
  model: () => import("./pages/model").then((module) => module.ModelPage),
  job: () => import("./pages/job").then((module) => module.JobPage),
  calendar: () => import("./pages/calendar").then((module) => module.CalendarPage),
  time: () => import("./pages/time").then((module) => module.TimePage),
  search: () => import("./pages/search").then((module) => module.SearchPage),
};
/** Pages of one thing begin anew with each thing. */
const KEYED = new Set<PageName>(["run", "model", "job"]);
const loaded = signal<Partial<Record<PageName, PageOf>>>({ account: AccountPage });
const missing = signal("");

function Shown({ page: Page, id }: { page: PageOf; id: string }) {
  const [error] = useErrorBoundary();
  if (!error) return <Page id={id} />;
  return (
    <>
      <h1>{given.title}</h1>
      <p class="notice bad" role="alert">
        This page cannot show what the gateway answered ({String(error)}). The gateway may be of another version: load the page again.
      </p>
    </>
  );
}

function App() {
  const { name, id } = page.value;
  const Page = loaded.value[name];
  useSignalEffect(() => {
    const wanted = page.value.name;
    if (wanted === "account" || loaded.peek()[wanted]) return;
    LAZY[wanted]().then(
      (found) => (loaded.value = { ...loaded.peek(), [wanted]: found }),
      () => (missing.value = "This page could not be loaded: the gateway has changed or cannot be reached. Load it again."),
    );
  });
  return (
    <>
      <a class="unseen" href="#main">Skip to the page</a>
      <header class="bar">
        <a class="brand" href="?">{given.title}</a>
        <a href="?calendar=">Calendar</a>
        <a href="?time=project">Time</a>
        <button type="button" class="search" onClick={openSearch}>
          Search <kbd>{/Mac|iPhone|iPad/.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd>
        </button>
        {given.explorer && <a href="graphiql">GraphiQL</a>}
        <LiveMark />
        <ThemeChoice />
      </header>
      <main id="main">
        {missing.value && <p class="notice bad" role="alert">{missing.value}</p>}
        {Page ? <Shown key={`${name} ${KEYED.has(name) ? id : ""}`} page={Page} id={id} /> : <Waiting />}
        <News />
        <footer>Times are in your zone, {zoneName()}.</footer>
      </main>
    </>
  );
}

const THEMES = { "": "System", light: "Light", dark: "Dark" };

function ThemeChoice() {
  const choose = (event: Event) => setTheme((event.target as HTMLSelectElement).value);
  return (
    <select aria-label="Theme" value={storedTheme()} onChange={choose}>
      {Object.entries(THEMES).map(([value, word]) => <option value={value}>{word}</option>)}
    </select>
  );
}

function storedTheme(): string {
  try {
    return localStorage.getItem("theme") ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

function setTheme(theme: string): void {
  if (theme) document.documentElement.dataset["theme"] = theme;
  else delete document.documentElement.dataset["theme"];
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // a browser that keeps nothing: the choice holds until the page is left
  }
}

function openSearch(): void {
  go(href({ search: "" }));
}

function onKey(event: KeyboardEvent): void {
  const isTyping = (event.target as Element).matches("input, textarea, select");
  const isCommand = event.key === "k" && (event.metaKey || event.ctrlKey);
  if (isCommand || (event.key === "/" && !isTyping)) {
    event.preventDefault();
    openSearch();
  }
}

const theme = storedTheme();
if (theme) setTheme(theme);
followLinks();
startLive();
addEventListener("keydown", onKey);
effect(() => void (page.value && (missing.value = "")));
const place = document.getElementById("app");
if (place) {
  place.replaceChildren();
  render(<App />, place);
}
