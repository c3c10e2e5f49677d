// An answer that comes in parts (`@defer`): the body of a response as JSON values, and what a later part adds.

export type Json = Record<string, any>;

/** Each part as it arrives; one for a plain JSON body, none where the body is no JSON. */
export async function* partsOf(response: Response): AsyncGenerator<Json> {
  const boundary = /^multipart\/mixed.*boundary="?([^";]+)"?/.exec(response.headers.get("Content-Type") ?? "")?.[1];
  if (boundary === undefined || response.body === null) {
    const content = await response.json().catch(() => null);
    if (content !== null) yield content;
    return;
  }
  const delimiter = `\r\n--${boundary}`;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    text += read.value;
    for (let end = text.indexOf(delimiter); end >= 0; end = text.indexOf(delimiter)) {
      const body = text.slice(0, end).split("\r\n\r\n")[1];
      text = text.slice(end + delimiter.length);
      if (body !== undefined) yield JSON.parse(body);
    }
  }
}

interface Deferred {
  data: Json | null;
  path: (string | number)[];
}

/** The data with what a part adds. What does not change stays the same object. */
export function withPart<Data>(data: Data, { data: added, path }: Deferred): Data {
  return added === null ? data : (placed(data, path, added) as Data);
}

function placed(into: any, [step, ...path]: (string | number)[], added: Json): unknown {
  if (step === undefined) return { ...into, ...added };
  const copy = Array.isArray(into) ? [...into] : { ...into };
  copy[step] = placed(copy[step], path, added);
  return copy;
}
