# The environment of the programs in this image; start.sh sources it.
. /opt/automagic/processor.sh
AUTOMAGIC_PROGRAMS=/opt/openmars/openmars
OPENMARS_PYTHON=/usr/bin/python3
NUMBA_CACHE_DIR=/opt/automagic/kernels
# The simulator's code is kept by Numba itself, which uses a cache only where it could write as well.
if [ "${0##*/}" = openmars-sim ] && ! [ -w "$NUMBA_CACHE_DIR" ]; then
    AUTOMAGIC_KERNELS=$(mktemp -d)
    cp -R "$NUMBA_CACHE_DIR/." "$AUTOMAGIC_KERNELS"
    NUMBA_CACHE_DIR=$AUTOMAGIC_KERNELS
fi
