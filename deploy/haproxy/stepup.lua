-- The action lua.stepup: asks the sidecar about a request, and answers for it unless it is
-- allowed. See docs/gateways/haproxy.md.
--
--   http-request lua.stepup http://127.0.0.1:8181/gw/haproxy
--   http-request deny deny_status 503 unless { var(txn.stepup_allowed) -m bool }
--
-- Only an answer of exactly 200 sets txn.stepup_allowed. An error in here leaves it unset, and
-- HAProxy goes on to the rule that denies.

-- What a policy sets begins so; the headers of its answer that the application gets.
local policy_prefix = "x-stepup-"

-- Where the sidecar listens on a Unix socket: "unix@/run/stepup/stepup.sock". The host of the
-- action's URL does not matter then.
local socket = nil

-- In milliseconds, for each of the four times that HAProxy tries. The sidecar answers sooner.
local patience = 1000

-- Headers of the connection, and those that belong to a body: a check has none.
local not_sent = {
    ["host"] = true, ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true,
    ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
    ["content-length"] = true, ["expect"] = true,
}

-- Headers of a refusal that the client gets.
local refusal_headers = {
    "www-authenticate", "location", "set-cookie", "retry-after", "content-type", "cache-control",
}

-- HAProxy counts the values of a header from 0, Lua from 1.
local function check_headers(txn)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not not_sent[name] then
            headers[name] = {}
            for i = 0, #values do
                table.insert(headers[name], values[i])
            end
        end
    end
    return headers
end

-- Names in lower case.
local function answer_headers(answer)
    local headers = {}
    for name, values in pairs(answer.headers or {}) do
        local list = {}
        for _, value in pairs(values) do
            table.insert(list, value)
        end
        headers[name:lower()] = list
    end
    return headers
end

local function allow(txn, headers)
    for name, values in pairs(headers) do
        if name:sub(1, #policy_prefix) == policy_prefix then
            txn.http:req_set_header(name, values[1])
        end
    end
    txn:set_var("txn.stepup_allowed", true)
end

local function refuse(txn, answer, headers)
    local reply = txn:reply({ status = answer.status, body = answer.body or "" })
    for _, name in ipairs(refusal_headers) do
        for _, value in ipairs(headers[name] or {}) do
            reply:add_header(name, value)
        end
    end
    txn:done(reply)
end

core.register_action("stepup", { "http-req" }, function(txn, url)
    local answer = core.httpclient():get({
        url = url, dst = socket, headers = check_headers(txn), timeout = patience,
    })
    local headers = answer_headers(answer)
    if answer.status == 200 then
        allow(txn, headers)
    elseif answer.status and answer.status >= 300 then
        refuse(txn, answer, headers)
    end
end, 1)
