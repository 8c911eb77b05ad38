# The environment of the programs in this image; start.sh sources it.
. /opt/automagic/processor.sh
AUTOMAGIC_PROGRAMS=/opt/automagic/bin
PYTHONPATH=/opt/science
XDG_CONFIG_HOME=/opt/automagic/config
XDG_CACHE_HOME=/opt/automagic/cache
# matplotlib uses its list of fonts only where it could write as well.
MPLCONFIGDIR=/opt/automagic/matplotlib
if [ -d "$MPLCONFIGDIR" ] && ! [ -w "$MPLCONFIGDIR" ]; then
    AUTOMAGIC_FONTS=$(mktemp -d)
    cp -R "$MPLCONFIGDIR/." "$AUTOMAGIC_FONTS"
    MPLCONFIGDIR=$AUTOMAGIC_FONTS
fi
