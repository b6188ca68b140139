// A Worker over the demo's schema, for the role persona-manager:
//
//   GET /personas/<id>                                      a persona
//   PUT /users/<user>/favorites/<persona> {"favorite": true}
//
// A real one would first find out who is asking, and take <user> from there.
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
  const { pathname } = new URL(request.url);
  const persona = pathname.match(/^\/personas\/([\w-]+)$/);
  if (persona && request.method === "GET") return show(env, persona[1]);
  const favorite = pathname.match(/^\/users\/([\w-]+)\/favorites\/([\w-]+)$/);
  if (favorite && request.method === "PUT") return mark(env, favorite[1], favorite[2], (await request.json()).favorite);
  return Response.json({ message: "Not found." }, { status: 404 });
}

async function show(env, id) {
  const { rows } = await query(env, "SELECT id, name, description FROM personas WHERE id = $1", [id]);
  return rows.length ? Response.json(rows[0]) : Response.json({ message: "No such persona." }, { status: 404 });
}

const MARK = `
  UPDATE user_persona_relationships SET is_favorite = $3
  WHERE user_id = $1 AND persona_id = $2
  RETURNING persona_id, is_favorite`;

async function mark(env, user, persona, favorite) {
  const { rows } = await query(env, MARK, [user, persona, favorite]);
  return rows.length ? Response.json(rows[0]) : Response.json({ message: "They have not met." }, { status: 404 });
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
