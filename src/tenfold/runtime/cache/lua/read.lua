-- Values with what remains of their time, the tokens of their fences, and a lease for each that is missing.
-- KEYS: n values, n leases, then fences. ARGV: n, a new token, lease ms, '1' to take leases for all.
-- MGET instead of GET: a key of another type is a missing one, not an error.
local n, fresh, lease_ms = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])

local function held(key)
  local token = redis.call('MGET', key)[1]
  if token then
    if redis.call('PTTL', key) < lease_ms then redis.call('PEXPIRE', key, lease_ms) end
    return token
  end
  local set = redis.pcall('SET', key, fresh, 'PX', lease_ms)
  if set.err then
    -- Out of memory: the load goes on, and its value stays out. Whatever else it is must be known.
    if string.find(set.err, 'OOM', 1, true) then return '' end
    error(set.err)
  end
  return fresh
end

-- The answer is flat, since clients take their time for each array: values, ms, fences, and leases if any.
local answer = redis.call('MGET', unpack(KEYS, 1, n))
local leases = {}
for i = 1, n do
  if not answer[i] or ARGV[4] == '1' then leases[i] = held(KEYS[n + i]) end
  answer[n + i] = answer[i] and redis.call('PTTL', KEYS[i]) or -1
end
local loads = next(leases) ~= nil
for i = 2 * n + 1, #KEYS do
  answer[i] = loads and held(KEYS[i]) or redis.call('MGET', KEYS[i])[1]
end
for i = 1, loads and n or 0 do
  answer[#KEYS + i] = leases[i] or ''
end
return answer
