/* One message to the service manager that started us, in the way of sd_notify(3). */
#ifndef IO_SDNOTIFY_H
#define IO_SDNOTIFY_H

/* address: what NOTIFY_SOCKET says, a path or an abstract name that begins with '@'. Never waits.
 * 0, or an errno: EAGAIN, ENOBUFS: it may work later; EAFNOSUPPORT: that is no such address. */
int sdnotify_send(const char *address, const char *text);

#endif
