#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# AWS's own command line against a running local KMS.
# usage: kms_awscli.sh VENV ENDPOINT CA_PEM CREDENTIALS_JSON [REGION]
set -euo pipefail
venv=$1
endpoint=$2
export AWS_CA_BUNDLE=$3
credential() { "$venv/bin/python" -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }
AWS_ACCESS_KEY_ID=$(credential "$4" accessKeyId)
AWS_SECRET_ACCESS_KEY=$(credential "$4" secretAccessKey)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
export AWS_DEFAULT_REGION=${5:-us-east-1} AWS_PAGER= AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
unset AWS_SESSION_TOKEN AWS_PROFILE
aws() { "$venv/bin/aws" --endpoint-url "$endpoint" --output text "$@"; }
passed=0
check() {
  if [ "$2" != "$3" ]; then
    echo "FAILED: $1: '$2' is not '$3'" >&2
    exit 1
  fi
  passed=$((passed + 1))
  echo "ok $1"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
key=$(aws kms create-key --description "made by the aws command" --query KeyMetadata.Arn)
check "create" "${key%%:key/*}" "arn:aws:kms:$AWS_DEFAULT_REGION:000000000000"
printf 'a master key' >"$work/plain"
aws kms encrypt --key-id "$key" --plaintext "fileb://$work/plain" --encryption-context node=n1 --query CiphertextBlob |
  base64 -d >"$work/blob"
decrypt() { aws kms decrypt --ciphertext-blob "fileb://$work/blob" --query Plaintext "$@"; }
check "decrypt" "$(decrypt --key-id "$key" --encryption-context node=n1 | base64 -d)" "a master key"
code() { "$@" 2>&1 >/dev/null | sed -n 's/.*An error occurred (\([A-Za-z]*\)).*/\1/p' || true; }
check "other context" "$(code decrypt --encryption-context node=n2)" InvalidCiphertextException
aws kms disable-key --key-id "$key"
check "disabled" "$(code decrypt --encryption-context node=n1)" DisabledException
aws kms enable-key --key-id "$key"
state=$(aws kms schedule-key-deletion --key-id "$key" --pending-window-in-days 7 --query KeyState)
check "scheduled" "$state" PendingDeletion
check "pending" "$(code decrypt --encryption-context node=n1)" KMSInvalidStateException
aws kms cancel-key-deletion --key-id "$key" >/dev/null
check "described" "$(aws kms describe-key --key-id "$key" --query KeyMetadata.KeyState)" Disabled
check "listed" "$(aws kms list-keys --query "Keys[?KeyArn=='$key'].KeyArn")" "$key"
mrk=$(aws kms create-key --multi-region --query KeyMetadata.Arn)
aws kms replicate-key --key-id "$mrk" --replica-region eu-west-1 >/dev/null
aws kms encrypt --key-id "$mrk" --plaintext "fileb://$work/plain" --query CiphertextBlob | base64 -d >"$work/blob"
check "replica" "$(AWS_DEFAULT_REGION=eu-west-1 decrypt | base64 -d)" "a master key"
aws kms rotate-key-on-demand --key-id "$mrk" >/dev/null
check "rotated" "$(decrypt | base64 -d)" "a master key"
check "identity" "$(aws sts get-caller-identity --query Account)" 000000000000
AWS_SECRET_ACCESS_KEY=wrong
check "wrong secret" "$(code aws kms list-keys)" InvalidSignatureException
echo "$passed passed, 0 failed"
