/* The namespaces of a world. Everything that network tools would do is done over netlink, so that nothing has to be installed. */
#include "sim/world/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -1;
        ssize_t n = write(fd, text, strlen(text));
        int saved = errno;
        close(fd);
        errno = saved;
        return n == (ssize_t) strlen(text) ? 0 : -1;
}

static int refused(struct error *err, int e) {
        errno = e;
        error_set_errno(err, "this system does not let you make a user and network namespace, which the simulated cloud lives in");
        err->kind = ERR_REFUSED;
        return error_hint(err, "as root: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000 "
                          "kernel.apparmor_restrict_unprivileged_userns=0 (those that exist); in a container: allow unshare(2) in its seccomp "
                          "profile; or run hcloud-v6-sim as root. `hcloud-v6-sim serve` needs no namespace, but has only the API");
}

int namespace_enter_new(struct error *err) {
        uid_t uid = geteuid();
        gid_t gid = getegid();

        if (uid == 0 && unshare(CLONE_NEWNET) == 0)      /* real root keeps its user namespace */
                return 0;
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                return refused(err, errno);
        _cleanup_str_ char *uids = xasprintf("0 %u 1\n", uid), *gids = xasprintf("0 %u 1\n", gid);
        if ((write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT) || write_file("/proc/self/uid_map", uids) < 0 ||
            write_file("/proc/self/gid_map", gids) < 0)
                return refused(err, errno);
        return 0;
}

/* ---- netlink ---- */

struct message { struct nlmsghdr head; char body[256]; };

static void attribute(struct message *m, unsigned short type, const void *p, size_t n) {
        struct rtattr *a = (struct rtattr *) ((char *) m + NLMSG_ALIGN(m->head.nlmsg_len));

        a->rta_type = type;
        a->rta_len = (unsigned short) RTA_LENGTH(n);
        memcpy(RTA_DATA(a), p, n);
        m->head.nlmsg_len = (unsigned) (NLMSG_ALIGN(m->head.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

static int exchange(int fd, struct message *m, struct error *err, const char *what) {
        char answer[1024];

        m->head.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
        if (send(fd, m, m->head.nlmsg_len, 0) < 0)
                return error_set_errno(err, "%s", what);
        ssize_t n = recv(fd, answer, sizeof(answer), 0);
        const struct nlmsghdr *h = (const struct nlmsghdr *) answer;
        if (n < (ssize_t) NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
                return error_set(err, ERR_IO, "%s: no answer from the kernel", what);
        int e = -((const struct nlmsgerr *) NLMSG_DATA(h))->error;
        if (e != 0 && e != EEXIST) {
                errno = e;
                return error_set_errno(err, "%s", what);
        }
        return 0;
}

static int loopback_up(void) {
        _cleanup_fd_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq r = { .ifr_name = "lo" };

        if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
                return -1;
        r.ifr_flags |= IFF_UP | IFF_RUNNING;
        return ioctl(fd, SIOCSIFFLAGS, &r);
}

static int add_address(int fd, const char *text, struct error *err) {
        struct message m = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)), .nlmsg_type = RTM_NEWADDR, .nlmsg_flags = NLM_F_CREATE } };
        struct ifaddrmsg *b = NLMSG_DATA(&m.head);
        struct ip6_addr a;

        ip6_parse(text, &a);
        *b = (struct ifaddrmsg) { .ifa_family = AF_INET6, .ifa_prefixlen = 128, .ifa_flags = IFA_F_NODAD, .ifa_index = 1 };
        attribute(&m, IFA_ADDRESS, a.b, 16);
        return exchange(fd, &m, err, "adding an address");
}

/* "local PREFIX dev lo": every address in it is this machine's. */
static int add_local(int fd, const char *text, struct error *err) {
        struct message m = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_NEWROUTE, .nlmsg_flags = NLM_F_CREATE } };
        struct rtmsg *b = NLMSG_DATA(&m.head);
        struct ip6_prefix p;
        int lo = 1;

        ip6_prefix_parse(text, &p, NULL);
        *b = (struct rtmsg) { .rtm_family = AF_INET6, .rtm_dst_len = (unsigned char) p.len, .rtm_table = RT_TABLE_LOCAL, .rtm_protocol = RTPROT_STATIC,
                              .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_LOCAL };
        attribute(&m, RTA_DST, p.addr.b, 16);
        attribute(&m, RTA_OIF, &lo, sizeof(lo));
        return exchange(fd, &m, err, "adding a route");
}

static int add_default(int fd, const char *source, struct error *err) {
        struct message m = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_NEWROUTE, .nlmsg_flags = NLM_F_CREATE } };
        struct rtmsg *b = NLMSG_DATA(&m.head);
        struct ip6_addr a;
        int lo = 1;

        ip6_parse(source, &a);
        *b = (struct rtmsg) { .rtm_family = AF_INET6, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST };
        attribute(&m, RTA_OIF, &lo, sizeof(lo));
        attribute(&m, RTA_PREFSRC, a.b, 16);
        return exchange(fd, &m, err, "adding the default route");
}

int namespace_furnish(struct error *err) {
        /* All simulated /64s; the resolvers and NAT64 prefixes of dns.c. */
        static const char *const ranges[] = { "2001:db8::/32", "2a01:4f9:c010:3f02::1/128", "2a01:4f9:c010:3f02:64::/96", "2a00:1098:2c::1/128",
                                              "2a00:1098:2c:1::/96", "2a01:4f8:c2c:123f::1/128", "2a01:4f8:c2c:123f:64::/96", "2001:67c:2b0::4/128",
                                              "2001:67c:2b0:db32::/96", "2a01:4ff:ff00::add:1/128", "2a01:4ff:ff00::add:2/128" };

        if (loopback_up() < 0)
                return error_set_errno(err, "switching on the loopback interface");
        if (write_file("/proc/sys/net/ipv6/ip_nonlocal_bind", "1") < 0)
                return error_set_errno(err, "setting net.ipv6.ip_nonlocal_bind");
        /* Ports below 1024 for whoever is not root inside, and room for 500 nodes that all talk at once. */
        (void) write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
        (void) write_file("/proc/sys/net/ipv4/ping_group_range", "0 0");
        _cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0)
                return error_set_errno(err, "opening netlink");
        if (add_address(fd, SIM_OPERATOR_ADDRESS, err) < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
                if (add_local(fd, ranges[i], err) < 0)
                        return error_wrap(err, "%s", ranges[i]);
        return add_default(fd, SIM_OPERATOR_ADDRESS, err);
}

int namespace_enter(long pid, struct error *err) {
        static const char *const kinds[] = { "user", "net" };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                _cleanup_str_ char *theirs = xasprintf("/proc/%ld/ns/%s", pid, kinds[i]), *ours = xasprintf("/proc/self/ns/%s", kinds[i]);
                char a[64] = "", b[64] = "";
                (void) !readlink(theirs, a, sizeof(a) - 1);
                (void) !readlink(ours, b, sizeof(b) - 1);
                if (str_eq(a, b))
                        continue;        /* a world made by root has no user namespace of its own */
                _cleanup_fd_ int fd = open(theirs, O_RDONLY | O_CLOEXEC);
                if (fd < 0 || setns(fd, 0) < 0)
                        return error_set_errno(err, "entering the world's %s namespace", kinds[i]);
        }
        return 0;
}
