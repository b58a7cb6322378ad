/* The rescue system of one simulated server: a real sshd in namespaces of its own on the server's address, with a file as the disk. And what is on that
 * disk afterwards. Programs: unshare, mount (util-linux), sshd, ssh-keygen, bash. */
#pragma once

#include "base/error.h"

struct cloud_server;
struct rescue;           /* of one server: its disk, and the system while it runs */

/* Starts it (the server was powered on with the rescue system armed). keys: lines for authorized_keys. Failures are said on the terminal. */
void rescue_boot(struct cloud_server *s);
void rescue_halt(struct cloud_server *s);                /* the power is cut; the disk stays */
void rescue_free(struct cloud_server *s);                /* the disk goes too */
/* The Talos version that a server would boot from the disk: the whole image must be there, unchanged, and of the server's architecture. Owned; NULL: no
 * such image, or a disk that nothing was written to in the rescue system (*ret_written false). */
char *rescue_disk_version(struct cloud_server *s, bool *ret_written);
