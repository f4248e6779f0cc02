import type { RefObject } from "react";
import { useState } from "react";
import { useFacets } from "../api/queries";
import { Icon } from "../parts/Icon";
import type { Draft } from "./draft";

interface Props {
  readonly saved: readonly string[];
  readonly draft: Draft;
  readonly field: RefObject<HTMLInputElement | null>;
  readonly disabled: boolean;
  readonly onChange: (changes: Partial<Draft>) => void;
}

/** The session's tags as they will be: what is saved, without what is taken off, with what is put on. */
export function Tags({ saved, draft, field, disabled, onChange }: Props) {
  const [text, setText] = useState("");
  const known = useFacets().data?.tags ?? [];
  const shown = [...saved.filter((tag) => !draft.dropTags.includes(tag)), ...draft.addTags];
  const put = () => {
    const tag = text.trim();
    setText("");
    if (!tag || shown.includes(tag)) return;
    if (saved.includes(tag)) onChange({ dropTags: draft.dropTags.filter((one) => one !== tag) });
    else onChange({ addTags: [...draft.addTags, tag] });
  };
  const take = (tag: string) => {
    if (draft.addTags.includes(tag)) onChange({ addTags: draft.addTags.filter((one) => one !== tag) });
    else onChange({ dropTags: [...draft.dropTags, tag] });
  };
  return (
    <div className="tags">
      {shown.map((tag) => (
        <span key={tag} className={draft.addTags.includes(tag) ? "tag tag-new" : "tag"}>
          <span className="cut">{tag}</span>
          {disabled ? null : <button type="button" className="tag-drop" aria-label={`Take off ${tag}`} onClick={() => take(tag)}><Icon name="cross" size={10} /></button>}
        </span>
      ))}
      <input
        ref={field}
        className="tag-field"
        list="known-tags"
        value={text}
        maxLength={100}
        disabled={disabled}
        placeholder={shown.length ? "add" : "add a tag"}
        aria-label="Add a tag"
        onChange={(event) => setText(event.target.value)}
        onBlur={put}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.metaKey && !event.ctrlKey) {
            event.preventDefault();
            put();
          } else if (event.key === "Escape") {
            setText("");
            event.currentTarget.blur();
          } else if (event.key === "Backspace" && text === "") {
            const last = shown.at(-1);
            if (last) take(last);
          }
        }}
      />
      <datalist id="known-tags">{known.map((tag) => <option key={tag} value={tag} />)}</datalist>
    </div>
  );
}
