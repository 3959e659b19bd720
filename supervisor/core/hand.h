/* Descriptors that supd hands to supd-agent, one a message on a SOCK_SEQPACKET pair of their own
 * beside the channel: the text says what it is. Only supd sends. */
#ifndef CORE_HAND_H
#define CORE_HAND_H

#define HAND_CHANNEL_FD 3  /* of the agent: the control protocol */
#define HAND_FD 4          /* of the agent: these messages */
#define HAND_TEXT_MAX 4352 /* of the text, with its NUL: a path is the longest part */

/* Arguments of a request that supd forwards to the agent, at most. */
#define HAND_ARGS_MAX 252

/* What is handed over. */
#define HAND_GENERATION                                                                            \
    "generation"               /* a memfd with the text of conf/agentgen.h; replaces the last */
#define HAND_JOURNAL "journal" /* a memfd that outlives the agent, for what must not be lost */

#define HAND_LISTEN "listen" /* a listening TCP socket for [agent] listen=; replaces the last */
/* And behind it a key: the listening socket of that server of Supervisor's ("unix:///path",
 * "tcp://HOST:PORT"); replaces the last of this key. */
#define HAND_SERVER "server "
/* And behind it a number: what the request "log NUMBER ..." asked for. */
#define HAND_LOG "log "
/* The end of a socket on which the output of programs comes (core/tap.h), once it was asked for. */
#define HAND_TEXT "text"
/* A socket on which files are asked for that its own user may not open (core/fileask.h). */
#define HAND_FILES "files"

/* The limits that supd's children have, in the agent's environment, for the agent's own: supd, and
 * so the agent, has lifted its own. "NOFILE NOFILE_MAX FSIZE FSIZE_MAX", as numbers. */
#define HAND_LIMITS_ENV "SUPD_CHILD_LIMITS"

#endif
