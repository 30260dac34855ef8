#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The sample files under conf/ do what they say: a server and sessions are run from them, with only places replaced.
. "${TOP_SRCDIR:?}/tests/system/session.sh"
conf=$TOP_SRCDIR/conf

mkdir "$room/root" "$room/backups" "$room/reports" "$room/mirror" "$room/backups/cache"
echo one >"$room/backups/file"
echo two >"$room/backups/left.tmp"
echo three >"$room/backups/cache/left"
echo four >"$room/reports/report"
mkdir "$room/root/in"

start_server "$room/root" --config "$conf/server.ini"
for session in nightly mirror; do
    set -- "$@" --set "session.$session.ticket-file=$room/ticket"
done
wants 0 '' timeout 60 "$SLUICE" run "$conf/sessions.ini" nightly "$@" --set transfer.report= \
    --set "session.nightly.source=$room/backups" --set "session.nightly.source=$room/reports" \
    --set "session.nightly.destination=$(url in/)"
[ -e "$room/root/in/backups/file" ] && [ -e "$room/root/in/reports/report" ] || fail "nightly did not bring everything"
[ ! -e "$room/root/in/backups/left.tmp" ] && [ ! -e "$room/root/in/backups/cache" ] || fail "nightly's excludes were not heeded"
# The server of server.ini only takes.
wants 1 'write-only' timeout 60 "$SLUICE" run "$conf/sessions.ini" mirror "$@" --set transfer.report= \
    --set "session.mirror.source=$(url in/)" --set "session.mirror.destination=$room/mirror"
end_server TERM
port=
start_server "$room/root"
wants 0 '' timeout 60 "$SLUICE" run "$conf/sessions.ini" mirror "$@" --set transfer.report= \
    --set "session.mirror.source=$(url in/)" --set "session.mirror.destination=$room/mirror"
find "$room/mirror" -name report | grep -q . || fail "mirror brought nothing back"
wants 0 '' copy --config "$conf/sluice.ini" "$room/backups/file" "$(url by-sample)"
cmp -s "$room/backups/file" "$room/root/by-sample" || fail "the sample's defaults are not the defaults"
end_server TERM

# The server of serve.ini has two tickets, and lets nobody else in.
mkdir "$room/agency" "$room/public"
echo five >"$room/public/paper"
port=
start_server "$room/root" --config "$conf/serve.ini" --set "ticket.agency.ticket-file=$room/agency.ticket" \
    --set "ticket.agency.root=$room/agency" --set "ticket.branch-office.ticket-file=$room/branch.ticket" \
    --set "ticket.branch-office.root=$room/public"
wants 0 '' "$SLUICE" copy --ticket-file "$room/agency.ticket" "$room/backups/file" "$(url)"
[ -e "$room/agency/file" ] || fail "the agency did not deliver"
wants 1 'no right to read' "$SLUICE" copy --ticket-file "$room/agency.ticket" "$(url file)" "$room/mirror/"
wants 0 '' "$SLUICE" copy --ticket-file "$room/branch.ticket" "$(url paper)" "$room/mirror/"
[ -e "$room/mirror/paper" ] || fail "the branch office fetched nothing"
wants 4 'does not know' copy "$(url paper)" "$room/mirror/"

# The streams of stream-server.ini go to and fro by commands; its camera is a named pipe.
end_server TERM
port=
mkfifo "$room/lens"
echo picture >"$room/picture"
start_server "$room/root" --config "$conf/stream-server.ini" --set "ticket.collector.ticket-file=$room/collector.ticket" \
    --set "stream.database.source=command:echo shop" --set "stream.log.sink=command:cat >>'$room/log'" \
    --set "stream.camera.source=stdio:$room/lens"
set --
for session in fetch-database deliver-log; do
    set -- "$@" --set "session.$session.ticket-file=$room/collector.ticket"
done
wants 0 '' timeout 60 "$SLUICE" run "$conf/stream-server.ini" fetch-database "$@" --set transfer.report= \
    --set "session.fetch-database.source=$(url)" --set "session.fetch-database.destination=command:cat >'$room/fetched'"
[ "$(cat "$room/fetched")" = shop ] || fail "fetch-database fetched '$(cat "$room/fetched")'"
for _ in 1 2; do
    wants 0 '' timeout 60 "$SLUICE" run "$conf/stream-server.ini" deliver-log "$@" --set transfer.report= \
        --set "session.deliver-log.source=command:echo line" --set "session.deliver-log.destination=$(url)"
done
[ "$(cat "$room/log")" = $'line\nline' ] || fail "deliver-log delivered '$(cat "$room/log")'"
cat "$room/picture" >"$room/lens" &
wants 0 '' timeout 60 "$SLUICE" recv --ticket-file "$room/collector.ticket" "$(url camera)"
cmp -s "$room/picture" "$room/stdout" || fail "the camera gave '$(cat "$room/stdout")'"
wants 1 'takes no stream called database; it takes: log' timeout 60 "$SLUICE" send \
    --ticket-file "$room/collector.ticket" "$(url database)" </dev/null
wants 2 'nosuch' "$SLUICE" run "$conf/sessions.ini" nosuch
end_server TERM

# Streams: what the sample says of commands, pipes and memory, with other commands and places.
port=
start_server "$room/root"
stream() { # SESSION KEY VALUE [KEY VALUE]
    local session=$1
    shift
    set -- "$@" ticket-file "$room/ticket"
    local set=()
    while [ $# -gt 0 ]; do
        set+=(--set "session.$session.$1=$2")
        shift 2
    done
    timeout 60 "$SLUICE" run "$conf/streams.ini" "$session" --set transfer.report= "${set[@]}"
}
mkfifo "$room/camera"
shared=/sluice-conf-$$
wants 0 '' stream backup source 'command:echo dumped' destination "$(url shop/latest.dump)"
wants 0 '' stream restore source "$(url shop/latest.dump)" \
    destination "command:cat >'$room/restored'; status=\$?; echo \$status >'$room/status'; exit \$status"
[ "$(cat "$room/restored" "$room/status")" = $'dumped\n0' ] || fail "restore did not bring back what backup took"
echo filmed >"$room/camera" &
wants 0 '' stream camera source "stdio:$room/camera" destination "$(url camera/now.ts)"
wants 0 '' stream watch source "$(url camera/now.ts)"
[ "$(cat "$room/stdout")" = filmed ] || fail "watch said '$(cat "$room/stdout")'"
wants 0 '' stream frame source "$(url camera/now.ts)" destination "memory:$shared"
[ "$(cat "/dev/shm$shared")" = filmed ] || fail "the frame is not in memory"
rm -f "/dev/shm$shared"
finish
