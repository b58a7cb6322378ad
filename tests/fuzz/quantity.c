/* Quantities: sums and differences keep their order, whatever was read. */
#include "check.h"
#include "kube/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        struct quantity q, zero = quantity_of(0);
        if (!quantity_parse(text, &q))
                return 0;
        free(quantity_text_cpu(q));
        free(quantity_text_bytes(q));
        CHECK(quantity_compare(q, q) == 0);
        CHECK((*text == '-') == (q.nano < 0) || q.nano == 0);
        CHECK(quantity_compare(quantity_add(q, zero), q) == 0 && quantity_compare(quantity_sub(q, zero), q) == 0);
        CHECK(quantity_compare(quantity_sub(q, q), zero) == 0);
        CHECK((quantity_compare(q, zero) > 0) == (quantity_milli(q) > 0));
        CHECK(quantity_units(q) <= quantity_milli(q) || quantity_compare(q, zero) <= 0);
        quantity_real(quantity_add(q, q));
        return 0;
}
