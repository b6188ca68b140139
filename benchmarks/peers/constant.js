// No database and no thought: what the load generator can do at most. ANSWERS names a file of path -> body.
import { inProcesses } from "./bun_processes.js";

const answers = await Bun.file(process.env.ANSWERS).json();
const headers = { "content-type": "application/json" };

inProcesses((address) => {
  Bun.serve({ ...address, fetch: (request) => new Response(answers[new URL(request.url).pathname], { headers }) });
});
