/* The table of versions that are known to go together. */
#include "cluster/versions.h"

#include <stdio.h>

#include "talos/contract.h"

/* Sources: Talos' releases for its default Kubernetes, cilium/charts' index for the digests. Cilium documents no tested Kubernetes list for 1.19
 * that we could read; 1.19.6 was seen to install into a real 1.36.3 API server. */
static const struct version_set sets[] = {
        { "default", "v1.13.9", "v1.36.3", { "1.19.6", "21c43cf53841f9ab0375047d95aa4c64051ea52bbd2c679416e6408f5f1c9179" }, "v1.12.0",
          "newest patch releases of August 2026" },
        { "talos-1.14", "v1.14.1", "v1.36.3", { "1.19.6", "21c43cf53841f9ab0375047d95aa4c64051ea52bbd2c679416e6408f5f1c9179" }, "v1.12.0",
          "Talos of September 2026 with the Kubernetes of the default set" },
        { "talos-1.12", "v1.12.11", "v1.35.4", { "1.19.6", "21c43cf53841f9ab0375047d95aa4c64051ea52bbd2c679416e6408f5f1c9179" }, "v1.12.0",
          "the previous Talos line" },
        { "blog", "v1.11.5", "v1.34.2", { "1.18.2", NULL }, "v1.11.0", "the blog post's repository" },
};

const struct version_set *version_sets(size_t *ret_n) {
        *ret_n = ARRAY_SIZE(sets);
        return sets;
}

const struct version_set *version_default(void) {
        return &sets[0];
}

const struct version_set *version_for_talos(const char *talos) {
        struct talos_version want, have;
        if (talos_version_parse(talos, &want, NULL) < 0)
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
                if (talos_version_parse(sets[i].talos, &have, NULL) >= 0 && have.major == want.major && have.minor == want.minor)
                        return &sets[i];
        return NULL;
}

int version_contract(const char *talos, const char *text, struct talos_contract *ret, struct error *err) {
        static const struct talos_contract last_single = { 1, 13 }, newest = { 1, 14 };
        struct talos_contract own, wanted;

        if (talos_contract_parse(talos, &own, err) < 0) {
                if (err)
                        err->kind = ERR_PROFILE;
                return -1;
        }
        if (!text) {
                *ret = talos_contract_at_least(&own, last_single.major, last_single.minor) ? last_single : own;
                return 0;
        }
        if (talos_contract_parse(text, &wanted, NULL) < 0 || talos_contract_at_least(&wanted, newest.major, newest.minor + 1))
                return error_set(err, ERR_PROFILE, "talos.contract '%s' is none of 1.11 to %u.%u", text, newest.major, newest.minor);
        if (!talos_contract_at_least(&own, wanted.major, wanted.minor))
                return error_set(err, ERR_PROFILE, "talos.contract %s is newer than Talos %s, which does not know its documents; set talos.version to a %s release",
                                 text, talos, text);
        *ret = wanted;
        return 0;
}

const char *version_cilium_digest(const char *version) {
        for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
                if (sets[i].cilium.digest && str_eq(sets[i].cilium.version, version))
                        return sets[i].cilium.digest;
        return NULL;
}

static int check_cilium(const char *cilium, struct error *err) {
        unsigned major, minor, patch;
        if (sscanf(cilium, "%u.%u.%u", &major, &minor, &patch) != 3)
                return error_set(err, ERR_PROFILE, "Cilium version '%s' is no version like 1.19.6", cilium);
        if (major == 1 && minor == 19 && patch <= 1)
                return error_set(err, ERR_PROFILE, "Cilium %s has an IPv6 regression in NodePort services (cilium/cilium#44436); take 1.19.6", cilium);
        if (major != 1 || minor < 17)
                return error_set(err, ERR_PROFILE, "Cilium %s is older than 1.17, which this program's values are written for", cilium);
        return 0;
}

int version_check(const char *talos, const char *kubernetes, const char *cilium, const char *ccm, struct strv *warnings, struct error *err) {
        struct talos_contract contract;
        struct talos_version k;
        if (talos_contract_parse(talos, &contract, err) < 0 || talos_version_parse(talos, &k, err) < 0 || talos_version_parse(kubernetes, &k, err) < 0) {
                if (err)
                        err->kind = ERR_PROFILE;
                return -1;
        }
        _cleanup_error_ struct error e = ERROR_INIT;
        if (talos_kubernetes_check(&contract, kubernetes, &e) < 0) {
                if (e.kind != ERR_NOT_FOUND)
                        return error_set(err, ERR_PROFILE, "%s", error_text(&e));
                strv_take(warnings, xasprintf("Talos %s is unknown to this program: whether it runs Kubernetes %s was not checked", talos, kubernetes));
        }
        if (check_cilium(cilium, err) < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
                if (str_eq(sets[i].talos, talos) && str_eq(sets[i].kubernetes, kubernetes) && str_eq(sets[i].cilium.version, cilium) &&
                    str_eq(sets[i].ccm, ccm))
                        return 0;
        strv_take(warnings, xasprintf("nobody has written down that Talos %s, Kubernetes %s, Cilium %s and Talos CCM %s go together", talos, kubernetes, cilium, ccm));
        return 0;
}
