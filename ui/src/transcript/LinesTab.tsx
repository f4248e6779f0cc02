import { useMemo } from "react";
import type { LinesFormat } from "../api/endpoints";
import { useLines } from "../api/queries";
import type { Session } from "../api/types";
import { bytes, plural } from "../base/format";
import { useKept } from "../base/storage";
import { change, usePlace } from "../base/place";
import { Icon } from "../parts/Icon";
import { pretty, structured } from "../parts/json";
import { Chip, Copy, Empty, Failed, Loading } from "../parts/small";
import { Value } from "../parts/Value";

const FORMATS: readonly LinesFormat[] = ["chat", "preference", "rl", "kto", "tokens", "openai", "openai-preference", "verl", "atif", "hf-traces", "atlas"];
const SHOWN = 50;

/** The training lines that come of the session, in each format, by the export's own code. */
export function LinesTab({ name, session }: { name: string; session: Session }) {
  const { query } = usePlace();
  const [raw, setRaw] = useKept("lines-raw", false);
  const format = FORMATS.find((one) => one === query["format"]) ?? "chat";
  const found = useLines(name, format, session.revision);
  return (
    <div className="split">
      <div className="row wrap tab-bar small">
        <label className="row"><span className="quiet">Format</span>
          <select className="select-small" value={format} onChange={(event) => change({ format: event.target.value === "chat" ? null : event.target.value }, true)}>
            {FORMATS.map((one) => <option key={one} value={one}>{one}</option>)}
          </select>
        </label>
        {found.data ? (
          found.data.exported ? <Chip tone="good"><Icon name="check" size={11} />an export takes it</Chip> : <Chip tone="warn">{found.data.why_not ?? "an export does not take it"}</Chip>
        ) : null}
        <button type="button" className="button button-small push" aria-pressed={raw} onClick={() => setRaw(!raw)}>JSON</button>
        {found.data ? <a className="button button-small" href={found.data.download} download><Icon name="download" />Download</a> : null}
      </div>
      <div className="lines" tabIndex={0} role="region" aria-label="Training lines">
        {found.error && !found.data ? <Failed error={found.error} again={() => void found.refetch()} /> : null}
        {!found.data && !found.error ? <Loading lines={6} /> : null}
        {found.data?.left_out.map((one) => <p key={one.reason} className="small soft text left-out">{plural(one.count, "model call")} left out: {one.reason}</p>)}
        {found.data && found.data.lines.length === 0 ? <Empty title={`No ${format} line comes of this session.`} /> : null}
        <ol>
          {found.data?.lines.slice(0, SHOWN).map((line, index) => (
            <li key={index} className="line">
              <p className="row tiny quiet"><span className="num">line {index + 1}</span><span className="num">{bytes(line.size)}</span>{line.text !== null ? <Copy text={line.text} label="line"><span>copy</span></Copy> : null}</p>
              {line.text === null ? <p className="quiet small">Too large to show here: download the lines.</p> : <LineText text={line.text} raw={raw} />}
            </li>
          ))}
        </ol>
        {found.data && found.data.lines.length > SHOWN ? <p className="quiet small">The first {SHOWN} of {plural(found.data.lines.length, "line")}; the download has all.</p> : null}
      </div>
    </div>
  );
}

function LineText({ text, raw }: { text: string; raw: boolean }) {
  const value = useMemo(() => (raw ? undefined : structured(text)), [text, raw]);
  if (value !== undefined) return <Value value={value} />;
  const shown = pretty(text);
  return <pre className="raw-text text">{shown.length > 200_000 ? `${shown.slice(0, 200_000)}\n…` : shown}</pre>;
}
