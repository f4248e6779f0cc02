import { keepPreviousData, QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ApiError } from "./client";
import { connection } from "./connection";
import { api, type LinesFormat } from "./endpoints";
import type { Order, ReviewState, Session, SessionItem, SessionPage, SessionQuery } from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 5 * 60_000,
      // What is away comes back by itself (connection.ts); what was refused is refused again.
      retry: (failures, error) => !(error instanceof ApiError) && failures < 2,
      networkMode: "always",
    },
    mutations: { networkMode: "always", retry: false },
  },
});

connection.onReturn(() => void queryClient.invalidateQueries());

export const useMe = () => useQuery({ queryKey: ["me"], queryFn: api.me, staleTime: Infinity });
export const useSetup = () => useQuery({ queryKey: ["setup"], queryFn: api.setup, staleTime: Infinity });
export const useFacets = () => useQuery({ queryKey: ["facets"], queryFn: api.facets, staleTime: 60_000 });
export const useFilters = () => useQuery({ queryKey: ["filters"], queryFn: api.filters, staleTime: 30_000 });

export function useSessions(query: SessionQuery, order: Order) {
  return useInfiniteQuery({
    queryKey: ["sessions", query, order],
    queryFn: ({ pageParam, signal }) => api.sessions(query, order, pageParam, 100, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: SessionPage) => last.next_cursor ?? undefined,
    refetchOnWindowFocus: false,
    staleTime: 30_000,
  });
}

export function useCounts(query: SessionQuery) {
  return useQuery({
    queryKey: ["counts", query],
    queryFn: ({ signal }) => api.counts(query, signal),
    placeholderData: keepPreviousData,
  });
}

export function useSession(session: string) {
  return useQuery({
    queryKey: ["session", session],
    queryFn: ({ signal }) => api.session(session, signal),
    enabled: session !== "",
    refetchInterval: (query) => (query.state.data?.item.status === "running" ? 3000 : false),
  });
}

/** Read a session before it is chosen, so that it is there at once. */
export function ahead(session: string): void {
  void queryClient.prefetchQuery({ queryKey: ["session", session], queryFn: ({ signal }) => api.session(session, signal) });
}

/** The spans of a session as it is at `revision`; asked again when it changes. */
export function useSkeleton(session: string, content: string) {
  return useQuery({
    queryKey: ["skeleton", session, content],
    queryFn: ({ signal }) => api.skeleton(session, signal),
    staleTime: Infinity,
    placeholderData: (previous, query) => (query?.queryKey[1] === session ? previous : undefined),
  });
}

export function useSpan(session: string, span: string | null, content: string, enabled = true) {
  return useQuery({
    queryKey: ["span", session, span, content],
    queryFn: ({ signal }) => api.span(session, span ?? "", signal),
    enabled: enabled && span !== null,
    staleTime: Infinity,
    placeholderData: (previous, query) => (query?.queryKey[1] === session && query.queryKey[2] === span ? previous : undefined),
  });
}

export function useRecords(session: string, content: string) {
  return useInfiniteQuery({
    queryKey: ["records", session, content],
    queryFn: ({ pageParam }) => api.records(session, pageParam),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const have = pages.reduce((sum, page) => sum + page.records.length, 0);
      return have < last.total && last.records.length > 0 ? have : undefined;
    },
    staleTime: Infinity,
  });
}

export function useLines(session: string, format: LinesFormat, revision: string) {
  return useQuery({
    queryKey: ["lines", session, format, revision],
    queryFn: () => api.lines(session, format),
    staleTime: Infinity,
    placeholderData: (previous, query) => (query?.queryKey[1] === session && query.queryKey[2] === format ? previous : undefined),
  });
}

/** The part of a revision that changes with a session's content, and not with its review. */
export function contentOf(revision: string): string {
  return revision.split("-")[0] ?? revision;
}

/** Put a new state of review wherever the session is shown. */
export function reviewed(state: ReviewState): void {
  queryClient.setQueriesData<Session>({ queryKey: ["session"] }, (session) =>
    session?.item.id === state.session
      ? { ...session, revision: state.revision, review: state, item: withReview(session.item, state) }
      : session,
  );
  queryClient.setQueriesData<{ pages: SessionPage[]; pageParams: unknown[] }>({ queryKey: ["sessions"] }, (list) =>
    list && {
      ...list,
      pages: list.pages.map((page) => ({
        ...page,
        sessions: page.sessions.map((item) => (item.id === state.session ? withReview(item, state) : item)),
      })),
    },
  );
  void queryClient.invalidateQueries({ queryKey: ["counts"] });
  void queryClient.invalidateQueries({ queryKey: ["lines", String(state.session)] });
}

function withReview(item: SessionItem, state: ReviewState): SessionItem {
  const counted = state.verdicts.filter((one) => one.verdict !== "pending").length;
  return {
    ...item,
    revision: state.revision,
    review_status: state.status,
    verdicts: counted,
    verdicts_needed: state.verdicts_needed,
    tie: state.tie,
    changed_after_review: state.changed_after_review,
    assigned_to: state.assigned_to,
    reservation: state.reservation,
  };
}
