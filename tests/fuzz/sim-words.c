/* What the simulator reads in words: faults, selectors of both APIs, addresses, questions to its name servers, patches of objects. */
#include "base/json.h"
#include "check.h"
#include "sim/hetzner/internal.h"
#include "sim/kube/patch.h"
#include "sim/kube/selector.h"
#include "sim/world/internal.h"

static void selectors(const char *text) {
        struct selector *s = NULL;
        struct field_selector f = { 0 };
        struct error err = ERROR_INIT;
        struct kvs labels = { 0 };
        _cleanup_json_ json_t *o = json_pack("{s:s,s:s}", "a", "b", "env", "dev");
        if (selector_parse(text, &s, &err) >= 0)
                CHECK(selector_matches(s, o) == selector_matches(s, o));
        else
                CHECK(err.kind == ERR_INVALID && !s);
        selector_free(s);
        error_done(&err);
        if (field_selector_parse("Pod", text, &f, &err) >= 0)
                field_selector_matches(&f, o);
        field_selector_done(&f);
        error_done(&err);
        kvs_set(&labels, "a", "b");
        if (cloud_label_selector_valid(text))
                cloud_label_selector_matches(text, &labels);
        kvs_done(&labels);
}

static void addresses(const char *text) {
        uint32_t a, net;
        unsigned len;
        if (ip4_parse(text, &a))
                CHECK(ip4_cidr_parse(text, &net, &len, false) ? net == a || len < 32 : true);
        if (ip4_cidr_parse(text, &net, &len, true))
                CHECK(len <= 32 && (len == 32 || (net & (UINT32_MAX >> len)) == 0));
}

static void faults(const char *text) {
        struct sim_faults *f = sim_faults_new();
        struct error err = ERROR_INIT;
        if (sim_faults_add(f, text, &err) >= 0)
                json_decref(sim_faults_render(f));
        else
                CHECK(err.kind == ERR_USAGE && err.message);
        sim_faults_free(f);
        error_done(&err);
}

static void questions(const uint8_t *p, size_t n) {
        static const struct ip6_prefix nat64 = { .addr = { .b = { 0x20, 0x01 } }, .len = 96 };
        uint8_t answer[512];
        CHECK(sim_dns_answer(p, n, &nat64, answer) <= sizeof(answer));
        CHECK(sim_dns_answer(p, n, NULL, answer) <= sizeof(answer));
}

/* A merge patch is idempotent; each kind leaves an object that can be written. */
static void patches(const uint8_t *p, size_t n) {
        static const char text[] = "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}],\"n\":1}}";
        _cleanup_json_ json_t *patch = json_loadb((const char *) p, n, 0, NULL);
        if (!patch)
                return;
        json_t *objects[4];
        for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
                objects[i] = json_loads(text, 0, NULL);
        patch_json(objects[0], patch, NULL);
        patch_strategic(objects[1], patch, NULL);
        if (json_is_object(patch)) {
                patch_merge(objects[2], patch);
                json_t *once = json_deep_copy(objects[2]);
                patch_merge(objects[2], patch);
                CHECK(json_equal(once, objects[2]));
                json_decref(once);
        }
        for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
                free(json_write(objects[i]));
                json_decref(objects[i]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        selectors(text);
        addresses(text);
        faults(text);
        questions(p, n);
        patches(p, n);
        return 0;
}
