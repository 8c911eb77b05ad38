# Sourced with the environment of an image. Libraries choose their code by the processor, and the last digits differ
# then: here all of them take the code that every node can run, so that all nodes give the same bytes.
NUMBA_CPU_NAME=generic
case $(uname -m) in
    x86_64) OPENBLAS_CORETYPE=Nehalem GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F ;;
    aarch64) OPENBLAS_CORETYPE=ARMV8 ;;
esac
