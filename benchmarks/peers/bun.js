// The quickest bare runtime: Bun's own HTTP server and its own PostgreSQL client, statements prepared and kept.
import { SQL } from "bun";
import { inProcesses } from "./bun_processes.js";

inProcesses((address) => {
  const sql = new SQL(process.env.DATABASE_URL, { max: 20 });
  const authorization = `Bearer ${process.env.API_KEY}`;

  async function query(request) {
    if (request.headers.get("authorization") !== authorization) {
      return Response.json({ error: "Unauthorized" }, { status: 401 });
    }
    const { sql: text, params } = await request.json();
    try {
      const rows = await sql.unsafe(text, params ?? []);
      return Response.json({ rows, rowCount: rows.count });
    } catch (error) {
      return Response.json({ error: error.message }, { status: 500 });
    }
  }

  Bun.serve({ ...address, routes: { "/query": { POST: query } } });
});
