-- Deletes names and tells everyone, in one step: who hears the message finds the names gone.
-- KEYS: names. ARGV: channel, message. A transaction would be refused by a server that is out of memory.
for i = 1, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
