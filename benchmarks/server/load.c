/* Requests as fast as a server takes them, for its own ceiling: load PORT CONNECTIONS SECONDS FILE
 *
 * FILE holds one whole request, head and body. Each connection sends it, reads the whole answer, and sends it again.
 * Prints answers, seconds and the CPU seconds that this process used.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 2000, ROOM = 65536 };

static struct {
    int fd;
    size_t sent, have;
    char in[ROOM];
} connections[CONNECTIONS];
static char *request;
static size_t size;
static int poller;
static long answers;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void listen_to(uint32_t which, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.u32 = which};
    if (epoll_ctl(poller, how, connections[which].fd, &event)) die("epoll_ctl");
}

static void send_more(uint32_t which) {
    while (connections[which].sent < size) {
        ssize_t n = write(connections[which].fd, request + connections[which].sent, size - connections[which].sent);
        if (n < 0 && errno == EAGAIN) {
            listen_to(which, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n < 0) die("write");
        connections[which].sent += (size_t)n;
    }
}

static void receive(uint32_t which) {
    char *in = connections[which].in;
    ssize_t n = read(connections[which].fd, in + connections[which].have, ROOM - 1 - connections[which].have);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("the server hung up");
    in[connections[which].have += (size_t)n] = 0;
    char *end = strstr(in, "\r\n\r\n"), *length = strcasestr(in, "content-length:");
    if (!end || !length) return;
    if (connections[which].have < (size_t)(end + 4 - in) + strtoul(length + 15, NULL, 10)) return;
    answers++;
    connections[which].have = connections[which].sent = 0;
    send_more(which);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    uint32_t count = (uint32_t)atoi(argv[2]);
    if (count > CONNECTIONS) count = CONNECTIONS;
    FILE *file = fopen(argv[4], "rb");
    if (!file) die(argv[4]);
    fseek(file, 0, SEEK_END);
    size = (size_t)ftell(file);
    rewind(file);
    request = malloc(size);
    if (fread(request, 1, size, file) != size) die(argv[4]);
    poller = epoll_create1(0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    double begun = seconds(), until = begun + atof(argv[3]);
    for (uint32_t i = 0; i < count; i++) {
        int on = 1, fd = connections[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        listen_to(i, EPOLLIN, EPOLL_CTL_ADD);
        send_more(i);
    }
    static struct epoll_event events[256];
    while (seconds() < until) {
        int found = epoll_wait(poller, events, 256, 100);
        for (int i = 0; i < found; i++) {
            uint32_t which = events[i].data.u32;
            if (events[i].events & EPOLLOUT) {
                listen_to(which, EPOLLIN, EPOLL_CTL_MOD);
                send_more(which);
            }
            if (events[i].events & ~EPOLLOUT) receive(which);
        }
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%ld %.3f %.3f\n", answers, seconds() - begun,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
