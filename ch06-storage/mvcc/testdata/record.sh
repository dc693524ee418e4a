#!/bin/sh
# Records the fixtures of fixture_test.go from a running etcd 3.4.23 (Debian's etcd-server
# and etcd-client): after each stage the backend file, and what `endpoint hashkv` answers
# at every revision. Run it in this directory.
set -eu
PORT=${PORT:-23790}
DIR=$(mktemp -d)
trap 'kill $PID 2>/dev/null || true; rm -rf "$DIR"' EXIT
export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:$PORT
ctl() { etcdctl "$@" >/dev/null; }

start() {
	etcd --data-dir "$DIR/data" --listen-client-urls "http://127.0.0.1:$PORT" \
		--advertise-client-urls "http://127.0.0.1:$PORT" --listen-peer-urls "http://127.0.0.1:$((PORT + 1))" \
		--initial-advertise-peer-urls "http://127.0.0.1:$((PORT + 1))" --initial-cluster "default=http://127.0.0.1:$((PORT + 1))" \
		>"$DIR/log" 2>&1 &
	PID=$!
	until etcdctl endpoint health >/dev/null 2>&1; do sleep 0.1; done
}

# stage NAME COMPACTED: writes NAME.db.gz and NAME.hashkv (revision hash compact_revision).
stage() {
	current=$(etcdctl endpoint status -w fields | sed -n 's/^"Revision" : //p')
	: >"$1.hashkv"
	for rev in 0 $(seq $(($2 + 1)) "$current"); do
		etcdctl endpoint hashkv --rev "$rev" -w json |
			sed 's/.*"revision":\([0-9]*\).*"hash":\([0-9]*\)/\1 \2/; s/,"compact_revision":\([-0-9]*\)/ \1/; s/[]}"].*//' |
			sed "s/^/$rev /" >>"$1.hashkv"
	done
	kill $PID
	wait $PID || true
	gzip -9nc "$DIR/data/member/snap/db" >"$1.db.gz"
	start
}

start
ctl put a 1                                         # 2
ctl put b 1                                         # 3
ctl put a 2                                         # 4
ctl put empty ''                                    # 5
LEASE=$(etcdctl lease grant 86400 | sed 's/lease \([0-9a-f]*\) .*/\1/')
ctl put leased x --lease="$LEASE"                   # 6
ctl del b                                           # 7
printf '\nput c 1\nput d 1\ndel a\n\n\n' | etcdctl txn >/dev/null # 8: three changes
ctl put b 2                                         # 9: a second life
ctl put b 3                                         # 10
ctl del c                                           # 11
ctl put c 2                                         # 12
ctl del d                                           # 13
ctl put e 1                                         # 14
stage history 0
ctl compaction 13 --physical                        # a tombstone exactly at the compact revision
stage tombstone 13
ctl put d 2                                         # 15
ctl del e                                           # 16
stage later 13
ctl del '' --prefix                                 # 17: nothing lives
stage deleted 13
ctl compaction 17 --physical
stage nothing 17
ctl put f 1                                         # 18
stage again 17
