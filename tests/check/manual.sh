#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages and the program say the same: every long option that a subcommand accepts stands in sluice(1) and
# every key of the INI file in sluice.ini(5), and nothing stands there that is not accepted.  The same of the functions of
# sluice/stream.h and sluice_stream(3), and of sluice/manager.h and sluice_manager(3).
failures=0
commands=$TOP_BUILDDIR/doc/sluice.1
keys=$TOP_BUILDDIR/doc/sluice.ini.5
scenario=$TOP_BUILDDIR/doc/sluice.scenario.5
streams=$TOP_SRCDIR/doc/sluice_stream.3
jobs=$TOP_SRCDIR/doc/sluice_manager.3

complain() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# Without fonts, and with '-' as it is typed.
plain() { sed -e 's/\\f[BIR]//g' -e 's/\\-/-/g' "$1"; }

agree() { # WHAT PROGRAM PAGE
    local difference
    [ -n "$2" ] || complain "$1: nothing to compare"
    difference=$(diff <(sort -u <<<"$2") <(sort -u <<<"$3") | grep '^[<>]') || return 0
    complain "$1: program (<) and manual page (>) differ: $difference"
}

# ---- sluice(1) ----

section() { plain "$commands" | awk -v heading="$1" '/^\.SH/ { gsub(/^\.SH "?|"$/, ""); inside = $0 == heading; next } inside'; }

# The options that a section explains: the lines behind .TP.
explained() {
    section "$1" | awk 'tag { print } { tag = $0 == ".TP" }' | grep -oE -- '--[a-z][a-z0-9-]*'
}

# Without the list of what a subcommand takes with --listen.
client_helped() { "$SLUICE" "$1" --help | sed '/^With --listen/,$d' | grep -oE '^ +(-[a-z0], )?--[a-z][a-z0-9-]*' | grep -oE -- '--[a-z].*'; }
helped() { "$SLUICE" "$1" --help | grep -oE '^ +(-[a-z0], )?--[a-z][a-z0-9-]*' | grep -oE -- '--[a-z].*'; }

agree copy "$(helped copy)" "$(explained "OPTIONS OF COPY AND RUN")"
agree run "$(helped run | grep -Ev -- '--(deadline|gather)$'; echo --config)" "$(explained "OPTIONS OF COPY AND RUN")"
# What they take with --listen is told in the section of serve.
agree "send and recv" "$(client_helped send; client_helped recv)" "$(explained "OPTIONS OF SEND AND RECV")"
for command in send recv; do
    extra=$(helped "$command" | grep -vxFe "$(explained "OPTIONS OF SERVE"; explained "OPTIONS OF SEND AND RECV")")
    [ -z "$extra" ] || complain "$command --listen: $extra is told nowhere"
done
agree shell "$(helped shell)" "$(explained "OPTIONS OF SHELL")"
# Commands of the shell; what its orders take beside the options of copy.
agree "commands of the shell" "$("$SLUICE" shell -c help | sed -nE 's/^  ([a-z]+!?)( .*|)$/\1/p')" \
    "$(section "THE SHELL" | awk 'tag { print $1 } { tag = $0 == ".TP" }' | grep -v -e '^--')"
orders=$("$SLUICE" shell -c 'help push' | grep -oE '^ +(-[a-z0], )?--[a-z][a-z0-9-]*' | grep -oE -- '--[a-z].*')
agree "orders of the shell" "$(grep -vxFe "$(helped copy)" <<<"$orders")" \
    "$(section "THE SHELL" | awk 'tag { print } { tag = $0 == ".TP" }' | grep -oE -- '^--[a-z][a-z0-9-]*')"
for option in $orders; do
    "$SLUICE" shell -c "push $option=x --help" 2>&1 | grep -q "unknown option" && complain "push does not accept $option"
done
agree doctor "$(helped doctor)" "$(explained "OPTIONS OF DOCTOR")"
agree simulate "$(helped simulate)" "$(explained "OPTIONS OF SIMULATE")"
agree ascp "$(helped ascp)" "$(explained "IN PLACE OF ASCP")"
agree serve "$(helped serve)" "$(explained "OPTIONS OF SERVE")"
agree "check and plugins" "$(helped check; helped plugins; echo --help)" \
    "$(explained "OPTIONS OF CHECK AND PLUGINS")"

# refused COMMAND OPTION: as one that nobody knows.
refused() {
    "$SLUICE" "$1" "$2" --help 2>&1 </dev/null | grep -q "unknown option"
}

for command in copy send recv run serve shell doctor simulate ascp check plugins; do
    for option in $(helped "$command"); do
        refused "$command" "$option" && complain "$command does not accept $option"
    done
done
# What the text mentions: some subcommand accepts it.
for option in $( (plain "$commands"; plain "$keys") | grep -oE -- '--[a-z][a-z0-9-]*[a-z0-9]' | sort -u); do
    case $option in --no | --version) continue ;; esac
    grep -qxFe "$option" <<<"$orders" && continue
    for command in copy send recv serve shell simulate ascp check plugins; do
        refused "$command" "$option" || continue 2
    done
    complain "the manual names $option, which no subcommand accepts"
done
refused copy --no-such-option || complain "copy accepts --no-such-option: this test proves nothing"

listed=$("$SLUICE" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
agree subcommands "$listed" "$(section DESCRIPTION | sed -n 's/^\.B \([a-z]*\)$/\1/p' | grep -v '^sluice$')"

# ---- sluice.ini(5) ----

sample=$("$SLUICE" check --sample | awk '
    /^;?\[/ { gsub(/^;|[][]/, ""); section = $0; print "[" section "]"; next }
    /^;[a-z0-9-]+ =/ { sub(/^;/, ""); print "[" section "] " $1 }')
page=$(plain "$keys" | awk '
    /^\.SS "\[/ { gsub(/^\.SS "|"$/, ""); section = $0; print section; next }
    /^\.S[SH]/ { section = "" }
    tag && section != "" { print section " " $1 }
    { tag = $0 == ".TP" }')
# The page also has the sections of plugins without options; the sample has none for them.
empty=$("$SLUICE" plugins | awk -F'[/ ]' '/^[a-z]+\// { print "[" $1 " " $2 "]" }')
agree "keys" "$(echo "$sample"; echo "$empty")" "$page"

# ---- sluice.scenario(5) ----

agree "keys of a scenario" "$("$SLUICE" simulate --sample | awk '
    /^;\[/ { gsub(/^;|[][]/, ""); section = $0; print "[" section "]"; next }
    /^;[a-z0-9-]+ =/ { sub(/^;/, ""); print "[" section "] " $1 }')" "$(plain "$scenario" | awk '
    /^\.SS "\[/ { gsub(/^\.SS "|"$/, ""); section = $0; print section; next }
    /^\.S[SH]/ { section = "" }
    tag && section != "" { print section " " $1 }
    { tag = $0 == ".TP" }')"

# ---- sluice_stream(3), sluice_manager(3) ----

# library NAME PAGE: the functions of sluice/NAME.h, the fields of its structs, and whatever the page names in capitals.
library() {
    local header=$TOP_SRCDIR/include/sluice/$1.h page=$2 declared bare word field
    # Without comments, one line.
    bare=$(tr '\n' ' ' <"$header" | sed 's#/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/##g')
    declared=$(grep -oE 'SLUICE_API [^;]*;' <<<"$bare" | sed -e 's/^SLUICE_API //' -e 's/  */ /g')
    agree "functions of $1.h" "$declared" "$(plain "$page" | grep -E '^[A-Za-z].*\);$')"
    agree "functions that sluice_$1(3) explains" "$(grep -oE '^[^(]*\(' <<<"$declared" | grep -oE 'sluice_[a-z_]*\(' | tr -d '(')" \
        "$(sed -n 's/^\.BR \(sluice_[a-z_]*\) ()$/\1/p' "$page")"
    for field in $(grep -oE '(struct|union) [a-z_]+ \{[^}]*\}' <<<"$bare" | sed 's/^[^{]*{//' | tr ';' '\n' | grep -v '(' |
        sed -E -e 's/\[[^]]*\]//g' -e 's/^ *(const )?[a-z0-9_]+ //' | tr -d ' *}' | tr ',' '\n' | grep -E '^[a-z_]+$'); do
        plain "$page" | grep -qw -- "$field" || complain "sluice_$1(3) does not name the field $field"
    done
    for word in $(grep -oE 'SLUICE_[A-Z_]*[A-Z]' "$page" | sort -u); do
        case $word in SLUICE_STREAM | SLUICE_MANAGER | SLUICE_JOB_EVENT | SLUICE_PROGRAM | SLUICE_PLUGIN_PATH) continue ;; esac
        # Statuses stand in their table without the beginning.
        grep -qrwE "$word|X\(${word#SLUICE_}" "$TOP_SRCDIR/include/sluice/" ||
            complain "sluice_$1(3) names $word, which nobody declares"
    done
}
library stream "$streams"
library manager "$jobs"
# Its events.
agree "events of manager.h" "$(sed -nE 's/^    X\(([A-Z_]+), "[a-z-]+", .*/\1/p' "$TOP_SRCDIR/include/sluice/manager.h")" \
    "$(awk '/^\.SH/ { inside = $2 == "EVENTS" } inside && /^\.B / { sub(/^\.B /, ""); gsub(/, /, "\n"); print }' "$jobs")"

# ---- form ----

if command -v groff >/dev/null; then
    for page in "$commands" "$keys" "$scenario" "$streams" "$jobs"; do
        said=$(groff -ww -man -z "$page" 2>&1)
        [ -z "$said" ] || complain "$page: $said"
    done
fi
[ "$failures" -eq 0 ]
