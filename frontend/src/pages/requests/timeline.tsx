// A call as a time line: received, whom it was given to and why, what came back, and its end.

import type { ReactNode } from "react";
import { useVerdictText } from "../../components/reason";
import { Badge } from "../../components/state";
import { messageIn } from "../../services/reason";
import type { Attempt, CallDetail, Choice, Hindrance } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

type NameOf = (id: number | null) => string;

function Moment({ at, from, children }: { at: number; from: number; children: ReactNode }) {
  const { format } = useText();
  return (
    <li>
      <span className="number soft small" title={format.moment(at)}>
        +{format.span(Math.max(0, at - from))}
      </span>
      <div>{children}</div>
    </li>
  );
}

function Hindered({ hindrance, nameOf }: { hindrance: Hindrance; nameOf: NameOf }) {
  const { format } = useText();
  const { detail } = useWords(both);
  const { key_id, why, until, reason } = hindrance;
  return (
    <li>
      {nameOf(key_id)}: {detail.why[why] ?? why}
      {until && <span className="soft"> {detail.until(format.time(Date.parse(until)))}</span>}
      {reason && <span className="soft inert"> — {messageIn(reason)}</span>}
    </li>
  );
}

/** Who was left aside at one choice. */
function PassedOver({ choice, nameOf }: { choice: Choice; nameOf: NameOf }) {
  const { format } = useText();
  const { detail } = useWords(both);
  const { first = [], passed_over: counts = {}, despite, waited_ms: waited } = choice;
  const told = Object.entries(counts).map(([why, count]) => `${format.whole(count)} ${detail.why[why] ?? why}`);
  return (
    <div className="passed small">
      {waited != null && <div className="soft">{detail.waited(format.span(waited))}</div>}
      {told.length > 0 && (
        <div>
          <span className="soft">{detail.passedOver}:</span> {told.join(", ")}
        </div>
      )}
      <ul>
        {first.map((hindrance) => (
          <Hindered key={hindrance.key_id} hindrance={hindrance} nameOf={nameOf} />
        ))}
      </ul>
      {despite && (
        <div>
          {detail.despite}: {detail.why[despite.why] ?? despite.why}
        </div>
      )}
    </div>
  );
}

/** Which rule made the verdict out of the answer. */
function Judged({ by }: { by: Attempt["decided_by"] }) {
  const { detail } = useWords(both);
  if (!by) return null;
  if (by.source === "operator") return <div className="soft small">{detail.judgedBy.operator(by.name)}</div>;
  const { code = [], text = [], pattern = [] } = by.source === "status" ? {} : by.rule;
  const marks = [...code, ...text, ...pattern];
  return (
    <div className="soft small">
      {detail.judgedBy[by.source]}
      {marks.length > 0 && <span className="inert">: {marks.join(", ")}</span>}
    </div>
  );
}

function Tried({ attempt, number, nameOf }: { attempt: Attempt; number: number; nameOf: NameOf }) {
  const { text, format } = useText();
  const { detail } = useWords(both);
  const verdict = useVerdictText();
  const { chosen_by: by, candidates, served, http_status_code: status, error_message: error } = attempt;
  return (
    <>
      <strong>{detail.attempt(format.whole(number), nameOf(attempt.key_id))}</strong>{" "}
      <Badge mood={served ? "good" : "bad"}>{[verdict(attempt.verdict), status].filter(Boolean).join(" · ")}</Badge>
      <div className="soft small">
        {[by && detail.chosenBy[by], candidates && detail.ofCandidates(format.whole(candidates)), `${text.common.latency} ${format.span(attempt.latency_ms)}`].filter(Boolean).join(" · ")}
      </div>
      {error && <div className="small inert error-words">{messageIn(error)}</div>}
      <Judged by={attempt.decided_by} />
    </>
  );
}

/** Where nobody was asked any more, and why. */
function Nobody({ choice }: { choice: Choice }) {
  const { detail } = useWords(both);
  return (
    <>
      <strong>{detail.nobody}</strong>
      <div className="small">{detail.nobodyBecause[choice.outcome] ?? choice.outcome}</div>
    </>
  );
}

export function TimeLine({ call, nameOf }: { call: CallDetail; nameOf: NameOf }) {
  const { detail } = useWords(both);
  const { text } = useText();
  const from = Date.parse(call.create_time);
  const attempts = call.attempts_detail;
  const choices = call.choices ?? [];
  const choiceAt = (index: number) => choices.find(({ after_attempts }) => after_attempts === index);
  const last = choiceAt(attempts.length);
  const end = call.latency_ms === null ? undefined : from + call.latency_ms;
  return (
    <ol className="time-line">
      <Moment at={from} from={from}>
        {detail.received}
      </Moment>
      {attempts.map((attempt, index) => {
        const choice = choiceAt(index);
        return (
          <Moment key={attempt.id} at={Date.parse(attempt.create_time)} from={from}>
            {choice && <PassedOver choice={choice} nameOf={nameOf} />}
            <Tried attempt={attempt} number={index + 1} nameOf={nameOf} />
          </Moment>
        );
      })}
      {last && (
        <Moment at={end ?? from} from={from}>
          <PassedOver choice={last} nameOf={nameOf} />
          <Nobody choice={last} />
        </Moment>
      )}
      {call.first_byte_ms !== null && (
        <Moment at={from + call.first_byte_ms} from={from}>
          {detail.firstByte}
        </Moment>
      )}
      {end !== undefined && (
        <Moment at={end} from={from}>
          {detail.ended}: {text.outcomes[call.outcome ?? "open"]}
        </Moment>
      )}
    </ol>
  );
}
