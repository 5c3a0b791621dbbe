#!/bin/sh
# libcloss on other machines:  portable.sh
# The C tests, thinned: under qemu for aarch64 (NEON), s390x (big-endian) and i686 (32 bits), and by zig with musl. For
# Windows, macOS and WebAssembly zig compiles and links, and nothing is run. PYTHON names an interpreter with ziglang.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
left_out=
has() { command -v "$1" > /dev/null; }
step() { printf '\n==== %s\n' "$*"; }

emulated() { # compiler, emulator, and flags
    compiler=$1 emulator=$2
    shift 2
    if has "$compiler" && has "$emulator"; then
        step "C tests by $compiler $* under $emulator"
        EMULATOR=$emulator STEP=13 sh "$source/tests/run.sh" "$compiler" -static "$@"
    else
        left_out="$left_out
  $compiler and $emulator: not both installed"
    fi
}
emulated aarch64-linux-gnu-gcc qemu-aarch64
# Where ISO C lets gcc compute floats in double, values that overflow as floats need not.
emulated s390x-linux-gnu-gcc qemu-s390x -fexcess-precision=fast
# Without SSE float arithmetic has the precision of the x87, and no bits are promised.
emulated i686-linux-gnu-gcc qemu-i386 -msse2 -mfpmath=sse

python=${PYTHON:-python3}
musl() { # target and, if need be, an emulator
    step "C tests by zig for $1"
    printf '#!/bin/sh\nexec "%s" -m ziglang cc -target %s -Wno-pass-failed "$@"\n' "$python" "$1" > "$work/cc-$1"
    chmod +x "$work/cc-$1"
    EMULATOR=${2:-} STEP=13 sh "$source/tests/run.sh" "$work/cc-$1" -static
}
zig() { # target and levels: every file and a program that is linked with them
    target=$1
    shift
    step "zig for $target"
    mkdir "$work/$target"
    case $target in wasm32*) simd=-msimd128 ;; *) simd= ;; esac
    flags="-target $target $simd -std=c11 -O2 -fno-math-errno -fno-trapping-math -ffp-contract=off -fopenmp-simd -Wall
        -Wextra -Wno-pass-failed -Werror -I$source"
    have=
    for level in "$@"; do have="$have -DCLOSS_HAVE_$(echo "$level" | tr '[:lower:]' '[:upper:]')"; done
    for file in closs cpu isa_baseline "$@"; do
        case $file in
        avx2) more="-mavx2 -mfma -mf16c" file=isa_avx2 ;;
        avx512) more="-mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl" file=isa_avx512 ;;
        neon) more= file=isa_neon ;;
        *) more=$have ;;
        esac
        "$python" -m ziglang cc $flags $more -c "$source/$file.c" -o "$work/$target/$file.o"
    done
    "$python" -m ziglang cc $flags "$source/tests/refused.c" "$work/$target"/*.o -o "$work/$target/refused"
}
if "$python" -m ziglang version > /dev/null 2>&1; then
    [ "$(uname -sm)" != "Linux x86_64" ] || musl x86_64-linux-musl
    # Without fuzz, whose reference needs logl in 128 bits, which musl computes in double.
    ! has qemu-aarch64 || TESTS="door refused parts bits zero_one guard" musl aarch64-linux-musl qemu-aarch64
    zig x86_64-windows-gnu avx2 avx512
    zig aarch64-windows-gnu neon
    zig x86_64-macos avx2 avx512
    zig aarch64-macos neon
    zig wasm32-wasi
else
    left_out="$left_out
  musl, Windows, macOS and WebAssembly: no ziglang for $python (PYTHON names another)"
fi

step "all passed; left out:${left_out:- nothing}"
