/* config, the options that are shown only where they are set. */
#ifndef RUN_VERB_CONFIG_MORE_H
#define RUN_VERB_CONFIG_MORE_H

#include "supervisor/conf/gen.h"
#include "supervisor/core/wire.h"

/* type=, what it depends on, and what makes it ready. */
void config_put_order(struct wire_out *w, const struct gen *g, const struct gen_opts *opts);
/* Of one stream, "stdout" or "stderr": gzip, syslog, events, capture. */
void config_put_stream(struct wire_out *w, const struct gen_log *l, const char *stream);
/* Of both streams, and what the program finds: log_*=, stdin=, sigpipe=. */
void config_put_logging(struct wire_out *w, const struct gen_opts *o);
/* Limits, scheduling, capabilities, paths. */
void config_put_attrs(struct wire_out *w, const struct gen *g, const struct gen_opts *o);

#endif
