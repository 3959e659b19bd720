/* Finds out on which device a sink lies, so that a stalled one stalls only its own writer. */
#ifndef LOGD_DEVICE_H
#define LOGD_DEVICE_H

#include "supervisor/logd/writer.h"

/* Gives the sink to the writer of its device. With the lock, let go for the look at the disk. */
void device_find(struct writer *finder, struct sink *k);

#endif
