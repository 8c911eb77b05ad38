#!/bin/sh
# Unpacks ROOT (if there is one) and MARS, and builds what comes as sources. Whether all of this fits a MARS release is not
# known from a public source; it follows what users of MARS have published of their installations.
set -eu
set -a
. /opt/automagic/environment
set +a
unpack() { mkdir -p "$2" && tar -x --no-same-owner --strip-components=1 -f "$1" -C "$2" && rm -f "$1"; }
if [ -s /opt/automagic/root.tar ]; then
    unpack /opt/automagic/root.tar /opt/root
    cd /opt/root
    if [ ! -x bin/root-config ]; then    # sources of ROOT 5.34, with what MARS needs
        ./configure --enable-mathmore --enable-minuit2 --enable-builtin-zlib
        make -j "$(nproc)"
    fi
fi
unpack /opt/automagic/mars.tar /opt/mars
cd /opt/mars
if [ -f Makefile ]; then
    # newer compilers leave out libraries that they think nobody needs (--as-needed), and MARS' programs do not link then
    export LDFLAGS=-Wl,--no-as-needed
    make mrproper
    make
fi
rm -f /opt/automagic/root.tar /opt/automagic/mars.tar
