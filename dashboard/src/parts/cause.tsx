// Why a runtime changed for good.
import { words } from "../format";

/** What most likely caused a change, and what speaks for it. */
export function Cause({ cause, evidence }: { cause: string | null; evidence: readonly string[] | null }) {
  if (!cause) return <span class="quiet">–</span>;
  return (
    <>
      {words(cause)}
      {evidence && evidence.length > 0 && <span class="evidence quiet"><bdi>{evidence.join("; ")}</bdi></span>}
    </>
  );
}
