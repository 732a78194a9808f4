/* OpenSSL's headers for the files of crypto/ and pki/. Its <openssl/types.h> has a type named
 * ERR_STATE, as base/error.h has a result; the type, which nobody here uses, gives way. */
#ifndef POSTERN_CRYPTO_OPENSSL_H
#define POSTERN_CRYPTO_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE

#include <openssl/asn1.h>
#include <openssl/asn1t.h>
#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/ocsp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#undef ERR_STATE

#endif
