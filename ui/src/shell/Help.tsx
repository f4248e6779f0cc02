import { useLiveBindings } from "../base/keys";
import { Dialog } from "../parts/Dialog";

const NAMES: Record<string, string> = {
  ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Enter: "↵", Escape: "Esc", " ": "Space",
};
const MOD = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";

/** "mod+Enter" → ["Ctrl", "↵"]; "g q" → ["g", "q"]. */
function shown(keys: string): string[] {
  return keys.split(/[ +]/).map((key) => (key === "mod" ? MOD : (NAMES[key] ?? key)));
}

/** All keys of the view on which it was opened. */
export function Help({ onClose }: { onClose: () => void }) {
  const groups = useLiveBindings();
  return (
    <Dialog title="Keys" onClose={onClose} wide>
      <div className="help">
        {[...groups].map(([group, bindings]) => (
          <section key={group}>
            <h3 className="caps">{group}</h3>
            <dl>
              {bindings.map((binding) => (
                <div key={binding.keys} className="help-row">
                  <dt>{shown(binding.shown ?? binding.keys).map((key, index) => <kbd key={index} className="kbd">{key}</kbd>)}</dt>
                  <dd>{binding.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
