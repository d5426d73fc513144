# read PATH FIRST COUNT text|base64: FIRST counts from 1, COUNT 0 means to the end.
path=$1 first=$2 count=$3 encoding=$4
fail() { printf 'read: %s\n' "$1" >&2; exit 1; }

if [ ! -e "$path" ]; then
  [ -L "$path" ] && fail "$path is a link to something that does not exist in this sandbox."
  fail "$path does not exist in this sandbox. Use the list tool to see what does."
fi
[ -d "$path" ] && fail "$path is a directory. Use the list tool."
[ -f "$path" ] || fail "$path is not a regular file."
[ -r "$path" ] || fail "$path may not be read."

if [ "$encoding" = base64 ]; then
  if [ "$count" -eq 0 ]; then
    tail -c "+$first" -- "$path" | base64 -w 0
  else
    tail -c "+$first" -- "$path" | head -c "$count" | base64 -w 0
  fi
  exit
fi

total=$(head -c 8192 -- "$path" | wc -c)
text=$(head -c 8192 -- "$path" | LC_ALL=C tr -d '\000' | wc -c)
[ "$total" -eq "$text" ] || fail "$path is binary ($(wc -c <"$path") bytes). Read it with encoding base64."

if [ "$first" -gt 1 ]; then
  lines=$(wc -l <"$path")
  # A last line without its newline is a line too.
  [ "$first" -le $((lines + 1)) ] || fail "offset $first is past the end: $path has $lines lines."
fi
if [ "$count" -eq 0 ]; then
  [ "$first" -eq 1 ] && exec cat -- "$path"
  exec tail -n "+$first" -- "$path"
fi
tail -n "+$first" -- "$path" | head -n "$count"
