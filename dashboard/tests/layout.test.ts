import assert from "node:assert/strict";
import { test } from "node:test";
import { changeText, duration } from "../src/format";
import { bucketRuns, periodOf, usualPeriod, within } from "../src/layout/buckets";
import { calendarOf } from "../src/layout/calendar";
import { groupByCause } from "../src/layout/causes";
import { csv } from "../src/layout/csv";
import { difference } from "../src/layout/difference";
import { barAt, ganttLayout } from "../src/layout/gantt";
import { lineageLayout } from "../src/layout/lineage";
import { partsOf, withPart } from "../src/parts_of";
import { treemap } from "../src/layout/treemap";
import { heatOf, ratioScale } from "../src/layout/heat";

process.env["TZ"] = "Asia/Kolkata"; // no whole number of hours from UTC

const at = (time: string) => `2026-03-${time}Z`;
const run = (startTime: string | null, status = "SUCCESS") => ({ startTime, status });
const result = (start: string | null, end: string | null, thread: string | null = null, step: number | null = null) => ({
  startTime: start, endTime: end, thread, step,
});

test("durations carry their unit, and round into it", () => {
  const texts = [0, 0.394, 9.994, 9.996, 59.94, 59.96, 245, 3599.6, 7320, 172_800, -3, NaN, null].map((seconds) => duration(seconds));
  assert.deepEqual(texts, [
    "0.00 s", "0.39 s", "9.99 s", "10.0 s", "59.9 s", "1 min 00 s", "4 min 05 s", "1 h 00 min", "2 h 02 min", "2 days", "−3.00 s", "–", "–",
  ]);
  assert.deepEqual([changeText(2, 5), changeText(5, 2), changeText(0, 2)], ["+150 %", "−60 %", ""]);
});

test("hours are those of the reader's clock, and every run falls into one", () => {
  const runs = [run(at("11T05:29:59")), run(at("11T05:30:00"), "FAILURE"), run(at("11T06:29:59")), run(null)];
  const buckets = bucketRuns(runs, new Date(at("11T04:50:00")), new Date(at("11T06:40:00")));
  assert.deepEqual(buckets.map((bucket) => bucket.start.toISOString().slice(11, 16)), ["04:30", "05:30", "06:30"]);
  assert.deepEqual(buckets.map((bucket) => bucket.counts), [{ SUCCESS: 1 }, { FAILURE: 1, SUCCESS: 1 }, {}]);
});

test("longer periods are counted by day", () => {
  const buckets = bucketRuns([run(at("11T18:29:59")), run(at("11T18:30:00"))], new Date(at("09T00:00:00")), new Date(at("12T00:00:00")));
  assert.deepEqual(buckets.map((bucket) => bucket.total), [0, 0, 1, 1]);
});

test("a period ends now, or at the newest run where that is long ago", () => {
  const now = new Date(at("20T12:00:00"));
  const old = [run(at("11T05:00:00")), run(at("10T05:00:00"))];
  assert.deepEqual(periodOf(old, 24, now), { from: new Date(at("10T05:00:00")), until: new Date(at("11T05:00:00")), isPast: true });
  assert.equal(periodOf([run(at("20T01:00:00"))], 24, now).until.getTime(), now.getTime());
  assert.equal(periodOf(old, Infinity, now).from.toISOString(), "2026-03-10T05:00:00.000Z");
  assert.equal(periodOf([], 24, now).isPast, false);
  assert.equal(within(run(null), new Date(0), now), false);
});

test("the shortest period with ten runs is shown first", () => {
  const now = new Date(at("20T12:00:00"));
  const hourly = Array.from({ length: 12 }, (_, hour) => run(at(`20T${String(hour).padStart(2, "0")}:00:00`)));
  assert.equal(usualPeriod(hourly, now), "24h");
  assert.equal(usualPeriod(hourly.slice(0, 9), now), "all");
  assert.equal(usualPeriod([], now), "all");
});

test("bars lie in the lane of their step and thread, in natural order", () => {
  const gantt = ganttLayout(
    [
      result(at("11T05:00:10"), at("11T05:00:12"), "Thread-10 (worker)", 2),
      result(at("11T05:00:04"), at("11T05:00:05"), "Thread-2 (worker)", 2),
      result(null, null, "Thread-2 (worker)", 2),
    ],
    at("11T05:00:00"),
  );
  assert.deepEqual(gantt.lanes, ["step 2, thread 2", "step 2, thread 10"]);
  assert.deepEqual(gantt.bars, [{ index: 1, lane: 0, start: 4, end: 5 }, { index: 0, lane: 1, start: 10, end: 12 }]);
  assert.deepEqual([gantt.seconds, gantt.leftOut], [12, 1]);
  assert.equal(barAt(gantt.bars, 1, 11, 0)?.index, 0);
  assert.equal(barAt(gantt.bars, 0, 11, 0), undefined);
});

test("without threads no two bars of a lane overlap, and no lane is spare", () => {
  const results = Array.from({ length: 5000 }, (_, index) => {
    const start = Date.parse(at("11T05:00:00")) + (index * 7919) % 600_000;
    return result(new Date(start).toISOString(), new Date(start + 1000 + (index % 7) * 1000).toISOString());
  });
  const { bars, lanes } = ganttLayout(results, null);
  const ends = new Map<number, number>();
  for (const bar of bars) {
    assert.ok(bar.start >= (ends.get(bar.lane) ?? 0));
    ends.set(bar.lane, bar.end);
  }
  const moments = bars.flatMap(({ start, end }) => [[start, 1], [end, -1]] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let open = 0;
  const most = Math.max(...moments.map(([, step]) => (open += step)));
  assert.equal(lanes.length, most);
});

test("a heat map keeps the order of the matrix, and what was not executed has no runtime", () => {
  const runs = [{ id: "1", startTime: null }, { id: "2", startTime: null }, { id: "3", startTime: null }];
  const heat = heatOf({
    runs,
    rows: [
      { uniqueId: "model.p.b", medianSeconds: 2, runtimes: [3, null, 1], statuses: ["SUCCESS", "SKIPPED", "FAILURE"], model: { id: "p.b" } },
      { uniqueId: "model.p.gone", medianSeconds: null, runtimes: [null, null, null], statuses: [null, "SKIPPED", null], model: null },
    ],
  });
  assert.deepEqual(heat.rows.map(({ name, modelId, median, last, cells }) => [name, modelId, median, last, cells.map((cell) => cell?.runtime)]), [
    ["p.b", "p.b", 2, 1, [3, null, 1]],
    ["model.p.gone", null, null, null, [undefined, null, undefined]],
  ]);
  assert.deepEqual([ratioScale(4, 1), ratioScale(1, 4), ratioScale(1, 1), ratioScale(1, 0), ratioScale(1, null)], [1, -1, 0, 0, 0]);
});

test("a calendar counts runs at once in every hour they touch", () => {
  const timed = (startTime: string | null, runtime: number | null, queueSeconds = 0) => ({ startTime, runtime, queueSeconds });
  const days = calendarOf([
    timed(at("10T18:20:00"), 3600, 5), // 23:50 to 00:50 in India
    timed(at("10T18:30:00"), 60), // midnight
    timed(at("10T18:31:00"), null, 7), // as the one before ends
    timed(null, 9),
  ]);
  assert.deepEqual(days.map((day) => day.hours.flatMap((hour, place) => (hour.peak ? [[place, hour.peak, hour.began, hour.queueSeconds]] : []))), [
    [[23, 1, 1, 5]],
    [[0, 2, 2, 7]],
  ]);
  assert.deepEqual(calendarOf([]), []);
});

test("everything stands right of what it is built from, however long the chain", () => {
  const chain = Array.from({ length: 3000 }, (_, index) => String(index));
  const links = chain.slice(1).map((childId, index) => ({ parentId: chain[index] ?? "", childId }));
  const placed = lineageLayout([...chain].reverse(), links);
  assert.deepEqual(placed.map(({ id, layer, row }) => [id, layer, row]), chain.map((id, index) => [id, index, 0]));
  const diamond = lineageLayout(["d", "c", "b", "a"], [["a", "b"], ["b", "c"], ["c", "d"], ["a", "d"], ["gone", "a"], ["a", "away"]].map(([parentId, childId]) => ({ parentId: parentId!, childId: childId! })));
  assert.deepEqual(diamond.map(({ id, layer }) => id + layer), ["a0", "b1", "c2", "d3"]);
  const crossed = lineageLayout(["a", "b", "y", "x"], [{ parentId: "a", childId: "x" }, { parentId: "b", childId: "y" }]);
  assert.deepEqual(crossed.map(({ id, row }) => id + row), ["a0", "b1", "x0", "y1"]);
});

test("failures with one cause are one item, whatever job they befell", () => {
  const failure = (message: string) => ({ message, isNew: null, skippedCount: 0, failingSince: null, result: { uniqueId: "model.p.m", name: "m", resourceType: "MODEL" } });
  const failed = (id: string, job: string, ...messages: string[]) => ({ id, status: "FAILURE", job: { id: job, name: job }, failureCount: 1, failures: messages.map(failure) });
  const cancelled = { id: "9", status: "CANCELLED", job: { id: "j", name: "j" }, failureCount: null, failures: null };
  const causes = groupByCause([failed("3", "a", "x", "y"), failed("2", "b", "x"), cancelled, failed("1", "a")]);
  assert.deepEqual(causes.map((cause) => [cause.failure?.message, cause.runs.map(({ id }) => id)]), [
    ["x", ["3", "2"]], ["y", ["3"]], [undefined, ["9"]], [undefined, ["1"]],
  ]);
});

test("a cause fails since its first failure in any job, and is new only where it is new in all", () => {
  const failed = (id: string, isNew: boolean, since: string) => ({
    id, status: "FAILURE", job: { id, name: id }, failureCount: 1,
    failures: [{
      message: "x", isNew, skippedCount: 0, failingSince: { id: since, startTime: at(`${since}T05:00:00`) },
      result: { uniqueId: "model.p.m", name: "m", resourceType: "MODEL" },
    }],
  });
  const [cause] = groupByCause([failed("3", true, "10"), failed("2", false, "08"), failed("1", true, "09")]);
  assert.deepEqual([cause?.failure?.failingSince?.id, cause?.failure?.isNew, cause?.runs.length], ["08", false, 3]);
});

test("a copied table can be read back, and runs no formula", () => {
  assert.equal(csv([["a,b", 'say "x"', null], ["=1+1", -2, "two\nlines"]]), '"a,b","say ""x""",\r\n\'=1+1,-2,"two\nlines"\r\n');
});

test("an answer in parts is read as it arrives, however its bytes are cut", async () => {
  const text = '\r\n---\r\nContent-Type: application/json\r\n\r\n{"data":{"a":{"name":"Ü"}},"hasNext":true}\r\n---\r\nContent-Type: application/json\r\n\r\n'
    + '{"incremental":[{"data":{"b":1},"path":["a"]}],"hasNext":false}\r\n-----\r\n';
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const parts = [];
  for await (const part of partsOf(new Response(body, { headers: { "Content-Type": 'multipart/mixed; boundary="-"; deferSpec=20220824' } }))) parts.push(part);
  assert.deepEqual(parts.map((part) => part["hasNext"]), [true, false]);
  assert.equal(parts[0]?.["data"].a.name, "Ü");
  const plain = [];
  for await (const part of partsOf(new Response("no json"))) plain.push(part);
  assert.deepEqual(plain, []);
});

test("a part is put at its path, and what it does not touch stays the same", () => {
  const data = { account: { runs: [{ id: 1 }, { id: 2 }], sources: {} } };
  const whole = withPart(data, { data: { job: "x" }, path: ["account", "runs", 1] });
  assert.deepEqual(whole.account.runs, [{ id: 1 }, { id: 2, job: "x" }]);
  assert.equal(whole.account.sources, data.account.sources);
  assert.equal(withPart(data, { data: null, path: ["account"] }), data);
});

test("areas of a treemap are in proportion, fill the room and do not overlap", () => {
  const sizes = [6, 0, 6, 4, 3, 2, 2, 1, -5];
  const tiles = treemap(sizes, 600, 400);
  assert.deepEqual(tiles.map(({ index }) => index), [0, 2, 3, 4, 5, 6, 7]);
  for (const { index, x, y, width, height } of tiles) {
    assert.ok(Math.abs(width * height - ((sizes[index] ?? 0) / 24) * 240_000) < 1e-6);
    assert.ok(x >= 0 && y >= 0 && x + width <= 600 + 1e-6 && y + height <= 400 + 1e-6);
    assert.ok(Math.max(width / height, height / width) < 3, "near to squares");
    const others = tiles.filter((other) => other.index !== index);
    assert.ok(!others.some((other) => x + width > other.x + 1e-6 && other.x + other.width > x + 1e-6 && y + height > other.y + 1e-6 && other.y + other.height > y + 1e-6));
  }
  assert.deepEqual([treemap([], 10, 10), treemap([0], 10, 10), treemap([1], 0, 10)], [[], [], []]);
  assert.equal(treemap(Array.from({ length: 1000 }, (_, place) => place), 300, 300).length, 999);
});

test("a difference holds what goes and what comes, with three lines around, and puts both texts together again", () => {
  const show = (before: string, after: string) => difference(before, after).map((hunk) => hunk.map(({ sign, text }) => sign + text));
  assert.deepEqual(show("a\nb\nc", "a\nb\nc"), []);
  assert.deepEqual(show("a\nb\nc", "a\nx\nc"), [[" a", "-b", "+x", " c"]]);
  assert.deepEqual(show("", "a"), [["-", "+a"]]);
  const long = Array.from({ length: 30 }, (_, line) => String(line));
  assert.deepEqual(show(long.join("\n"), long.filter((line) => line !== "10").concat("end").join("\n")), [
    [" 7", " 8", " 9", "-10", " 11", " 12", " 13"], [" 27", " 28", " 29", "+end"],
  ]);
  const words = (seed: number) => Array.from({ length: 40 }, (_, line) => "abc"[(line * seed + ((line * line) >> 2)) % 3]!);
  for (let seed = 1; seed < 40; seed++) {
    const [before, after] = [words(seed), words(seed + 1)];
    const lines = difference(["start", ...before].join("\n"), ["begin", ...after, "end"].join("\n")).flat();
    const changed = (sign: string) => lines.filter((line) => line.sign === sign).length;
    assert.equal(changed("+") - changed("-"), after.length + 2 - (before.length + 1));
  }
  const many = (prefix: string) => Array.from({ length: 3000 }, (_, line) => prefix + line).join("\n");
  assert.equal(difference(many("a"), many("b")).flat().length, 6000);
});
