#!/usr/bin/env bash
# Rolls a release that 3 % of the boards undo out to many boards, and then one that none undoes: on
# a mosquitto of its own, and on three NATS servers where there is a nats-server.
# Usage: fleet-simulate.sh PROGRAM BOARDS
set -euo pipefail
program=$1
boards=$2
port=${PORT:-18830}
export PATH="$PATH:/usr/sbin"
folder=$(mktemp -d)
brokers=()
end() {
    kill "${brokers[@]}" 2> /dev/null || true
    wait
    rm -r "$folder"
}
trap end EXIT

# Which port speaks MQTT.
listens() {
    for _ in $(seq 100); do
        (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null && return
        sleep 0.1
    done
    echo "fleet-simulate: nobody listens on port $1" >&2
    tail -n 20 "$folder"/*.log >&2
    return 1
}

simulate() {
    OUTPOST_LOG=warn "$program" --json fleet simulate \
        --url "mqtt://127.0.0.1:$1" --devices "$boards" "${@:2}"
}

both() {
    simulate "$1" --fails 3
    simulate "$1" --fails 0.01 --stop-at 5
}

# Retained reports of all boards wait for one reader: the usual 1000 are too few.
printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n' "$port" \
    > "$folder/mosquitto.conf"
mosquitto -c "$folder/mosquitto.conf" > "$folder/mosquitto.log" 2>&1 &
brokers+=($!)
listens "$port"
echo "fleet-simulate: mosquitto"
both "$port"

command -v nats-server > /dev/null || {
    echo "fleet-simulate: no nats-server, so not on NATS: apt-get install nats-server" >&2
    exit
}
routes=
for at in 1 2 3; do
    routes+="${routes:+, }\"nats-route://127.0.0.1:$((port + 10 + at))\""
done
for at in 1 2 3; do
    cat > "$folder/nats-$at.conf" <<END
server_name: n$at
listen: "127.0.0.1:$((port + 20 + at))"
jetstream { store_dir: "$folder/store-$at" }
cluster { name: outpost, listen: "127.0.0.1:$((port + 10 + at))", routes: [$routes] }
mqtt { listen: "127.0.0.1:$((port + 30 + at))", stream_replicas: 3 }
END
    nats-server -c "$folder/nats-$at.conf" > "$folder/nats-$at.log" 2>&1 &
    brokers+=($!)
done
for at in 1 2 3; do
    listens $((port + 30 + at))
done
echo "fleet-simulate: three NATS servers with JetStream"
both $((port + 31))
