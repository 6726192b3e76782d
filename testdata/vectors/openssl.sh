#!/bin/sh
# Makes a key and signs a token with the openssl command, for RS256, PS256, ES256 and EdDSA.
#
#   openssl.sh DIR
#
# DIR/claims.json holds the claims. For each algorithm ALG the script writes DIR/ALG.pem,
# the public key, and DIR/ALG.jwt, the token; its header says typ at+jwt and kid ALG.
set -eu
cd "$1"

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# keep ALG: writes the public half of ALG.key.
keep() { openssl pkey -in "$1.key" -pubout -out "$1.pem"; }

# input ALG: writes what is signed, the encoded header and payload (RFC 7515, section 5.1).
input() {
	header=$(printf '{"alg":"%s","kid":"%s","typ":"at+jwt"}' "$1" "$1" | base64url)
	payload=$(base64url <claims.json)
	printf '%s.%s' "$header" "$payload" >"$1.input"
}

# join ALG: puts the signature ALG.sig behind it.
join() { printf '%s.%s' "$(cat "$1.input")" "$(base64url <"$1.sig")" >"$1.jwt"; }

# raw: turns an ECDSA signature from DER into r and s, 32 bytes each (RFC 7518, section 3.4).
# asn1parse shows the two integers without leading zeroes, so they are filled up.
raw() {
	openssl asn1parse -inform DER -in "$1" | sed -n 's/.*INTEGER *://p' |
		while read -r integer; do printf '%64s' "$integer" | tr ' ' '0'; done | unhex
}

# unhex turns hexadecimal digits into bytes.
unhex() {
	fold -w 2 | while read -r byte || [ -n "$byte" ]; do
		# shellcheck disable=SC2059 # the format is the byte
		printf "\\$(printf '%03o' "0x$byte")"
	done
}

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out RS256.key
keep RS256
input RS256
openssl dgst -sha256 -sign RS256.key -out RS256.sig RS256.input
join RS256

cp RS256.key PS256.key
keep PS256
input PS256
openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign PS256.key -out PS256.sig PS256.input
join PS256

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ES256.key
keep ES256
input ES256
openssl dgst -sha256 -sign ES256.key -out ES256.der ES256.input
raw ES256.der >ES256.sig
join ES256

openssl genpkey -algorithm ED25519 -out EdDSA.key
keep EdDSA
input EdDSA
openssl pkeyutl -sign -rawin -inkey EdDSA.key -in EdDSA.input -out EdDSA.sig
join EdDSA
