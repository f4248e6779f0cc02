import type { components, paths } from "./schema";

/** The API's own shapes, made from its description. */
type S = components["schemas"];

export type Me = S["Me"];
export type Setup = S["Setup"];
export type Criterion = S["Criterion"];
export type Problem = S["Problem"];
export type Changed = S["Change"];

/** Conditions on sessions; what is not asked is not there. */
export type SessionQuery = Readonly<NonNullable<paths["/api/v1/counts"]["get"]["parameters"]["query"]>>;
export type SessionItem = S["SessionItem"];
export type SessionPage = S["SessionPage"];
export type Reason = S["Reason"];
export type Counts = S["Counts"];
export type Facets = S["Facets"];
export type SavedFilter = S["SavedFilter"];
export type Order = NonNullable<S["SavedFilter"]["order"]>;

export type Session = S["Session"];
export type Step = S["Step"];
export type Attempt = S["Attempt"];
export type Reward = S["Reward"];
export type SkeletonSpan = S["SkeletonSpan"];
export type Skeleton = S["Skeleton"];
export type SpanDetail = S["SpanDetail"];
export type ModelCall = S["ModelCallView"];
export type CallMessage = S["CallMessage"];
export type CallTool = S["CallTool"];
export type Part = CallMessage["parts"][number];
export type ToolCallPart = S["ToolCallPart"];
export type ToolResultPart = S["ToolResultPart"];
export type Payload = S["Payload"];
export type RawRecord = S["RawRecord"];
export type RawRecords = S["RawRecords"];
export type Lines = S["Lines"];

export type ReviewState = S["ReviewState"];
export type ReviewEvent = S["ReviewEvent"];
export type ReviewBody = S["ReviewBody"];
export type Action = ReviewBody["actions"][number];
export type BulkAction = S["BulkPreviewBody"]["action"];
export type BulkPreview = S["BulkPreview"];
export type Agreement = S["Agreement"];

export type Plots = S["Plots"];
export type PlotGroup = S["PlotGroup"];
export type Failures = S["Failures"];
export type Throughput = S["Throughput"];
export type SessionComparison = S["SessionComparison"];
export type GroupComparison = S["GroupComparison"];
export type DatasetComparison = S["DatasetComparison"];
export type Dataset = S["Dataset"];
export type Datasets = S["Datasets"];
export type Build = S["Build"];
export type BuildBody = S["BuildBody"];
export type Feed = S["Changes"];
