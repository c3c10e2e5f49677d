// Why a runtime changed for good.
import { words } from "../format";

/** Without its full stop, and with the first letters of commits alone. */
function brief(text: string): string {
  return text.replace(/\.$/, "").replace(/\b([0-9a-f]{7})[0-9a-f]{33}\b/g, "$1");
}

/** What most likely caused a change, and what speaks for it. */
export function Cause({ cause, evidence }: { cause: string | null; evidence: readonly string[] | null }) {
  if (!cause) return <span class="quiet">–</span>;
  return (
    <>
      {words(cause)}{" "}
      {evidence && evidence.length > 0 && <span class="evidence quiet"><bdi>{evidence.map(brief).join("; ")}</bdi></span>}
    </>
  );
}
