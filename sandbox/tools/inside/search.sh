# search PATH names|literal|regex PATTERN GLOB exact|fold LIMIT. Links are not followed, special files not opened.
path=$1 kind=$2 pattern=$3 glob=$4 case=$5 limit=$6
fail() { printf 'search: %s\n' "$1" >&2; exit 2; }

[ -e "$path" ] || fail "$path does not exist in this sandbox. Use the list tool to see what does."

show() {
  LC_ALL=C awk -v limit="$limit" '
    NR <= limit { if (length($0) > 500) print substr($0, 1, 500) "..."; else print }
    END {
      if (NR == 0) print "No matches."
      if (NR > limit) print "(" NR - limit " more matches; narrow the pattern or the path)"
    }'
}

if [ "$kind" = names ]; then
  name=-name
  [ "$case" = fold ] && name=-iname
  find "$path" -type f "$name" "$glob" -print0 2>/dev/null | LC_ALL=C sort -z | LC_ALL=C tr '\0\001-\037\177' '\n?' | show
  exit 0
fi

set -- -rnIHs -D skip --include="$glob"
[ "$kind" = literal ] && set -- "$@" -F
[ "$kind" = regex ] && set -- "$@" -E
[ "$case" = fold ] && set -- "$@" -i
# dash has no pipefail: grep's status travels on descriptor 3, past awk. 1 is "no match", above is an error.
status=$({ { grep "$@" -e "$pattern" -- "$path"; echo $? >&3; } | show >&4; } 3>&1) 4>&1
[ "$status" -le 1 ] && exit 0
[ "$kind" = literal ] && fail "some files could not be read."
fail "grep could not use the pattern or read every file. Escape special characters, or give literal: true."
