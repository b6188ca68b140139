-- What wrk sends, one after the other (the file REQUESTS names holds them), and what it says at the end.
local requests = dofile(os.getenv("REQUESTS"))
local last = 0

request = function()
  last = last % #requests + 1
  return requests[last]
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "errors": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
