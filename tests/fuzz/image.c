/* What a builder says over SSH, what the image factory answers, how an image begins and is called, and labels of snapshots. */
#include "base/codec.h"
#include "base/yaml.h"
#include "check.h"
#include "image/images.h"
#include "image/schematic.h"
#include "image/script.h"

static void check_line(const char *text) {
        struct script_line l;
        script_line_parse(text, &l);
        CHECK(l.packed >= 0 && l.total >= 0 && l.written >= 0);
        if (l.word == SCRIPT_DONE)
                CHECK(strlen(l.packed_sha256) == 64 && strlen(l.raw_sha256) == 64 && strspn(l.raw_sha256, "0123456789abcdef") == 64);
        CHECK((l.word == SCRIPT_FROM || l.word == SCRIPT_NOTE) == (l.text != NULL));
        script_line_done(&l);
}

/* Each line is an extension, or behind a blank a kernel argument. What is allowed has one name, in whatever order it was given. */
static void check_schematic(const char *text) {
        struct schematic s = { 0 }, turned = { 0 };
        _cleanup_strv_ struct strv lines = { 0 };
        struct error err = ERROR_INIT;
        strv_split(&lines, text, '\n');
        for (size_t i = 0; i < lines.n && i < 64; i++)
                strv_add(*lines.items[i] == ' ' ? &s.kernel_args : &s.extensions, lines.items[i] + (*lines.items[i] == ' '));
        if (schematic_check(&s, &err) >= 0) {
                _cleanup_str_ char *yaml = schematic_yaml(&s), *id = schematic_id(&s), *other = NULL;
                _cleanup_(yaml_freep) struct yaml_node *tree = NULL;
                CHECK(strlen(id) == SCHEMATIC_ID_LENGTH);
                for (size_t i = s.extensions.n; i-- > 0;)
                        strv_add(&turned.extensions, s.extensions.items[i]);
                strv_copy(&turned.kernel_args, &s.kernel_args);
                other = schematic_id(&turned);
                CHECK(strcmp(id, other) == 0);
                if (yaml_parse_one("schematic", yaml, strlen(yaml), &tree, NULL) >= 0) {
                        const struct yaml_node *list = yaml_path(tree, "customization.systemExtensions.officialExtensions");
                        CHECK((list ? list->n : 0) == s.extensions.n);
                }
        } else {
                CHECK(err.kind == ERR_USAGE);
        }
        schematic_done(&s);
        schematic_done(&turned);
        error_done(&err);
}

static void check_labels(const char *text) {
        static const char *const keys[] = { LABEL_IMAGE_VERSION, "os", "version", "talos_version", LABEL_IMAGE_SCHEMATIC };
        struct hcloud_image m = { 0 };
        _cleanup_strv_ struct strv lines = { 0 };
        char buf[64];
        strv_split(&lines, text, '\n');
        for (size_t i = 0; i < ARRAY_SIZE(keys) && i < lines.n; i++)
                hcloud_labels_set(&m.labels, keys[i], lines.items[i]);
        const char *version = image_talos_version(&m.labels, buf);
        CHECK(!version || (*version == 'v' && strlen(version) < 64));
        CHECK(!version || !image_is(&m, "v0.0.0-none", "0000000000000000") || str_eq(version, "v0.0.0-none"));
        hcloud_labels_done(&m.labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        struct error err = ERROR_INIT;
        check_line(text);
        check_schematic(text);
        check_labels(text);
        CHECK(schematic_check_answer("abc", (const char *) p, n, &err) >= 0 || err.kind == ERR_PROTOCOL);
        CHECK(!err.message || strlen(err.message) < 20000);
        enum image_packing by_head = image_packing_of(p, n);
        CHECK(n == 0 || by_head == image_packing_of(p, n < 6 ? n : 6) || by_head == PACKED_UNKNOWN || by_head == PACKED_NOT);
        CHECK(image_packing_name(image_packing_of_name(text)) != NULL);
        error_done(&err);
        return 0;
}
