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

export function Windowed({ answer, newest, children }: WindowedProps) {
  const asked: { until?: string | null } = JSON.parse(answer.variables);
  const isShown = isInWindow(newest) && (asked.until ?? null) === lastDays().until;
  useEffect(() => moveWindow(newest), [newest]);
  // What was shown stays while the window moves on to a run that has just ended.
  const shown = useRef<ComponentChildren>(null);
  if (isShown) shown.current = children;
  return <>{shown.current ?? <Waiting />}</>;
}
