"""Builds closs: libcloss once per instruction set, and the Cython modules, of which only closs._core links it.

The loops that `python -m closs bench` measures the machine with are built like libcloss, into an archive of their own.
"""

import os
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError
from setuptools.modified import newer_group

ROOT = Path(__file__).parent
Options.warning_errors = True

HEADERS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src").glob("*.h"))
CEILINGS = ["benchmarks/ceilings.c", "benchmarks/ceilings.h"]
MODULES = ("_core", "_arguments", "_buffers", "_softmax", "_elementwise", "_measures", "_tools._ceilings")
NUMPY_MACROS = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")]

# NaN, infinities, signed zeros and subnormals keep their meaning. Without -fno-trapping-math gcc leaves the exponential
# scalar on AVX2; contraction is off because the source says where a multiply-add is fused.
GNU_FLAGS = [
    "-std=c11", "-O3", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fopenmp-simd",
    "-fvisibility=hidden",
]  # fmt: skip
# Flags of gcc, of which older ones and clang lack some:
OF_GCC = [
    # It unrolls loops and copies functions without these, which saves no time: a seventh of the library.
    ["--param=max-completely-peel-times=8", "--param=max-completely-peeled-insns=100", "-fno-ipa-cp-clone",
     "-fno-loop-unroll-and-jam"],
    # For x86 it clears arrays of more than 256 bytes by "rep stos" otherwise, which takes several times as long.
    ["-mmemset-strategy=vector_loop:4096:noalign,libcall:-1:noalign"],
    # Loops that copy become block copies otherwise, and their arrays, which registers had room for, memory: elementwise
    # losses on AVX2 take 1.4 times as long, up to 2.2.
    ["-fno-tree-loop-distribute-patterns"],
    # Those that remain, for x86: by vectors, and not by pieces, which are waited for. Few classes on AVX2: up to 1.15.
    ["-mmove-max=512", "-mstore-max=512"],
]  # fmt: skip
SYMBOLS = [] if "CFLAGS" in os.environ else ["-g0"]  # Python's own flags have -g, which would double the wheel
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
LEVELS = {"x86_64": {"avx2": AVX2, "avx512": AVX512}, "aarch64": {"neon": []}}
BASELINE = {"wasm32": ["-msimd128"]}  # every engine has it
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "win32": "i686"}  # other names of them
PROBE = "int main(void) { return 0; }\n"
FILES_FOR_C = {
    "src/closs.h": "include/closs.h",
    "src/package/closs.pc.in": "lib/pkgconfig/closs.pc",
    "src/package/closs-config.cmake.in": "lib/cmake/closs/closs-config.cmake",
    "src/package/closs-config-version.cmake.in": "lib/cmake/closs/closs-config-version.cmake",
}


def machine(command) -> str:
    """The processor that the build is for; that of a cross build is not the running one."""
    name = command.get_finalized_command("build").plat_name.rpartition("-")[2]
    return MACHINES.get(name, name)


def prepare(compiler, command) -> str | None:
    """What stands before a flag of gcc or clang. None for MSVC, which does not vectorise: with
    CC=clang-cl its libraries and linker stay, but clang-cl compiles."""
    if compiler.compiler_type != "msvc":
        return ""
    clang = shutil.which(os.environ.get("CC", ""))
    if not clang or Path(clang).stem.lower() != "clang-cl":
        return None
    if not compiler.initialized:
        compiler.initialize(command.get_finalized_command("build").plat_name)
    if compiler.cc != clang:
        compiler.cc = clang
        compiler.compile_options.remove("/GL")
        compiler.compile_options.append(f"--target={machine(command)}-pc-windows-msvc")
    return "/clang:"


def version() -> str:
    header = (ROOT / "src" / "closs.h").read_text(encoding="utf-8")
    return ".".join(re.search(rf"CLOSS_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))


def can_build(compiler, source: str, flags: list[str], link: bool = False) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "probe.c")
        path.write_text(source)
        try:
            objects = compiler.compile([str(path)], output_dir=folder, extra_postargs=flags)
            if link:
                compiler.link_executable(objects, str(Path(folder, "probe")), extra_postargs=flags)
        except (CompileError, LinkError):
            return False
    return True


class BuildLibrary(build_clib):
    """Compiles each source of libcloss with the flags of its instruction set, into one archive."""

    def build_libraries(self, libraries):
        prefix = prepare(self.compiler, self)
        common, levels = ["/O2", "/std:c11", "/experimental:c11atomics"], {}
        if prefix is not None:
            flags = GNU_FLAGS + SYMBOLS + BASELINE.get(machine(self), [])
            common = [prefix + flag for flag in flags if not (prefix and flag == "-fPIC")]
            for of_gcc in OF_GCC:
                if can_build(self.compiler, PROBE, [*common, *of_gcc, "-Werror"]):
                    common += of_gcc
            for level, flags in LEVELS.get(machine(self), {}).items():
                flags = [prefix + flag for flag in flags]
                if can_build(self.compiler, PROBE, [*common, *flags]):
                    levels[level] = flags
        have = [f"-DCLOSS_HAVE_{level.upper()}" for level in levels]
        levels = {"baseline": [], **levels}
        self.archive("closs", common, [
            *((f"isa_{level}.c", flags) for level, flags in levels.items()), ("closs.c", []), ("cpu.c", have),
        ])  # fmt: skip
        self.archive("ceilings", common, [
            ("../benchmarks/ceilings.c", have),
            *(("../benchmarks/ceilings.c", [f"-DCLOSS_ISA={level}", f"-DCLOSS_FMA={level != 'baseline':d}", *flags])
              for level, flags in levels.items()),
        ])  # fmt: skip

    def archive(self, name, common, sources):
        """The longest first, side by side; a source may be compiled more than once."""

        def compiled(number: int, file: str, flags: list[str]) -> str:
            source = os.path.normpath(f"src/{file}")
            folder = os.path.join(self.build_temp, f"{name}{number}")
            (target,) = self.compiler.object_filenames([source], output_dir=folder)
            if self.force or newer_group([source, *HEADERS, *CEILINGS, __file__], target):
                self.compiler.compile([source], folder, include_dirs=["src"], extra_postargs=[*common, *flags])
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compiled, range(len(sources)), *zip(*sources, strict=True)))
        self.compiler.create_static_lib(objects, name, output_dir=self.build_clib)


class BuildExtensions(build_ext):
    """Builds libcloss first, for inplace and editable builds, too, and uses OpenMP if the compiler has it. It goes
    into the package: header, archive, and the files by which CMake and pkg-config find them beside themselves."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or True  # as many compilers as processors

    def run(self):
        self.run_command("build_clib")
        super().run()
        library = self.get_finalized_command("build_clib")
        archive = library.compiler.library_filename("closs")
        package = Path(self.get_ext_fullpath("closs._core")).parent
        facts = {
            "ARCHIVE": archive,
            "PROJECT_VERSION": version(),
            "INTERFACE": version().rpartition(".")[0],
            "PC_PREFIX": "${pcfiledir}/../..",
            "PC_LIBDIR": "${prefix}/lib",
            "PC_INCLUDEDIR": "${prefix}/include",
            "PC_CFLAGS": "",
            "PC_LIBM": "" if os.name == "nt" else " -lm",
        }
        for source, target in FILES_FOR_C.items():
            (package / target).parent.mkdir(parents=True, exist_ok=True)
            if source.endswith(".in"):
                text = (ROOT / source).read_text(encoding="utf-8")
                text = re.sub("@([A-Z_]+)@", lambda name: facts[name[1]], text)
                (package / target).write_text(text, encoding="utf-8")
            else:
                shutil.copyfile(ROOT / source, package / target)
        shutil.copyfile(Path(library.build_clib, archive), package / "lib" / archive)

    def build_extensions(self):
        prepare(self.compiler, self)
        msvc = self.compiler.compiler_type == "msvc"
        openmp = ["/openmp"] if msvc else ["-fopenmp"]
        program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
        wanted = os.environ.get("CLOSS_OPENMP", "auto")  # 0: serial, 1: fail without, auto: if the compiler has it
        has_openmp = wanted != "0" and can_build(self.compiler, program, openmp, link=True)
        if wanted == "1" and not has_openmp:
            raise SystemExit("closs: CLOSS_OPENMP=1, but this compiler builds no OpenMP program")
        if not has_openmp:
            self.warn("closs: the build has no OpenMP and computes serially")
        for extension in self.extensions:
            if extension.name == "closs._core" and has_openmp:
                extension.extra_compile_args += openmp
                extension.extra_link_args += [] if msvc else openmp
            if not msvc:
                extension.extra_compile_args += ["-O2", *SYMBOLS]
        super().build_extensions()


def extensions() -> list[Extension]:
    depends = [*HEADERS, *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "src").glob("*.c"))), *CEILINGS]
    return [
        Extension(
            f"closs.{name}",
            [f"closs/{name.replace('.', '/')}.pyx"],
            include_dirs=["src", "benchmarks", numpy.get_include()],
            define_macros=NUMPY_MACROS,
            depends=depends,
        )
        for name in MODULES
    ]


setup(
    version=version(),
    libraries=[("closs", {"sources": ["src/closs.c"]}), ("ceilings", {"sources": CEILINGS[:1]})],
    ext_modules=cythonize(
        extensions(),
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "embedsignature": False,
            "freethreading_compatible": True,
        },
    ),
    cmdclass={"build_clib": BuildLibrary, "build_ext": BuildExtensions},
)
