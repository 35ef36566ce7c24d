-- For wrk: sends the bodies in the file that is named, a line each, in turn, and prints what came of it as JSON.
local requests, at = {}, 0

function init(words)
  local path, bodies, token = words[1], words[2], words[3]
  local headers = {["Content-Type"] = "application/json", ["Authorization"] = token and "Bearer " .. token}
  for body in io.lines(bodies) do
    table.insert(requests, wrk.format(body == "" and "GET" or "POST", path, headers, body))
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('\n{"requests": %d, "us": %d, "p50_us": %d, "p99_us": %d, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
