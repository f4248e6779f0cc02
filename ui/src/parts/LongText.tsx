import { useState } from "react";
import { count } from "../base/format";

const SHOWN = 4000;

/** Text as it was recorded, never HTML. What is very long is shown in part until it is asked for. */
export function LongText({ text, mono, limit = SHOWN, className }: { text: string; mono?: boolean; limit?: number; className?: string }) {
  const [whole, setWhole] = useState(false);
  const cut = !whole && text.length > limit * 1.2;
  return (
    <div className={className}>
      <div className={mono ? "text mono" : "text"}>{cut ? text.slice(0, limit) : text}</div>
      {cut ? (
        <button type="button" className="link small" onClick={() => setWhole(true)}>Show all {count(text.length)} characters</button>
      ) : null}
    </div>
  );
}
