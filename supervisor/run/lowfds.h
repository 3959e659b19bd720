/* Low descriptor numbers for what the loop watches. libev keeps 16 bytes for every number up to the
 * highest that it ever watched; thousands of pipes that nobody here watches must not come first. */
#ifndef RUN_LOWFDS_H
#define RUN_LOWFDS_H

/* Occupies the free low numbers, so that what is opened meanwhile lies above; nothing happens where
 * descriptors are scarce. Then gives them free again. */
void lowfds_hold(void);
void lowfds_release(void);
/* Moves a descriptor that is not watched out of the low numbers. Returns its number, the old one if
 * it cannot be moved; close-on-exec. */
int lowfds_lift(int fd);

#endif
