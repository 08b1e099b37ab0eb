-- What wrk sends: `wrk -s client.lua URL -- plain|browser|post|close|mixed`; and its figures as one line of JSON.
-- In `mixed`, the connections of the first of wrk's threads ask for the slow answer, all others for the quick one.

local fields = {
    browser = {
        ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
        ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        ["Accept-Encoding"] = "gzip, deflate, br, zstd",
        ["Accept-Language"] = "en-US,en;q=0.9",
        ["Cache-Control"] = "max-age=0",
        ["Cookie"] = "sessionid=0123456789abcdef0123456789abcdef; csrftoken=fedcba9876543210fedcba9876543210",
        ["Sec-Fetch-Dest"] = "document",
        ["Sec-Fetch-Mode"] = "navigate",
        ["Sec-Fetch-Site"] = "none",
        ["Sec-Fetch-User"] = "?1",
        ["Upgrade-Insecure-Requests"] = "1",
    },
    post = { ["Content-Type"] = "application/octet-stream" },
    close = { ["Connection"] = "close" },
}

local threads = 0

function setup(thread)
    threads = threads + 1
    thread:set("number", threads)
end

function init(words)
    for name, value in pairs(fields[words[1]] or {}) do wrk.headers[name] = value end
    if words[1] == "post" then
        wrk.method, wrk.body = "POST", string.rep("x", 65536)
    elseif words[1] == "mixed" and number == 1 then
        wrk.path = "/?slow"
    end
end

function done(summary, latency)
    local wrong = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %f, "octets": %d, "p50_ms": %f, "p99_ms": %f, "not_2xx": %d, "broken": %d}\n',
        summary.requests, summary.duration / 1e6, summary.bytes,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        wrong.status, wrong.connect + wrong.read + wrong.write + wrong.timeout))
end
