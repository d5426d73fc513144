#!/bin/sh
# npm run setup: makes sure that bubblewrap is there, the default sandbox. Does nothing twice, says what it does, asks before sudo, and ends with
# the exact command to run where it cannot install by itself. Without bubblewrap Sluice routes and refuses tools.
set -eu

say() { printf 'setup: %s\n' "$*"; }

if command -v bwrap >/dev/null 2>&1; then
  say "bubblewrap is here ($(bwrap --version))"
  exit 0
fi
case "$(uname -s)" in
  Linux) ;;
  *)
    say "bubblewrap runs on Linux only. Sluice routes here; tools need sandbox.mode docker or are refused."
    exit 0
    ;;
esac

if command -v apt-get >/dev/null 2>&1; then install='apt-get install -y bubblewrap'; refresh='apt-get update'
elif command -v dnf >/dev/null 2>&1; then install='dnf install -y bubblewrap'; refresh=:
elif command -v pacman >/dev/null 2>&1; then install='pacman -S --noconfirm bubblewrap'; refresh=:
elif command -v apk >/dev/null 2>&1; then install='apk add bubblewrap'; refresh=:
elif command -v zypper >/dev/null 2>&1; then install='zypper --non-interactive install bubblewrap'; refresh=:
else
  say 'no package manager that is known here. Install bubblewrap by hand, then run: npm run setup' >&2
  exit 1
fi

as=''
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    say "bubblewrap is missing and sudo is not here. As root, run: $install" >&2
    exit 1
  fi
  if [ ! -t 0 ]; then
    say "bubblewrap is missing. Run: sudo $install" >&2
    exit 1
  fi
  printf 'setup: bubblewrap is missing. Run "sudo %s" now? [y/N] ' "$install"
  read -r answer
  case "$answer" in
    y | Y | yes) as=sudo ;;
    *)
      say "not installed. Run it yourself when you like: sudo $install" >&2
      exit 1
      ;;
  esac
fi

say "installing bubblewrap: $as $install"
# A machine that never listed its packages has none to install.
$as $install >/dev/null 2>&1 || { $as $refresh >/dev/null && $as $install >/dev/null; } || {
  say "could not install bubblewrap. Run: ${as:+sudo }$install" >&2
  exit 1
}
say "bubblewrap is here ($(bwrap --version))"
