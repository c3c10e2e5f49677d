// The calendar: what runs when. A table is the picture: each cell holds its figure, and is the darker the higher it is.
import { computed, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { filters } from "../address";
import { useScreen } from "../api";
import { count, duration } from "../format";
import { calendarOf, type Day, type Hour } from "../layout/calendar";
import type { CalendarPageQuery, CalendarPageQueryVariables } from "../operations";
import { ScreenView, Section, Unread } from "../parts/screen";
import { useTitle } from "../parts/title";

type Account = NonNullable<CalendarPageQuery["account"]>;

const variables = computed<CalendarPageQueryVariables>(() => {
  const { environment, projects } = filters.value;
  return { environment, projects: projects.length ? { projectIds: projects } : null };
});

const MEASURES = {
  peak: { word: "Runs at once, at most", value: (hour: Hour) => hour.peak, text: (value: number) => String(value) },
  began: { word: "Runs that began", value: (hour: Hour) => hour.began, text: (value: number) => String(value) },
  queue: { word: "Time in the queue", value: (hour: Hour) => hour.queueSeconds, text: (value: number) => duration(Math.round(value)).replace(/(\d)\.00? s/, "$1 s") },
};

export function CalendarPage() {
  const screen = useScreen<CalendarPageQuery, CalendarPageQueryVariables>("calendar", variables);
  useTitle("Calendar");
  return (
    <>
      <div class="head"><h1>Calendar</h1></div>
      <ScreenView screen={screen}>{(data) => (data.account ? <Calendar account={data.account} /> : <p class="notice">There is no account to show.</p>)}</ScreenView>
    </>
  );
}

function Calendar({ account }: { account: Account }) {
  const chosen = useSignal<keyof typeof MEASURES>("peak");
  const runs = account.runs?.nodes ?? [];
  const days = useMemo(() => calendarOf(runs).reverse(), [account]);
  const measure = MEASURES[chosen.value];
  const most = Math.max(1, ...days.flatMap((day) => day.hours.map(measure.value)));
  return (
    <Section title="Runs by day and hour" note={`${count(runs.length, "run")}${runs.length >= 500 ? ", the newest" : ""}; hours of your clock`} query={{ document: "calendar", variables: variables.value }}>
      <label class="quiet">
        Show{" "}
        <select value={chosen.value} onChange={(event) => (chosen.value = event.currentTarget.value as keyof typeof MEASURES)}>
          {Object.entries(MEASURES).map(([name, { word }]) => <option value={name}>{word}</option>)}
        </select>
      </label>
      {!account.runs ? <Unread /> : days.length === 0 ? <p class="empty">No run has a start.</p> : <Grid days={days} measure={measure} most={most} />}
    </Section>
  );
}

function Grid({ days, measure, most }: { days: readonly Day[]; measure: (typeof MEASURES)["peak"]; most: number }) {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={measure.word}>
      <table class="calendar">
        <caption class="unseen">{measure.word}</caption>
        <thead>
          <tr><th scope="col">Day</th>{Array.from({ length: 24 }, (_, hour) => <th scope="col" class="number">{String(hour).padStart(2, "0")}</th>)}</tr>
        </thead>
        <tbody>
          {days.map((day) => (
            <tr>
              <th scope="row">{day.start.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" })}</th>
              {day.hours.map((hour) => <Cell hour={hour} value={measure.value(hour)} measure={measure} most={most} />)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const STEPS = 5;

function Cell({ hour, value, measure, most }: { hour: Hour; value: number; measure: (typeof MEASURES)["peak"]; most: number }) {
  const level = value === 0 ? 0 : Math.max(1, Math.round((value / most) * STEPS));
  const title = `${hour.start.toISOString().slice(11, 16)} UTC: ${count(hour.began, "run")} began, ${hour.peak} at once, ${duration(hour.queueSeconds)} in the queue`;
  return <td class={`number level${level}`} title={title}>{value === 0 ? "" : measure.text(value)}</td>;
}
