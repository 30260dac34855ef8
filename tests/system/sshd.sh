# SPDX-License-Identifier: Apache-2.0
# Sourced after private.sh, session.sh and network.sh: real sshds, and an account of root's for this test alone.
#
# Root's home is a folder in the room, by an /etc/passwd of the test's own: so the startup file of the login shell
# (home/.bashrc, which bash reads under sshd) and the client's home/.ssh/config are the test's, and root's real ones are
# neither read nor touched.  The remote shell finds `sluice` by a PATH that its startup file sets, or does not.
needs sshd ssh ssh-keygen
[ "${real_user:-}" = 0 ] || skip "sshd needs to be root"
[ -x /bin/bash ] || skip "there is no /bin/bash here"
home=$room/home
keys=$room/ssh
declare -A sshd=()
mkdir -p "$home/.ssh" "$keys" "$room/bin"

start_sshd() { # HOST
    local at
    cat >"$keys/sshd_config.$1" <<END
Port 2222
HostKey $keys/host
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile $keys/authorized
SetEnv PATH=/usr/bin:/bin
MaxStartups 100
PrintMotd no
END
    at_host "$1"
    "${at[@]}" "$(command -v sshd)" -t -f "$keys/sshd_config.$1" 2>"$keys/log.$1" ||
        skip "sshd does not run here: $(cat "$keys/log.$1")"
    "${at[@]}" "$(command -v sshd)" -D -e -f "$keys/sshd_config.$1" 2>"$keys/log.$1" &
    sshd[$1]=$!
    await 10 "sshd on $1" grep -q "Server listening" "$keys/log.$1"
}

ssh_keys() {
    local one
    for one in host id stranger; do ssh-keygen -q -t ed25519 -N '' -C "$one" -f "$keys/$one"; done
    cp "$keys/id.pub" "$keys/authorized"
    echo "* $(cut -d' ' -f1,2 "$keys/host.pub")" >"$keys/known"
    echo "* $(cut -d' ' -f1,2 "$keys/stranger.pub")" >"$keys/mistaken"
}

account() {
    sed "s#^root:.*#root:x:0:0:root:$home:/bin/bash#" /etc/passwd >"$keys/passwd"
    { grep -v '^root:' /etc/shadow; echo 'root:*:19000:0:99999:7:::'; } >"$keys/shadow"
    chmod 600 "$keys/shadow"
    instead "$keys/passwd" /etc/passwd
    instead "$keys/shadow" /etc/shadow
}

# What the remote shell finds under the name `sluice`.  Options in the room's file remote_options are added.
remote_sluice() {
    cat >"$room/bin/sluice" <<END
#!/bin/sh
SLUICE_PLUGIN_PATH='${SLUICE_PLUGIN_PATH:-}'
export SLUICE_PLUGIN_PATH
exec '$SLUICE' "\$@" \$(cat '$room/remote_options')
END
    : >"$room/remote_options"
    chmod +x "$room/bin/sluice"
}

# The startup file of the remote shell: with sluice in PATH, or not, then further lines.
startup() { # yes|no LINE...
    : >"$home/.bashrc"
    [ "$1" = no ] || echo "PATH=$room/bin:\$PATH" >"$home/.bashrc"
    shift
    [ $# = 0 ] || printf '%s\n' "$@" >>"$home/.bashrc"
}

# The first value of a keyword counts.
client_config() {
    cat >"$home/.ssh/config" <<END
Host near far stranger mistaken
    HostName 10.80.2.2
Host far
    ProxyJump jump
Host jump
    HostName 10.80.1.1
Host stranger
    IdentityFile $keys/stranger
Host mistaken
    UserKnownHostsFile $keys/mistaken
Host nobody-listens
    HostName 10.80.2.2
    Port 2299
Host !stranger *
    IdentityFile $keys/id
Host *
    User root
    Port 2222
    IdentitiesOnly yes
    IdentityAgent none
    BatchMode yes
    StrictHostKeyChecking yes
    UserKnownHostsFile $keys/known
    GlobalKnownHostsFile /dev/null
    LogLevel ERROR
END
    chmod 600 "$home/.ssh/config"
}

# An sshd on the server, which is called `near`, and one on the router, through which the same is called `far`.  The
# client's ssh is not let in as `stranger`, does not know the host's key as `mistaken`, and finds nothing as
# `nobody-listens`.
ssh_room() {
    ssh_keys
    account
    remote_sluice
    client_config
    startup yes
    start_sshd server
    start_sshd router
    admission=()
}

# Servers that ssh has started, by process id.
stdio_servers() { processes '(^|/)sluice serve --stdio'; }
no_stdio_server() { [ -z "$(stdio_servers)" ]; }
