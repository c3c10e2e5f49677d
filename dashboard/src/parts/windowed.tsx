// What is shown of a window of time: it waits for the second answer where the first one's window missed the newest run.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Answer } from "../api";
import { isInWindow, lastDays, moveWindow } from "../window";
import { Waiting } from "./screen";

interface WindowedProps {
  answer: Answer<unknown>;
  newest: string | null | undefined;
  children: ComponentChildren;
}

/** What was last answered for the right window; null before that. The rest of the page need not wait for it. */
export function useWindowed<Data>(data: Data, answer: Answer<unknown>, newest: string | null | undefined): Data | null {
  const asked: { until?: string | null } = JSON.parse(answer.variables);
  // Not before the answer is whole: its other parts would be asked for twice.
  useEffect(() => void (answer.isWhole && moveWindow(newest)), [newest, answer.isWhole]);
  const shown = useRef<Data | null>(null);
  if (isInWindow(newest) && (asked.until ?? null) === lastDays().until) shown.current = data;
  return shown.current;
}

export function Windowed({ answer, newest, children }: WindowedProps) {
  // What was shown stays while the window moves on to a run that has just ended.
  return <>{useWindowed(children, answer, newest) ?? <Waiting />}</>;
}
