import { useState } from "react";
import type { Part, ToolCallPart, ToolResultPart } from "../api/types";
import { bytes, plural } from "../base/format";
import { Icon } from "../parts/Icon";
import { structured, type Json } from "../parts/json";
import { LongText } from "../parts/LongText";
import { Chip } from "../parts/small";
import { Readable, Value } from "../parts/Value";

/** One part of a message. A call of a tool is shown beside its result where `result` has it. */
export function PartView({ part, result }: { part: Part; result?: ToolResultPart | undefined }) {
  switch (part.kind) {
    case "text":
      return part.text ? <Said text={part.text} /> : null;
    case "reasoning":
      return <Reasoning text={part.text} encrypted={part.encrypted} />;
    case "tool_call":
      return <ToolCall call={part} result={result} />;
    case "tool_result":
      return <ToolResult result={part} />;
    case "refusal":
      return <div className="refusal"><Chip tone="warn">refused</Chip><LongText text={part.text} /></div>;
    case "media":
      return <Media part={part} />;
    default:
      return (
        <div className="part-other">
          <Chip tone={part.kind === "unknown" ? "warn" : "plain"}>{part.kind.replaceAll("_", " ")}{part.name ? `: ${part.name}` : ""}</Chip>
          <Value value={part.value as Json} />
        </div>
      );
  }
}

/** What was said; an answer that is JSON is read as such. */
function Said({ text }: { text: string }) {
  const value = structured(text);
  return value !== undefined && typeof value === "object" ? <Value value={value} /> : <LongText text={text} />;
}

function Reasoning({ text, encrypted }: { text: string; encrypted: boolean }) {
  const [open, setOpen] = useState(false);
  if (!text) return <p className="quiet small row"><Icon name="lock" />{encrypted ? "Reasoning that only the provider can read" : "Reasoning without text"}</p>;
  return (
    <div className="reasoning">
      <button type="button" className="fold" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "chevron"} size={12} /><Icon name="spark" size={12} />Reasoning
        {open ? null : <span className="cut quiet">{text.slice(0, 160)}</span>}
      </button>
      {open ? <LongText text={text} className="reasoning-text" /> : null}
    </div>
  );
}

function ToolCall({ call, result }: { call: ToolCallPart; result: ToolResultPart | undefined }) {
  return (
    <div className={result ? "toolpair" : "toolpair toolpair-alone"}>
      <div className="toolside">
        <p className="toolname mono"><Icon name="tool" size={12} />{call.name || "(unnamed tool)"}</p>
        <Readable text={call.arguments} empty="no arguments" />
      </div>
      {result ? (
        <div className={result.error ? "toolside toolside-failed" : "toolside toolside-result"}>
          <p className="toolname quiet">{result.error ? "failed" : "result"}</p>
          <ResultParts result={result} />
        </div>
      ) : null}
    </div>
  );
}

function ToolResult({ result }: { result: ToolResultPart }) {
  return (
    <div className={result.error ? "toolside toolside-failed toolside-only" : "toolside toolside-result toolside-only"}>
      <p className="toolname quiet"><Icon name="tool" size={12} />{result.name ?? "tool"} {result.error ? "failed" : "gave"}</p>
      <ResultParts result={result} />
    </div>
  );
}

function ResultParts({ result }: { result: ToolResultPart }) {
  if (result.parts.length === 0) return <span className="quiet small">nothing</span>;
  return <>{result.parts.map((part, index) => (part.kind === "text" ? <Readable key={index} text={part.text} /> : <PartView key={index} part={part} />))}</>;
}

const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

function Media({ part }: { part: Extract<Part, { kind: "media" }> }) {
  const name = part.name ?? part.modality;
  if (part.data && part.mime_type && IMAGES.has(part.mime_type)) {
    return (
      <figure className="media">
        <img src={`data:${part.mime_type};base64,${part.data}`} alt={`${name} in the message`} loading="lazy" />
        <figcaption className="tiny quiet">{part.mime_type}, {bytes(part.bytes)}</figcaption>
      </figure>
    );
  }
  // What stands elsewhere is named, and never loaded: the page fetches nothing for a trace.
  return (
    <p className="media-none row small">
      <Icon name="image" size={16} />
      <span>{name}{part.mime_type ? `, ${part.mime_type}` : ""}{part.bytes ? `, ${bytes(part.bytes)}` : ""}</span>
      <span className="mono quiet cut">{part.uri ?? part.file_id ?? (part.data ? "" : "not recorded")}</span>
    </p>
  );
}

export function offeredWords(tools: readonly { readonly name: string }[]): string {
  const names = tools.slice(0, 6).map((tool) => tool.name).join(", ");
  return `${plural(tools.length, "tool")} offered: ${names}${tools.length > 6 ? ", …" : ""}`;
}
