import { useMemo, useState } from "react";
import { amounts, sideBySide, type DiffRow, type Run } from "../base/lines";
import { useKept } from "../base/storage";
import { plural } from "../base/format";

interface Props {
  readonly left: string;
  readonly right: string;
  readonly leftName: string;
  readonly rightName: string;
}

const AROUND = 3;
const MOST = 2000;

/** Two texts with what differs marked to the word, side by side or in one column. Long runs that are the same fold. */
export function DiffView({ left, right, leftName, rightName }: Props) {
  const [layout, setLayout] = useKept<"split" | "one">("diff-layout", "split");
  const [open, setOpen] = useState(false);
  const rows = useMemo(() => sideBySide(left, right), [left, right]);
  const { removed, added } = amounts(rows);
  const blocks = useMemo(() => (open ? [{ hidden: 0, rows: rows.slice(0, MOST) }] : folded(rows)), [rows, open]);
  const hidden = blocks.reduce((sum, block) => sum + block.hidden, 0);
  return (
    <figure className="diff">
      <figcaption className="diff-head">
        <span className="diff-name diff-name-left">{leftName}</span>
        <span className="quiet" aria-hidden="true">→</span>
        <span className="diff-name diff-name-right">{rightName}</span>
        <span className="small num" aria-label={`${plural(removed, "line")} removed or changed, ${plural(added, "line")} added or changed`}>
          <span className="tone-bad">−{removed}</span> <span className="tone-good">+{added}</span>
        </span>
        <span className="push row">
          {hidden > 0 ? <button type="button" className="link small" onClick={() => setOpen(true)}>Show {plural(hidden, "line")} that are the same</button> : null}
          <button type="button" className="button button-small" onClick={() => setLayout(layout === "split" ? "one" : "split")}>
            {layout === "split" ? "One column" : "Side by side"}
          </button>
        </span>
      </figcaption>
      {removed + added === 0 ? <p className="diff-nothing quiet">Both are the same.</p> : null}
      <div className={`diff-body diff-${layout}`}>
        {blocks.map((block, index) => (
          <div key={index}>
            {block.hidden > 0 ? <p className="diff-fold quiet tiny">{plural(block.hidden, "line")} that are the same</p> : null}
            {block.rows.map((row, at) => (layout === "split" ? <Split key={at} row={row} /> : <One key={at} row={row} />))}
          </div>
        ))}
      </div>
      {rows.length > MOST && open ? <p className="quiet small">The first {plural(MOST, "line")} of {rows.length}.</p> : null}
    </figure>
  );
}

interface Block { readonly hidden: number; readonly rows: readonly DiffRow[] }

/** The rows that differ, with a few around them; between them how many were left out. */
export function folded(rows: readonly DiffRow[]): Block[] {
  const keep = new Set<number>();
  rows.forEach((row, index) => {
    if (row.kind === "same") return;
    for (let near = index - AROUND; near <= index + AROUND; near += 1) keep.add(near);
  });
  const blocks: { hidden: number; rows: DiffRow[] }[] = [];
  let hidden = 0;
  let shown = 0;
  rows.forEach((row, index) => {
    if (!keep.has(index) && keep.size > 0) {
      hidden += 1;
      return;
    }
    if (shown >= MOST) return;
    shown += 1;
    const last = blocks.at(-1);
    if (last && hidden === 0) last.rows.push(row);
    else blocks.push({ hidden, rows: [row] });
    hidden = 0;
  });
  if (hidden > 0) blocks.push({ hidden, rows: [] });
  return blocks;
}

function Runs({ runs, mark }: { runs: readonly Run[]; mark: "del" | "ins" }) {
  const Mark = mark;
  return <>{runs.map((run, index) => (run.changed ? <Mark key={index}>{run.text}</Mark> : <span key={index}>{run.text}</span>))}</>;
}

function Split({ row }: { row: DiffRow }) {
  return (
    <div className={`diff-row diff-${row.kind}`}>
      <span className="diff-number num" aria-hidden="true">{row.leftNumber ?? ""}</span>
      <div className={row.left ? "diff-cell diff-left text" : "diff-cell diff-none"}>{row.left ? <Runs runs={row.left} mark="del" /> : null}</div>
      <span className="diff-number num" aria-hidden="true">{row.rightNumber ?? ""}</span>
      <div className={row.right ? "diff-cell diff-right text" : "diff-cell diff-none"}>{row.right ? <Runs runs={row.right} mark="ins" /> : null}</div>
    </div>
  );
}

function One({ row }: { row: DiffRow }) {
  if (row.kind === "same") {
    return (
      <div className="diff-line diff-same-line">
        <span className="diff-number num" aria-hidden="true">{row.rightNumber}</span><span aria-hidden="true" className="diff-sign"> </span>
        <div className="text">{row.right ? <Runs runs={row.right} mark="ins" /> : null}</div>
      </div>
    );
  }
  return (
    <>
      {row.left ? (
        <div className="diff-line diff-line-removed">
          <span className="diff-number num" aria-hidden="true">{row.leftNumber}</span><span className="diff-sign">−</span>
          <div className="text"><Runs runs={row.left} mark="del" /></div>
        </div>
      ) : null}
      {row.right ? (
        <div className="diff-line diff-line-added">
          <span className="diff-number num" aria-hidden="true">{row.rightNumber}</span><span className="diff-sign">+</span>
          <div className="text"><Runs runs={row.right} mark="ins" /></div>
        </div>
      ) : null}
    </>
  );
}
