/* What a process that handles credentials does before anything else. */
#ifndef EK_HARDEN_H
#define EK_HARDEN_H

/* First thing in main(): keeps a copy of the environment and overwrites the secrets in the one that
 * /proc shows and children inherit; forbids core dumps and tracing (but for builds to be debugged);
 * makes libcurl and OpenSSL overwrite memory before they free it; ignores SIGPIPE. */
void ek_harden(void);

/* A variable as it was when the process started, secrets included. NULL: not set. */
const char *ek_env(const char *name);

#endif
