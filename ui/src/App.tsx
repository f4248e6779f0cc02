import type { ComponentType } from "react";
import { useEffect, useState } from "react";
import { signedIn } from "./api/client";
import { useMe, useSetup } from "./api/queries";
import { useKeys } from "./base/keys";
import { go, usePlace } from "./base/place";
import { toggleTheme } from "./base/theme";
import { CompareView } from "./compare/CompareView";
import { DatasetsView } from "./datasets/DatasetsView";
import { LiveView } from "./live/LiveView";
import { Failed, Loading } from "./parts/small";
import { Toasts } from "./parts/Toasts";
import { PlotsView } from "./plots/PlotsView";
import { QueueView } from "./queue/QueueView";
import { Banner } from "./shell/Banner";
import { Header, VIEWS, type ViewPath } from "./shell/Header";
import { Help } from "./shell/Help";

const SHOWN: Record<ViewPath, ComponentType> = {
  "/queue": QueueView,
  "/compare": CompareView,
  "/plots": PlotsView,
  "/datasets": DatasetsView,
  "/live": LiveView,
};

/** The whole page: who is here, where they are, and the view that shows it. */
export function App() {
  const me = useMe();
  const setup = useSetup();
  const { path } = usePlace();
  const [help, setHelp] = useState(false);
  const view = VIEWS.find((one) => one.path === path);

  useEffect(() => {
    document.title = `${view?.name ?? "Atlas"} · Atlas review`;
  }, [view]);

  useKeys([
    ...VIEWS.map((one) => ({ keys: `g ${one.key}`, does: `Go to ${one.name}`, group: "Go", run: () => go(one.path) })),
    { keys: "?", does: "Show all keys", group: "Page", run: () => setHelp(true) },
    { keys: "t", does: "Light or dark", group: "Page", run: toggleTheme },
  ]);

  if (me.data) signedIn(me.data);
  const View = view ? SHOWN[view.path] : null;
  return (
    <div className="app">
      <a className="skip" href="#main">Skip to the content</a>
      <Header me={me.data} setup={setup.data} onHelp={() => setHelp(true)} />
      <Banner />
      <main id="main" className="main" tabIndex={-1}>
        {me.error ? (
          <Failed error={me.error} again={() => void me.refetch()} />
        ) : !me.data || !setup.data ? (
          <Loading lines={6} />
        ) : View ? (
          <View />
        ) : (
          <Failed error={`There is no view ${path}.`} again={() => go("/queue")} />
        )}
      </main>
      {help ? <Help onClose={() => setHelp(false)} /> : null}
      <Toasts />
    </div>
  );
}
