// The quickest usual thing on Node: fastify and postgres.js, statements prepared and kept.
import Fastify from "fastify";
import postgres from "postgres";
import { inProcesses } from "./processes.js";

inProcesses(() => {
  const sql = postgres(process.env.DATABASE_URL, { max: 20 });
  const app = Fastify();

  app.addHook("onRequest", async (request, reply) => {
    if (request.headers.authorization !== `Bearer ${process.env.API_KEY}`) {
      return reply.code(401).send({ error: "Unauthorized" });
    }
  });

  app.post("/query", async (request, reply) => {
    try {
      const rows = await sql.unsafe(request.body.sql, request.body.params ?? [], { prepare: true });
      return { rows, rowCount: rows.count };
    } catch (error) {
      return reply.code(500).send({ error: error.message });
    }
  });

  app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
});
