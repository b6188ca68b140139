// A Worker with two routes over the demo's schema: GET /personas/<id>, and PUT /personas/<id> {"description": "..."}.
import { DatabaseError, query } from "./database.js";

export default {
  async fetch(request, env) {
    try {
      return await route(request, env);
    } catch (error) {
      if (error instanceof DatabaseError) return explain(error);
      throw error;
    }
  },
};

async function route(request, env) {
  const [, id] = new URL(request.url).pathname.match(/^\/personas\/([\w-]+)$/) ?? [];
  if (id === undefined) return Response.json({ message: "Not found." }, { status: 404 });
  if (request.method === "PUT") return describe(env, id, (await request.json()).description);
  const { rows } = await query(env, "SELECT id, name, description FROM personas WHERE id = $1", [id]);
  return rows.length ? Response.json(rows[0]) : Response.json({ message: "No such persona." }, { status: 404 });
}

async function describe(env, id, description) {
  const sql = "UPDATE personas SET description = $2 WHERE id = $1 RETURNING id, description";
  const { rows } = await query(env, sql, [id, description]);
  return rows.length ? Response.json(rows[0]) : Response.json({ message: "No such persona." }, { status: 404 });
}

// The user of this Worker learns what to do next; the rest is for whoever reads its log.
function explain(error) {
  console.error(error.requestId, error.status, error.error, error.code, error.rule, error.message, error.hint);
  if (error.applied === "unknown") {
    return Response.json({ message: "This may or may not have been saved: look before you try again." }, { status: 502 });
  }
  if (error.applied === "yes") return Response.json({ message: "Saved, but there is nothing to show." });
  if (error.retryable) return Response.json({ message: "Busy. Nothing was saved: try again." }, { status: 503 });
  return Response.json({ message: "This cannot be done." }, { status: error.status === 409 ? 409 : 500 });
}
