// What is shown of a window of time: it waits for the second answer where the first one's window missed the newest run.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { isInWindow, moveWindow } from "../window";
import { Waiting } from "./screen";

export function Windowed({ newest, children }: { newest: string | null | undefined; children: ComponentChildren }) {
  const isShown = isInWindow(newest);
  useEffect(() => moveWindow(newest), [newest]);
  return isShown ? <>{children}</> : <Waiting />;
}
