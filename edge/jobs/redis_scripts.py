"""What must happen at once in Redis, as Lua.

A job's items are one string with a letter each (see `model.ItemState`), so that 50,000 of them take
50 kB and are searched in one call; what came of them is a hash of JSON by index.
"""

_OPEN = """
local function counted(job)
  local done = 0
  for _, code in ipairs({'s', 'h', 'x', 'f'}) do
    done = done + (tonumber(redis.call('HGET', job, 'n_' .. code)) or 0)
  end
  return done
end
local function left(job)
  return (tonumber(redis.call('HGET', job, 'total')) or 0) - counted(job)
end
local function is_open(code)
  return code == 'w' or code == 'q' or code == 'l'
end
"""

_LASTING = """
local function lasting()
  for place = 1, #KEYS do
    if place ~= 4 and place ~= 5 then redis.call('PERSIST', KEYS[place]) end
  end
end
"""
"""For scripts whose fourth and fifth keys are not the job's own."""

# KEYS job, states, tries. ARGV index, now.
BEGIN = (
    _OPEN
    + """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return {'done', 0, 0} end
if not is_open(redis.call('GETRANGE', KEYS[2], ARGV[1], ARGV[1])) then return {'done', 0, 0} end
if state ~= 'running' and state ~= 'queued' then
  redis.call('SETRANGE', KEYS[2], ARGV[1], 'w')
  return {'stop', 0, 0}
end
if state == 'queued' then
  redis.call('HSET', KEYS[1], 'state', 'running', 'started', ARGV[2], 't0', ARGV[2], 't1', ARGV[2])
end
redis.call('SETRANGE', KEYS[2], ARGV[1], 'q')
return {'go', redis.call('HINCRBY', KEYS[3], ARGV[1], 1), redis.call('HGET', KEYS[1], 'round') or 0}
"""
)

# KEYS job, states, results, later, held, events, ledgers (3).
# ARGV index, code, result, now, job id, cached, event id, event, number of `once` pairs, pairs...
FINISH = (
    _OPEN
    + """
redis.call('ZREM', KEYS[4], 'item:' .. ARGV[5] .. ':' .. ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if not is_open(redis.call('GETRANGE', KEYS[2], ARGV[1], ARGV[1])) then return 0 end
local before = redis.call('HGET', KEYS[3], ARGV[1])
local first = not before or string.find(before, '"state":"failed"', 1, true)
redis.call('SETRANGE', KEYS[2], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
redis.call('HINCRBY', KEYS[1], 'n_' .. ARGV[2], 1)
if first and ARGV[6] == '1' then redis.call('HINCRBY', KEYS[1], 'cached', 1) end
local t1 = tonumber(redis.call('HGET', KEYS[1], 't1')) or 0
if tonumber(ARGV[4]) - t1 > 10 then
  redis.call('HSET', KEYS[1], 't0', t1, 'n0', redis.call('HGET', KEYS[1], 'n1') or 0,
             't1', ARGV[4], 'n1', counted(KEYS[1]))
end
redis.call('HSET', KEYS[1], 'touched', ARGV[4])
if ARGV[2] == 'h' then redis.call('ZADD', KEYS[5], ARGV[4], ARGV[5] .. ':' .. ARGV[1]) end
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[6], ARGV[7], ARGV[8])
  redis.call('ZADD', KEYS[4], ARGV[4], 'notify:' .. ARGV[5] .. ':' .. ARGV[7])
end
local once = tonumber(ARGV[9])
for place = 10, #ARGV, 2 do
  if first or place >= 10 + 2 * once then
    for ledger = 7, 9 do
      redis.call('HINCRBYFLOAT', KEYS[ledger], ARGV[place], ARGV[place + 1])
    end
  end
end
if left(KEYS[1]) == 0 and redis.call('HGET', KEYS[1], 'state') == 'running' then
  redis.call('ZADD', KEYS[4], ARGV[4], 'conclude:' .. ARGV[5] .. ':')
end
return 1
"""
)

# KEYS states, later. ARGV index, due, member.
RETRY_AT = (
    _OPEN
    + """
if not is_open(redis.call('GETRANGE', KEYS[1], ARGV[1], ARGV[1])) then return 0 end
redis.call('SETRANGE', KEYS[1], ARGV[1], 'l')
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
return 1
"""
)

# KEYS job, states. ARGV cursor as it was, new cursor, indexes...
QUEUED = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for place = 3, #ARGV do
  if redis.call('GETRANGE', KEYS[2], ARGV[place], ARGV[place]) == 'w' then
    redis.call('SETRANGE', KEYS[2], ARGV[place], 'q')
  end
end
if redis.call('HGET', KEYS[1], 'cursor') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'cursor', ARGV[2])
end
return 1
"""

# KEYS job, states, tries, active, later, parts of the job that may be expiring...
# ARGV codes, state or '', job id, now.
REWIND = (
    _OPEN
    + _LASTING
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local states = redis.call('GET', KEYS[2]) or ''
local moved = 0
for code in string.gmatch(ARGV[1], '.') do
  local replaced, times = string.gsub(states, code, 'w')
  states, moved = replaced, moved + times
  if times > 0 and not is_open(code) then redis.call('HINCRBY', KEYS[1], 'n_' .. code, -times) end
end
redis.call('SET', KEYS[2], states)
redis.call('HSET', KEYS[1], 'cursor', 0)
if string.find(ARGV[1], 'f', 1, true) then
  redis.call('DEL', KEYS[3])
  redis.call('HINCRBY', KEYS[1], 'round', 1)
end
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], 'state', ARGV[2], 'finished', 0)
  redis.call('SADD', KEYS[4], ARGV[3])
  lasting()
end
if left(KEYS[1]) == 0 then redis.call('ZADD', KEYS[5], ARGV[4], 'conclude:' .. ARGV[3] .. ':') end
return moved
"""
)

# KEYS job, states, tries, active, held, parts that may be expiring... ARGV index, job id.
REOPEN = (
    _OPEN
    + _LASTING
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local code = redis.call('GETRANGE', KEYS[2], ARGV[1], ARGV[1])
if code == '' or is_open(code) then return 0 end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'cancelled' then return 0 end
redis.call('SETRANGE', KEYS[2], ARGV[1], 'w')
redis.call('HINCRBY', KEYS[1], 'n_' .. code, -1)
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[2] .. ':' .. ARGV[1])
redis.call('HSET', KEYS[1], 'cursor', 0)
if state ~= 'paused' then
  redis.call('HSET', KEYS[1], 'state', 'running', 'finished', 0)
  redis.call('SADD', KEYS[4], ARGV[2])
end
lasting()
return 1
"""
)

# KEYS job, states, results, held. ARGV index, code before, code now, job id, result.
AMEND = """
if redis.call('GETRANGE', KEYS[2], ARGV[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('SETRANGE', KEYS[2], ARGV[1], ARGV[3])
redis.call('HINCRBY', KEYS[1], 'n_' .. ARGV[2], -1)
redis.call('HINCRBY', KEYS[1], 'n_' .. ARGV[3], 1)
redis.call('HSET', KEYS[3], ARGV[1], ARGV[5])
redis.call('ZREM', KEYS[4], ARGV[4] .. ':' .. ARGV[1])
return 1
"""

# KEYS job, active, parts... ARGV to, now, job id, seconds to keep an ended job, allowed...
MOVE = """
local state = redis.call('HGET', KEYS[1], 'state')
local allowed = false
for place = 5, #ARGV do allowed = allowed or state == ARGV[place] end
if not allowed then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[1])
redis.call('SREM', KEYS[2], ARGV[3])
if ARGV[1] == 'cancelled' then
  redis.call('HSET', KEYS[1], 'finished', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  for place = 3, #KEYS do redis.call('EXPIRE', KEYS[place], ARGV[4]) end
end
return 1
"""

# KEYS job, active, later, events, parts... ARGV state, now, job id, keep, event id, event.
CONCLUDE = (
    _OPEN
    + """
redis.call('ZREM', KEYS[3], 'conclude:' .. ARGV[3] .. ':')
if redis.call('HGET', KEYS[1], 'state') ~= 'running' or left(KEYS[1]) ~= 0 then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'finished', ARGV[2])
redis.call('SREM', KEYS[2], ARGV[3])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[4], ARGV[5], ARGV[6])
  redis.call('ZADD', KEYS[3], ARGV[2], 'notify:' .. ARGV[3] .. ':' .. ARGV[5])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[4], ARGV[4])
for place = 5, #KEYS do redis.call('EXPIRE', KEYS[place], ARGV[4]) end
return 1
"""
)

# KEYS later. ARGV now, until, limit.
DUE = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[2], member) end
return due
"""

# KEYS lock. ARGV owner, milliseconds.
LEAD = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
