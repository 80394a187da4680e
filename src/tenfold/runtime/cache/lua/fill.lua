-- Sets the value if nothing was invalidated since its load began: lease and fences are there, and unchanged.
-- KEYS: value, lease, fences. ARGV: payload, ms to live, the tokens of lease and fences.
local ms = tonumber(ARGV[2])
for i = 2, #KEYS do
  if redis.call('MGET', KEYS[i])[1] ~= ARGV[i + 1] then return 0 end
end
local set = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ms)
if set.err then
  if string.find(set.err, 'OOM', 1, true) then return -1 end
  error(set.err)
end
-- Others that load the same generation may bring theirs for another second; then the lease is free again.
if redis.call('PTTL', KEYS[2]) > 1000 then redis.call('PEXPIRE', KEYS[2], 1000) end
for i = 3, #KEYS do
  if redis.call('PTTL', KEYS[i]) < ms then redis.call('PEXPIRE', KEYS[i], ms) end
end
return 1
