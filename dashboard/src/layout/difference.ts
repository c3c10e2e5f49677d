// What changed between two texts, line by line: what stays, what goes, what comes.

export interface Line {
  sign: " " | "-" | "+";
  text: string;
}

/** Lines that follow each other; between two hunks nothing changed. */
export type Hunk = Line[];

const CONTEXT = 3;
/** Above so many pairs of lines what differs is shown as replaced whole. */
const MOST_PAIRS = 4_000_000;

/** None where the texts are the same. */
export function difference(before: string, after: string): Hunk[] {
  const [old, fresh] = [before.split(/\r?\n/), after.split(/\r?\n/)];
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
  let end = 0;
  while (end < Math.min(old.length, fresh.length) - start && old.at(-1 - end) === fresh.at(-1 - end)) end++;
  const same = (text: string): Line => ({ sign: " ", text });
  const lines = [
    ...old.slice(0, start).map(same),
    ...changed(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)),
    ...old.slice(old.length - end).map(same),
  ];
  return hunks(lines);
}

/** By the longest common subsequence. */
function changed(old: readonly string[], fresh: readonly string[]): Line[] {
  const lines: Line[] = [];
  const isLong = old.length * fresh.length > MOST_PAIRS;
  const lengths = isLong ? null : commonLengths(old, fresh);
  const width = fresh.length + 1;
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    const [left, right] = [old[i], fresh[j]];
    if (lengths && left !== undefined && left === right) {
      lines.push({ sign: " ", text: left });
      i++;
      j++;
    } else if (left !== undefined && (right === undefined || !lengths || lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)) {
      lines.push({ sign: "-", text: left });
      i++;
    } else {
      lines.push({ sign: "+", text: right! });
      j++;
    }
  }
  return lines;
}

/** At [i, j]: how many lines the rests from there have in common. */
function commonLengths(old: readonly string[], fresh: readonly string[]): Uint32Array {
  const width = fresh.length + 1;
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      lengths[i * width + j] = old[i] === fresh[j] ? lengths[(i + 1) * width + j + 1]! + 1 : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  return lengths;
}

/** Changed lines with a few around them. */
function hunks(lines: readonly Line[]): Hunk[] {
  const found: Hunk[] = [];
  let shownTo = -1;
  lines.forEach(({ sign }, place) => {
    if (sign === " ") return;
    const from = Math.max(shownTo + 1, place - CONTEXT);
    const until = Math.min(lines.length - 1, place + CONTEXT);
    const hunk = found.at(-1);
    if (hunk && from === shownTo + 1) hunk.push(...lines.slice(from, until + 1));
    else found.push(lines.slice(from, until + 1));
    shownTo = Math.max(shownTo, until);
  });
  return found;
}
