// What a failure means: whether it is new, since when it fails, what it held up.
import { href } from "../address";
import { count } from "../format";
import type { Failure } from "../layout/causes";
import { Time } from "./marks";

export function Consequences({ failure }: { failure: Failure }) {
  const { isNew, failingSince, skippedCount } = failure;
  return (
    <>
      {isNew && <strong>new</strong>}
      {isNew === false && failingSince && (
        <span class="quiet">failing since <a href={href({ run: failingSince.id })}><Time at={failingSince.startTime} /></a></span>
      )}
      {skippedCount ? <span>held up {count(skippedCount, "resource")}</span> : null}
    </>
  );
}
