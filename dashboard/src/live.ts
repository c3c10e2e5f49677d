// News of finished runs over one WebSocket (graphql-transport-ws), while the page is seen. A break is told and mended;
// meanwhile, and where a proxy lets no socket through, the page asks every minute.
import { effect, signal } from "@preact/signals";
import { hasAnswer, isLive, key, reload } from "./api";
import { given } from "./given";

export interface Finished {
  id: string;
  status: string;
  job: { id: string; name: string | null } | null;
}

/** The run that ended last, as the socket told it. */
export const news = signal<Finished | null>(null);
/** Whether a socket that was open broke and is not open again yet. */
export const isBroken = signal(false);

const isSeen = signal(!document.hidden);
const WAITS_SECONDS = [1, 2, 5, 10, 30, 60];
const GATHER_MS = 500;
/** The gateway refuses the credential or the protocol: asking again would be refused again. */
const FINAL_CODES = new Set([4400, 4403, 4406]);

/** Connects once the gateway has answered, and whenever the key changes or the page is seen again. */
export function startLive(): void {
  document.addEventListener("visibilitychange", () => (isSeen.value = !document.hidden));
  effect(() => (hasAnswer.value && isSeen.value ? connect(key.value) : undefined));
}

/** Keeps a socket open until the returned function is called. */
function connect(credentials: string): () => void {
  let socket: WebSocket | null = null;
  let failures = 0;
  let timer = 0;
  const open = () => {
    socket = new WebSocket(socketAddress(), "graphql-transport-ws");
    socket.onopen = () => socket?.send(JSON.stringify({ type: "connection_init", payload: credentials ? { authorization: `Bearer ${credentials}` } : {} }));
    socket.onmessage = ({ data }) => onMessage(JSON.parse(data));
    socket.onclose = ({ code }) => {
      isBroken.value ||= isLive.value;
      isLive.value = false;
      if (!FINAL_CODES.has(code)) timer = setTimeout(open, 1000 * (WAITS_SECONDS[failures++] ?? 60));
    };
  };
  const onMessage = (message: { type: string; payload?: { data?: { runFinished?: Finished } } }) => {
    if (message.type === "connection_ack") {
      socket?.send(JSON.stringify({ id: "1", type: "subscribe", payload: { documentId: `sha256:${given.documents["live"] ?? ""}` } }));
      // What ended while the socket was broken is read now.
      if (isBroken.value) reload.value += 1;
      failures = 0;
      isLive.value = true;
      isBroken.value = false;
    } else if (message.type === "ping") socket?.send('{"type":"pong"}');
    else if (message.type === "next" && message.payload?.data?.runFinished) tell(message.payload.data.runFinished);
  };
  open();
  return () => {
    clearTimeout(timer);
    if (socket) socket.onclose = null;
    socket?.close();
    isLive.value = false;
  };
}

function socketAddress(): string {
  const address = new URL("graphql", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = "";
  return address.href;
}

let gathering = 0;

/** Several runs that end together are read together. */
function tell(run: Finished): void {
  news.value = run;
  clearTimeout(gathering);
  gathering = setTimeout(() => (reload.value += 1), GATHER_MS);
}
