import { useState } from "react";
import { plural } from "../base/format";
import { columnsOf, structured, type Flat, type Json } from "./json";
import { LongText } from "./LongText";

const DEEP = 5;
const ROWS = 30;

/** A payload as a person reads it: JSON as names beside values and tables, all else as text. */
export function Readable({ text, empty = "nothing" }: { text: string | null | undefined; empty?: string }) {
  if (text === null || text === undefined || text === "") return <span className="quiet small">{empty}</span>;
  const value = structured(text);
  return value === undefined ? <LongText text={text} /> : <Value value={value} />;
}

export function Value({ value, depth = 0 }: { value: Json; depth?: number }) {
  if (value === null) return <span className="json-null">null</span>;
  if (typeof value === "boolean" || typeof value === "number") return <span className="json-atom num">{String(value)}</span>;
  if (typeof value === "string") return value === "" ? <span className="quiet">""</span> : <LongText text={value} limit={1500} />;
  if (depth >= DEEP) return <LongText mono text={JSON.stringify(value)} limit={400} />;
  if (Array.isArray(value)) return <List value={value} depth={depth} />;
  return <Fields value={value as Flat} depth={depth} />;
}

function Fields({ value, depth }: { value: Flat; depth: number }) {
  const [all, setAll] = useState(false);
  const entries = Object.entries(value);
  if (entries.length === 0) return <span className="quiet">{"{}"}</span>;
  const shown = all ? entries : entries.slice(0, ROWS);
  return (
    <dl className="fields">
      {shown.map(([key, one]) => (
        <div key={key} className={isBlock(one) ? "fields-row fields-block" : "fields-row"}>
          <dt className="mono">{key}</dt>
          <dd><Value value={one} depth={depth + 1} /></dd>
        </div>
      ))}
      {shown.length < entries.length ? <More count={entries.length - shown.length} onClick={() => setAll(true)} /> : null}
    </dl>
  );
}

function isBlock(value: Json): boolean {
  return value !== null && typeof value === "object" && Object.keys(value).length > 0;
}

function List({ value, depth }: { value: readonly Json[]; depth: number }) {
  const [all, setAll] = useState(false);
  if (value.length === 0) return <span className="quiet">[]</span>;
  const shown = all ? value : value.slice(0, ROWS);
  const more = shown.length < value.length ? <More count={value.length - shown.length} onClick={() => setAll(true)} /> : null;
  const columns = columnsOf(value);
  if (columns) return <><Table columns={columns} rows={shown as readonly Flat[]} />{more}</>;
  if (value.every((one) => one === null || typeof one === "number" || (typeof one === "string" && /^\S{1,40}$/.test(one)))) {
    return <span className="text">{shown.map((one) => String(one)).join(", ")}{more}</span>;
  }
  return (
    <ol className="values">
      {shown.map((one, index) => <li key={index}><Value value={one} depth={depth + 1} /></li>)}
      {more}
    </ol>
  );
}

function More({ count, onClick }: { count: number; onClick: () => void }) {
  return <button type="button" className="link small" onClick={onClick}>Show {plural(count, "more", "more")}</button>;
}

function Table({ columns, rows }: { columns: readonly string[]; rows: readonly Flat[] }) {
  return (
    <div className="table-scroll" tabIndex={0} role="group" aria-label="Table">
      <table className="table">
        <thead><tr>{columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr></thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {columns.map((column) => {
                const cell = row[column];
                return <td key={column} className={typeof cell === "number" ? "num right" : "text"}>{cell === undefined || cell === null ? "" : String(cell)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
