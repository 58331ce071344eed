/* A loopback provider on one thread: chat completions and messages over HTTP/1.1 with keep-alive, from epoll.
 *
 *   loopback --openai FILE --anthropic FILE [--latency MS] [--rate PER_SECOND [--burst N] [--silent]]
 *
 * Prints its port, serves until its standard input ends. The files hold answers; in them @MODEL@ becomes the model that
 * was asked and @TOKENS@ a quarter of the body's bytes. GET /stats tells counters, POST /reset clears them.
 * Every answer takes the same time, so those under way form a queue and one timer serves them all.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { FDS = 65536, FIRST_ROOM = 16384, LONGEST_BODY = 64 << 20, NAME = 200 };

struct connection {
    char *in, *out;
    size_t have, room, whole; /* bytes read, allocated, and of the request under way (0: its head is not there yet) */
    size_t ready, sent, space; /* bytes of the answer, of them written, allocated */
    unsigned life;             /* which connection with this number: answers of an earlier one are dropped */
    bool open, waiting, last;
};
struct due {
    int64_t at;
    int fd;
    unsigned life;
};
struct answer {
    char *text;
    size_t size;
};

static struct connection connections[FDS];
static struct due queue[FDS]; /* a ring: one request under way to each connection */
static unsigned queue_head, queue_tail;
static struct answer openai, anthropic;
static int poller, timer, listener;
static int64_t latency, bucket_at;
static double rate, burst, bucket;
static bool silent;
static struct {
    long requests, answered, refused, bad, in_flight, peak;
    int64_t bytes, first; /* first: microseconds since 1970 of the first request */
} counts;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int64_t clock_ns(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static struct answer load(const char *path) {
    struct answer answer = {0};
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (!file) die(path ? path : "--openai and --anthropic are needed");
    fseek(file, 0, SEEK_END);
    answer.size = (size_t)ftell(file);
    rewind(file);
    answer.text = calloc(1, answer.size + 1);
    if (fread(answer.text, 1, answer.size, file) != answer.size) die(path);
    fclose(file);
    return answer;
}

static void listen_to(int fd, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poller, how, fd, &event)) die("epoll_ctl");
}

static void hang_up(int fd) {
    struct connection *c = &connections[fd];
    if (c->waiting) counts.in_flight--;
    c->open = c->waiting = false;
    c->life++;
    c->have = c->whole = c->ready = c->sent = 0;
    close(fd);
}

static void accept_all(void) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) return;
        if (fd >= FDS) {
            close(fd);
            continue;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = &connections[fd];
        c->open = true;
        c->waiting = c->last = false;
        if (!c->room) c->in = malloc(c->room = FIRST_ROOM);
        listen_to(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
}

/* Write what is left of an answer; wait for room where the socket takes no more. */
static void write_out(int fd) {
    struct connection *c = &connections[fd];
    while (c->sent < c->ready) {
        ssize_t n = write(fd, c->out + c->sent, c->ready - c->sent);
        if (n < 0 && errno == EAGAIN) {
            listen_to(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n < 0) {
            hang_up(fd);
            return;
        }
        c->sent += (size_t)n;
    }
    c->ready = c->sent = 0;
    if (c->last) hang_up(fd);
}

/* The value of a header within the request's head, or NULL. */
static const char *header(const char *head, size_t size, const char *name) {
    size_t length = strlen(name);
    for (const char *line = head; (line = memchr(line, '\n', size - (size_t)(line - head))) != NULL;) {
        line++;
        if ((size_t)(line - head) + length + 1 >= size) return NULL;
        if (!strncasecmp(line, name, length) && line[length] == ':') {
            line += length + 1;
            while (*line == ' ') line++;
            return line;
        }
    }
    return NULL;
}

static void limits(char *to, size_t room, bool messages) {
    *to = 0;
    if (rate <= 0 || silent) return;
    double full = (burst - bucket) / rate;
    int left = bucket > 0 ? (int)bucket : 0;
    if (messages) {
        char date[40];
        time_t when = time(NULL) + (time_t)full;
        struct tm utc;
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &utc));
        snprintf(to, room,
                 "anthropic-ratelimit-requests-limit: %.0f\r\nanthropic-ratelimit-requests-remaining: %d\r\n"
                 "anthropic-ratelimit-requests-reset: %s\r\n",
                 rate * 60, left, date);
    } else {
        snprintf(to, room,
                 "x-ratelimit-limit-requests: %.0f\r\nx-ratelimit-remaining-requests: %d\r\n"
                 "x-ratelimit-reset-requests: %.0fms\r\n",
                 rate * 60, left, full * 1000);
    }
}

/* Whether the bucket lets one request through; else the seconds until it would. */
static double refused_for(void) {
    if (rate <= 0) return 0;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    bucket += (double)(now - bucket_at) / 1e9 * rate;
    bucket_at = now;
    if (bucket > burst) bucket = burst;
    if (bucket < 1) return (1 - bucket) / rate;
    bucket -= 1;
    return 0;
}

static void put_answer(struct connection *c, int status, const char *extra, const char *body, size_t size) {
    const char *reason = status == 200 ? "OK" : status == 429 ? "Too Many Requests" : "Bad Request";
    size_t needed = size + strlen(extra) + 256;
    if (c->space < needed) c->out = realloc(c->out, c->space = needed);
    int head = snprintf(c->out, c->space,
                        "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\nx-request-id: req_loopback\r\n"
                        "request-id: req_loopback\r\n%scontent-length: %zu\r\n\r\n",
                        status, reason, extra, size);
    memcpy(c->out + head, body, size);
    c->ready = (size_t)head + size;
    c->sent = 0;
}

/* The answer's text with its placeholders filled in. Inside JSON strings quotes are escaped, so "model":" is a key. */
static size_t fill(char *to, const struct answer *answer, const char *body, size_t size) {
    char model[NAME] = "unknown";
    const char *found = memmem(body, size, "\"model\":", 8);
    if (found && (found = memchr(found + 8, '"', size - (size_t)(found + 8 - body)))) {
        const char *end = memchr(found + 1, '"', size - (size_t)(found + 1 - body));
        if (end && end - found < NAME) snprintf(model, NAME, "%.*s", (int)(end - found - 1), found + 1);
    }
    char *at = to;
    for (const char *from = answer->text; *from;) {
        if (!strncmp(from, "@MODEL@", 7)) {
            at += sprintf(at, "%s", model);
            from += 7;
        } else if (!strncmp(from, "@TOKENS@", 8)) {
            at += sprintf(at, "%zu", size / 4);
            from += 8;
        } else {
            *at++ = *from++;
        }
    }
    return (size_t)(at - to);
}

static size_t stats(char *to, size_t room) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    return (size_t)snprintf(to, room,
                            "{\"requests\":%ld,\"statuses\":{\"200\":%ld,\"429\":%ld,\"400\":%ld},\"bought\":%ld,"
                            "\"in_flight\":%ld,\"peak\":%ld,\"bytes\":%lld,\"first_request\":%.6f,\"cpu_seconds\":%.3f}",
                            counts.requests, counts.answered, counts.refused, counts.bad, counts.answered,
                            counts.in_flight, counts.peak, (long long)counts.bytes, (double)counts.first / 1e6, cpu);
}

static void asked(int fd, const struct answer *answer, const char *body, size_t size) {
    static char text[1 << 20];
    struct connection *c = &connections[fd];
    char extra[512];
    if (!counts.requests++) counts.first = clock_ns(CLOCK_REALTIME) / 1000;
    counts.bytes += (int64_t)size;
    double wait = refused_for();
    limits(extra, sizeof extra, answer == &anthropic);
    if (wait > 0) {
        counts.refused++;
        size_t end = strlen(extra);
        snprintf(extra + end, sizeof extra - end, "retry-after: %.3f\r\n", wait);
        const char *error = "{\"error\":{\"message\":\"Rate limit reached.\",\"code\":\"rate_limit_exceeded\"}}";
        put_answer(c, 429, extra, error, strlen(error));
        write_out(fd);
        return;
    }
    put_answer(c, 200, extra, text, fill(text, answer, body, size));
    c->waiting = true;
    if (++counts.in_flight > counts.peak) counts.peak = counts.in_flight;
    queue[queue_tail++ % FDS] = (struct due){clock_ns(CLOCK_MONOTONIC) + latency, fd, c->life};
}

static void serve(int fd, size_t head) {
    struct connection *c = &connections[fd];
    const char *body = c->in + head, *closing = header(c->in, head, "connection");
    char text[1024];
    size_t size = c->whole - head;
    c->last = closing && !strncasecmp(closing, "close", 5);
    if (!strncmp(c->in, "POST /v1/chat/completions ", 26)) {
        asked(fd, &openai, body, size);
    } else if (!strncmp(c->in, "POST /v1/messages ", 18)) {
        asked(fd, &anthropic, body, size);
    } else if (!strncmp(c->in, "GET /stats ", 11)) {
        put_answer(c, 200, "", text, stats(text, sizeof text));
        write_out(fd);
    } else if (!strncmp(c->in, "POST /reset ", 12)) {
        long under_way = counts.in_flight;
        memset(&counts, 0, sizeof counts);
        counts.in_flight = under_way;
        bucket = burst;
        put_answer(c, 200, "", "{}", 2);
        write_out(fd);
    } else {
        counts.bad++;
        put_answer(c, 400, "", "{\"error\":{\"message\":\"no such path\"}}", 36);
        write_out(fd);
    }
}

/* Serve the requests that are whole. What comes before an answer is written waits in the buffer. */
static void take(int fd) {
    struct connection *c = &connections[fd];
    while (c->open && c->have && !c->waiting && !c->ready) {
        char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
        if (!end) return;
        size_t head = (size_t)(end - c->in) + 4;
        if (!c->whole) {
            const char *length = header(c->in, head, "content-length");
            c->whole = head + (length ? strtoul(length, NULL, 10) : 0);
            if (c->whole > LONGEST_BODY) {
                hang_up(fd);
                return;
            }
        }
        if (c->have < c->whole) {
            if (c->room < c->whole) c->in = realloc(c->in, c->room = c->whole);
            return;
        }
        serve(fd, head);
        if (!c->open) return;
        c->have -= c->whole;
        memmove(c->in, c->in + c->whole, c->have);
        c->whole = 0;
    }
}

static void read_in(int fd) {
    struct connection *c = &connections[fd];
    for (;;) {
        if (c->have == c->room) c->in = realloc(c->in, c->room *= 2);
        size_t room = c->room - c->have;
        ssize_t n = read(fd, c->in + c->have, room);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) {
            hang_up(fd);
            return;
        }
        c->have += (size_t)n;
        if ((size_t)n < room) break;
    }
    take(fd);
}

/* Send what is due, and set the timer for the next. */
static void send_due(void) {
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    while (queue_head != queue_tail && queue[queue_head % FDS].at <= now) {
        struct due *due = &queue[queue_head++ % FDS];
        struct connection *c = &connections[due->fd];
        if (!c->waiting || c->life != due->life) continue;
        c->waiting = false;
        counts.in_flight--;
        counts.answered++;
        write_out(due->fd);
        if (c->open && c->have) take(due->fd);
    }
    struct itimerspec next = {0};
    if (queue_head != queue_tail) {
        int64_t at = queue[queue_head % FDS].at;
        next.it_value = (struct timespec){at / 1000000000LL, at % 1000000000LL};
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &next, NULL);
}

static void options(int argc, char **argv) {
    const char *paths[2] = {NULL, NULL};
    burst = -1;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(name, "--silent")) {
            silent = true;
            continue;
        }
        i++;
        if (!strcmp(name, "--openai")) paths[0] = value;
        else if (!strcmp(name, "--anthropic")) paths[1] = value;
        else if (!strcmp(name, "--latency")) latency = (int64_t)(atof(value) * 1e6);
        else if (!strcmp(name, "--rate")) rate = atof(value);
        else if (!strcmp(name, "--burst")) burst = atof(value);
        else {
            fprintf(stderr, "unknown option %s\n", name);
            exit(2);
        }
    }
    if (burst < 1) burst = rate > 1 ? rate : 1;
    bucket = burst;
    bucket_at = clock_ns(CLOCK_MONOTONIC);
    openai = load(paths[0]);
    anthropic = load(paths[1]);
}

static void open_sockets(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    listen_to(listener, EPOLLIN, EPOLL_CTL_ADD);
    listen_to(timer, EPOLLIN, EPOLL_CTL_ADD);
    listen_to(STDIN_FILENO, EPOLLIN, EPOLL_CTL_ADD);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv) {
    static struct epoll_event events[1024];
    static char rest[64];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < FDS ? files.rlim_max : FDS;
    setrlimit(RLIMIT_NOFILE, &files);
    options(argc, argv);
    open_sockets();
    for (;;) {
        int count = epoll_wait(poller, events, 1024, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO && read(fd, rest, sizeof rest) <= 0) return 0;
            if (fd == listener) accept_all();
            else if (fd == timer || fd == STDIN_FILENO) continue;
            else {
                if (events[i].events & EPOLLOUT && connections[fd].open) {
                    listen_to(fd, EPOLLIN, EPOLL_CTL_MOD);
                    write_out(fd);
                }
                if (events[i].events & ~EPOLLOUT && connections[fd].open) read_in(fd);
            }
        }
        send_due();
    }
}
