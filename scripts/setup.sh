#!/usr/bin/env bash
# Installs the Debian/Ubuntu packages that the build, the tests and the demo need, when any of them is missing.
# Asks for nothing; uses sudo when it is not root. Swift itself and Python 3 are expected to be there.
set -euo pipefail

packages=(
    libopenblas-dev      # matrix products
    libdnnl-dev          # matrix products in bf16 and int8
    libpng-dev           # PNG
    libjpeg-dev          # JPEG
    libwebp-dev          # WebP
    zlib1g-dev           # compressed text in PNG
    libcurl4-openssl-dev # the trainer's HTTP client
    libssl-dev           # SHA-256
    pkg-config           # finds OpenBLAS for SwiftPM
)

command -v swift >/dev/null || { echo "setup: swift is not on PATH; install Swift 6.2 or newer from swift.org" >&2; exit 1; }
command -v python3 >/dev/null || { echo "setup: python3 is not on PATH; install it with: apt-get install python3" >&2; exit 1; }

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

command -v apt-get >/dev/null || { echo "setup: apt-get is missing; install these yourself: ${missing[*]}" >&2; exit 1; }
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: run as root, or install: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
echo "setup: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
