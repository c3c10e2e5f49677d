// What the server put into the page: its title, the ids of the trusted documents, whether GraphiQL is served.
export interface Given {
  title: string;
  explorer: boolean;
  documents: Record<string, string>;
}

export const given: Given = JSON.parse(document.getElementById("given")?.textContent ?? "{}");
