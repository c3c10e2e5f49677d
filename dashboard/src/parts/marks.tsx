// Small things that stand in sentences and cells: statuses, times, durations.
import type { ComponentChildren } from "preact";
import { href } from "../address";
import { duration, isUtc, localTime, statusText, utcClock } from "../format";

export function StatusMark({ status }: { status: string }) {
  const [sign, word] = statusText(status);
  return (
    <span class={`status ${status}`}>
      <span class="sign" aria-hidden="true">{sign}</span> {word}
    </span>
  );
}

/** A moment in the reader's zone, with UTC beside where that differs. */
export function Time({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="quiet">–</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={`${date.toISOString().slice(0, 19).replace("T", " ")} UTC`}>
      <span>{localTime(date)}</span>
      {!isUtc(date) && <> <span class="utc">{utcClock(date)} UTC</span></>}
    </time>
  );
}

export function Duration({ seconds }: { seconds: number | null | undefined }) {
  return <span class="figure">{duration(seconds)}</span>;
}

/** A name that may be long, in any script: cut by the layout, whole in its title. */
export function Name({ text, href: address }: { text: string; href?: string }) {
  const inner = <bdi>{text}</bdi>;
  return address ? (
    <a class="name" href={address} title={text}>{inner}</a>
  ) : (
    <span class="name" title={text}>{inner}</span>
  );
}

/** A model's name, with its page where the project still defines it; dbt's unique id where it does not. */
export function ModelName({ id, uniqueId }: { id: string | null; uniqueId: string }) {
  return id === null ? <Name text={uniqueId} /> : <Name text={id} href={href({ model: id })} />;
}

/** One entry of a list of facts (`dl`). */
export function Fact({ name, children, isWide = false }: { name: string; children: ComponentChildren; isWide?: boolean }) {
  return <div class={isWide ? "wide" : ""}><dt>{name}</dt><dd>{children}</dd></div>;
}
