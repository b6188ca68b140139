// One process, or as many as PROCESSES says, which share the port (SO_REUSEPORT) and end with the first.
export function inProcesses(serve) {
  const count = Number(process.env.PROCESSES);
  if (count === 1 || process.env.CHILD) {
    process.on("disconnect", () => process.exit(0));
    serve({ port: Number(process.env.PORT), hostname: "127.0.0.1", reusePort: count > 1 });
    return;
  }
  const env = { ...process.env, CHILD: "1" };
  for (let i = 0; i < count; i++) {
    Bun.spawn([process.execPath, ...process.argv.slice(1)], { env, ipc() {}, stdio: ["ignore", "inherit", "inherit"] });
  }
  process.on("SIGTERM", () => process.exit(0));
}
