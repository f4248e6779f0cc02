import { useMemo, useState } from "react";
import type { CallMessage, ModelCall, ToolResultPart } from "../api/types";
import { bytes, count, plural } from "../base/format";
import { DiffView } from "../parts/DiffView";
import { Icon } from "../parts/Icon";
import type { Json } from "../parts/json";
import { LongText } from "../parts/LongText";
import { Chip } from "../parts/small";
import { Value } from "../parts/Value";
import { answerText, chatOf, isPaired } from "./chat";
import { offeredWords, PartView } from "./Part";

/** One model call as a chat: what it was told, what it was offered, what came before, and what it answered. */
export function Call({ call, correction }: { call: ModelCall; correction: string | null }) {
  const chat = useMemo(() => chatOf(call), [call]);
  return (
    <div className="chat">
      <Warnings call={call} />
      {chat.system.map((message, index) => <System key={index} message={message} />)}
      {call.tools.length > 0 ? <Offered call={call} /> : null}
      {chat.earlier.length > 0 ? <Earlier messages={chat.earlier} /> : null}
      {chat.fresh.map((message, index) => (isPaired(message, chat.paired) ? null : <Message key={index} message={message} results={chat.results} />))}
      {call.choices.map((choice) => (
        <div key={choice.index} className="answer">
          <Message
            message={choice.message}
            results={chat.results}
            label={call.choices.length > 1 ? `answer ${choice.index + 1}` : "answer"}
            after={choice.finish_reason && !["stop", "tool_calls", "end_turn", "tool_use"].includes(choice.finish_reason) ? <Chip tone="warn">{choice.finish_reason}</Chip> : null}
          />
        </div>
      ))}
      {call.choices.length === 0 ? <p className="quiet small message-none">It was not answered, or the answer was not recorded.</p> : null}
      {correction !== null ? (
        <div className="correction">
          <p className="row small"><Chip tone="good"><Icon name="edit" size={11} />corrected</Chip><span className="quiet">What it should have said; both make a preference pair.</span></p>
          <DiffView left={answerText(call)} right={correction} leftName="answered" rightName="corrected" />
        </div>
      ) : null}
    </div>
  );
}

function Warnings({ call }: { call: ModelCall }) {
  const cut = call.cut_bytes > 0 || call.cut_messages > 0;
  if (!cut && call.unread.length === 0) return null;
  return (
    <div className="notice notice-warn small">
      <Icon name="warning" />
      <div>
        {cut ? <p>A limit took out {call.cut_messages > 0 ? `${plural(call.cut_messages, "message")}, ` : ""}{bytes(call.cut_bytes)} of this call.</p> : null}
        {call.unread.map((why, index) => <p key={index} className="text">Not read: {why}</p>)}
      </div>
    </div>
  );
}

function Fold({ label, preview, children }: { label: string; preview?: string; children: React.ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="message">
      <button type="button" className="fold" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "chevron"} size={12} />
        <span className="fold-label">{label}</span>
        {!open && preview ? <span className="cut quiet">{preview}</span> : null}
      </button>
      {open ? <div className="fold-body">{children}</div> : null}
    </div>
  );
}

function System({ message }: { message: CallMessage }) {
  const text = message.parts.map((part) => (part.kind === "text" ? part.text : `[${part.kind}]`)).join("\n");
  return (
    <Fold label={message.role === "developer" ? "Developer" : "System"} preview={text.slice(0, 240).replace(/\s+/g, " ")}>
      {message.parts.map((part, index) => (part.kind === "text" ? <LongText key={index} text={part.text} /> : <PartView key={index} part={part} />))}
    </Fold>
  );
}

function Offered({ call }: { call: ModelCall }) {
  return (
    <Fold label={offeredWords(call.tools)}>
      <ul className="offered">
        {call.tools.map((tool) => (
          <li key={tool.name}>
            <p className="mono strong">{tool.name}</p>
            {tool.description ? <LongText text={tool.description} className="small soft" limit={600} /> : null}
            {tool.parameters ? <Value value={tool.parameters as Json} depth={1} /> : null}
          </li>
        ))}
      </ul>
    </Fold>
  );
}

function Earlier({ messages }: { messages: readonly CallMessage[] }) {
  const results = new Map<string, ToolResultPart>();
  return (
    <Fold label={`${plural(messages.length, "earlier message")}`} preview={`${messages.map((message) => message.role).slice(0, 8).join(", ")}${messages.length > 8 ? ", …" : ""}`}>
      {messages.map((message, index) => <Message key={index} message={message} results={results} />)}
    </Fold>
  );
}

interface MessageProps {
  readonly message: CallMessage;
  readonly results: ReadonlyMap<string, ToolResultPart>;
  readonly label?: string;
  readonly after?: React.ReactNode;
}

function Message({ message, results, label, after }: MessageProps) {
  return (
    <div className={`message message-${["user", "assistant", "tool", "system"].includes(message.role) ? message.role : "other"}`}>
      <p className="message-role">{label ?? message.role}{message.name ? <span className="quiet"> {message.name}</span> : null}</p>
      <div className="message-parts">
        {message.parts.map((part, index) => (
          <PartView key={index} part={part} result={part.kind === "tool_call" && part.id ? results.get(part.id) : undefined} />
        ))}
        {message.parts.length === 0 ? <span className="quiet small">empty</span> : null}
        {message.unread ? <p className="small tone-warn text">Not read: {message.unread}</p> : null}
        {message.cut_bytes > 0 ? <p className="small tone-warn">{count(message.cut_bytes)} bytes were cut out of the middle.</p> : null}
        {after}
      </div>
    </div>
  );
}
