/* Schematics: ids that the image factory itself publishes, canonical text, refusals. */
#include "../unit.h"

#include "image/images.h"
#include "image/schematic.h"

static const char *const plain_id = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";

static struct schematic with(const char *const *extensions, const char *const *args) {
        struct schematic s = { 0 };
        for (; extensions && *extensions; extensions++)
                strv_add(&s.extensions, *extensions);
        for (; args && *args; args++)
                strv_add(&s.kernel_args, *args);
        return s;
}
#define LIST(...) ((const char *const[]) { __VA_ARGS__, NULL })

/* factory.talos.dev: the id of "customization: {}", and of Hetzner's public ISO, which has the guest agent. */
START_TEST(known_ids) {
        struct schematic none = { 0 }, agent = with(LIST("siderolabs/qemu-guest-agent"), NULL);
        _cleanup_str_ char *a = schematic_id(&none), *b = schematic_id(&agent);
        ck_assert_str_eq(a, plain_id);
        ck_assert_str_eq(b, "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515");
        ck_assert(schematic_is_plain(&none));
        ck_assert(!schematic_is_plain(&agent));
        schematic_done(&agent);
}
END_TEST

START_TEST(canonical) {
        struct schematic s = with(LIST("siderolabs/util-linux-tools", "siderolabs/iscsi-tools"), LIST("console=ttyS1", "-quiet"));
        _cleanup_str_ char *text = schematic_yaml(&s);
        ck_assert_str_eq(text, "customization:\n    extraKernelArgs:\n        - console=ttyS1\n        - -quiet\n    systemExtensions:\n        officialExtensions:\n"
                               "            - siderolabs/iscsi-tools\n            - siderolabs/util-linux-tools\n");
        struct schematic other = with(LIST("siderolabs/iscsi-tools", "siderolabs/util-linux-tools"), LIST("console=ttyS1", "-quiet"));
        _cleanup_str_ char *a = schematic_id(&s), *b = schematic_id(&other);
        ck_assert_str_eq(a, b);          /* one set has one name */
        schematic_done(&s);
        schematic_done(&other);
}
END_TEST

START_TEST(refused) {
        const struct { const char *extension, *arg, *why; } cases[] = {
                { "qemu-guest-agent", NULL, "no name of a Talos extension" }, { "/x", NULL, "no name" }, { "x/", NULL, "no name" }, { "a/b/c", NULL, "no name" },
                { "Sidero/agent", NULL, "no name" }, { "a/b c", NULL, "no name" }, { NULL, "a b", "no kernel argument" }, { NULL, "", "no kernel argument" },
                { NULL, "x=\"y\"", "no kernel argument" }, { NULL, "a\nb", "no kernel argument" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct schematic s = with(cases[i].extension ? LIST(cases[i].extension) : NULL, cases[i].arg ? LIST(cases[i].arg) : NULL);
                struct error err = ERROR_INIT;
                ck_assert_int_lt(schematic_check(&s, &err), 0);
                ck_assert_int_eq(err.kind, ERR_USAGE);
                ck_assert_msg(strstr(err.message, cases[i].why) != NULL, "%s", err.message);
                error_done(&err);
                schematic_done(&s);
        }
        struct schematic twice = with(LIST("a/b", "a/b"), NULL);
        struct error err = ERROR_INIT;
        ck_assert_int_lt(schematic_check(&twice, &err), 0);
        ck_assert(strstr(err.message, "twice"));
        error_done(&err);
        schematic_done(&twice);
}
END_TEST

static struct hcloud_image image(const char *const *labels, const char *arch, int64_t created) {
        struct hcloud_image m = { .id = created, .architecture = (char *) arch, .status = (char *) "available", .created = created };
        for (; labels && labels[0]; labels += 2)
                hcloud_labels_set(&m.labels, labels[0], labels[1]);
        return m;
}

/* Snapshots of this program, of others, with other schematics, not ready yet. */
START_TEST(finding) {
        struct hcloud_image items[] = {
                image(LIST("hcloud-v6/talos-version", "v1.13.9", "hcloud-v6/schematic", "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4b"), "x86", 10),
                image(LIST("os", "talos", "version", "1.13.9"), "arm", 11),
                image(LIST("hcloud-v6/talos-version", "v1.13.9", "hcloud-v6/schematic", "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c751"), "x86", 12),
                image(LIST("hcloud-v6/talos-version", "v1.13.9"), "x86", 20),
                image(LIST("os", "debian", "version", "12"), "x86", 30),
        };
        items[3].status = (char *) "creating";
        struct hcloud_image_list list = { items, ARRAY_SIZE(items) };
        ck_assert_int_eq(image_find(&list, "v1.13.9", plain_id, "x86")->id, 10);
        ck_assert_int_eq(image_find(&list, "v1.13.9", plain_id, "arm")->id, 11);
        ck_assert_int_eq(image_find(&list, "v1.13.9", "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515", "x86")->id, 12);
        ck_assert_ptr_null(image_find(&list, "v1.13.9", "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515", "arm"));
        ck_assert_ptr_null(image_find(&list, "v1.13.8", plain_id, NULL));
        items[3].status = (char *) "available";
        ck_assert_int_eq(image_find(&list, "v1.13.9", plain_id, "x86")->id, 20);         /* the newest */
        for (size_t i = 0; i < ARRAY_SIZE(items); i++)
                hcloud_labels_done(&items[i].labels);
}
END_TEST

START_TEST(answers) {
        struct error err = ERROR_INIT;
        static const char good[] = "{\"id\":\"abc\"}", wrong[] = "{\"id\":\"abd\"}", none[] = "{}", page[] = "<html>";

        ck_ok(schematic_check_answer("abc", good, strlen(good), &err), err);
        ck_fails(schematic_check_answer("abc", wrong, strlen(wrong), &err), err, ERR_PROTOCOL);
        ck_fails(schematic_check_answer("abc", none, strlen(none), &err), err, ERR_PROTOCOL);
        ck_fails(schematic_check_answer("abc", page, strlen(page), &err), err, ERR_PROTOCOL);
        error_done(&err);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("image schematic");
        TCase *c = tcase_create("all");

        tcase_add_test(c, known_ids);
        tcase_add_test(c, canonical);
        tcase_add_test(c, refused);
        tcase_add_test(c, finding);
        tcase_add_test(c, answers);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(suite())
