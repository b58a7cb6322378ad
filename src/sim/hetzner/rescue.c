#include "sim/hetzner/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "sim/hetzner/internal.h"
#include "sim/net/child.h"
#include "sim/world/factory.h"
#include "sim/world/faults.h"
#include "sim/world/latency.h"

#define HEAD_MAX 256
#define WATCH_MS 50
#define DISCONNECT_BYTES (512 * 1024)
#define FULL_BYTES (4 * 1024 * 1024)

/* rescue.sh, made part of the program by base/embed.py. */
extern const char *const rescue_names[], *const rescue_texts[];

struct rescue {
        char *folder;                    /* made for this server; holds the disk */
        char *disk;
        pid_t pid;                       /* of unshare; killing it kills all within. 0: not running */
        bool written;                    /* it has run at least once */
        struct loop_timer *watch;
};

static struct rescue *rescue_of(struct cloud_server *s, struct error *err) {
        const char *tmp = getenv("TMPDIR");

        if (s->rescue_system)
                return s->rescue_system;
        _cleanup_str_ char *folder = xasprintf("%s/hcloud-v6-sim-disk-XXXXXX", str_empty(tmp) ? "/tmp" : tmp);
        if (!mkdtemp(folder)) {
                error_set_errno(err, "making %s", folder);
                return NULL;
        }
        struct rescue *r = xnew0(struct rescue);
        r->folder = TAKE(folder);
        r->disk = path_join(r->folder, "disk");
        _cleanup_fd_ int fd = open(r->disk, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        s->rescue_system = r;
        if (fd < 0 || ftruncate(fd, (off_t) (s->disk * 1e9)) < 0) {
                error_set_errno(err, "making %s", r->disk);
                return NULL;
        }
        return r;
}

static const char *sshd_program(void) {
        const char *given = getenv("HCLOUD_V6_SSHD");

        return str_empty(given) ? "/usr/sbin/sshd" : given;
}

/* What stands before rescue.sh; no value has blanks or quotes. */
static char *script_of(struct cloud_server *s, const struct rescue *r) {
        struct sim_machine *m = &s->machine;
        char address[IP6_STR_MAX];
        int64_t bytes = sim_fault_machine(m->world, "disk-full", m) ? FULL_BYTES : (int64_t) (s->disk * 1e9);
        /* Which address the real one takes is not documented; with this fault it is ::2. */
        struct ip6_addr addr = sim_fault_machine(m->world, "rescue-second", m) ? ip6_host(&m->prefix, 2) : m->addr;

        return xasprintf("folder='%s' disk='%s' address='%s' blocks=%lld sshd='%s'\n%s", r->folder, r->disk, ip6_format(&addr, address),
                         (long long) (bytes / 1024), sshd_program(), rescue_texts[0]);
}

static _Noreturn void become(const char *script, int log) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setsid();
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        dup2(log, 1);
        dup2(log, 2);
        child_signals();
        execlp("unshare", "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", script, NULL);
        _exit(127);
}

/* Fault rescue-disconnect: the system dies once some of the image is on the disk. */
static void look_at_disk(void *data) {
        struct cloud_server *s = data;
        struct rescue *r = s->rescue_system;
        struct stat st;

        if (stat(r->disk, &st) == 0 && st.st_blocks * 512 > DISCONNECT_BYTES)
                rescue_halt(s);
        else
                loop_timer_set(s->machine.world->loop, &r->watch, WATCH_MS, look_at_disk, s);
}

static int start(struct cloud_server *s, struct error *err) {
        struct sim_machine *m = &s->machine;
        struct rescue *r = rescue_of(s, err);

        if (!r)
                return -1;
        if (access(sshd_program(), X_OK) < 0)
                return error_set_errno(err, "sshd (Debian's package openssh-server, or HCLOUD_V6_SSHD=PROGRAM) at %s", sshd_program());
        _cleanup_str_ char *keys = path_join(r->folder, "keys"), *log = path_join(r->folder, "log"), *script = script_of(s, r);
        /* Made here and not by the script: once killed, a child of it may still be about to make something, after rescue_free() has looked. */
        _cleanup_str_ char *root = path_join(r->folder, "root");
        if (mkdir(root, 0700) < 0 && errno != EEXIST)
                return error_set_errno(err, "making %s", root);
        _cleanup_str_ char *lines = strv_join(&s->rescue_keys, "\n");
        if (file_write_atomic(keys, lines, strlen(lines), 0600, err) < 0)
                return -1;
        _cleanup_fd_ int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set_errno(err, "opening %s", log);
        r->written = true;
        r->pid = fork();
        if (r->pid < 0) {
                r->pid = 0;
                return error_set_errno(err, "starting the rescue system");
        }
        if (r->pid == 0)
                become(script, fd);
        if (sim_fault_machine(m->world, "rescue-disconnect", m))
                loop_timer_set(m->world->loop, &r->watch, WATCH_MS, look_at_disk, s);
        return 0;
}

static void boot(void *data) {
        struct cloud_server *s = data;
        _cleanup_error_ struct error err = ERROR_INIT;

        if (sim_fault_machine(s->machine.world, "node-never-boots", &s->machine))
                return;
        if (start(s, &err) < 0)
                fprintf(stderr, "hcloud-v6-sim: the rescue system of %s: %s\n", s->o.name, error_text(&err));
}

void rescue_boot(struct cloud_server *s) {
        loop_timer_set(s->machine.world->loop, &s->boot, sim_latency(s->machine.world, &s->machine, LATENCY_RESCUE_BOOT), boot, s);
}

void rescue_halt(struct cloud_server *s) {
        struct rescue *r = s->rescue_system;

        if (!r || !r->pid)
                return;
        loop_timer_cancel(&r->watch);
        kill(r->pid, SIGKILL);
        while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        r->pid = 0;
}

void rescue_free(struct cloud_server *s) {
        struct rescue *r = s->rescue_system;

        strv_done(&s->rescue_keys);
        if (!r)
                return;
        rescue_halt(s);
        static const char *const files[] = { "disk", "keys", "log" };
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_str_ char *path = path_join(r->folder, files[i]);
                (void) unlink(path);
        }
        _cleanup_str_ char *root = path_join(r->folder, "root");         /* the mount in it was its own namespace's */
        (void) rmdir(root);
        (void) rmdir(r->folder);
        free(r->folder);
        free(r->disk);
        free(r);
        s->rescue_system = NULL;
}

/* ---- what is on the disk ---- */

static bool disk_equals(int fd, const struct strbuf *image) {
        _cleanup_free_ char *buf = xcalloc(1, 1 << 20);
        size_t at = 0;

        while (at < image->len) {
                ssize_t n = pread(fd, buf, MIN((size_t) 1 << 20, image->len - at), (off_t) at);
                if (n <= 0 || memcmp(buf, image->data + at, (size_t) n) != 0)
                        return false;
                at += (size_t) n;
        }
        return true;
}

char *rescue_disk_version(struct cloud_server *s, bool *ret_written) {
        struct rescue *r = s->rescue_system;
        char head[HEAD_MAX];
        _cleanup_str_ char *schematic = NULL, *version = NULL, *arch = NULL;
        _cleanup_strbuf_ struct strbuf image = STRBUF_INIT;

        *ret_written = r && r->written;
        if (!*ret_written)
                return NULL;
        _cleanup_fd_ int fd = open(r->disk, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
        if (n <= 0 || !sim_factory_name(head, (size_t) n, &schematic, &version, &arch))
                return NULL;
        sim_factory_image(s->machine.world, schematic, version, arch, &image);
        if (!disk_equals(fd, &image) || !str_eq(arch, str_eq(s->type->arch, "arm") ? "arm64" : "amd64"))
                return NULL;
        return TAKE(version);
}
