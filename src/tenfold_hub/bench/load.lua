-- wrk's side of a load: which requests, and what is told of them at the end, as one line of JSON.
-- Arguments: the kind of request, a number that makes values new, a file of ids.
local kind, mark, ids, count, thread = "", "", {}, 0, 0
-- Names, the beginning of one, one with a typing mistake, and an address.
local typed = {"anna", "schm", "jonh%20smith", "maria%20garcia", "anna.meyer1@mail.example.com"}
local headers = {["Content-Type"] = "application/json"}

function setup(one)
  thread = thread + 1
  one:set("number", thread)
end

function init(args)
  kind, mark = args[1], args[2] .. "-" .. number
  for line in io.lines(args[3]) do ids[#ids + 1] = line end
  headers["Authorization"] = wrk.headers["Authorization"]
  math.randomseed(number)
end

local function person()
  count = count + 1
  return string.format(
    '{"given_name":"Ada","family_name":"Stone","email":"ada.%s-%d@example.com","lifecycle_stage":"lead"}',
    mark, count)
end

local makers = {
  get = function() return wrk.format("GET", "/v1/people/" .. ids[math.random(#ids)]) end,
  list = function() return wrk.format("GET", "/v1/people?limit=50") end,
  expanded = function() return wrk.format("GET", "/v1/contacts?limit=50&expand=person,company") end,
  search = function() return wrk.format("GET", "/v1/search?q=" .. typed[math.random(#typed)]) end,
  counted = function() return wrk.format("GET", "/v1/people?limit=1&count=capped") end,
  create = function() return wrk.format("POST", "/v1/people", headers, person()) end,
  batch = function()
    local items = {}
    for n = 1, 1000 do items[n] = '{"item":' .. person() .. "}" end
    return wrk.format("POST", "/v1/people/batch/create", headers, '{"items":[' .. table.concat(items, ",") .. "]}")
  end,
}

function request()
  return makers[kind]()
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50":%.6f,"p95":%.6f,"p99":%.6f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(95) / 1e6,
    latency:percentile(99) / 1e6, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
