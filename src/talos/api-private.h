/* What the api-*.c files share: calling one method and walking through its answer. */
#pragma once

#include "talos/api.h"
#include "talos/proto.h"

#define MACHINE_SERVICE "/machine.MachineService/"

/* Makes the unary call; ret gets the raw answer. default_timeout_ms is used when the client names none. */
int api_unary(const struct talos_client *c, const char *method, const struct strbuf *request, int64_t default_timeout_ms,
              struct strbuf *ret, struct error *err);
int api_stream(const struct talos_client *c, const char *method, const struct strbuf *request, grpc_message_fn fn, void *arg,
               struct error *err);

/* What is inside an answer could not be read: the error becomes ERR_PROTOCOL and names the node. */
int api_unreadable(const struct talos_client *c, struct error *err);

/* A MachineService call. Nearly all answers are XResponse{1 repeated X}; X{1 metadata, …}. fn sees the fields of the first X other
 * than metadata. hostname (or NULL) gets metadata.hostname. A metadata.error (a proxied call failed) becomes the error. */
int api_machine(const struct talos_client *c, const char *method, const struct strbuf *request, int64_t default_timeout_ms,
                proto_field_fn fn, void *into, char **ret_hostname, struct error *err);
/* The same for calls whose answer says nothing more. */
int api_machine_plain(const struct talos_client *c, const char *method, const struct strbuf *request, int64_t default_timeout_ms,
                      struct error *err);

/* common.Metadata{1 hostname, 2 error, 3 google.rpc.Status{1 code, 2 message}}. */
struct api_metadata { char *hostname, *error, *status_message; int64_t code; };
void api_metadata_done(struct api_metadata *m);
int api_metadata_field(const struct proto_field *f, void *into, struct error *err);
int api_metadata_check(const struct api_metadata *m, struct error *err);
