// A table that sorts, shows its first rows, and copies itself as CSV. The twin of every picture.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { compareNatural } from "../layout/gantt";
import { csv } from "../layout/csv";
import { CopyButton } from "./copy";
import { Unread } from "./screen";

export type Value = string | number | null;

export interface Column<Row> {
  head: string;
  /** What is sorted and copied. */
  value: (row: Row) => Value;
  /** What is shown, where that is more than the value. */
  cell?: (row: Row) => ComponentChildren;
  isNumber?: boolean;
}

interface TableProps<Row> {
  caption: string;
  columns: Column<Row>[];
  /** None where the answer lacks them. */
  rows: readonly Row[] | null | undefined;
  first?: number;
  empty?: string;
}

const MORE = 200;

export function Table<Row>({ caption, columns, rows, first = 10, empty = "Nothing here." }: TableProps<Row>) {
  const sorted = useSignal<{ column: number; descending: boolean } | null>(null);
  const shown = useSignal(first);
  if (!rows) return <Unread />;
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const order = sorted.value;
  const ordered = order ? sortRows(rows, columns[order.column]!, order.descending) : rows;
  const toggle = (column: number) => {
    const isNumber = columns[column]?.isNumber ?? false;
    sorted.value = { column, descending: order?.column === column ? !order.descending : isNumber };
  };
  return (
    <div class="table">
      <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
        <table>
          <caption class="unseen">{caption}</caption>
          <thead>
            <tr>
              {columns.map((column, place) => (
                <th scope="col" class={column.isNumber ? "number" : ""} aria-sort={sortOf(order, place)}>
                  <button type="button" onClick={() => toggle(place)}>
                    {column.head}
                    <span aria-hidden="true">{order?.column === place ? (order.descending ? " ▾" : " ▴") : ""}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {ordered.slice(0, shown.value).map((row) => (
              <tr>
                {columns.map((column) => (
                  <td class={column.isNumber ? "number" : ""}>{column.cell ? column.cell(row) : plain(column.value(row))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="tools">
        {rows.length > shown.value && (
          <button type="button" onClick={() => (shown.value += MORE)}>
            Show {Math.min(MORE, rows.length - shown.value)} more of {rows.length.toLocaleString()}
          </button>
        )}
        <CopyButton label="Copy as CSV" text={() => csv(cellsOf(columns, ordered))} />
      </p>
    </div>
  );
}

function plain(value: Value): string {
  if (value === null) return "–";
  return typeof value === "number" ? value.toLocaleString() : value;
}

function sortOf(order: { column: number; descending: boolean } | null, place: number) {
  if (order?.column !== place) return "none";
  return order.descending ? "descending" : "ascending";
}

function cellsOf<Row>(columns: Column<Row>[], rows: readonly Row[]): Value[][] {
  return [columns.map((column) => column.head), ...rows.map((row) => columns.map((column) => column.value(row)))];
}

/** What has no value comes last both ways. */
function sortRows<Row>(rows: readonly Row[], column: Column<Row>, descending: boolean): Row[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((left, right) => {
    const a = column.value(left);
    const b = column.value(right);
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    const order = typeof a === "number" && typeof b === "number" ? a - b : compareNatural(String(a), String(b));
    return sign * order;
  });
}
