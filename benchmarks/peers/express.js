// The proxy that users come from: one shared key, pg's Pool with its usual settings, whatever SQL is sent.
import express from "express";
import pg from "pg";
import { inProcesses } from "./processes.js";

inProcesses(() => {
  const pool = new pg.Pool({
    connectionString: process.env.DATABASE_URL,
    max: 20,
    idleTimeoutMillis: 30000,
    connectionTimeoutMillis: 2000,
  });
  const app = express();
  app.use(express.json());

  app.use((req, res, next) => {
    if (req.headers.authorization !== `Bearer ${process.env.API_KEY}`) {
      return res.status(401).json({ error: "Unauthorized" });
    }
    next();
  });

  app.post("/query", async (req, res) => {
    const { sql, params = [] } = req.body;
    if (!sql) return res.status(400).json({ error: "sql is required" });
    try {
      const result = await pool.query(sql, params);
      res.json({ rows: result.rows, rowCount: result.rowCount });
    } catch (error) {
      res.status(500).json({ error: error.message });
    }
  });

  app.listen(Number(process.env.PORT), "127.0.0.1");
});
