/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanem - a wide-area link between two network namespaces, in user space.
 *
 *   wanem [options] run 'SERVER COMMAND' 'CLIENT COMMAND'
 *   wanem [options] link NETNS-A NETNS-B
 *
 * Two private network namespaces, A (client, 10.99.0.1) and B (server,
 * 10.99.0.2), are joined by one emulated link: a serial line of a given rate
 * with a drop-tail queue in front of it, then propagation delay, then random
 * loss, each way.  SERVER COMMAND starts in B, CLIENT COMMAND in A; when the
 * client ends the server is given --linger seconds and is then terminated.
 * Everything both commands send crosses the link, so several flows started by
 * one command share the bottleneck.  Nothing is left behind on the machine.
 *
 * It needs /dev/net/tun and the right to create namespaces (root will do).
 * It exists for kernels without sch_netem, and gives the same packets the same
 * fate for the same --seed as far as their arrival order is the same.
 *
 * Segmentation offload stays on: a "super packet" read from the sender is cut
 * into runs of at most --run segments, and each segment meets queue and loss
 * on its own, so loss is per MTU-sized packet as on a real path.
 *
 * Build: cc -O2 -o wanem wanem.c -lm
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define NSEC 1000000000ull
#define HDR ((int)sizeof(struct virtio_net_hdr))
#define MAXPKT (HDR + 65536 + 256)

/* ------------------------------------------------------------------ link */

struct packet {
	struct packet *next;
	uint64_t due;		/* ns, when it leaves the far end */
	int len;		/* bytes, virtio header included */
	int segments;
	int wire;		/* bytes of IP, each segment with its header */
	bool udp;
	unsigned char data[];
};

struct stats {
	uint64_t packets_in, bytes_in;
	uint64_t packets_out, bytes_out;
	uint64_t lost, queue_dropped, late_max_ns;
	uint64_t queue_max_bytes;
	uint64_t corrupted, duplicated, reordered, filtered;
	uint64_t first_udp;	/* ns of CLOCK_MONOTONIC, when the first one came in */
	uint64_t wire_udp, wire_rest;	/* bytes of IP that have left the far end */
};

struct direction {
	const char *name;
	double rate;		/* bits/s, 0 = unlimited */
	double delay;		/* s, one way */
	double jitter;		/* s, uniform 0..jitter added, may reorder */
	double loss;		/* probability */
	double udp_loss;	/* probability, of UDP alone, before the line */
	double burst;		/* mean length of a loss burst, packets */
	double reorder;		/* probability that a packet is held back by delay/4 + 1 ms */
	double duplicate;	/* probability */
	double corrupt;		/* probability that one payload byte is flipped */
	double queue_bytes;	/* drop-tail limit */
	bool down;
	bool bad;		/* Gilbert state */
	uint64_t line_free;	/* ns when the serial line is idle again */
	struct packet *head, *tail;
	uint64_t rng;
	struct stats st;
	int in_fd, out_fd;
};

static int opt_mtu = 1500;
static int opt_run = 16;
static double opt_linger = 3.0;
static double opt_settle = 0.3;
static double opt_timeout = 0;
static const char *opt_stats;
static const char *opt_series;
static bool opt_quiet;

static void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "wanem: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

static double uniform(struct direction *d)
{
	/* splitmix64 */
	uint64_t z = (d->rng += 0x9e3779b97f4a7c15ull);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return (double)(z >> 11) * 0x1.0p-53;
}

static bool lose(struct direction *d)
{
	if (d->down)
		return true;
	if (d->loss <= 0)
		return false;
	if (d->burst <= 1)
		return uniform(d) < d->loss;
	/* Gilbert: loses everything in the bad state, mean stay = burst */
	if (d->bad)
		d->bad = uniform(d) >= 1.0 / d->burst;
	else
		d->bad = uniform(d) < d->loss / (d->burst * (1.0 - d->loss));
	return d->bad;
}

static bool is_udp(const unsigned char *ip)
{
	return ((ip[0] >> 4) == 4 ? ip[9] : ip[6]) == 17;
}

/* What a firewall before the line does to the packet. */
static bool filtered(struct direction *d, const unsigned char *ip)
{
	return is_udp(ip) && d->udp_loss > 0 && (d->udp_loss >= 1 || uniform(d) < d->udp_loss);
}

static uint64_t backlog_bytes(struct direction *d, uint64_t now)
{
	if (d->rate <= 0 || d->line_free <= now)
		return 0;
	return (uint64_t)((double)(d->line_free - now) / 1e9 * d->rate / 8.0);
}

static void enqueue(struct direction *d, struct packet *p)
{
	p->next = NULL;
	if (!d->head) {
		d->head = d->tail = p;
	} else if (d->tail->due <= p->due) {
		d->tail->next = p;
		d->tail = p;
	} else {		/* jitter or reordering: walk from the head */
		struct packet **at = &d->head;
		while (*at && (*at)->due <= p->due)
			at = &(*at)->next;
		p->next = *at;
		*at = p;
		d->st.reordered++;
	}
}

static uint32_t sum16(const unsigned char *p, int n, uint32_t s)
{
	for (; n > 1; n -= 2, p += 2)
		s += (uint32_t)p[0] << 8 | p[1];
	if (n)
		s += (uint32_t)p[0] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static void put16(unsigned char *p, unsigned v)
{
	p[0] = (unsigned char)(v >> 8);
	p[1] = (unsigned char)v;
}

static void put32(unsigned char *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Cut segments [from, from+count) out of the super packet `src`. */
static struct packet *cut(const unsigned char *src, int len, int l4, int hlen,
			  int gso, int from, int count, int total)
{
	const struct virtio_net_hdr *vh = (const void *)src;
	int payload = len - HDR - hlen;
	int off = from * gso;
	int n = count * gso;
	bool udp;
	struct packet *p;
	struct virtio_net_hdr *nh;
	unsigned char *ip;
	int tot;

	if (off + n > payload)
		n = payload - off;
	p = malloc(sizeof(*p) + (size_t)(HDR + hlen + n));
	if (!p)
		die("out of memory");
	p->len = HDR + hlen + n;
	p->segments = count;
	memcpy(p->data, src, (size_t)(HDR + hlen));
	memcpy(p->data + HDR + hlen, src + HDR + hlen + off, (size_t)n);
	nh = (void *)p->data;
	ip = p->data + HDR;
	tot = hlen + n;
	udp = (vh->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_UDP_L4;
	if (n <= gso) {
		nh->gso_type = VIRTIO_NET_HDR_GSO_NONE;
		nh->gso_size = 0;
	}
	if ((ip[0] >> 4) == 4) {
		unsigned id = ((unsigned)ip[4] << 8 | ip[5]) + (unsigned)from;
		put16(ip + 2, (unsigned)tot);
		put16(ip + 4, id & 0xffff);
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~fold(sum16(ip, l4, 0)));
	} else {
		put16(ip + 4, (unsigned)(tot - 40));
	}
	if (udp) {
		put16(ip + l4 + 4, (unsigned)(tot - l4));
	} else {
		put32(ip + l4 + 4, get32(ip + l4 + 4) + (uint32_t)off);
		if (from + count < total)
			ip[l4 + 13] &= (unsigned char)~0x09;	/* FIN, PSH */
		if (from > 0)
			ip[l4 + 13] &= (unsigned char)~0x80;	/* CWR */
	}
	/* the field holds the pseudo-header sum: the receiver's kernel finishes it */
	{
		uint32_t s = (ip[0] >> 4) == 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0);
		s += (uint32_t)(tot - l4) + (udp ? 17u : 6u);
		put16(ip + l4 + (udp ? 6 : 16), fold(s));
		nh->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		nh->csum_start = (uint16_t)l4;
		nh->csum_offset = udp ? 6 : 16;
		nh->hdr_len = (uint16_t)hlen;
	}
	return p;
}

static void launch(struct direction *d, struct packet *p, uint64_t leaves_line)
{
	double extra = d->delay;
	if (d->jitter > 0)
		extra += uniform(d) * d->jitter;
	if (d->reorder > 0 && uniform(d) < d->reorder)
		extra += d->delay / 4 + 0.001;
	p->due = leaves_line + (uint64_t)(extra * 1e9);
	if (d->corrupt > 0 && uniform(d) < d->corrupt && p->len > HDR + 60) {
		/* flip one bit past the headers; the checksum is the kernel's to
		 * finish, so it stays valid, as when a middlebox damages data */
		int at = HDR + 60 + (int)(uniform(d) * (p->len - HDR - 60));
		p->data[at] ^= (unsigned char)(1u << (unsigned)(uniform(d) * 8));
		d->st.corrupted++;
	}
	if (d->duplicate > 0 && uniform(d) < d->duplicate) {
		struct packet *q = malloc(sizeof(*q) + (size_t)p->len);
		if (!q)
			die("out of memory");
		memcpy(q, p, sizeof(*q) + (size_t)p->len);
		enqueue(d, q);
		d->st.duplicated++;
	}
	enqueue(d, p);
}

/* One packet or super packet arrives at the near end of the link. */
static void arrive(struct direction *d, const unsigned char *buf, int len, uint64_t now)
{
	const struct virtio_net_hdr *vh = (const void *)buf;
	const unsigned char *ip = buf + HDR;
	int type = vh->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	int l4, hlen, gso, total, start = 0, i;

	if (len < HDR + 20)
		return;
	l4 = (ip[0] >> 4) == 4 ? (ip[0] & 15) * 4 : 40;
	if (type == VIRTIO_NET_HDR_GSO_NONE || vh->gso_size == 0) {
		gso = len - HDR;
		hlen = 0;
		total = 1;
	} else {
		hlen = type == VIRTIO_NET_HDR_GSO_UDP_L4 ? l4 + 8 : l4 + (ip[l4 + 12] >> 4) * 4;
		gso = vh->gso_size;
		total = (len - HDR - hlen + gso - 1) / gso;
	}
	if (!d->st.first_udp && is_udp(ip))
		d->st.first_udp = now;
	if (d->line_free < now)
		d->line_free = now;
	for (i = 0; i <= total; i++) {
		bool drop = false;
		bool end = i == total;
		int wire = 0;

		if (!end) {
			int n = hlen ? gso : len - HDR;
			uint64_t q;
			if (hlen && i == total - 1)
				n = len - HDR - hlen - i * gso;
			wire = n + hlen;
			d->st.packets_in++;
			d->st.bytes_in += (uint64_t)wire;
			q = backlog_bytes(d, now);
			if (q > d->st.queue_max_bytes)
				d->st.queue_max_bytes = q;
			if (filtered(d, ip)) {
				d->st.filtered++;
				drop = true;
				wire = 0;
			} else if (d->queue_bytes > 0 && (double)q + wire > d->queue_bytes) {
				d->st.queue_dropped++;
				drop = true;
				wire = 0;	/* never reached the line */
			} else if (lose(d)) {
				d->st.lost++;
				drop = true;
			}
		}
		/* a run of survivors ends here */
		if ((drop || end || i - start >= opt_run) && i > start) {
			struct packet *p;
			if (hlen) {
				p = cut(buf, len, l4, hlen, gso, start, i - start, total);
			} else {
				p = malloc(sizeof(*p) + (size_t)len);
				if (!p)
					die("out of memory");
				p->len = len;
				p->segments = 1;
				memcpy(p->data, buf, (size_t)len);
			}
			p->wire = p->len - HDR + (p->segments - 1) * hlen;
			p->udp = is_udp(ip);
			launch(d, p, d->line_free);
			start = i;
		}
		if (drop)
			start = i + 1;
		if (wire && d->rate > 0)
			d->line_free += (uint64_t)(wire * 8.0 / d->rate * 1e9);
	}
}

static void depart(struct direction *d, uint64_t now)
{
	while (d->head && d->head->due <= now) {
		struct packet *p = d->head;
		ssize_t n = write(d->out_fd, p->data, (size_t)p->len);
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			return;
		d->head = p->next;
		if (!d->head)
			d->tail = NULL;
		if (n > 0) {
			d->st.packets_out += (uint64_t)p->segments;
			d->st.bytes_out += (uint64_t)(p->len - HDR);
			*(p->udp ? &d->st.wire_udp : &d->st.wire_rest) += (uint64_t)p->wire;
			if (now - p->due > d->st.late_max_ns)
				d->st.late_max_ns = now - p->due;
		}
		free(p);
	}
}

/* ------------------------------------------------------ options and units */

static double number(const char *s, const char *what)
{
	char *end;
	double v = strtod(s, &end);
	if (end == s || v < 0)
		die("%s: not a number: %s", what, s);
	if (!strcasecmp(end, "%"))
		return v / 100;
	if (!strcasecmp(end, "ms"))
		return v / 1e3;
	if (!strcasecmp(end, "us"))
		return v / 1e6;
	if (!strcasecmp(end, "s") || !*end)
		return v;
	if (*end == 'k' || *end == 'K')
		return v * 1e3;
	if (*end == 'm' || *end == 'M')
		return v * 1e6;
	if (*end == 'g' || *end == 'G')
		return v * 1e9;
	die("%s: unknown unit: %s", what, s);
	return 0;
}

static struct direction fwd = { .name = "a_to_b", .burst = 1 };
static struct direction rev = { .name = "b_to_a", .burst = 1 };
static double queue_bdp = 1.0, queue_bytes = -1;

static void size_queue(void)
{
	struct direction *d[2] = { &fwd, &rev };
	for (int i = 0; i < 2; i++) {
		double rtt = fwd.delay + rev.delay;
		double q = queue_bytes >= 0 ? queue_bytes : queue_bdp * d[i]->rate / 8 * rtt;
		if (q < 30000)
			q = 30000;
		d[i]->queue_bytes = d[i]->rate > 0 ? q : 0;
	}
}

static void setting(const char *key, const char *val)
{
	double v = number(val, key);
	if (!strcmp(key, "rate"))
		fwd.rate = rev.rate = v;
	else if (!strcmp(key, "fwd-rate"))
		fwd.rate = v;
	else if (!strcmp(key, "rev-rate"))
		rev.rate = v;
	else if (!strcmp(key, "rtt"))
		fwd.delay = rev.delay = v / 2;
	else if (!strcmp(key, "jitter"))
		fwd.jitter = rev.jitter = v;
	else if (!strcmp(key, "loss"))
		fwd.loss = rev.loss = v;
	else if (!strcmp(key, "fwd-loss"))
		fwd.loss = v;
	else if (!strcmp(key, "rev-loss"))
		rev.loss = v;
	else if (!strcmp(key, "udp-loss"))
		fwd.udp_loss = rev.udp_loss = v;
	else if (!strcmp(key, "fwd-udp-loss"))
		fwd.udp_loss = v;
	else if (!strcmp(key, "rev-udp-loss"))
		rev.udp_loss = v;
	else if (!strcmp(key, "burst"))
		fwd.burst = rev.burst = v;
	else if (!strcmp(key, "reorder"))
		fwd.reorder = rev.reorder = v;
	else if (!strcmp(key, "duplicate"))
		fwd.duplicate = rev.duplicate = v;
	else if (!strcmp(key, "corrupt"))
		fwd.corrupt = rev.corrupt = v;
	else if (!strcmp(key, "queue"))
		queue_bytes = v;
	else if (!strcmp(key, "queue-bdp"))
		queue_bdp = v, queue_bytes = -1;
	else if (!strcmp(key, "down"))
		fwd.down = rev.down = v > 0;
	else
		die("unknown setting: %s", key);
	size_queue();
}

struct change {
	double at;
	char *text;
} changes[64];
static int nchanges, next_change;

/* Changes are made in the order of their times; those of one time in the order given. */
static void change_at(double at, const char *text)
{
	int i = nchanges;
	if (nchanges == 64)
		die("at most 64 changes");
	for (; i > 0 && changes[i - 1].at > at; i--)
		changes[i] = changes[i - 1];
	changes[i].at = at;
	changes[i].text = strdup(text);
	nchanges++;
}

static void apply_change(char *text)
{
	for (char *tok = strtok(text, ","); tok; tok = strtok(NULL, ",")) {
		char *eq = strchr(tok, '=');
		if (!eq)
			die("--at: expected KEY=VALUE, got %s", tok);
		*eq = 0;
		setting(tok, eq + 1);
	}
}

static void usage(FILE *f)
{
	fputs("usage: wanem [options] run 'SERVER COMMAND' 'CLIENT COMMAND'\n"
	      "       wanem [options] link NETNS-A NETNS-B\n"
	      "  A (client) is 10.99.0.1, B (server) is 10.99.0.2; also fd99::1 and fd99::2\n"
	      "  --a-address A/N --b-address A/N   other addresses in their place; may be repeated\n"
	      "  --a-device NAME --b-device NAME   how the ends are called (wan0)\n"
	      "  --rate R          both ways, bits/s, k/m/g (0 = unlimited); --fwd-rate A->B, --rev-rate B->A\n"
	      "  --rtt T           round-trip propagation delay, ms/us/s\n"
	      "  --loss P          both ways, 0.01 or 1%; --fwd-loss, --rev-loss\n"
	      "  --udp-loss P      of UDP alone; --fwd-udp-loss, --rev-udp-loss; SIGUSR1: 1, SIGUSR2: 0\n"
	      "  --drop-udp-after S    the same as --at S:udp-loss=1\n"
	      "  --burst N         mean length of a loss burst in packets (1 = independent)\n"
	      "  --jitter T        uniform extra delay, reorders\n"
	      "  --reorder P --duplicate P --corrupt P\n"
	      "  --queue BYTES | --queue-bdp X     drop-tail buffer (default 1 BDP, at least 30000)\n"
	      "  --mtu N           default 1500\n"
	      "  --at S:K=V,K=V    change settings S seconds after the client starts (down=1 is an outage)\n"
	      "  --series FILE     every 0.1 s a line: seconds since the client starts, then bytes of IP (from the start on, headers\n"
	      "                    included) that have arrived: UDP A->B, the rest A->B, UDP B->A, the rest B->A\n"
	      "  --seed N --run N --settle S --linger S --timeout S --stats FILE --quiet\n"
	      "exit status: the client's; 124 when --timeout ended it; 2 for a bad option\n", f);
}

/* ------------------------------------------------------------- namespaces */

static void sh(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	if (system(cmd))
		die("failed: %s", cmd);
}

struct end {
	const char *device;
	const char *addresses[16];
	int naddresses;
};
static struct end ends[2] = { { .device = "wan0" }, { .device = "wan0" } };

static void add_address(struct end *e, const char *address)
{
	if (e->naddresses == 16)
		die("an end has at most 16 addresses");
	e->addresses[e->naddresses++] = address;
}

static void default_addresses(void)
{
	if (!ends[0].naddresses) {
		add_address(&ends[0], "10.99.0.1/24");
		add_address(&ends[0], "fd99::1/64");
	}
	if (!ends[1].naddresses) {
		add_address(&ends[1], "10.99.0.2/24");
		add_address(&ends[1], "fd99::2/64");
	}
}

/* In a fresh namespace: make the tun device and return its descriptor. */
static int make_tun(const struct end *e)
{
	struct ifreq ifr;
	unsigned off = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (fd < 0)
		die("/dev/net/tun: %s", strerror(errno));
	memset(&ifr, 0, sizeof ifr);
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", e->device);
	if (ioctl(fd, TUNSETIFF, &ifr))
		die("TUNSETIFF: %s", strerror(errno));
	if (ioctl(fd, TUNSETOFFLOAD, off) &&
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
		die("TUNSETOFFLOAD: %s", strerror(errno));
	sh("ip link set lo up && ip link set '%s' txqueuelen 20000 mtu %d up", e->device, opt_mtu);
	for (int i = 0; i < e->naddresses; i++)
		sh("ip addr add '%s' dev '%s' %s", e->addresses[i], e->device,
		   strchr(e->addresses[i], ':') ? "nodad" : "");
	return fd;
}

/* The same in a namespace that is there already. */
static int tun_in(const char *path, const struct end *e)
{
	int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int theirs = open(path, O_RDONLY | O_CLOEXEC);
	int fd;
	if (ours < 0 || theirs < 0)
		die("%s: %s", path, strerror(errno));
	if (setns(theirs, CLONE_NEWNET))
		die("%s: %s", path, strerror(errno));
	fd = make_tun(e);
	if (setns(ours, CLONE_NEWNET))
		die("/proc/self/ns/net: %s", strerror(errno));
	close(ours);
	close(theirs);
	return fd;
}

struct host {
	pid_t pid;
	int ctl;		/* we write 'g' to let it start its command */
	int tun;
};

static struct host spawn_host(const struct end *e, const char *command)
{
	int sp[2], go[2];
	struct host h;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp) || pipe2(go, O_CLOEXEC))
		die("socketpair: %s", strerror(errno));
	h.pid = fork();
	if (h.pid < 0)
		die("fork: %s", strerror(errno));
	if (h.pid == 0) {
		char cbuf[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 't';
		struct iovec iov = { &byte, 1 };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
				    .msg_control = cbuf, .msg_controllen = sizeof cbuf };
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		int fd;
		close(sp[0]);
		close(go[1]);
		setpgid(0, 0);
		if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
			die("unshare: %s", strerror(errno));
		fd = make_tun(e);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
		if (sendmsg(sp[1], &m, 0) != 1)
			die("sendmsg: %s", strerror(errno));
		close(fd);
		if (read(go[0], &byte, 1) != 1)
			_exit(2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(sp[1]);
	close(go[0]);
	{
		char cbuf[CMSG_SPACE(sizeof(int))], byte;
		struct iovec iov = { &byte, 1 };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
				    .msg_control = cbuf, .msg_controllen = sizeof cbuf };
		struct cmsghdr *c;
		if (recvmsg(sp[0], &m, MSG_CMSG_CLOEXEC) != 1 || !(c = CMSG_FIRSTHDR(&m)))
			die("could not set up the namespaces");
		memcpy(&h.tun, CMSG_DATA(c), sizeof(int));
	}
	close(sp[0]);
	h.ctl = go[1];
	return h;
}

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t udp_requested = -1;	/* the loss of UDP that a signal has asked for */
static void on_signal(int sig)
{
	if (sig == SIGUSR1 || sig == SIGUSR2)
		udp_requested = sig == SIGUSR1;
	else
		stop_requested = 1;
}

static void print_direction(FILE *f, struct direction *d, const char *tail)
{
	fprintf(f, "\"%s\":{\"packets_in\":%" PRIu64 ",\"bytes_in\":%" PRIu64
		",\"packets_out\":%" PRIu64 ",\"bytes_out\":%" PRIu64 ",\"lost\":%" PRIu64
		",\"filtered\":%" PRIu64 ",\"queue_dropped\":%" PRIu64 ",\"queue_max_bytes\":%" PRIu64
		",\"reordered\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"corrupted\":%" PRIu64
		",\"first_udp_ns\":%" PRIu64 ",\"late_max_us\":%.0f}%s", d->name, d->st.packets_in, d->st.bytes_in,
		d->st.packets_out, d->st.bytes_out, d->st.lost, d->st.filtered, d->st.queue_dropped,
		d->st.queue_max_bytes, d->st.reordered, d->st.duplicated, d->st.corrupted,
		d->st.first_udp,
		(double)d->st.late_max_ns / 1e3, tail);
}

int main(int argc, char **argv)
{
	static const char *known[] = { "rate", "fwd-rate", "rev-rate", "rtt", "jitter", "loss",
		"fwd-loss", "rev-loss", "burst", "reorder", "duplicate", "corrupt", "queue",
		"queue-bdp", "udp-loss", "fwd-udp-loss", "rev-udp-loss", NULL };
	uint64_t seed = 1, t0, t_client, t_end = 0, kill_at = 0;
	static unsigned char buf[MAXPKT];
	struct host a = { 0 }, b = { 0 };
	int i, client_status = -1, server_status = -1, rc;
	bool linking, timed_out = false, server_done = false, client_done = false, killed = false;
	FILE *series = NULL;
	uint64_t series_next = 0;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *o = argv[i];
		const char *v = i + 1 < argc ? argv[i + 1] : NULL;
		int k;
		while (*o == '-')
			o++;
		if (!strcmp(o, "help") || !strcmp(o, "h")) {
			usage(stdout);
			return 0;
		}
		if (!strcmp(o, "quiet")) {
			opt_quiet = true;
			continue;
		}
		if (!v)
			die("%s needs a value", argv[i]);
		i++;
		if (!strcmp(o, "mtu")) {
			opt_mtu = atoi(v);
		} else if (!strcmp(o, "seed")) {
			seed = strtoull(v, NULL, 10);
		} else if (!strcmp(o, "run")) {
			opt_run = atoi(v);
		} else if (!strcmp(o, "linger")) {
			opt_linger = number(v, o);
		} else if (!strcmp(o, "settle")) {
			opt_settle = number(v, o);
		} else if (!strcmp(o, "timeout")) {
			opt_timeout = number(v, o);
		} else if (!strcmp(o, "stats")) {
			opt_stats = v;
		} else if (!strcmp(o, "series")) {
			opt_series = v;
		} else if (!strcmp(o, "a-address") || !strcmp(o, "b-address")) {
			add_address(&ends[o[0] - 'a'], v);
		} else if (!strcmp(o, "a-device") || !strcmp(o, "b-device")) {
			if (strlen(v) >= IFNAMSIZ)
				die("%s: too long a name", argv[i - 1]);
			ends[o[0] - 'a'].device = v;
		} else if (!strcmp(o, "drop-udp-after")) {
			change_at(number(v, o), "udp-loss=1");
		} else if (!strcmp(o, "at")) {
			char *colon = strchr(v, ':');
			if (!colon)
				die("--at S:K=V,K=V");
			change_at(strtod(v, NULL), colon + 1);
		} else {
			for (k = 0; known[k]; k++)
				if (!strcmp(o, known[k]))
					break;
			if (!known[k])
				die("unknown option: %s", argv[i - 1]);
			setting(o, v);
		}
	}
	linking = argc - i == 3 && !strcmp(argv[i], "link");
	if (!linking && (argc - i != 3 || strcmp(argv[i], "run"))) {
		usage(stderr);
		return 2;
	}
	if (opt_mtu < 576 || opt_mtu > 65000 || opt_run < 1)
		die("--mtu 576..65000, --run 1 or more");
	fwd.rng = seed * 2;
	rev.rng = seed * 2 + 1;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);

	if (opt_series && !(series = fopen(opt_series, "we")))
		die("%s: %s", opt_series, strerror(errno));
	default_addresses();
	if (linking) {
		a.tun = tun_in(argv[i + 1], &ends[0]);
		b.tun = tun_in(argv[i + 2], &ends[1]);
		client_status = server_status = 0;
	} else {
		b = spawn_host(&ends[1], argv[i + 1]);
		a = spawn_host(&ends[0], argv[i + 2]);
	}
	fwd.in_fd = rev.out_fd = a.tun;
	fwd.out_fd = rev.in_fd = b.tun;
	prctl(PR_SET_TIMERSLACK, 1000ul);

	if (linking) {
		puts("ready");
		fflush(stdout);
		opt_settle = 0;
	} else if (write(b.ctl, "g", 1) != 1) {
		die("server did not start");
	}
	t0 = now_ns();
	t_client = t0 + (uint64_t)(opt_settle * 1e9);
	bool client_started = false;

	for (;;) {
		struct pollfd pf[2] = { { fwd.in_fd, POLLIN, 0 }, { rev.in_fd, POLLIN, 0 } };
		uint64_t now = now_ns(), wake = now + NSEC / 20;
		struct timespec ts;

		if (!client_started && now >= t_client) {
			client_started = true;
			t_client = now;
			if (!linking && write(a.ctl, "g", 1) != 1)
				die("client did not start");
		}
		while (client_started && next_change < nchanges &&
		       (double)(now - t_client) / 1e9 >= changes[next_change].at)
			apply_change(changes[next_change++].text);

		if (udp_requested >= 0) {
			fwd.udp_loss = rev.udp_loss = udp_requested;
			udp_requested = -1;
		}

		struct direction *ds[2] = { &fwd, &rev };
		for (int k = 0; k < 2; k++) {
			for (int burst = 0; burst < 64; burst++) {
				ssize_t n = read(ds[k]->in_fd, buf, sizeof buf);
				if (n <= 0)
					break;
				if (burst % 8 == 7)
					now = now_ns();
				arrive(ds[k], buf, (int)n, now);
			}
			depart(ds[k], now_ns());
			if (ds[k]->head && ds[k]->head->due < wake)
				wake = ds[k]->head->due;
		}
		/* A line of its own for each tenth, even if several passed at once. */
		while (series && client_started && now_ns() >= t_client + series_next) {
			fprintf(series, "%.1f %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				(double)series_next / 1e9, fwd.st.wire_udp, fwd.st.wire_rest,
				rev.st.wire_udp, rev.st.wire_rest);
			series_next += NSEC / 10;
		}
		if (linking && stop_requested)
			break;
		/* children */
		for (int status; ; ) {
			pid_t p = waitpid(-1, &status, WNOHANG);
			if (p <= 0)
				break;
			if (p == a.pid) {
				client_done = true;
				client_status = status;
				t_end = now_ns();
				kill_at = t_end + (uint64_t)(opt_linger * 1e9);
			} else if (p == b.pid) {
				server_done = true;
				server_status = status;
			}
		}
		if (client_done && server_done)
			break;
		now = now_ns();
		if (opt_timeout > 0 && !client_done && client_started &&
		    (double)(now - t_client) / 1e9 > opt_timeout) {
			timed_out = true;
			stop_requested = 1;
		}
		if (stop_requested && !client_done && !killed) {
			kill(-a.pid, SIGTERM);
			killed = true;
			kill_at = now + 2 * NSEC;
		}
		if (kill_at && now > kill_at) {
			if (!client_done)
				kill(-a.pid, SIGKILL);
			if (!server_done)
				kill(-b.pid, now > kill_at + 2 * NSEC ? SIGKILL : SIGTERM);
		}
		if (wake <= now)
			continue;
		ts.tv_sec = (time_t)((wake - now) / NSEC);
		ts.tv_nsec = (long)((wake - now) % NSEC);
		ppoll(pf, 2, &ts, NULL);
	}
	if (series)
		fclose(series);
	if (!linking) {
		kill(-a.pid, SIGKILL);	/* stragglers of either command */
		kill(-b.pid, SIGKILL);
	} else {
		t_end = now_ns();
	}

	rc = timed_out ? 124 : WIFEXITED(client_status) ? WEXITSTATUS(client_status)
							 : 128 + WTERMSIG(client_status);
	{
		FILE *f = opt_stats ? fopen(opt_stats, "w") : stderr;
		if (!f)
			die("%s: %s", opt_stats, strerror(errno));
		if (opt_stats || !opt_quiet) {
			fprintf(f, "{\"client_seconds\":%.3f,\"client_exit\":%d,\"server_exit\":%d,",
				(double)(t_end - t_client) / 1e9, rc,
				WIFEXITED(server_status) ? WEXITSTATUS(server_status)
							 : 128 + WTERMSIG(server_status));
			print_direction(f, &fwd, ",");
			print_direction(f, &rev, "}\n");
		}
		if (f != stderr)
			fclose(f);
	}
	return rc;
}
