// The width that an element has, so that pictures are drawn in its own pixels.
import { useSignal, type ReadonlySignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

export function useWidth<Kind extends Element>(): [RefObject<Kind | null>, ReadonlySignal<number>] {
  const place = useRef<Kind>(null);
  const width = useSignal(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    // It calls back before the first paint; asking the element itself would lay out the page once more.
    const observer = new ResizeObserver(() => (width.value = element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [place, width];
}
