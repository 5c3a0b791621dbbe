#!/bin/sh
# Builds libcloss by plain compiler lines, warnings as errors, and runs the C tests:  run.sh [compiler [flag...]]
# EMULATOR, if set, runs the programs (qemu-aarch64, say); STEP thins out sizes; TESTS names the tests to run.
# With gcc and no further flags, no function may take more than 48 KB of stack.
set -eu
compiler=${1:-cc}
[ $# -eq 0 ] || shift
source=$(cd "$(dirname "$0")/.." && pwd)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Werror"
flags="-std=c11 -O2 -ftree-vectorize -fno-math-errno -fno-trapping-math -ffp-contract=off -fopenmp-simd $warnings"
[ $# -gt 0 ] || "$compiler" --version | grep -q clang || flags="$flags -fstack-usage" # sanitizers take more
case $("$compiler" -dumpmachine) in
x86_64*) have="-DCLOSS_HAVE_AVX2 -DCLOSS_HAVE_AVX512" levels="avx2 avx512" ;;
aarch64* | arm64*) have=-DCLOSS_HAVE_NEON levels=neon ;;
*) have= levels= ;;
esac
compile() { # source and flags, to an object
    name=$1
    shift
    "$compiler" $flags "$@" -c "$source/$name.c" -o "$build/$name.o"
}
jobs=
compile closs "$@" & jobs="$jobs $!"
compile cpu $have "$@" & jobs="$jobs $!"
compile isa_baseline "$@" & jobs="$jobs $!"
for level in $levels; do
    case $level in
    avx2) compile isa_avx2 -mavx2 -mfma -mf16c "$@" & ;;
    avx512) compile isa_avx512 -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl "$@" & ;;
    neon) compile isa_neon "$@" & ;;
    esac
    jobs="$jobs $!"
done
for job in $jobs; do wait "$job"; done
stack=$(find "$build" -name '*.su' -exec awk -F'\t' '$2 > 49152 { print $1, $2 }' {} +)
[ -z "$stack" ] || { echo "more than 48 KB of stack: $stack"; exit 1; }
for test in ${TESTS:-door refused parts bits zero_one guard fuzz}; do
    case $test in
    bits | guard) arguments=${STEP:-} ;;
    fuzz) arguments="$source/tests/seeds/* $((3000 / ${STEP:-1}))" ;;
    *) arguments= ;;
    esac
    "$compiler" $flags -I"$source" "$@" "$source/tests/$test.c" "$build"/*.o -lm -o "$build/$test"
    ${EMULATOR:-} "$build/$test" $arguments
done
