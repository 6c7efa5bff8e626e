#!/bin/sh
# The records of the study with their predictions, for whoever has the datasets: to train more runs and publish again.
# It holds no text and no gold labels: `blurbstudy run` adds the labels to the store from DATA. Predicted tags are close
# to labels, so the archive is encrypted with a key that is computed from the files of two datasets.
#
#   sh studies/small/store.sh pack STORE DATA      # writes runs.tar.xz.enc
#   sh studies/small/store.sh unpack STORE DATA    # then: blurbstudy run --scale small --store STORE --data DATA
set -eu
archive=$(dirname "$0")/runs.tar.xz.enc
if [ $# -ne 3 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 2
fi
key=$(cat "$3/BIOSSES/test.tsv" "$3/NCBI-disease/test.tsv" | sha512sum)
export key
case $1 in
pack) tar -C "$2" -c runs | xz -9 | openssl enc -aes-256-cbc -pbkdf2 -pass env:key -out "$archive" ;;
unpack) mkdir -p "$2" && openssl enc -d -aes-256-cbc -pbkdf2 -pass env:key -in "$archive" | tar -C "$2" -xJ ||
    { echo "$archive: cannot be unpacked; is DATA of the same files?" >&2 && exit 1; } ;;
*) echo "$1: use pack or unpack" >&2 && exit 2 ;;
esac
