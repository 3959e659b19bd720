/* What supctl answers, as JSON. */
#include "demo/answer.h"
#include "demo/run.h"

#define ANSWER_MS 5000 /* supctl has to answer within */

json_t *answer_json(const char *const *argv)
{
    struct str out = STR_INIT;
    json_t *all = NULL;
    if (run_output(argv, ANSWER_MS, &out) >= 0)
        all = json_loads(str_text(&out), 0, NULL);
    str_fini(&out);
    return all;
}

const char *answer_text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

int64_t answer_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}
