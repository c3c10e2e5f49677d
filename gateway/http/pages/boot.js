// Starts GraphiQL with the tabs the page brings. Headers, and so tokens, stay in memory only.
"use strict";

const given = JSON.parse(document.getElementById("given").textContent);
const place = document.getElementById("graphiql");
// Relative, so that the explorer works below any path a proxy gives it.
const asked = new URLSearchParams(location.search);
const opened = given.documents[asked.get("document")];
// A link of the pages opens the query behind a picture in a tab of its own, in place of the ready questions.
const tabs = opened ? [{ query: opened, variables: pretty(asked.get("variables")) }] : given.tabs;
const fetcher = GraphiQL.createFetcher({ url: new URL("graphql", document.baseURI).href });

ReactDOM.createRoot(place).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultTabs: tabs,
    ...(opened ? { query: tabs[0].query, variables: tabs[0].variables } : {}),
    defaultHeaders: "",
    defaultEditorToolsVisibility: "variables",
    shouldPersistHeaders: false,
  }, React.createElement(GraphiQL.Logo, null, given.title)),
);

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text ?? "{}"), null, 2);
  } catch {
    return "{}";
  }
}
