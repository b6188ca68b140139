// One process, or as many as PROCESSES says: Node's cluster hands connections out among them.
import cluster from "node:cluster";

export function inProcesses(serve) {
  const count = Number(process.env.PROCESSES);
  if (count > 1 && cluster.isPrimary) {
    for (let i = 0; i < count; i++) cluster.fork();
    process.on("SIGTERM", () => process.exit(0)); // the children end with the channel to it
  } else {
    serve();
  }
}
