/* What the files of the pki module share: OpenSSL objects, which do not leave it. */
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/error.h"

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)
DEFINE_CLEANUP(ASN1_OCTET_STRING *, ASN1_OCTET_STRING_free)

#define _cleanup_pkey_ _cleanup_(EVP_PKEY_freep)
#define _cleanup_x509_ _cleanup_(X509_freep)
#define _cleanup_bio_ _cleanup_(BIO_free_allp)

/* An error whose message ends with OpenSSL's own reason; empties OpenSSL's error queue. */
int pki_fail(struct error *err, enum error_kind kind, const char *what);

/* One private key with a label that Talos reads; ERR_INVALID. */
int pki_parse_key(const char *text, EVP_PKEY **ret_key, struct error *err);
/* The first certificate of the text; ERR_INVALID. */
int pki_parse_cert(const char *text, X509 **ret_cert, struct error *err);
