#!/bin/sh
# Rolls a release that 3 % of the boards undo out to many boards, and then one that none undoes, on
# a mosquitto of its own. Usage: fleet-simulate.sh PROGRAM BOARDS
set -eu
program=$1
boards=$2
port=${PORT:-18830}
folder=$(mktemp -d)
# Retained reports of all boards wait for one reader: the usual 1000 are too few.
printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n' "$port" \
    > "$folder/mosquitto.conf"
PATH=$PATH:/usr/sbin mosquitto -c "$folder/mosquitto.conf" > "$folder/log" 2>&1 &
broker=$!
trap 'kill $broker; rm -r "$folder"' EXIT
sleep 1
simulate() {
    OUTPOST_LOG=warn "$program" --json fleet simulate \
        --url "mqtt://127.0.0.1:$port" --devices "$boards" "$@"
}
simulate --fails 3
simulate --fails 0.01 --stop-at 5
