/* What supd itself does with a file, without a running one. */
#ifndef CLI_EXEC_SUPD_H
#define CLI_EXEC_SUPD_H

/* Becomes `supd OPTION -c FILE`: supd beside our own file, or from PATH. Returns the exit status if
 * there is none, having said so. */
int exec_supd(const char *option, const char *file);

#endif
