# write PATH replace|append|create, content on standard input. Replacing is atomic: a reader sees the old file or the new.
path=$1 mode=$2
fail() { printf 'write: %s\n' "$1" >&2; exit 1; }

[ -d "$path" ] && fail "$path is a directory. Name a file in it."
case $path in */) fail "$path ends with a slash. Name a file." ;; esac
if [ -e "$path" ] || [ -L "$path" ]; then
  [ "$mode" = create ] && fail "$path exists already. Use mode replace to replace it, or another name."
fi
# Through a link, as cat > would: the file it names is replaced, not the link.
target=$path
[ -L "$path" ] && { target=$(readlink -m -- "$path") || fail "$path is a link that leads nowhere."; }
if [ -e "$target" ] && [ ! -f "$target" ]; then fail "$path is not a regular file."; fi

directory=${target%/*}
[ -n "$directory" ] || directory=/
mkdir -p -- "$directory" 2>/dev/null || fail "the directory $directory cannot be made: it is read-only here, or a file is in the way."

if [ "$mode" = append ]; then
  cat >>"$target" || fail "$path could not be appended to."
else
  temporary=$(mktemp -- "$directory/.write-XXXXXXXXXX" 2>/dev/null) \
    || fail "$directory cannot be written to. Write beneath the working directory, /tmp or your home."
  trap 'rm -f -- "$temporary"' EXIT
  cat >"$temporary" || fail "$path was not changed: the content could not be stored whole."
  if [ -e "$target" ]; then
    chmod --reference="$target" -- "$temporary" 2>/dev/null
  else
    chmod 0644 -- "$temporary" 2>/dev/null
  fi
  mv -fT -- "$temporary" "$target" || fail "$path was not changed."
fi
printf 'Wrote %s, now %s bytes.\n' "$path" "$(wc -c <"$target")"
