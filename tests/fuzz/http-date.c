/* Times in both wire forms: what is read is written and read again as the same second. */
#include "base/clock.h"
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        int64_t ms, again;
        if (time_parse_http_date(text, &ms)) {
                _cleanup_str_ char *out = time_format_http_date(ms);
                CHECK(time_parse_http_date(out, &again) && again == ms);
        }
        if (time_parse_rfc3339(text, &ms)) {
                _cleanup_str_ char *out = time_format_rfc3339(ms), *micro = time_format_micro(ms);
                if (strlen(out) == 20 && *out != '-') { /* an offset may lead out of the years 0000 to 9999 */
                        CHECK(time_parse_rfc3339(out, &again) && again <= ms && ms - again < 1000);
                        CHECK(time_parse_rfc3339(micro, &again) && again == ms);
                }
        }
        return 0;
}
