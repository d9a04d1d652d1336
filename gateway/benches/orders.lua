-- Orders for wrk: 10,000 accounts, 12 instruments, prices a few ticks around the middle, so that about half trade.
--   wrk -t2 -c64 -d20s -s gateway/benches/orders.lua http://127.0.0.1:8080/api/v1/orders
local middles = {
  { "BTC-USD", 6180000 }, { "ETH-USD", 268000 }, { "SOL-USD", 15600 }, { "BNB-USD", 51700 },
  { "XRP-USD", 6100 }, { "ADA-USD", 3400 }, { "DOGE-USD", 1050 }, { "DOT-USD", 4700 },
  { "MATIC-USD", 4300 }, { "LTC-USD", 6200 }, { "BTC-USDT", 6180000 }, { "ETH-USDT", 268000 },
}
local threads = {}
refused, answered = 0, 0

function setup(thread)
  thread:set("seed", #threads + 1)
  table.insert(threads, thread)
end

function init(args)
  math.randomseed(seed)
  refused, answered = 0, 0
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
end

function request()
  local instrument = middles[math.random(#middles)]
  local ticks = instrument[2] + math.random(-5, 5)
  local side = math.random(2) == 1 and "buy" or "sell"
  return wrk.format(nil, nil, nil, string.format(
    '{"client_id":"bench-%d","instrument":"%s","side":"%s","type":"limit","price":"%d.%02d","quantity":"0.%05d"}',
    math.random(10000), instrument[1], side, math.floor(ticks / 100), ticks % 100, math.random(100, 999)))
end

function response(status)
  answered = answered + 1
  if status >= 300 then refused = refused + 1 end
end

function done()
  local all, bad = 0, 0
  for _, thread in ipairs(threads) do
    all, bad = all + thread:get("answered"), bad + thread:get("refused")
  end
  print(string.format("answered %d, refused %d (%.3f %%)", all, bad, 100 * bad / math.max(all, 1)))
end
