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

local values = redis.call('MGET', unpack(KEYS, 1, n))
local remaining, leases, loads = {}, {}, false
for i = 1, n do
  remaining[i], leases[i] = -1, ''
  if values[i] then remaining[i] = redis.call('PTTL', KEYS[i]) end
  if not values[i] or ARGV[4] == '1' then
    leases[i] = held(KEYS[n + i])
    loads = true
  end
end
local fences = {}
for i = 2 * n + 1, #KEYS do
  fences[#fences + 1] = loads and held(KEYS[i]) or redis.call('MGET', KEYS[i])[1] or ''
end
return {values, remaining, leases, fences}
