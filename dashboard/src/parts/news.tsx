// What the socket tells: that the page is live, that it is not, and which run ended. It moves nothing else on the page.
import { useSignalEffect } from "@preact/signals";
import { href } from "../address";
import { hasAnswer, isLive } from "../api";
import { isBroken, news } from "../live";
import { StatusMark } from "./marks";

const SHOWN_SECONDS = 15;

export function LiveMark() {
  // Its place is kept, so that the bar does not move when it comes.
  if (!hasAnswer.value) return <span class="live" />;
  const [sign, word, title] = isLive.value
    ? ["●", "Live", "Runs are shown as they end."]
    : ["○", isBroken.value ? "Reconnecting" : "Every minute", isBroken.value ? "Live updates are interrupted. The page reads its data every minute until they are back." : "The page reads its data every minute."];
  return <span class={isBroken.value ? "live broken" : "live"} role="status" title={title}><span aria-hidden="true">{sign}</span> {word}</span>;
}

export function News() {
  useSignalEffect(() => {
    if (news.value === null) return;
    const timer = setTimeout(() => (news.value = null), SHOWN_SECONDS * 1000);
    return () => clearTimeout(timer);
  });
  const run = news.value;
  return (
    <div class="news" role="status">
      {run && (
        <p>
          <StatusMark status={run.status} /> <a href={href({ run: run.id })}><bdi>{run.job?.name ?? `Run ${run.id}`}</bdi></a> has ended.{" "}
          <button type="button" class="quiet" onClick={() => (news.value = null)}>Close</button>
        </p>
      )}
    </div>
  );
}
