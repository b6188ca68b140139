// One call to the gateway, for any runtime with `fetch`: Cloudflare Workers, Deno, Bun, Node 18 or later.
//
//   const { rows } = await query(env, "SELECT id, name FROM personas WHERE id = $1", ["brad"]);
//
// `env` holds GATEWAY_URL (https://db.example.com) and GATEWAY_TOKEN (a JWT or an API key). Values go
// into `parameters`, never into the text.

/** What a call that failed tells: `error` is a code of docs/errors.md, `applied` is "no", "yes" or "unknown". */
export class DatabaseError extends Error {
  constructor(problem, status) {
    super(problem.message);
    this.name = "DatabaseError";
    this.status = status;
    const { error, code = null, detail = null, hint = null, rule = null, requestId = null } = problem;
    const { applied = "unknown", retryable = false } = problem;
    Object.assign(this, { error, code, detail, hint, rule, requestId, applied, retryable });
  }
}

const ATTEMPTS = 3;
const LONGEST_WAIT_MS = 2_000;
const TIMEOUT_MS = 10_000;

/** Runs one statement. Returns {rows, rowCount, command, fields}, or throws a DatabaseError. */
export async function query(env, sql, parameters = []) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send(env, { query: sql, parameters });
    } catch (error) {
      // Sending again is right only where the gateway says so: then nothing has been applied.
      const waitMs = error.retryAfterMs ?? 100 * 2 ** attempt * Math.random();
      if (!error.retryable || attempt === ATTEMPTS || waitMs > LONGEST_WAIT_MS) throw error;
      await new Promise((done) => setTimeout(done, waitMs));
    }
  }
}

async function send(env, body) {
  let response, answer;
  try {
    response = await fetch(new URL("/query", env.GATEWAY_URL), {
      method: "POST",
      headers: { Authorization: `Bearer ${env.GATEWAY_TOKEN}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = await response.json();
  } catch (cause) {
    // No answer, or half of one: a write may or may not have happened, and only the data can tell.
    const error = new DatabaseError({ error: "no-answer", message: "The gateway gave no whole answer." }, 0);
    error.cause = cause;
    throw error;
  }
  if (response.ok) return answer;
  const error = new DatabaseError(answer, response.status);
  if (response.headers.has("Retry-After")) error.retryAfterMs = 1000 * Number(response.headers.get("Retry-After"));
  throw error;
}
