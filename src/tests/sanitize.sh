#!/bin/sh
# libcloss under sanitizers, valgrind and a fuzzer:  sanitize.sh [seconds of fuzzing]
# The package is built anew for its part, in a copy; PYTHON names an interpreter with numpy, pytest, Cython and setuptools.
set -eu
seconds=${1:-60}
top=$(cd "$(dirname "$0")/../.." && pwd)
source=$top/src
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
left_out=
has() { command -v "$1" > /dev/null; }
step() { printf '\n==== %s\n' "$*"; }
leave_out() { left_out="$left_out
  $*"; }
clang=
for name in clang-19 clang-18 clang-17 clang-16 clang; do
    if has $name; then clang=$name && break; fi
done
both="-g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
avx2="-mavx2 -mfma -mf16c"
avx512="$avx2 -mavx512f -mavx512bw -mavx512dq -mavx512vl"
library() { # folder, compiler and flags: the objects of libcloss
    folder=$1 compiler=$2
    shift 2
    mkdir -p "$folder"
    set -- -std=c11 -O1 -fno-math-errno -fno-trapping-math -ffp-contract=off -fopenmp-simd -w "$@"
    "$compiler" "$@" -c "$source/closs.c" -o "$folder/closs.o"
    "$compiler" "$@" -c "$source/isa_baseline.c" -o "$folder/isa_baseline.o"
    "$compiler" "$@" -DCLOSS_HAVE_AVX2 -DCLOSS_HAVE_AVX512 -c "$source/cpu.c" -o "$folder/cpu.o"
    "$compiler" "$@" $avx2 -c "$source/isa_avx2.c" -o "$folder/isa_avx2.o"
    "$compiler" "$@" $avx512 -c "$source/isa_avx512.c" -o "$folder/isa_avx512.o"
}

case $(cc -dumpmachine) in x86_64*) ;; *) echo "sanitize.sh is for x86-64" && exit 1 ;; esac

step "C tests: AddressSanitizer, UndefinedBehaviorSanitizer, LeakSanitizer (gcc)"
STEP=13 sh "$source/tests/run.sh" gcc $both -Wno-error

if has valgrind; then
    step "C tests: valgrind, which knows no AVX-512"
    library "$work/plain" gcc -g
    for test in door refused fuzz; do
        gcc -std=c11 -g -O1 -I"$source" "$source/tests/$test.c" "$work"/plain/*.o -lm -o "$work/$test"
    done
    # It has neither long double nor the modes of MXCSR: what depends on them goes wrong (exit code 1), and only memory
    # is looked at (exit code 9).
    for test in "door" "refused" "fuzz 200"; do
        valgrind -q --error-exitcode=9 --leak-check=full "$work"/$test > /dev/null 2> "$work/log" || [ $? -eq 1 ] || {
            cat "$work/log" && exit 1
        }
        echo "${test%% *}: no fault of memory"
    done
else
    leave_out "valgrind: not installed"
fi

if [ -n "$clang" ] && printf 'int main(void) { return 0; }' | "$clang" -fopenmp -fsanitize=thread -x c - -o "$work/probe" 2> "$work/log"; then
    step "examples/embed.c on threads: ThreadSanitizer ($clang and its OpenMP)"
    library "$work/threads" "$clang" -g -fsanitize=thread
    "$clang" -g -O1 -fopenmp -fsanitize=thread -I"$source" "$top/examples/embed.c" "$work"/threads/*.o -lm -o "$work/embed"
    # By archer ThreadSanitizer learns of OpenMP's barriers.
    OMP_TOOL_LIBRARIES=$("$clang" -print-file-name=libarcher.so) OMP_NUM_THREADS=4 TSAN_OPTIONS="halt_on_error=1 ignore_noninstrumented_modules=1" "$work/embed"
else
    leave_out "ThreadSanitizer: no clang with OpenMP (gcc's libgomp gives false reports)"
fi

if [ -n "$clang" ]; then
    step "a fuzzer for $seconds s ($clang, AddressSanitizer, UndefinedBehaviorSanitizer)"
    library "$work/fuzzing" "$clang" $both -fsanitize=fuzzer-no-link
    "$clang" -w -std=c11 -O1 $both -fsanitize=fuzzer -DCLOSS_FUZZER -I"$source" "$source/tests/fuzz.c" "$work"/fuzzing/*.o \
        -lm -o "$work/fuzzer"
    mkdir "$work/corpus"
    "$work/fuzzer" -max_total_time="$seconds" -max_len=600 -artifact_prefix="$PWD/" "$work/corpus" "$source/tests/seeds" \
        > "$work/log" 2>&1 || { grep -v '^#' "$work/log" && exit 1; }
    tail -n 1 "$work/log"
else
    leave_out "the fuzzer: no clang"
fi

python=${PYTHON:-python3}
if "$python" -c "import numpy, pytest, Cython, setuptools" 2> "$work/log"; then
    step "Python suite, a quick part: AddressSanitizer, UndefinedBehaviorSanitizer"
    mkdir "$work/copy"
    (cd "$top" && tar cf - --exclude=.git --exclude=build --exclude='*.so' --exclude='*.a' .) | tar xf - -C "$work/copy"
    cd "$work/copy"
    CFLAGS="$both" LDFLAGS="$both" "$python" setup.py -q build_ext --inplace > "$work/log" 2>&1 || { cat "$work/log" && exit 1; }
    preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so) $(gcc -print-file-name=libstdc++.so)"
    # CPython itself leaks at exit, by design.
    LD_PRELOAD="$preload" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH=. \
        "$python" -m pytest -q -p no:cacheprovider tests/test_errors.py tests/test_special.py tests/test_layout.py
else
    leave_out "the Python suite: no numpy, pytest, Cython and setuptools for $python (PYTHON names another)"
fi

step "all passed; left out:${left_out:- nothing}"
