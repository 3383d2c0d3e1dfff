"""What Redis runs as one step. Each works with the value, its stream, its history or its members."""

from __future__ import annotations

from typing import Final

__all__ = ["PUSH", "REPORT", "SEE_MEMBERS"]

PUSH: Final = """
local found = redis.call('HMGET', KEYS[1], 'version', 'epoch', 'run')
local version, epoch = tonumber(found[1] or 0), tonumber(found[2] or 0)
if version ~= tonumber(ARGV[5]) or (ARGV[6] ~= '' and ARGV[6] ~= tostring(found[2] or '')) then
  return {0, version}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- After a restart the last versions may be lost, and a number may come a second time: a later epoch is newer.
if epoch == 0 or found[3] ~= ARGV[4] then
  epoch = math.max(now, epoch + 1)
end
version = version + 1
local number, era = string.format('%.0f', version), string.format('%.0f', epoch)
local entry = cjson.encode({version = version, epoch = epoch, at = now, text = ARGV[1], format = ARGV[2], by = ARGV[3]})
redis.call('HSET', KEYS[1], 'version', number, 'epoch', era, 'run', ARGV[4], 'at', string.format('%.0f', now),
  'text', ARGV[1], 'format', ARGV[2], 'by', ARGV[3])
redis.call('LPUSH', KEYS[3], entry)
redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[7]) - 1)
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'version', number, 'epoch', era)
return {1, version}
"""
"""Store a text under the next version, unless the current one is not the expected one.

KEYS: value, changes, history. ARGV: text, format, by, the server's run id, expected version, expected epoch (empty:
any), how many versions to keep. Returns {1, new version} or {0, current version}.
"""

REPORT: Final = """
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], time[1] .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
"""Store what one machine runs. KEYS: members. ARGV: the machine, its members as JSON, seconds until it expires."""

SEE_MEMBERS: Final = """
local time, found = redis.call('TIME'), redis.call('HGETALL', KEYS[1])
local alive = {}
for index = 1, #found, 2 do
  local at, text = string.match(found[index + 1], '^(%d+) (.*)$')
  if at and time[1] - at <= tonumber(ARGV[1]) then
    alive[#alive + 1] = {found[index], string.format('%.0f', time[1] - at), text}
  end
end
return alive
"""
"""Return {machine, seconds since its report, its members as JSON} of each.

KEYS: members. ARGV: after how many seconds one counts as ended.
"""
