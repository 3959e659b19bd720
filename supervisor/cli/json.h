/* Records of the protocol as JSON. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "supervisor/cli/client.h"

/* Objects collected into one array, which is printed at the end. */
struct json_list;
struct json_list *json_list_new(void);
void json_list_add(struct json_list *l, const struct client_reply *r);
/* Prints the array on standard output if that is wanted, and frees it. */
void json_list_end(struct json_list **l, bool print);
/* One object on one line, at once. */
void json_print_line(const struct client_reply *r);
/* One object, printed over several lines. */
void json_print(const struct client_reply *r);

#endif
