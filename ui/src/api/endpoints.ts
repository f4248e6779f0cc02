import { client, csrf, data } from "./client";
import type { BuildBody, BulkAction, Order, ReviewBody, SessionQuery } from "./types";
import type { paths } from "./schema";

type Query<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Q } } } ? Q : never;
export type PlotQuery = NonNullable<Query<"/api/v1/plots">>;
export type LinesFormat = NonNullable<NonNullable<Query<"/api/v1/sessions/{session}/lines">>["format"]>;
type Days = { since?: string; until?: string };

const of = (session: string | number) => ({ session: String(session) });

/** Every operation that the page asks for, by its name in the description. */
export const api = {
  me: () => data(() => client.GET("/api/v1/me")),
  setup: () => data(() => client.GET("/api/v1/setup")),

  sessions: (query: SessionQuery, order: Order, cursor?: string, limit = 100, signal?: AbortSignal) =>
    data(() => client.GET("/api/v1/sessions", { params: { query: { ...query, order, limit, ...(cursor ? { cursor } : {}) } }, signal: signal ?? null })),
  counts: (query: SessionQuery, signal?: AbortSignal) =>
    data(() => client.GET("/api/v1/counts", { params: { query }, signal: signal ?? null })),
  facets: () => data(() => client.GET("/api/v1/facets")),
  changes: (since?: string) => data(() => client.GET("/api/v1/changes", { params: { query: since ? { since } : {} } })),
  filters: () => data(() => client.GET("/api/v1/filters")),
  saveFilter: (name: string, query: SessionQuery, order: Order, shared: boolean) =>
    data(() => client.PUT("/api/v1/filters/{name}", { params: { path: { name }, ...csrf() }, body: { query, order, shared } })),
  deleteFilter: (name: string) => data(() => client.DELETE("/api/v1/filters/{name}", { params: { path: { name }, ...csrf() } })),

  session: (session: string, signal?: AbortSignal) =>
    // Whoever looks at a session is no part of its revision, so a stored answer may be an old one.
    data(() => client.GET("/api/v1/sessions/{session}", { params: { path: of(session) }, cache: "no-store", signal: signal ?? null })),
  review: (session: string | number) =>
    data(() => client.GET("/api/v1/sessions/{session}/review", { params: { path: of(session) }, cache: "no-store" })),
  skeleton: (session: string, signal?: AbortSignal) =>
    data(() => client.GET("/api/v1/sessions/{session}/skeleton", { params: { path: of(session) }, signal: signal ?? null })),
  span: (session: string, span: string, signal?: AbortSignal) =>
    data(() => client.GET("/api/v1/sessions/{session}/spans/{span}", { params: { path: { ...of(session), span } }, signal: signal ?? null })),
  records: (session: string, after: number, limit = 200) =>
    data(() => client.GET("/api/v1/sessions/{session}/records", { params: { path: of(session), query: { after, limit } } })),
  lines: (session: string, format: LinesFormat) =>
    data(() => client.GET("/api/v1/sessions/{session}/lines", { params: { path: of(session), query: { format } } })),

  decide: (session: string | number, body: ReviewBody) =>
    data(() => client.POST("/api/v1/sessions/{session}/review", { params: { path: of(session), ...csrf() }, body })),
  reserve: (session: string | number) =>
    data(() => client.POST("/api/v1/sessions/{session}/reservation", { params: { path: of(session), ...csrf() }, body: {} })),
  release: (session: string | number) =>
    data(() => client.DELETE("/api/v1/sessions/{session}/reservation", { params: { path: of(session), ...csrf() } })),
  next: (query: SessionQuery, order: Order, skip: number[]) =>
    data(() => client.POST("/api/v1/review/next", { params: csrf(), body: { query, order, skip } })),
  previewBulk: (query: SessionQuery, action: BulkAction) =>
    data(() => client.POST("/api/v1/review/bulk/preview", { params: csrf(), body: { query, action } })),
  bulk: (query: SessionQuery, action: BulkAction, token: string) =>
    data(() => client.POST("/api/v1/review/bulk", { params: csrf(), body: { query, action, token } })),
  agreement: (query: SessionQuery) => data(() => client.GET("/api/v1/review/agreement", { params: { query } })),

  plots: (query: PlotQuery) => data(() => client.GET("/api/v1/plots", { params: { query } })),
  failures: (query: Days) => data(() => client.GET("/api/v1/failures", { params: { query } })),
  throughput: (query: Days) => data(() => client.GET("/api/v1/throughput", { params: { query } })),
  compareSessions: (left: string, right: string) =>
    data(() => client.GET("/api/v1/compare/sessions", { params: { query: { left, right } } })),
  compareGroups: (left: SessionQuery, right: SessionQuery) =>
    data(() => client.POST("/api/v1/compare/groups", { params: csrf(), body: { left, right } })),
  compareDatasets: (left: string, right: string) =>
    data(() => client.GET("/api/v1/compare/datasets", { params: { query: { left, right } } })),

  datasets: () => data(() => client.GET("/api/v1/datasets")),
  dataset: (name: string) => data(() => client.GET("/api/v1/datasets/{name}", { params: { path: { name } } })),
  builds: () => data(() => client.GET("/api/v1/builds")),
  build: (body: BuildBody) => data(() => client.POST("/api/v1/builds", { params: csrf(), body })),
};

/** Where a file of a session is. */
export const fileOf = {
  records: (session: string | number) => `/api/v1/sessions/${session}/records.jsonl`,
  record: (session: string | number, span: string) => `/api/v1/sessions/${session}/spans/${span}/payloads/record`,
};
