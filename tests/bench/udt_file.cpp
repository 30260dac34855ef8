/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file over UDT on loopback, for peers.sh: Debian has UDT's library, and no program that moves a file with it.  C++, as its
 * interface is.
 *
 *     udt_file receive PORT FILE BYTES
 *     udt_file send PORT FILE BYTES
 */
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <udt/udt.h>

static int failed(const char *what)
{
    std::fprintf(stderr, "udt_file: %s: %s\n", what, UDT::getlasterror().getErrorMessage());
    return 1;
}

static int receive(UDTSOCKET listener, const sockaddr_in &address, const char *name, int64_t bytes)
{
    if (UDT::bind(listener, reinterpret_cast<const sockaddr *>(&address), sizeof address) == UDT::ERROR ||
        UDT::listen(listener, 1) == UDT::ERROR)
        return failed("listen");
    sockaddr_in peer;
    int length = sizeof peer;
    UDTSOCKET from = UDT::accept(listener, reinterpret_cast<sockaddr *>(&peer), &length);
    if (from == UDT::INVALID_SOCK)
        return failed("accept");
    std::fstream file(name, std::ios::out | std::ios::binary | std::ios::trunc);
    int64_t offset = 0;
    if (UDT::recvfile(from, file, offset, bytes) != bytes)
        return failed("receive");
    file.close();
    UDT::close(from);
    return file.fail();
}

static int send(UDTSOCKET to, const sockaddr_in &address, const char *name, int64_t bytes)
{
    if (UDT::connect(to, reinterpret_cast<const sockaddr *>(&address), sizeof address) == UDT::ERROR)
        return failed("connect");
    std::fstream file(name, std::ios::in | std::ios::binary);
    int64_t offset = 0;
    return UDT::sendfile(to, file, offset, bytes) == bytes ? 0 : failed("send");
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    sockaddr_in address;
    std::memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[2])));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int64_t bytes = std::atoll(argv[4]);
    UDT::startup();
    UDTSOCKET own = UDT::socket(AF_INET, SOCK_STREAM, 0);
    int status = std::strcmp(argv[1], "send") ? receive(own, address, argv[3], bytes) : send(own, address, argv[3], bytes);
    UDT::close(own); /* lingers until all is acknowledged */
    UDT::cleanup();
    return status;
}
