# SPDX-License-Identifier: Apache-2.0
# Sourced after private.sh and session.sh: a client, a router and a server, each in a network namespace of its own.
#
#     client  c0 10.80.1.2 fd80:1::2 --- rc0 .1 ::1                     rs0 --- s0 10.80.2.2 fd80:2::2  server
#             c1 10.80.3.2 fd80:3::2 --- rc1 .1 ::1      router         10.80.2.1 fd80:2::1
#                                                        rx0 .1 --- x0 10.80.4.2 fd80:4::2  spoofer
#
# c1 has no address until the client roams.  A namespace is held by a process that sleeps, and has no name that could stay
# behind.  The router drops, translates and forgets by rules of nftables.
needs nft
declare -A holder=()
at_client=()
at_server=()
roamed=0
rebound=0

hold() { # NAME: makes a namespace
    local ours
    ours=$(readlink /proc/self/ns/net)
    unshare --net sleep infinity &
    holder[$1]=$!
    await 5 "a namespace for $1" held "$1" "$ours"
    in_host "$1" ip link set lo up
    # No duplicate address detection, so that addresses can be used at once.
    in_host "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
}

held() { # NAME OURS
    local theirs
    theirs=$(readlink "/proc/${holder[$1]}/ns/net")
    [ -n "$theirs" ] && [ "$theirs" != "$2" ]
}

# The command to put before another so that it runs on that host, in the array `at`.
at_host() { at=(nsenter "--net=/proc/${holder[$1]}/ns/net" --); } # NAME
in_host() { # NAME COMMAND...
    local at
    at_host "$1"
    shift
    "${at[@]}" "$@"
}
in_client() { in_host client "$@"; }
in_router() { in_host router "$@"; }
in_server() { in_host server "$@"; }

cable() { # HOST DEVICE HOST DEVICE
    ip link add "$2" netns "${holder[$1]}" mtu "$mtu" type veth peer name "$4" netns "${holder[$3]}" mtu "$mtu" || exit 99
    in_host "$1" ip link set "$2" up
    in_host "$3" ip link set "$4" up
}

address() { # HOST DEVICE NET HOST-NUMBER
    in_host "$1" ip addr add "10.80.$3.$4/24" dev "$2"
    in_host "$1" ip addr add "fd80:$3::$4/64" dev "$2" nodad
}

gateway() { # HOST NET: where everything else lies
    in_host "$1" ip route replace default via "10.80.$2.1"
    in_host "$1" ip -6 route replace default via "fd80:$2::1"
}

# Makes all of it.  With WAN, a row of options of wanem, the way between router and server is such a path (IPv4 and IPv6;
# needs /dev/net/tun); else all links are as fast as the machine.
network() { # [WAN]
    mtu=${mtu:-1500}
    hold client
    hold router
    hold server
    cable client c0 router rc0
    cable client c1 router rc1
    address client c0 1 2
    address router rc0 1 1
    address router rc1 3 1
    if [ $# -gt 0 ]; then
        wide_link "$@"
    else
        cable router rs0 server s0
        address router rs0 2 1
        address server s0 2 2
    fi
    gateway client 1
    gateway server 2
    in_router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    in_router nft -f - <<'RULES' || skip "nftables does not work here"
table inet room {
    chain forward { type filter hook forward priority 0; policy accept; jump line; jump filter; }
    chain line { }
    chain filter { }
}
table inet nat {
    chain leaving { type nat hook postrouting priority 100; }
}
RULES
    at_host client
    at_client=("${at[@]}")
    at_host server
    at_server=("${at[@]}")
    host=10.80.2.2
}

wide_link() { # OPTION...
    [ -w /dev/net/tun ] || skip "the WAN emulator needs root and /dev/net/tun"
    "$TOP_BUILDDIR/tests/wan/wanem" --mtu "$mtu" --quiet --stats "$room/wan.json" "$@" \
        --a-device rs0 --b-device s0 --a-address 10.80.2.1/24 --a-address fd80:2::1/64 \
        --b-address 10.80.2.2/24 --b-address fd80:2::2/64 \
        link "/proc/${holder[router]}/ns/net" "/proc/${holder[server]}/ns/net" >"$room/wan.out" 2>"$room/wan.err" &
    wan=$!
    await 5 "the wide link" grep -q ready "$room/wan.out"
}

# Puts a wide link in the place of the short one between router and server; what listens there stays.
widen() { # OPTION...
    in_router ip link del rs0
    wide_link "$@"
    gateway server 2
}

# A host beside the client that none of the others expects.
spoofer() {
    hold spoofer
    cable spoofer x0 router rx0
    address spoofer x0 4 2
    address router rx0 4 1
    gateway spoofer 4
}

# ---- the firewall ----

rule() { in_router nft "add rule inet room $*" || exit 99; }
from_client='iifname { "rc0", "rc1" }'
from_server='iifname "rs0"'

# Drops UDP and lets TCP pass: `to`: what goes to the server, `from`: what comes from there, `both` (default).  Given a second
# time in mid-session it is the firewall that forgets.  ADDRESS: only what concerns this address of the server.
udp_off() { # [WAY [ADDRESS]]
    local family=ip
    case ${2:-} in *:*) family=ip6 ;; esac
    [ "${1:-both}" = from ] || rule filter "$from_client" ${2:+$family daddr "$2"} meta l4proto udp counter drop
    [ "${1:-both}" = to ] || rule filter "$from_server" ${2:+$family saddr "$2"} meta l4proto udp counter drop
}
tcp_off() { rule filter meta l4proto tcp counter drop; }
# Only what answers UDP of the server gets in there: both sides must send first.
udp_answers_only() {
    rule filter "$from_client" meta l4proto udp ct state established,related accept
    rule filter "$from_client" meta l4proto udp counter drop
}
# Only UDP to and from this port of the server passes.
udp_port_only() { # PORT
    rule filter "$from_client" udp dport != "$1" counter drop
    rule filter "$from_server" udp sport != "$1" counter drop
}
filter_off() { in_router nft flush chain inet room filter; }
udp_on() { filter_off; }
# Ends every TCP connection on which something is sent, and lets new ones come about afterwards.
tcp_reset() {
    rule filter meta l4proto tcp counter reject with tcp reset
    await 10 "a TCP connection to reset" tcp_was_reset
    filter_off
}
tcp_was_reset() { in_router nft list chain inet room filter | grep -q 'packets [1-9].*reject'; }

# An outage: nothing passes, nobody is told.
link_down() { rule line counter drop; }
link_up() { in_router nft flush chain inet room line; }

# Packets and bytes that the rules of a chain have dropped.
dropped() { # CHAIN
    in_router nft list chain inet room "$1" | sed -n 's/.*counter packets \([0-9]*\) .*drop.*/\1/p' | awk '{ n += $1 } END { print n + 0 }'
}

# ---- what was seen ----

# From here on the server's side counts from how many addresses and ports datagrams have come to a port of UDP.
watch_sources() { # PORT
    in_server nft -f - <<RULES || skip "nftables cannot keep a list of addresses here"
table ip watch
delete table ip watch
table ip watch {
    set sources { type ipv4_addr . inet_service; flags dynamic; }
    chain arriving { type filter hook input priority 0; ip saddr 10.80.0.0/16 udp dport $1 add @sources { ip saddr . udp sport }; }
}
RULES
}
sources() { in_server nft list set ip watch sources | grep -Eo '10\.80\.[0-9.]+ \. [0-9]+' | wc -l; }

# ---- the translator ----

# The client's packets leave the router with its address and with ports of a range of their own.
nat_on() { translate 20000-29999; }
translate() { # PORTS
    in_router nft -f - <<RULES || skip "nftables cannot translate addresses here"
flush chain inet nat leaving
add rule inet nat leaving oifname "rs0" meta l4proto { tcp, udp } masquerade to :$1
RULES
}

nat_off() { in_router nft flush chain inet nat leaving; }

# Flows under way get another port, or another address of the router as well.  The kernel forgets the flows it has
# masqueraded with an address when that address goes.  (IPv4.)
nat_rebind() { # port | address
    local was=10.80.2.$((rebound % 2 ? 3 : 1)) is
    case $1 in
    port) is=$was ;;
    address)
        rebound=$((rebound + 1))
        is=10.80.2.$((rebound % 2 ? 3 : 1))
        ;;
    esac
    if in_router nft list chain inet nat leaving | grep -q 20000; then translate 30000-39999; else translate 20000-29999; fi
    printf 'addr del %s/24 dev rs0\naddr add %s/24 dev rs0\n' "$was" "$is" | in_router ip -batch - || exit 99
}

# ---- the client moves ----

# The client leaves one cable, address and all, and goes on by the other.
roam() {
    local old=$((roamed % 2)) new=$(((roamed + 1) % 2))
    roamed=$((roamed + 1))
    in_client ip addr flush dev "c$old"
    in_client ip link set "c$old" down
    in_client ip link set "c$new" up
    address client "c$new" $((new ? 3 : 1)) 2
    gateway client $((new ? 3 : 1))
}

# ---- names ----

# What a name means, here and nowhere else, in this order.
hosts() { # NAME ADDRESS...
    local name=$1 one
    shift
    if [ ! -e "$room/hosts" ]; then
        printf '127.0.0.1 localhost\n::1 localhost\n' >"$room/hosts"
        echo 'hosts: files' >"$room/nsswitch"
        instead "$room/hosts" /etc/hosts
        instead "$room/nsswitch" /etc/nsswitch.conf
    fi
    for one in "$@"; do echo "$one $name" >>"$room/hosts"; done
}
