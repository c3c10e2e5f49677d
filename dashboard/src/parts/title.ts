// What the page is about: in the browser's tab, and focused once, so that a screen reader starts there.
import { useEffect } from "preact/hooks";
import { given } from "../given";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · ${given.title}` : given.title;
  }, [title]);
}
