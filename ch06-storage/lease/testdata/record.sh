#!/bin/sh
# Records leases.db.gz with the etcd of the machine (3.4.23): a backend file with leases,
# one of them with a checkpoint, which the leader makes after 5 minutes.
#
# usage: record.sh DIRECTORY
set -eu
out=$1
data=$(mktemp -d)
client=http://127.0.0.1:32579
peer=http://127.0.0.1:32580

etcd --data-dir "$data" --listen-client-urls $client --advertise-client-urls $client \
	--listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster default=$peer \
	--experimental-enable-lease-checkpoint --experimental-enable-lease-checkpoint-persist \
	>"$data/log" 2>&1 &
server=$!
until curl -s $client/health >/dev/null; do sleep 1; done

ask() { curl -s "$client/v3/$1" -d "$2"; echo; }
ask lease/grant '{"ID":"20","TTL":"100000"}'           # will have a checkpoint
ask lease/grant '{"ID":"21","TTL":"299"}'              # too short for one; expires meanwhile
ask lease/grant '{"ID":"-3","TTL":"9000000000"}'
ask kv/put '{"key":"Yg==","value":"Yg==","lease":"20"}' # b
ask kv/put '{"key":"YQ==","value":"YQ==","lease":"20"}' # a
ask kv/put '{"key":"eA==","value":"eA==","lease":"21"}' # x
sleep 302
ask lease/grant '{"ID":"7","TTL":"0"}'
ask lease/grant '{"ID":"9","TTL":"50"}'
ask lease/revoke '{"ID":"9"}'
sleep 1 # the backend commits
kill -9 $server                                        # 7 has not expired yet
gzip -9nc "$data/member/snap/db" >"$out/leases.db.gz"
rm -rf "$data"
