/* The text dump. */
#include "supervisor/conf/section.h"
void conf_dump_text(const struct conf *c, struct str *out)
{
    (void)c;
    (void)out;
}
