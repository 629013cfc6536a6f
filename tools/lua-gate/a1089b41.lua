-- a1089b41: utf8.codes takes stray continuation bytes for text, repaired in 5.4.5. Text that was
-- checked this way would not be UTF-8.
for _, text in ipairs { "a\x80", "\u{E9}\x80", "\x80" } do
  local ok = pcall(function()
    for _ in utf8.codes(text) do end
  end)
  assert(not ok, ("%q was accepted"):format(text))
end
