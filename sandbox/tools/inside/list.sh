# list PATH DEPTH LIMIT. Control bytes in names are shown as "?", so that a name cannot pass for another line.
path=$1 depth=$2 limit=$3
fail() { printf 'list: %s\n' "$1" >&2; exit 1; }

[ -e "$path" ] || fail "$path does not exist in this sandbox."
if [ ! -d "$path" ]; then
  find "$path" -maxdepth 0 -printf '%y %s %p\0' | LC_ALL=C tr '\001-\037\177' '?' | tr '\0' '\n'
  exit
fi
[ -r "$path" ] || fail "$path may not be read."
find "$path" -mindepth 1 -maxdepth "$depth" -printf '%P\037%y %s\0' 2>/dev/null \
  | LC_ALL=C sort -z \
  | LC_ALL=C tr '\0\001-\036\177' '\n?' \
  | LC_ALL=C awk -F '\037' -v limit="$limit" '
      NR <= limit { kind = $NF; sub(/\037[^\037]*$/, ""); gsub(/\037/, "?"); print kind, $0 }
      END {
        if (NR == 0) print "(empty)"
        if (NR > limit) print "(" NR - limit " more; give a deeper path or a higher limit)"
      }'
