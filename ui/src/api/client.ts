import createClient from "openapi-fetch";
import { connection } from "./connection";
import type { paths } from "./schema";
import type { Me, Problem } from "./types";

/** What the server answered in place of what was asked for. `message` is one line for a person. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(readonly problem: Problem, readonly status: number) {
    super(problem.message);
  }
}

let csrfToken = "";

/** Writes carry the token of the page from now on. */
export function signedIn(me: Me): void {
  csrfToken = me.csrf_token;
}

const client = createClient<paths>({ baseUrl: window.location.origin, credentials: "same-origin" });

/** What every write sends with it. */
export function csrf(): { header: { "X-Atlas-CSRF": string } } {
  return { header: { "X-Atlas-CSRF": csrfToken } };
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

type Got<T> = { data?: T; error?: unknown; response: Response };

/** The answer's data. Throws ApiError; where server or database is away, the page hears of it. A write that was refused
 * because the server has started anew since, is sent once more with a new token. */
export async function data<T>(ask: () => Promise<Got<T>>, again = true): Promise<T> {
  let got: Got<T>;
  try {
    got = await ask();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    connection.lost("server");
    throw new ApiError({ code: "database_away", message: "The server does not answer.", retry_after_s: null, revision: null, changes: [] }, 0);
  }
  if (got.data !== undefined && got.response.ok) {
    return got.data;
  }
  const problem: Problem = isProblem(got.error)
    ? got.error
    : { code: "failed", message: `The server answered ${got.response.status}.`, retry_after_s: null, revision: null, changes: [] };
  if (problem.code === "wrong_csrf_token" && again) {
    signedIn(await data(() => client.GET("/api/v1/me"), false));
    return data(ask, false);
  }
  if (problem.code === "database_away") connection.lost("database");
  if (problem.code === "unauthenticated") connection.signedOut();
  throw new ApiError(problem, got.response.status);
}

export { client };
