/* What went wrong, as a value: the one error type of libhcloud and of the program built on it.
 *
 * The caller owns the struct (usually on its stack, set to ERROR_INIT) and frees its contents with error_done(). A function
 * that fails fills it and returns a negative number; a function that succeeds leaves it untouched. */
#pragma once

#include <stdbool.h>

/* Why something failed. The order is part of the ABI; new kinds go to the end. */
enum error_kind {
        ERR_NONE = 0,
        ERR_BUG,          /* we broke a rule of our own */
        ERR_IO,           /* file, directory or local system call */
        ERR_INVALID,      /* an argument or an answer's content breaks a rule */
        ERR_USAGE,        /* the command line is wrong */
        ERR_PROFILE,      /* the profile is wrong; the message has file:line:column */
        ERR_AUTH,         /* no token, wrong token, or not allowed */
        ERR_NOT_FOUND,
        ERR_CONFLICT,     /* somebody else changed it at the same time */
        ERR_EXISTS,       /* the name is taken (API code uniqueness_error) */
        ERR_LOCKED,       /* the resource is busy (API code locked), or the cluster's lock is held */
        ERR_RATE_LIMITED,
        ERR_QUOTA,        /* API code resource_limit_exceeded */
        ERR_CAPACITY,     /* API codes resource_unavailable, placement_error */
        ERR_UNAVAILABLE,  /* the other side cannot be reached, or says "later" */
        ERR_TIMEOUT,
        ERR_TLS,
        ERR_PROTOCOL,     /* the other side's answer cannot be understood */
        ERR_REFUSED,      /* the other side understood and said no */
        ERR_CANCELLED,
        ERR_PENDING,      /* dry run: there is something to do */
        ERR_PARTIAL,      /* something is left over */
        _ERR_KIND_MAX,
};

struct error {
        enum error_kind kind;
        bool retryable;          /* trying the same again later can help */
        bool ambiguous;          /* the request may have been carried out although no answer came */
        int http_status;         /* 0 when no HTTP answer was had */
        int grpc_status;         /* -1 when no gRPC answer was had */
        char *message;           /* "outer: inner: cause", one line, never NULL once set */
        char *api_code;          /* the API's own code, e.g. "uniqueness_error", or NULL */
        char *correlation_id;    /* X-Correlation-Id of the answer, or NULL */
        char *details;           /* the API's details, one line of JSON, or NULL */
        char *hint;              /* what to type or do next, or NULL */
};

#define ERROR_INIT ((struct error) { .grpc_status = -1 })

/* Frees what the error holds and makes it ERROR_INIT again. NULL-safe. */
void error_done(struct error *err);

/* The kind's name in lower case with underscores ("rate_limited"); never NULL. */
const char *error_kind_name(enum error_kind kind);
