import { connection, useConnection } from "../api/connection";
import { Icon } from "../parts/Icon";

const WORDS = {
  server: "The server does not answer. What you typed is kept; the page goes on by itself when it is back.",
  database: "The database does not answer. What you typed is kept; the page goes on by itself when it is back.",
  "signed-out": "You are not signed in, or no longer. Open the address that the server printed.",
} as const;

/** What is away, as long as it is. */
export function Banner() {
  const state = useConnection();
  return (
    <div role="status" aria-live="polite">
      {state === "ready" ? null : (
        <div className="banner">
          <Icon name="warning" />
          <span className="grow">{WORDS[state]}</span>
          <button type="button" className="button button-small" onClick={() => connection.look()}>Ask now</button>
        </div>
      )}
    </div>
  );
}
