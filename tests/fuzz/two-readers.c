/* Two readers of one format, written apart (the client's, and the simulator's that is there to check it): what both take, both understand alike. The first
 * byte chooses the format. */
#include "base/codec.h"
#include "bootstrap/chart-files.h"
#include "check.h"
#include "kube/csr.h"
#include "sim/kube/helm.h"
#include "sim/net/cert.h"
#include "sim/talos/config.h"
#include "sim/talos/proto.h"
#include "talos/config.h"
#include "talos/proto.h"

static void messages(const uint8_t *p, size_t n) {
        struct pb_reader theirs = pb_reader(p, n);
        struct proto_reader ours = proto_read("fuzz", p, n);
        struct pb_value v;
        struct proto_field f;
        struct error err = ERROR_INIT;
        while (pb_next(&theirs, &v)) {
                int rc = proto_next(&ours, &f, &err);
                if (rc < 0)
                        break;
                CHECK(rc > 0 && f.number == v.field && (unsigned) f.wire == v.wire);
                CHECK(v.wire == 2 ? f.data == v.bytes && f.len == v.n : f.value == v.number);
        }
        error_done(&err);
}

static void requests(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        struct kube_csr_request ours = { 0 };
        struct cert_request theirs = { 0 };
        int a = kube_csr_request_parse(text, strlen(text), &ours, NULL), b = cert_request_parse(text, &theirs, NULL);
        if (a >= 0 && b >= 0) {
                CHECK(str_eq(ours.common_name ? ours.common_name : "", theirs.common_name ? theirs.common_name : ""));
                CHECK(ours.dns_names.n == theirs.dns_names.n);
        }
        kube_csr_request_done(&ours);
        cert_request_done(&theirs);
}

static void user_data(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n), *ours = NULL, *theirs = NULL;
        size_t len = 0;
        if (talos_user_data_decode(text, &ours, NULL) >= 0 && sim_user_data_decode(text, &theirs, &len, NULL) >= 0)
                CHECK(strcmp(ours, theirs) == 0);
}

/* Below the archive's own folder, as the client keeps it; NULL: it keeps none. */
static const char *inner(const char *path) {
        while (str_starts(path, "./"))
                path += 2;
        const char *slash = strchr(path, '/');
        return slash && slash[1] ? slash + 1 : NULL;
}

static void archives(const uint8_t *p, size_t n) {
        _cleanup_(chart_files_done) struct chart_files ours = { 0 };
        _cleanup_tar_files_ struct tar_files theirs = { 0 };
        _cleanup_free_ uint8_t *packed = NULL;
        size_t len, k = 0;
        CHECK(gzip_compress(p, n, &packed, &len, NULL) >= 0);
        if (chart_files_read(packed, len, &ours, NULL) < 0 || tar_read_gz(packed, len, &theirs, NULL) < 0)
                return;
        for (size_t i = 0; i < theirs.n; i++) {
                const char *path = inner(theirs.items[i].path);
                if (!path)
                        continue;
                CHECK(k < ours.n && str_eq(ours.items[k].path, path) && ours.items[k].len == theirs.items[i].len);
                CHECK(memcmp(ours.items[k].text, theirs.items[i].data, theirs.items[i].len) == 0);
                k++;
        }
        CHECK(k == ours.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        static void (*const formats[])(const uint8_t *, size_t) = { messages, requests, user_data, archives };
        if (n > 0)
                formats[p[0] % ARRAY_SIZE(formats)](p + 1, n - 1);
        return 0;
}
