import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api } from "../api/endpoints";
import { ahead, queryClient, useCounts, useMe, useSessions, useSetup } from "../api/queries";
import { useKeys } from "../base/keys";
import { change, usePlace } from "../base/place";
import { Empty, Failed, Loading } from "../parts/small";
import { say } from "../parts/Toasts";
import { BulkDialog } from "./BulkDialog";
import { FilterBar } from "./FilterBar";
import { FilterDialog } from "./FilterDialog";
import { orderOf, queryOf } from "./filters";
import { Reviewing } from "./Reviewing";
import { SavedFilters } from "./SavedFilters";
import { SessionList } from "./SessionList";

const FORGET = { step: null, at: null, span: null } as const;

/** The queue: the list on the left, the chosen session's transcript, the verdict on the right. */
export function QueueView() {
  const me = useMe().data;
  const setup = useSetup().data;
  const { query: params } = usePlace();
  const search = useRef<HTMLInputElement>(null);
  const [dialog, setDialog] = useState<"filters" | "saved" | "bulk" | null>(null);
  const asked = JSON.stringify(queryOf(params));
  const query = useMemo(() => queryOf(params), [asked]);
  const order = orderOf(params);
  const list = useSessions(query, order);
  const counted = useMemo(() => ({ ...query, review_status: undefined }), [query]);
  const counts = useCounts(counted).data;
  const sessions = useMemo(() => list.data?.pages.flatMap((page) => page.sessions) ?? [], [list.data]);
  const chosen = params["s"] ?? (sessions[0] ? String(sessions[0].id) : undefined);
  const at = sessions.findIndex((item) => String(item.id) === chosen);

  const choose = useCallback((id: string) => change({ s: id, ...FORGET }), []);
  const move = (by: number) => {
    const next = sessions[at < 0 ? 0 : at + by];
    if (next) choose(String(next.id));
    else if (by > 0 && list.hasNextPage) void list.fetchNextPage();
  };
  const next = async () => {
    if (me?.role === "view" || query.review_status !== "pending") return move(1);
    const before = sessions.slice(0, at + 1).map((item) => item.id);
    const here = Number(chosen);
    try {
      let found = await api.next(query, order, before.slice(-1000));
      if (found.session === null && before.length > 1) found = await api.next(query, order, Number.isInteger(here) ? [here] : []);
      if (found.session === null) {
        say("Nothing else waits here.");
        void queryClient.invalidateQueries({ queryKey: ["sessions"] });
        return undefined;
      }
      choose(String(found.session));
    } catch {
      move(1);
    }
    return undefined;
  };

  const following = sessions[at + 1]?.id;
  useEffect(() => {
    if (following === undefined) return undefined;
    const timer = window.setTimeout(() => ahead(String(following)), 400);
    return () => window.clearTimeout(timer);
  }, [following]);

  useEffect(() => {
    // A session that is no longer waiting stays in the list until another filter is chosen: the list does not jump.
    setDialog(null);
  }, [asked]);

  const mayWrite = me !== undefined && me.role !== "view";
  useKeys([
    { keys: "j", does: "Next session", group: "Sessions", run: () => move(1) },
    { keys: "k", does: "Previous session", group: "Sessions", run: () => move(-1) },
    { keys: "/", does: "Search", group: "Sessions", run: () => { search.current?.focus(); search.current?.select(); } },
    { keys: "f", does: "Filter", group: "Sessions", run: () => setDialog("filters") },
    { keys: "s", does: "Saved filters", group: "Sessions", run: () => setDialog("saved") },
    { keys: "r", does: "Read the list again", group: "Sessions", run: () => void queryClient.invalidateQueries() },
    ...(mayWrite ? [{ keys: "b", does: "Do something to all of them", group: "Sessions", run: () => setDialog("bulk") }] : []),
  ]);

  if (!me || !setup) return null;
  const more = list.hasNextPage && !list.isFetchingNextPage ? () => void list.fetchNextPage() : undefined;
  return (
    <div className="queue">
      <h1 className="unseen">Queue</h1>
      <section className="list" aria-label="Queue">
        <FilterBar
          search={search}
          counts={counts}
          me={me.user}
          order={order}
          onFilters={() => setDialog("filters")}
          onSaved={() => setDialog("saved")}
          onBulk={mayWrite ? () => setDialog("bulk") : undefined}
        />
        {list.error && sessions.length === 0 ? (
          <Failed error={list.error} again={() => void list.refetch()} />
        ) : !list.data ? (
          <Loading lines={8} />
        ) : sessions.length === 0 ? (
          <Empty title="No session matches." />
        ) : (
          <SessionList sessions={sessions} chosen={chosen} me={me.user} onChoose={choose} more={more} />
        )}
      </section>
      <Reviewing id={chosen} me={me} setup={setup} onNext={() => void next()} />
      {dialog === "filters" ? <FilterDialog onClose={() => setDialog(null)} /> : null}
      {dialog === "saved" ? <SavedFilters onClose={() => setDialog(null)} /> : null}
      {dialog === "bulk" ? <BulkDialog query={query} onClose={() => setDialog(null)} /> : null}
    </div>
  );
}
