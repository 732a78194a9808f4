/* The one table of IKEv2 code points: every number of the IANA registry "Internet Key Exchange
 * Version 2 (IKEv2) Parameters" that Postern uses or names, with its RFC beside it. Numbers that
 * stand in for ones not yet assigned are in the marked section at the end, nowhere else. It lives
 * in the base floor because crypto/ needs the transform numbers and wire/ all of them. The names
 * for logs are in base/ikev2_names.h. */
#ifndef POSTERN_BASE_IKEV2_NUMBERS_H
#define POSTERN_BASE_IKEV2_NUMBERS_H

/* UDP ports (RFC 7296 2 and 2.23). */
enum {
	IKE_PORT = 500,
	IKE_PORT_NATT = 4500,
};

/* Exchange Types of the IKE header (RFC 7296 3.1). */
enum exchange_type {
	EXCHANGE_IKE_SA_INIT = 34,        /* RFC 7296 */
	EXCHANGE_IKE_AUTH = 35,           /* RFC 7296 */
	EXCHANGE_CREATE_CHILD_SA = 36,    /* RFC 7296 */
	EXCHANGE_INFORMATIONAL = 37,      /* RFC 7296 */
	EXCHANGE_IKE_SESSION_RESUME = 38, /* RFC 5723 */
	EXCHANGE_GSA_AUTH = 39,           /* RFC 9838 */
	EXCHANGE_GSA_REGISTRATION = 40,   /* RFC 9838 */
	EXCHANGE_GSA_REKEY = 41,          /* RFC 9838 */
	EXCHANGE_GSA_INBAND_REKEY = 42,   /* RFC 9838 */
	EXCHANGE_IKE_INTERMEDIATE = 43,   /* RFC 9242 */
	EXCHANGE_IKE_FOLLOWUP_KE = 44,    /* RFC 9370 */
};

/* Payload Types (RFC 7296 3.2). */
enum payload_type {
	PAYLOAD_NONE = 0,     /* RFC 7296: no next payload */
	PAYLOAD_SA = 33,      /* RFC 7296 3.3 */
	PAYLOAD_KE = 34,      /* RFC 7296 3.4 */
	PAYLOAD_IDI = 35,     /* RFC 7296 3.5 */
	PAYLOAD_IDR = 36,     /* RFC 7296 3.5 */
	PAYLOAD_CERT = 37,    /* RFC 7296 3.6 */
	PAYLOAD_CERTREQ = 38, /* RFC 7296 3.7 */
	PAYLOAD_AUTH = 39,    /* RFC 7296 3.8 */
	PAYLOAD_NONCE = 40,   /* RFC 7296 3.9 */
	PAYLOAD_NOTIFY = 41,  /* RFC 7296 3.10 */
	PAYLOAD_DELETE = 42,  /* RFC 7296 3.11 */
	PAYLOAD_VENDOR = 43,  /* RFC 7296 3.12 */
	PAYLOAD_TSI = 44,     /* RFC 7296 3.13 */
	PAYLOAD_TSR = 45,     /* RFC 7296 3.13 */
	PAYLOAD_SK = 46,      /* RFC 7296 3.14 */
	PAYLOAD_CP = 47,      /* RFC 7296 3.15 */
	PAYLOAD_EAP = 48,     /* RFC 7296 3.16 */
	PAYLOAD_GSPM = 49,    /* RFC 6467 */
	PAYLOAD_IDG = 50,     /* RFC 9838 */
	PAYLOAD_GSA = 51,     /* RFC 9838 */
	PAYLOAD_KD = 52,      /* RFC 9838 */
	PAYLOAD_SKF = 53,     /* RFC 7383 2.5 */
	PAYLOAD_PS = 54,      /* RFC 8019 */
};

/* Security Protocol Identifiers (RFC 7296 3.3.1). */
enum protocol_id {
	PROTOCOL_NONE = 0, /* RFC 7296 3.10: notifications about no SA */
	PROTOCOL_IKE = 1,
	PROTOCOL_AH = 2,
	PROTOCOL_ESP = 3,
	PROTOCOL_FC_ESP_HEADER = 4,        /* RFC 4595 */
	PROTOCOL_FC_CT_AUTHENTICATION = 5, /* RFC 4595 */
	PROTOCOL_GIKE_UPDATE = 6,          /* RFC 9838 */
};

/* Transform Types (RFC 7296 3.3.2; 6..12 RFC 9370). */
enum transform_type {
	TRANSFORM_ENCR = 1,
	TRANSFORM_PRF = 2,
	TRANSFORM_INTEG = 3,
	TRANSFORM_KE = 4, /* formerly Diffie-Hellman Group */
	TRANSFORM_SN = 5, /* formerly Extended Sequence Numbers; RFC 9827 */
	TRANSFORM_ADDKE1 = 6,
	TRANSFORM_ADDKE2 = 7,
	TRANSFORM_ADDKE3 = 8,
	TRANSFORM_ADDKE4 = 9,
	TRANSFORM_ADDKE5 = 10,
	TRANSFORM_ADDKE6 = 11,
	TRANSFORM_ADDKE7 = 12,
	TRANSFORM_KWA = 13,    /* RFC 9838 */
	TRANSFORM_GCAUTH = 14, /* RFC 9838 */
};

/* Transform Attribute Types (RFC 7296 3.3.5). */
enum transform_attribute {
	TRANSFORM_ATTRIBUTE_KEY_LENGTH = 14,    /* TV, in bits */
	TRANSFORM_ATTRIBUTE_SIGNATURE_ALG = 18, /* RFC 9838 */
};

/* Transform Type 1. */
enum encr_id {
	ENCR_DES = 2,                       /* RFC 2405, deprecated by RFC 9395 */
	ENCR_3DES = 3,                      /* RFC 2451 */
	ENCR_BLOWFISH = 7,                  /* RFC 2451, deprecated */
	ENCR_NULL = 11,                     /* RFC 2410; not for IKE */
	ENCR_AES_CBC = 12,                  /* RFC 3602 */
	ENCR_AES_CTR = 13,                  /* RFC 3686, RFC 5930 */
	ENCR_AES_CCM_8 = 14,                /* RFC 4309, RFC 5282 */
	ENCR_AES_CCM_12 = 15,               /* RFC 4309, RFC 5282 */
	ENCR_AES_CCM_16 = 16,               /* RFC 4309, RFC 5282 */
	ENCR_AES_GCM_8 = 18,                /* RFC 4106, RFC 5282 */
	ENCR_AES_GCM_12 = 19,               /* RFC 4106, RFC 5282 */
	ENCR_AES_GCM_16 = 20,               /* RFC 4106, RFC 5282 */
	ENCR_NULL_AUTH_AES_GMAC = 21,       /* RFC 4543; not for IKE */
	ENCR_CAMELLIA_CBC = 23,             /* RFC 5529 */
	ENCR_CAMELLIA_CTR = 24,             /* RFC 5529 */
	ENCR_CAMELLIA_CCM_8 = 25,           /* RFC 5529 */
	ENCR_CAMELLIA_CCM_12 = 26,          /* RFC 5529 */
	ENCR_CAMELLIA_CCM_16 = 27,          /* RFC 5529 */
	ENCR_CHACHA20_POLY1305 = 28,        /* RFC 7634; no Key Length attribute */
	ENCR_AES_CCM_8_IIV = 29,            /* RFC 8750; not for IKE */
	ENCR_AES_GCM_16_IIV = 30,           /* RFC 8750; not for IKE */
	ENCR_CHACHA20_POLY1305_IIV = 31,    /* RFC 8750; not for IKE */
	ENCR_KUZNYECHIK_MGM_KTREE = 32,     /* RFC 9227 */
	ENCR_MAGMA_MGM_KTREE = 33,          /* RFC 9227 */
	ENCR_KUZNYECHIK_MGM_MAC_KTREE = 34, /* RFC 9227; not for IKE */
	ENCR_MAGMA_MGM_MAC_KTREE = 35,      /* RFC 9227; not for IKE */
};

/* Transform Type 2. */
enum prf_id {
	PRF_HMAC_MD5 = 1,          /* RFC 2104, deprecated */
	PRF_HMAC_SHA1 = 2,         /* RFC 2104 */
	PRF_AES128_XCBC = 4,       /* RFC 4434 */
	PRF_HMAC_SHA2_256 = 5,     /* RFC 4868 */
	PRF_HMAC_SHA2_384 = 6,     /* RFC 4868 */
	PRF_HMAC_SHA2_512 = 7,     /* RFC 4868 */
	PRF_AES128_CMAC = 8,       /* RFC 4615 */
	PRF_HMAC_STREEBOG_512 = 9, /* RFC 9385 */
};

/* Transform Type 3; the registry's names begin with AUTH_, which here is for the methods. */
enum integ_id {
	INTEG_NONE = 0,               /* RFC 7296 3.3.2 */
	INTEG_HMAC_MD5_96 = 1,        /* RFC 2403, deprecated */
	INTEG_HMAC_SHA1_96 = 2,       /* RFC 2404 */
	INTEG_AES_XCBC_96 = 5,        /* RFC 3566 */
	INTEG_HMAC_MD5_128 = 6,       /* RFC 4595, deprecated */
	INTEG_HMAC_SHA1_160 = 7,      /* RFC 4595, deprecated */
	INTEG_AES_CMAC_96 = 8,        /* RFC 4494 */
	INTEG_AES_128_GMAC = 9,       /* RFC 4543; AH only */
	INTEG_AES_192_GMAC = 10,      /* RFC 4543; AH only */
	INTEG_AES_256_GMAC = 11,      /* RFC 4543; AH only */
	INTEG_HMAC_SHA2_256_128 = 12, /* RFC 4868 */
	INTEG_HMAC_SHA2_384_192 = 13, /* RFC 4868 */
	INTEG_HMAC_SHA2_512_256 = 14, /* RFC 4868 */
};

/* Transform Type 4, and of Types 6..12 (RFC 9370). */
enum ke_id {
	KE_NONE = 0,               /* RFC 7296 */
	KE_MODP_768 = 1,           /* RFC 7296, deprecated */
	KE_MODP_1024 = 2,          /* RFC 7296, deprecated */
	KE_MODP_1536 = 5,          /* RFC 3526 */
	KE_MODP_2048 = 14,         /* RFC 3526 */
	KE_MODP_3072 = 15,         /* RFC 3526 */
	KE_MODP_4096 = 16,         /* RFC 3526 */
	KE_MODP_6144 = 17,         /* RFC 3526 */
	KE_MODP_8192 = 18,         /* RFC 3526 */
	KE_ECP_256 = 19,           /* RFC 5903 */
	KE_ECP_384 = 20,           /* RFC 5903 */
	KE_ECP_521 = 21,           /* RFC 5903 */
	KE_MODP_1024_160 = 22,     /* RFC 5114, deprecated */
	KE_MODP_2048_224 = 23,     /* RFC 5114 */
	KE_MODP_2048_256 = 24,     /* RFC 5114 */
	KE_ECP_192 = 25,           /* RFC 5114 */
	KE_ECP_224 = 26,           /* RFC 5114 */
	KE_BRAINPOOL_P224R1 = 27,  /* RFC 6954 */
	KE_BRAINPOOL_P256R1 = 28,  /* RFC 6954 */
	KE_BRAINPOOL_P384R1 = 29,  /* RFC 6954 */
	KE_BRAINPOOL_P512R1 = 30,  /* RFC 6954 */
	KE_CURVE25519 = 31,        /* RFC 8031 */
	KE_CURVE448 = 32,          /* RFC 8031 */
	KE_GOST3410_2012_256 = 33, /* RFC 9385 */
	KE_GOST3410_2012_512 = 34, /* RFC 9385 */
	KE_ML_KEM_512 = 35,        /* draft-ietf-ipsecme-ikev2-mlkem */
	KE_ML_KEM_768 = 36,        /* draft-ietf-ipsecme-ikev2-mlkem */
	KE_ML_KEM_1024 = 37,       /* draft-ietf-ipsecme-ikev2-mlkem */
};

/* Transform Type 5 (RFC 7296 3.3.2, names of RFC 9827). */
enum sn_id {
	SN_32 = 0,             /* 32-bit Sequential Numbers: no ESN */
	SN_64_PARTIAL = 1,     /* Partially Transmitted 64-bit Sequential Numbers: ESN */
	SN_32_UNSPECIFIED = 2, /* 32-bit Unspecified Numbers: RFC 9827 */
};

/* Notify Message Types, errors (below 16384) and status (RFC 7296 3.10.1). */
enum notify_type {
	NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD = 1, /* data: 1 octet, the payload type */
	NOTIFY_INVALID_IKE_SPI = 4,
	NOTIFY_INVALID_MAJOR_VERSION = 5,
	NOTIFY_INVALID_SYNTAX = 7,
	NOTIFY_INVALID_MESSAGE_ID = 9, /* data: 4 octets */
	NOTIFY_INVALID_SPI = 11,       /* data: the SPI */
	NOTIFY_NO_PROPOSAL_CHOSEN = 14,
	NOTIFY_INVALID_KE_PAYLOAD = 17, /* data: 2 octets, the method wanted */
	NOTIFY_AUTHENTICATION_FAILED = 24,
	NOTIFY_SINGLE_PAIR_REQUIRED = 34,
	NOTIFY_NO_ADDITIONAL_SAS = 35,
	NOTIFY_INTERNAL_ADDRESS_FAILURE = 36,
	NOTIFY_FAILED_CP_REQUIRED = 37,
	NOTIFY_TS_UNACCEPTABLE = 38,
	NOTIFY_INVALID_SELECTORS = 39,
	NOTIFY_UNACCEPTABLE_ADDRESSES = 40,  /* RFC 4555 */
	NOTIFY_UNEXPECTED_NAT_DETECTED = 41, /* RFC 4555 */
	NOTIFY_USE_ASSIGNED_HOA = 42,        /* RFC 5026 */
	NOTIFY_TEMPORARY_FAILURE = 43,
	NOTIFY_CHILD_SA_NOT_FOUND = 44,
	NOTIFY_INVALID_GROUP_ID = 45,     /* RFC 9838 */
	NOTIFY_AUTHORIZATION_FAILED = 46, /* RFC 9838 */
	NOTIFY_STATE_NOT_FOUND = 47,      /* RFC 9370 */
	NOTIFY_TS_MAX_QUEUE = 48,         /* RFC 9611 */
	NOTIFY_REGISTRATION_FAILED = 49,  /* RFC 9838 */

	NOTIFY_FIRST_STATUS = 16384, /* from here on status, below errors: RFC 7296 3.10.1 */
	NOTIFY_INITIAL_CONTACT = 16384,
	NOTIFY_SET_WINDOW_SIZE = 16385,
	NOTIFY_ADDITIONAL_TS_POSSIBLE = 16386,
	NOTIFY_IPCOMP_SUPPORTED = 16387,
	NOTIFY_NAT_DETECTION_SOURCE_IP = 16388,
	NOTIFY_NAT_DETECTION_DESTINATION_IP = 16389,
	NOTIFY_COOKIE = 16390,
	NOTIFY_USE_TRANSPORT_MODE = 16391,
	NOTIFY_HTTP_CERT_LOOKUP_SUPPORTED = 16392,
	NOTIFY_REKEY_SA = 16393,
	NOTIFY_ESP_TFC_PADDING_NOT_SUPPORTED = 16394,
	NOTIFY_NON_FIRST_FRAGMENTS_ALSO = 16395,
	NOTIFY_MOBIKE_SUPPORTED = 16396,                    /* RFC 4555 */
	NOTIFY_ADDITIONAL_IP4_ADDRESS = 16397,              /* RFC 4555 */
	NOTIFY_ADDITIONAL_IP6_ADDRESS = 16398,              /* RFC 4555 */
	NOTIFY_NO_ADDITIONAL_ADDRESSES = 16399,             /* RFC 4555 */
	NOTIFY_UPDATE_SA_ADDRESSES = 16400,                 /* RFC 4555 */
	NOTIFY_COOKIE2 = 16401,                             /* RFC 4555 */
	NOTIFY_NO_NATS_ALLOWED = 16402,                     /* RFC 4555 */
	NOTIFY_AUTH_LIFETIME = 16403,                       /* RFC 4478 */
	NOTIFY_MULTIPLE_AUTH_SUPPORTED = 16404,             /* RFC 4739 */
	NOTIFY_ANOTHER_AUTH_FOLLOWS = 16405,                /* RFC 4739 */
	NOTIFY_REDIRECT_SUPPORTED = 16406,                  /* RFC 5685 */
	NOTIFY_REDIRECT = 16407,                            /* RFC 5685 */
	NOTIFY_REDIRECTED_FROM = 16408,                     /* RFC 5685 */
	NOTIFY_TICKET_LT_OPAQUE = 16409,                    /* RFC 5723 */
	NOTIFY_TICKET_REQUEST = 16410,                      /* RFC 5723 */
	NOTIFY_TICKET_ACK = 16411,                          /* RFC 5723 */
	NOTIFY_TICKET_NACK = 16412,                         /* RFC 5723 */
	NOTIFY_TICKET_OPAQUE = 16413,                       /* RFC 5723 */
	NOTIFY_LINK_ID = 16414,                             /* RFC 5739 */
	NOTIFY_USE_WESP_MODE = 16415,                       /* RFC 5840 */
	NOTIFY_ROHC_SUPPORTED = 16416,                      /* RFC 5857 */
	NOTIFY_EAP_ONLY_AUTHENTICATION = 16417,             /* RFC 5998 */
	NOTIFY_CHILDLESS_IKEV2_SUPPORTED = 16418,           /* RFC 6023; Protocol ID 1 */
	NOTIFY_QUICK_CRASH_DETECTION = 16419,               /* RFC 6290 */
	NOTIFY_IKEV2_MESSAGE_ID_SYNC_SUPPORTED = 16420,     /* RFC 6311 */
	NOTIFY_IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED = 16421, /* RFC 6311 */
	NOTIFY_IKEV2_MESSAGE_ID_SYNC = 16422,               /* RFC 6311 */
	NOTIFY_IPSEC_REPLAY_COUNTER_SYNC = 16423,           /* RFC 6311 */
	NOTIFY_SECURE_PASSWORD_METHODS = 16424,             /* RFC 6467 */
	NOTIFY_PSK_PERSIST = 16425,                         /* RFC 6631 */
	NOTIFY_PSK_CONFIRM = 16426,                         /* RFC 6631 */
	NOTIFY_ERX_SUPPORTED = 16427,                       /* RFC 6867 */
	NOTIFY_IFOM_CAPABILITY = 16428,                     /* 3GPP TS 24.303 */
	NOTIFY_GROUP_SENDER = 16429,                        /* RFC 9838 */
	NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED = 16430,       /* RFC 7383 */
	NOTIFY_SIGNATURE_HASH_ALGORITHMS = 16431,           /* RFC 7427 */
	NOTIFY_CLONE_IKE_SA_SUPPORTED = 16432,              /* RFC 7791 */
	NOTIFY_CLONE_IKE_SA = 16433,                        /* RFC 7791 */
	NOTIFY_PUZZLE = 16434,                              /* RFC 8019 */
	NOTIFY_USE_PPK = 16435,                             /* RFC 8784 */
	NOTIFY_PPK_IDENTITY = 16436,                        /* RFC 8784 */
	NOTIFY_NO_PPK_AUTH = 16437,                         /* RFC 8784 */
	NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED = 16438,     /* RFC 9242 */
	NOTIFY_IP4_ALLOWED = 16439,                         /* RFC 8983 */
	NOTIFY_IP6_ALLOWED = 16440,                         /* RFC 8983 */
	NOTIFY_ADDITIONAL_KEY_EXCHANGE = 16441,             /* RFC 9370 */
	NOTIFY_USE_AGGFRAG = 16442,                         /* RFC 9347 */
	NOTIFY_SUPPORTED_AUTH_METHODS = 16443,              /* RFC 9593 */
	NOTIFY_SA_RESOURCE_INFO = 16444,                    /* RFC 9611 */
	NOTIFY_USE_PPK_INT = 16445,                         /* RFC 9867 */
	NOTIFY_PPK_IDENTITY_KEY = 16446,                    /* RFC 9867 */
	/* draft-ietf-ipsecme-ikev2-downgrade-prevention */
	NOTIFY_IKE_SA_INIT_FULL_TRANSCRIPT_AUTH = 16447,
};

/* Authentication Methods (RFC 7296 3.8). */
enum auth_method {
	AUTH_RSA_SIGNATURE = 1,        /* RFC 7296 */
	AUTH_SHARED_KEY_MIC = 2,       /* RFC 7296 */
	AUTH_DSS_SIGNATURE = 3,        /* RFC 7296 */
	AUTH_ECDSA_SHA2_256_P256 = 9,  /* RFC 4754 */
	AUTH_ECDSA_SHA2_384_P384 = 10, /* RFC 4754 */
	AUTH_ECDSA_SHA2_512_P521 = 11, /* RFC 4754 */
	AUTH_SECURE_PASSWORD = 12,     /* RFC 6467 */
	AUTH_NULL = 13,                /* RFC 7619 */
	AUTH_DIGITAL_SIGNATURE = 14,   /* RFC 7427 */
};

/* IKEv2 Hash Algorithms (RFC 7427 7). */
enum hash_id {
	HASH_SHA1 = 1,
	HASH_SHA2_256 = 2,
	HASH_SHA2_384 = 3,
	HASH_SHA2_512 = 4,
	HASH_IDENTITY = 5,     /* RFC 8420 */
	HASH_STREEBOG_256 = 6, /* RFC 9385 */
	HASH_STREEBOG_512 = 7, /* RFC 9385 */
};

/* Identification Payload ID Types (RFC 7296 3.5). */
enum id_type {
	ID_IPV4_ADDR = 1,
	ID_FQDN = 2,
	ID_RFC822_ADDR = 3,
	ID_IPV6_ADDR = 5,
	ID_DER_ASN1_DN = 9,
	ID_DER_ASN1_GN = 10,
	ID_KEY_ID = 11,
	ID_FC_NAME = 12, /* RFC 4595 */
	ID_NULL = 13,    /* RFC 7619 */
};

/* Certificate Encodings (RFC 7296 3.6). */
enum cert_encoding {
	CERT_PKCS7 = 1,
	CERT_PGP = 2,
	CERT_DNS_SIGNED_KEY = 3,
	CERT_X509_SIGNATURE = 4,
	CERT_KERBEROS_TOKEN = 6,
	CERT_CRL = 7,
	CERT_ARL = 8,
	CERT_SPKI = 9,
	CERT_X509_ATTRIBUTE = 10,
	CERT_RAW_RSA_KEY = 11, /* deprecated */
	CERT_HASH_URL_X509 = 12,
	CERT_HASH_URL_BUNDLE = 13,
	CERT_OCSP = 14,           /* RFC 4806 */
	CERT_RAW_PUBLIC_KEY = 15, /* RFC 7670 */
};

/* Traffic Selector Types (RFC 7296 3.13.1). */
enum ts_type {
	TS_IPV4_ADDR_RANGE = 7,
	TS_IPV6_ADDR_RANGE = 8,
	TS_FC_ADDR_RANGE = 9, /* RFC 4595 */
	TS_SECLABEL = 10,     /* RFC 9478 */
};

/* Configuration Payload CFG Types (RFC 7296 3.15). */
enum cfg_type {
	CFG_REQUEST = 1,
	CFG_REPLY = 2,
	CFG_SET = 3,
	CFG_ACK = 4,
};

/* Configuration Attribute Types (RFC 7296 3.15.1). */
enum cfg_attribute {
	CFG_INTERNAL_IP4_ADDRESS = 1,
	CFG_INTERNAL_IP4_NETMASK = 2,
	CFG_INTERNAL_IP4_DNS = 3,
	CFG_INTERNAL_IP4_NBNS = 4,
	CFG_INTERNAL_IP4_DHCP = 6,
	CFG_APPLICATION_VERSION = 7,
	CFG_INTERNAL_IP6_ADDRESS = 8,
	CFG_INTERNAL_IP6_DNS = 10,
	CFG_INTERNAL_IP6_DHCP = 12,
	CFG_INTERNAL_IP4_SUBNET = 13,
	CFG_SUPPORTED_ATTRIBUTES = 14,
	CFG_INTERNAL_IP6_SUBNET = 15,
	CFG_MIP6_HOME_PREFIX = 16,                  /* RFC 5026 */
	CFG_INTERNAL_IP6_LINK = 17,                 /* RFC 5739 */
	CFG_INTERNAL_IP6_PREFIX = 18,               /* RFC 5739 */
	CFG_HOME_AGENT_ADDRESS = 19,                /* 3GPP TS 24.302 */
	CFG_P_CSCF_IP4_ADDRESS = 20,                /* RFC 7651 */
	CFG_P_CSCF_IP6_ADDRESS = 21,                /* RFC 7651 */
	CFG_FTT_KAT = 22,                           /* 3GPP TS 24.302 */
	CFG_EXTERNAL_SOURCE_IP4_NAT_INFO = 23,      /* 3GPP TS 29.139 */
	CFG_TIMEOUT_PERIOD_FOR_LIVENESS_CHECK = 24, /* 3GPP TS 24.302 */
	CFG_INTERNAL_DNS_DOMAIN = 25,               /* RFC 8598 */
	CFG_INTERNAL_DNSSEC_TA = 26,                /* RFC 8598 */
	CFG_ENCDNS_IP4 = 27,                        /* RFC 9464 */
	CFG_ENCDNS_IP6 = 28,                        /* RFC 9464 */
	CFG_ENCDNS_DIGEST_INFO = 29,                /* RFC 9464 */
};

/* IPComp Transform IDs (RFC 7296 2.22). */
enum ipcomp_id {
	IPCOMP_OUI = 1,
	IPCOMP_DEFLATE = 2,
	IPCOMP_LZS = 3,
	IPCOMP_LZJH = 4,
};

/* Redirect gateway identities (RFC 5685 9). */
enum redirect_id {
	REDIRECT_IPV4 = 1,
	REDIRECT_IPV6 = 2,
	REDIRECT_FQDN = 3,
};

/* Sub SA Key Derivation Functions (draft-ietf-ipsecme-eesp-ikev2 5.2.1, its own registry). */
enum sskdf_id {
	SSKDF_NONE = 0,
	SSKDF_HKDF_SHA2_256 = 1,
	SSKDF_HKDF_SHA2_384 = 2,
	SSKDF_HKDF_SHA2_512 = 3,
	SSKDF_AES256_CMAC = 4, /* named but not defined there */
};

/* PPK_ID types (RFC 8784 5.1). */
enum ppk_id_type {
	PPK_ID_OPAQUE = 1,
	PPK_ID_FIXED = 2,
};

/* ---- Private use: stand-ins until IANA assigns a number --------------------------------------
 * Each is only the default of a configurable number, and none is sent to a peer that was not
 * configured for it or did not say who it is: private use has no meaning across makers. */
enum {
	/* draft-ietf-ipsecme-hybrid-kem-ikev2-frodo; numbers of strongSwan's frodokem branch */
	KE_FRODOKEM_976_AES = 1084,
	KE_FRODOKEM_1344_AES = 1085,
	KE_FRODOKEM_976_SHAKE = 1087,
	KE_FRODOKEM_1344_SHAKE = 1088,
	/* draft-smyslov-ipsecme-ikev2-mceliece; our own choice */
	KE_MCELIECE_348864 = 1200,
	KE_MCELIECE_460896 = 1201,
	KE_MCELIECE_6688128 = 1202,
	KE_MCELIECE_6960119 = 1203,
	KE_MCELIECE_8192128 = 1204,

	/* draft-ietf-ipsecme-sha3; our own choice */
	PRF_KMAC_128 = 1100,
	PRF_KMAC_256 = 1101,
	INTEG_KMAC_128 = 1100,
	INTEG_KMAC_256 = 1101,
	/* draft-ietf-ipsecme-sha3; numbers that strongSwan uses inside */
	HASH_SHA3_256 = 1029,
	HASH_SHA3_384 = 1030,
	HASH_SHA3_512 = 1031,

	/* draft-ietf-ipsecme-eesp-ikev2; numbers of the strongSwan-derived prototype */
	PROTOCOL_EESP = 249,
	TRANSFORM_SSKDF = 241,
	SN_64_FULL = 1024,
	SN_NONE = 1025,
	/* IP protocol; formally that of BNA */
	IP_PROTOCOL_EESP = 49,
	/* draft-ietf-ipsecme-eesp-ikev2; our own choice */
	NOTIFY_EESP_MAX_SUB_SA_ID = 41952,
	NOTIFY_EESP_MAX_CRYPT_OFFSET = 41953,

	/* draft-ietf-ipsecme-ikev2-beet-mode; strongSwan's */
	NOTIFY_USE_BEET_MODE = 40961,
	/* draft-ietf-ipsecme-ikev2-sa-ts-payloads-opt; strongSwan's optimized-rekeying branch */
	NOTIFY_OPTIMIZED_REKEY_SUPPORTED = 50400,
	NOTIFY_OPTIMIZED_REKEY = 50401,
	/* draft-ietf-ipsecme-child-pfs-info; strongSwan's child-pfs-info branch */
	NOTIFY_CHILD_SA_PFS_INFO_SUPPORTED = 50600,
	/* KEM authentication drafts; our own choice */
	NOTIFY_AUTH_KEM_CIPHERTEXT = 52001,
	NOTIFY_AUTH_KEM_SSCONF = 52002,
	AUTH_KEM = 241,
	PAYLOAD_ECERT = 200,
	CERT_X509_BUNDLE_INLINE = 201,
	/* draft-nir-ipsecme-big-payload; our own choice */
	NOTIFY_BIG_PAYLOAD_SUPPORTED = 52101,
	/* RFC 9867 as libreswan 5.2 and 5.3 have it, from its draft's time (its ietf_constants.h)
	 */
	NOTIFY_LIBRESWAN_PPK_IDENTITY_KEY = 50208,
	NOTIFY_LIBRESWAN_USE_PPK_INT = 50209,
	/* draft-ietf-ipsecme-ikev2-reliable-transport; our own choice until IANA has one */
	NOTIFY_SEPARATE_TRANSPORTS = 52102,
	/* longer lengths of frames in a stream (net/stream.h); our own choice */
	NOTIFY_TCP_LONG_LENGTH_SUPPORTED = 52106,
};

#endif
