/* Words of profiles, flags and labels: versions, time spans, money, whole numbers, label selectors. What is read is within its bounds, and means the same
 * when it is written and read again. */
#include <hcloud/label.h>

#include "check.h"
#include "cluster/cost.h"
#include "cluster/spec.h"
#include "talos/contract.h"

static void check_versions(const char *text) {
        struct talos_version v, again;
        struct talos_contract c;
        struct error err = ERROR_INIT;
        if (talos_version_parse(text, &v, &err) >= 0) {
                _cleanup_str_ char *written = xasprintf("v%u.%u.%u%s", v.major, v.minor, v.patch, v.prerelease ? "-rc.1" : "");
                CHECK(talos_version_parse(written, &again, &err) >= 0);
                CHECK(v.major == again.major && v.minor == again.minor && v.patch == again.patch && v.prerelease == again.prerelease);
        } else {
                CHECK(err.kind == ERR_INVALID);
        }
        error_done(&err);
        if (talos_contract_parse(text, &c, &err) >= 0) {
                CHECK(c.major == 1 && c.minor >= 11 && talos_contract_at_least(&c, 1, 11));
                talos_kubernetes_check(&c, text, &err);
        } else {
                CHECK(err.kind == ERR_INVALID);
        }
        error_done(&err);
}

static void check_amounts(const char *text) {
        int64_t span, money, again, number;
        if (spec_span_parse(text, &span))
                CHECK(span >= 0 && span % 1000 == 0);
        if (money_parse(text, &money)) {
                _cleanup_str_ char *written = money_format(money, 6);
                CHECK(money >= 0 && (money % 10000 != 0 || (money_parse(written, &again) && again == money)));
        }
        if (parse_int64(text, -1000, 1000, &number)) {
                _cleanup_str_ char *written = xasprintf("%lld", (long long) number);
                CHECK(number >= -1000 && number <= 1000 && parse_int64(written, -1000, 1000, &again) && again == number);
        }
}

/* Nothing can be smuggled into a selector: what is taken has one comma and one equals sign, those that were put there. */
static void check_selector(const char *text) {
        struct hcloud_selector *s = hcloud_selector_new();
        struct error err = ERROR_INIT;
        _cleanup_str_ char *written = NULL;
        hcloud_selector_equal(s, "key", text);
        hcloud_selector_has(s, text);
        if (hcloud_selector_take(s, &written, &err) >= 0)
                CHECK(strchr(written, ',') && strchr(written, ',') == strrchr(written, ',') && strchr(written, '=') == strrchr(written, '='));
        else
                CHECK(err.kind == ERR_INVALID && !written);
        error_done(&err);
        if (cluster_name_check(text, &err) >= 0)
                CHECK(hcloud_label_check("key", text, &err) >= 0 && hcloud_name_check(HCLOUD_NAME_SERVER, text, &err) >= 0);
        error_done(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        check_versions(text);
        check_amounts(text);
        check_selector(text);
        return 0;
}
