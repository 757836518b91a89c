#!/bin/bash
# A real S3 server for tests, without installing anything: Ceph's radosgw over one monitor and one OSD that lives in memory.
#
#   radosgw_up.sh DIR PORT      S3 at http://127.0.0.1:PORT (path style, keys testkey / testsecret), files in DIR
#   radosgw_up.sh --stop DIR    ends the three daemons that DIR's pid files name, and nothing else
#
# Debian's packages are fetched once (72 MB down, 275 MB unpacked) below $CONTINUO_TEST_CACHE, else ~/.cache/continuo-tests.
# Exit status 3: the packages cannot be had here, for the reason on stderr.
set -euo pipefail

stop() {
  local file pid
  for file in "$1"/run/*.pid; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    grep -qaF "$1/run/ceph.conf" "/proc/$pid/cmdline" 2>/dev/null || continue   # the pid may be somebody else's by now
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
  done
}

unavailable() { echo "radosgw: $*" >&2; exit 3; }

fetch() {   # downloads and unpacks into $1; a half-made folder never gets the final name
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || unavailable "apt-get and dpkg are needed for Debian's packages"
  local new="$1.new" debs="$1.debs"
  rm -rf "$new"; mkdir -p "$new" "$debs/partial"
  get() {
    apt-get install -y --no-install-recommends --download-only -o Debug::NoLocking=1 -o APT::Sandbox::User= \
      -o Dir::Cache::archives="$debs" radosgw ceph-mon ceph-osd ceph-common >"$debs.out" 2>&1
  }
  get || { apt-get update >/dev/null 2>&1 || true; get; } || unavailable "apt-get: $(tail -n 1 "$debs.out")"
  for deb in "$debs"/*.deb; do dpkg -x "$deb" "$new"; done
  [ -x "$new/usr/bin/radosgw" ] || unavailable "radosgw is not among the unpacked packages"
  mv "$new" "$1"; rm -rf "$debs" "$debs.out"
}

case "${1:-}" in
  --stop) [ -d "${2:?DIR}" ] || exit 0; stop "$(cd "$2" && pwd)"; exit 0 ;;
  ''|-*) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
dir=$(mkdir -p "$1" && cd "$1" && pwd); port=${2:?PORT}
cache=${CONTINUO_TEST_CACHE:-$HOME/.cache/continuo-tests}; root=$cache/radosgw
mkdir -p "$cache"
exec 9>"$cache/radosgw.lock"; flock 9                                # two test runs may start at once
[ -x "$root/usr/bin/radosgw" ] || fetch "$root"
flock -u 9; exec 9>&-                                                # the daemons must not inherit it

stop "$dir"
run=$dir/run; rm -rf "$run"; mkdir -p "$run/mon" "$run/osd" "$run/rgw" "$run/crash"
arch=$(uname -m)-linux-gnu; lib=$root/usr/lib/$arch
export LD_LIBRARY_PATH=$lib:$lib/ceph:$root/usr/lib:$root/lib/$arch PATH=$root/usr/bin:$PATH CEPH_CONF=$run/ceph.conf
export PYTHONPATH=$root/usr/lib/python3/dist-packages
# the ceph command is Python over a compiled binding: only the interpreter version that it was built for can run it
binding=$(ls "$PYTHONPATH" | grep -o -m 1 '^rados\.cpython-3[0-9]*') || unavailable "the rados binding is missing"
python=python3.${binding##*cpython-3}
command -v "$python" >/dev/null || python=/usr/bin/$python
[ -x "$(command -v "$python")" ] || unavailable "$(basename "$python") is needed for the ceph command"

uuid() { cat /proc/sys/kernel/random/uuid; }
osd_id=$(uuid)
# ports that the system hands to nobody by itself: the monitor binds them a moment later
read -r mon_v1 mon_v2 < <("$python" -c 'import random, socket
free = []
for port in random.sample(range(30_000, 32_768), 2_768):
    try: socket.create_server(("127.0.0.1", port)).close()
    except OSError: continue
    free.append(port)
    if len(free) == 2: break
print(*free)')
monitor="v2:127.0.0.1:$mon_v2,v1:127.0.0.1:$mon_v1"
fsid=$(uuid)
cat > "$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon host = [$monitor]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
# one copy of everything: the data is worth nothing
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
run dir = $run
admin socket = $run/\$name.asok
log file = $run/\$name.log
pid file = $run/\$name.pid
mon cluster log file = $run/cluster.log
crash dir = $run/crash
osd class dir = $lib/rados-classes
erasure code dir = $lib/ceph/erasure-code
plugin dir = $lib/ceph
[mon.a]
mon data = $run/mon
[osd]
osd objectstore = memstore
memstore device bytes = 2147483648
osd data = $run/osd
[client.rgw]
# the default, "secure", cannot be had without authentication, and radosgw would wait for it for ever
ms mon client mode = crc
# Nagle's algorithm would hold up each small answer for some 40 ms
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw data = $run/rgw
CONF

ceph() { timeout 120 "$python" "$root/usr/bin/ceph" -c "$CEPH_CONF" "$@"; }
{
  monmaptool --create --fsid "$fsid" --addv a "[$monitor]" "$run/monmap"
  ceph-mon -c "$CEPH_CONF" --mkfs -i a --monmap "$run/monmap"
  ceph-mon -c "$CEPH_CONF" -i a
  ceph osd new "$osd_id" 0                                           # waits until the monitor answers
  ceph-osd -c "$CEPH_CONF" -i 0 --mkfs --osd-uuid "$osd_id" --no-mon-config || true
  ceph osd crush add osd.0 1.0 root=default host=h
  ceph-osd -c "$CEPH_CONF" -i 0
  timeout 120 radosgw-admin -c "$CEPH_CONF" -n client.rgw user create --uid=test --display-name=test \
    --access-key=testkey --secret-key=testsecret
  radosgw -c "$CEPH_CONF" -n client.rgw
} >"$run/start.log" 2>&1 || { tail -n 5 "$run/start.log" >&2; stop "$dir"; exit 1; }
for _ in $(seq 600); do
  "$python" -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port', timeout=2)" 2>/dev/null && exit 0
  sleep 0.2
done
echo "radosgw did not answer within 2 minutes; its logs are in $run" >&2; stop "$dir"; exit 1
