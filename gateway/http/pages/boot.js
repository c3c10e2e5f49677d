// Starts GraphiQL with ready questions about the account that is served. Headers, and so tokens, stay in memory only.
"use strict";

const given = JSON.parse(document.getElementById("given").textContent);
const place = document.getElementById("graphiql");
const h = React.createElement;
const { useEditorContext, useOperationsEditorState, useVariablesEditorState, ToolbarButton } = GraphiQL.React;
// Relative, so that the explorer works below any path a proxy gives it.
const endpoint = new URL("graphql", document.baseURI).href;
const fetcher = GraphiQL.createFetcher({ url: endpoint, subscriptionUrl: endpoint.replace(/^http/, "ws") });
const EXAMPLES_MILLISECONDS = 3000;
const EXAMPLES = `query ExamplesForTheTabs {
  account {
    slowestModels(first: 20) { model { id tags } }
    jobs(first: 20) { nodes { runs(first: 1) { nodes { id } } } }
  }
}`;

start();

async function start() {
  const opened = openedTab();
  const tabs = opened ? [opened] : fill(given.tabs, await examples());
  ReactDOM.createRoot(place).render(
    h(GraphiQL, {
      fetcher,
      defaultTabs: tabs,
      ...(opened ? { query: opened.query, variables: opened.variables } : {}),
      defaultHeaders: "",
      defaultEditorToolsVisibility: "variables",
      shouldPersistHeaders: false,
      plugins: [GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false })],
    },
    h(GraphiQL.Logo, null, given.title),
    h(GraphiQL.Toolbar, null, ({ prettify, merge, copy }) => [
      h(ShareButton, { key: "share" }), h(React.Fragment, { key: "usual" }, prettify, merge, copy),
    ])),
  );
}

// What a link opens, in a tab of its own in place of the ready questions: a query behind a picture of the pages, by name, or
// one that somebody shared. That one stands behind #, so that no server and no log sees it.
function openedTab() {
  const asked = new URLSearchParams(location.search);
  const named = given.documents[asked.get("document")];
  if (named) return { query: named, variables: pretty(asked.get("variables")) };
  const shared = new URLSearchParams(location.hash.slice(1));
  if (shared.get("query")) return { query: shared.get("query"), variables: pretty(shared.get("variables")) };
  return undefined;
}

// A tag, a model and a run of this account; nothing where callers must say who they are first, or the answer takes long.
async function examples() {
  try {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ query: EXAMPLES }),
      signal: AbortSignal.timeout(EXAMPLES_MILLISECONDS),
    });
    const { account } = (await response.json()).data;
    const models = account.slowestModels.map((entry) => entry.model);
    const runs = account.jobs.nodes.flatMap((job) => job.runs.nodes);
    return { tags: models.flatMap((model) => model.tags).slice(0, 1), model: models[0]?.id, run: runs[0]?.id };
  } catch {
    return {};
  }
}

function fill(tabs, { tags, model, run }) {
  return tabs.map((tab) => {
    if (!tab.variables) return tab;
    const id = /\brun\(id: \$id/.test(tab.query) ? run : model;
    const known = { ...JSON.parse(tab.variables) };
    if ("id" in known) known.id = id ?? "";
    if ("filter" in known) known.filter = { tags: tags ?? [] };
    return { ...tab, variables: JSON.stringify(known, null, 2) };
  });
}

// Copies a link that opens the shown query; it stands in the address bar, too. Also folds away what answers say of themselves.
function ShareButton() {
  const [query] = useOperationsEditorState();
  const [variables] = useVariablesEditorState();
  const [isCopied, setCopied] = React.useState(false);
  useFoldedExtensions();
  async function share() {
    const link = new URL(location.pathname, location.href);
    link.hash = new URLSearchParams({ query, ...(variables.trim() ? { variables } : {}) }).toString();
    history.replaceState(null, "", link);
    // Only pages that came over https, or from this machine, may write to the clipboard.
    await navigator.clipboard?.writeText(link.href).catch(() => undefined);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  }
  const label = isCopied ? "The link is in the address bar" : "Share this query by a link";
  return h(ToolbarButton, { onClick: share, label },
    h("svg", { className: "graphiql-toolbar-icon", viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "aria-hidden": true },
      h("path", { d: isCopied ? "M3 8l3 3 7-7" : "M6.5 9.5l3-3M7 4l2-2a3.5 3.5 0 0 1 5 5l-2 2M9 12l-2 2a3.5 3.5 0 0 1-5-5l2-2" })));
}

function useFoldedExtensions() {
  const { responseEditor } = useEditorContext({ nonNull: true });
  React.useEffect(() => {
    if (!responseEditor) return undefined;
    const fold = () => {
      for (let line = responseEditor.lastLine(); line > 0; line -= 1) {
        if (responseEditor.getLine(line).startsWith('  "extensions": {')) {
          responseEditor.foldCode({ line, ch: 0 }, null, "fold");
          return;
        }
      }
    };
    responseEditor.on("change", fold);
    return () => responseEditor.off("change", fold);
  }, [responseEditor]);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text ?? "{}"), null, 2);
  } catch {
    return "{}";
  }
}
