#!/bin/sh
# Builds the image of docs/deploy/Containerfile and uses it as the pods do: user 10001, no capability, read-only root, no network. Needs a Docker Engine
# and a base image with Node and apt (its name as $1 where it is another than the Containerfile's). Ends 0 only if everything below was seen.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
name="sluice-smoke-$$"
trap 'docker rm -fv "$name" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $1" >&2
  exit 1
}

(cd "$root" && npm pack --silent --pack-destination "$work" >/dev/null)
cp "$root/docs/deploy/Containerfile" "$work/"
archive=$(cd "$work" && ls sluice-*.tgz)
# The build reaches the package registries; a container of the image reaches nothing.
docker build --network host -f "$work/Containerfile" -t "$name" --build-arg "ARCHIVE=$archive" ${1:+--build-arg "NODE=$1"} "$work"

mkdir "$work/etc"
cat >"$work/etc/sluice.yaml" <<'YAML'
listen: { host: 127.0.0.1 }
stateDir: /var/lib/sluice
upstreams:
  - { kind: ollama, name: home, url: 'http://127.0.0.1:11434', sees: restricted }
sandbox: { mode: deny }
audit: { required: true }
YAML
chmod -R a+rX "$work"
docker run -d --name "$name" --network none --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \
  -v "$work/etc:/etc/sluice:ro" "$name" >/dev/null

status() {
  docker exec "$name" node -e "fetch('http://127.0.0.1:8484/$1').then((reply) => console.log(reply.status), () => console.log(0))"
}
tries=0
until [ "$(status healthz)" = 200 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || { docker logs "$name" >&2; fail 'healthz never answered 200'; }
  sleep 1
done
[ "$(status readyz)" = 503 ] || fail 'readyz is not 503 although there is no model'
[ "$(docker exec "$name" id -u)" = 10001 ] || fail 'not user 10001'
[ "$(docker exec "$name" stat -c %a /var/lib/sluice/audit.db)" = 600 ] || fail 'the audit is not the user’s own'
if docker exec "$name" touch /opt/written 2>/dev/null; then fail 'the root can be written'; fi
docker exec "$name" bwrap --version >/dev/null || fail 'no bubblewrap'
printf '%s' '{"model":"auto","messages":[{"role":"user","content":"My card is 4539 5787 6362 1486"}]}' |
  docker exec -i "$name" sluice explain --config /etc/sluice/sluice.yaml | grep -q 'CREDIT_CARD 1.00' || fail 'explain does not find the card'
docker stop -t 30 "$name" >/dev/null
[ "$(docker inspect "$name" --format '{{.State.ExitCode}}')" = 0 ] || fail 'SIGTERM did not end it with 0'
docker rm -v "$name" >/dev/null
docker rmi "$name" >/dev/null
echo 'the image builds, serves, and stops: ok'
