#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Jobs of a manager with real workers: pushes and pulls, control while they run, workers and managers that die, sessions that
# stay open, and `sluice ascp` as a program that takes ascp's arguments.
. "${TOP_SRCDIR:?}/tests/system/foremen.sh"
same() { diff -r "$1" "$2" >/dev/null || fail "$3: $1 and $2 differ"; }

mkdir -p "$room/root" "$room/back" "$room/tree/sub"
head -c 12000000 /dev/urandom >"$room/big"
for i in $(seq 40); do
    head -c "$((i * 1000))" /dev/urandom >"$room/tree/sub/$i"
done
head -c 3000000 /dev/urandom >"$room/tree/a:b"
start_server "$room/root"
cd "$room" || exit 99

# ---- there and back ----

begin_job push pushed/ mkdir=yes -- tree big
end_job 0 'a push'
same tree root/pushed/tree 'a push'
wants_figure files 42 'a push'
wants_figure failed 0 'a push'
wants_figure present "$(find tree big -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" 'a push'
has_told '^file-stop .*file=tree/a:b .*digest=xxh3-128:[0-9a-f]{32} ' || fail "no digest of a:b: $(grep a:b "$room/events")"
begin_job pull back -- pushed/tree
end_job 0 'a pull'
same tree back/tree 'a pull'
wants_figure files 41 'a pull'
begin_job push pushed/ -- tree big
end_job 0 'the same push again'
wants_figure skipped 42 'the same push again'
wants_figure files 0 'the same push again'

# ---- control ----

begin_job push controlled rate=8m -- big
await_told '^progress .*state=running.* rate=[1-9]'
ask pause
await_told '^rate state=paused .*target=8000000 '
ask resume
await_told '^rate state=running .*target=8000000 '
ask rate 400000000
await_told '^rate state=running .*target=400000000 '
end_job 0 'a job under control'
cmp -s big root/controlled || fail 'what was paused and resumed differs'

# ---- a worker that is killed is followed by one that goes on where it was ----

begin_job push again/ mkdir=yes rate=8m retries=5 -- tree big
await_told '^progress .*attempts=1 .* transferred=[1-9][0-9]{6}'
ask kill
await_told '^retry .*killed by signal 9'
await_told '^session-start .*attempts=2'
ask rate 0
end_job 0 'a job whose worker was killed'
same tree root/again/tree 'a job whose worker was killed'
cmp -s big root/again/big || fail 'what a killed worker has begun differs'
wants_figure files 42 'a job whose worker was killed'
wants_figure skipped 0 'a job whose worker was killed'
wants_figure attempts 2 'a job whose worker was killed'
wants_figure present "$(find tree big -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" 'after a kill'

# ---- cancelled, and taken up again ----

begin_job push cancelled rate=8m -- big
await_told '^progress .* transferred=[2-9][0-9]{6}'
ask cancel
end_job 1 'a job that is cancelled'
has_told '^session-error state=cancelled' || fail "no word of the cancel: $(last)"
begin_job push cancelled -- big
end_job 0 'the same job again'
cmp -s big root/cancelled || fail 'what was cancelled and taken up again differs'
[ "$(figure transferred)" -lt 12000000 ] || fail "all of it was sent again: $(last)"
wants_figure present 12000000 'the same job again'

# ---- a session that stays open ----

begin_job push stays mkdir=yes persistent=yes
await_told '^session-start'
ask add tree/sub/1
await_told '^file-stop .*file=1 '
ask add tree/a:b
ask add nothing
await_told '^file-error .*nothing'
ask no-more
end_job 1 'a session that stays open'
has_told '^file-stop .*file=a:b ' || fail "a:b was not moved: $(cat "$room/events")"
cmp -s tree/a:b root/stays/a:b || fail 'what was added differs'
wants_figure files 2 'a session that stays open'
wants_figure failed 1 'a session that stays open'
begin_job pull back persistent=yes
ask add pushed/tree/sub/2
ask no-more
end_job 0 'a pull that stays open'
cmp -s tree/sub/2 back/2 || fail 'what was added to a pull differs'

# ---- managers that die ----

begin_job push orphan rate=8m -- big
await_told '^progress .* transferred=[1-9]'
worker=$(sed -n 's/.*worker=\([0-9]*\).*/\1/p' "$room/events" | tail -n 1)
ask die
end_job 97 'a manager that dies'
await 20 'the end of a worker without its manager' worker_gone
[ ! -e root/orphan ] || fail 'a worker has gone on without its manager'
begin_job push heir rate=40m outlive=yes -- big
await_told '^session-start'
ask die
end_job 97 'a manager that dies before its job'
await 30 'what outlives its manager' cmp -s big root/heir

# ---- ends that are failures ----

begin_job push nowhere/ -- big
end_job 1 'a push to nowhere'
has_told '^session-error state=failed.*no such directory' || fail "no reason: $(last)"
begin_job pull back retries=0 -- none
end_job 1 'a pull of nothing'
end_server TERM
begin_job push refused retries=1 -- big
await_told '^retry .*'
end_job 1 'a push to nobody'
wants_figure attempts 2 'a push to nobody'

# ---- a server that has no room for now ----

start_server "$room/root" --max-sessions 1
"$SLUICE" copy --progress never "${admission[@]}" --rate 8m big "$(url held)" >/dev/null 2>&1 &
holder=$!
await 20 'a session that leaves no room' test -e root/.held.sluice-part
begin_job push turned retries=20 -- big
await_told '^retry .*as many sessions as it takes'
kill -TERM "$holder"
wait "$holder"
end_job 0 'a job for which there was no room'
cmp -s big root/turned || fail 'what was sent when there was room differs'
end_server TERM
start_server "$room/root"

# ---- sluice ascp in the place of ascp ----

cat >"$room/ascp" <<END
#!/bin/sh
exec "$SLUICE" ascp "\$@"
END
chmod +x "$room/ascp"
begin_job push taken/ ascp="$room/ascp" token="$room/ticket" rate=200m -- tree big
end_job 0 'a push by ascp'
same tree root/taken/tree 'a push by ascp'
wants_figure files 42 'a push by ascp'
begin_job push held ascp="$room/ascp" token="$room/ticket" rate=8m -- big
await_told '^progress .* transferred=[1-9]'
ask pause
await_told '^rate state=paused '
ask resume
await_told '^rate state=running '
ask cancel
end_job 1 'an ascp that is cancelled'
has_told '^session-error state=cancelled' || fail "no word of the cancel: $(last)"

[ "$failures" = 0 ]
