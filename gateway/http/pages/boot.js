// Starts GraphiQL with the tabs the page brings. Headers, and so tokens, stay in memory only.
"use strict";

const given = JSON.parse(document.getElementById("given").textContent);
const place = document.getElementById("graphiql");
// Relative, so that the explorer works below any path a proxy gives it.
const fetcher = GraphiQL.createFetcher({ url: new URL("graphql", document.baseURI).href });

ReactDOM.createRoot(place).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultTabs: given.tabs,
    defaultHeaders: "",
    defaultEditorToolsVisibility: "variables",
    shouldPersistHeaders: false,
  }, React.createElement(GraphiQL.Logo, null, given.title)),
);
