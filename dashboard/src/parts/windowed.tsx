// What is shown of a window of time: it waits for the second answer where the first one's window missed the newest run.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
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
  return isShown ? <>{children}</> : <Waiting />;
}
