// Ends the program with one clear line where the processor lacks an instruction that this build's
// kernels use; without it the first such instruction ends in SIGILL, long before any error of ours
// could be printed. Compiled for the plain architecture, without the kernels' flags.
//
// It runs from `.preinit_array`, which the loader walks before every constructor, those of C++ and
// of shared libraries included. At that moment libc may not be initialised, so this file calls
// nothing: the kernel's own word lies behind the environment on the stack, and the line goes out
// by system calls. build.rs names what is needed: one OUTPOST_NEEDS_... for each feature.

#include <stddef.h>

/// Exit code of design §7: this build does not fit this processor.
#define EXIT_DOES_NOT_FIT 3

struct feature {
    const char *name;
    int present;
};

static size_t append(char *line, size_t room, size_t length, const char *text) {
    while (*text != '\0' && length < room) {
        line[length++] = *text++;
    }
    return length;
}

static long system_call(long number, long a, long b, long c) {
#if defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#else
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
#endif
}

#if defined(__aarch64__)
#define SYS_WRITE 64
#define SYS_EXIT_GROUP 94
#else
#define SYS_WRITE 1
#define SYS_EXIT_GROUP 231
#endif

static void refuse_if_missing(const struct feature *features, size_t count) {
    char line[512];
    size_t length = append(line, sizeof line, 0, "outpost: this build needs ");
    int missing = 0;
    for (size_t index = 0; index < count; index++) {
        if (!features[index].present) {
            length = append(line, sizeof line, length, missing++ ? ", " : "");
            length = append(line, sizeof line, length, features[index].name);
        }
    }
    if (!missing) {
        return;
    }
    length = append(line, sizeof line, length,
                    ", which this processor does not have; it was built for " OUTPOST_BUILT_FOR
                    ", take the build for " OUTPOST_FITS_ALL "\n");
    system_call(SYS_WRITE, 2, (long)line, (long)length);
    system_call(SYS_EXIT_GROUP, EXIT_DOES_NOT_FIT, 0, 0);
}

#if defined(__aarch64__)

// Numbers of the kernel's interface to programs: arch/arm64/include/uapi/asm/hwcap.h and
// include/uapi/linux/auxvec.h. They never change.
#define AT_HWCAP 16
#define AT_HWCAP2 26

static void check(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    while (*envp != NULL) {
        envp++;
    }
    unsigned long hwcap = 0, hwcap2 = 0;
    for (const unsigned long *pair = (const unsigned long *)(envp + 1); pair[0] != 0; pair += 2) {
        if (pair[0] == AT_HWCAP) {
            hwcap = pair[1];
        } else if (pair[0] == AT_HWCAP2) {
            hwcap2 = pair[1];
        }
    }
    const struct feature features[] = {
        {"asimd", (hwcap >> 1) & 1},
#ifdef OUTPOST_NEEDS_CRC
        {"crc", (hwcap >> 7) & 1},
#endif
#ifdef OUTPOST_NEEDS_LSE
        {"lse", (hwcap >> 8) & 1},
#endif
#ifdef OUTPOST_NEEDS_RDM
        {"rdm", (hwcap >> 12) & 1},
#endif
#ifdef OUTPOST_NEEDS_FP16
        {"fp16", (hwcap >> 9) & (hwcap >> 10) & 1},
#endif
#ifdef OUTPOST_NEEDS_DOTPROD
        {"dotprod", (hwcap >> 20) & 1},
#endif
#ifdef OUTPOST_NEEDS_SVE
        {"sve", (hwcap >> 22) & 1},
#endif
#ifdef OUTPOST_NEEDS_SVE2
        {"sve2", (hwcap2 >> 1) & 1},
#endif
#ifdef OUTPOST_NEEDS_I8MM
        {"i8mm", (hwcap2 >> 13) & 1},
#endif
#ifdef OUTPOST_NEEDS_BF16
        {"bf16", (hwcap2 >> 14) & 1},
#endif
    };
    (void)hwcap2;
    refuse_if_missing(features, sizeof features / sizeof features[0]);
}

#elif defined(__x86_64__)

#include <cpuid.h>

static void check(void) {
    unsigned a, b, c = 0, d, b7 = 0, low = 0, high = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) && ((c >> 27) & 1)) {
        // Which registers the kernel saves: without them AVX does not work, whatever the
        // processor says.
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    }
    unsigned c7, d7, a7;
    if (!__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7)) {
        b7 = 0;
    }
    const int ymm = (low & 6) == 6;
    const int zmm = (low & 0xe6) == 0xe6;
    (void)zmm;
    const struct feature features[] = {
        {"sse4.2", (c >> 20) & 1},
#ifdef OUTPOST_NEEDS_AVX2
        {"avx2", ymm && ((b7 >> 5) & 1)},
#endif
#ifdef OUTPOST_NEEDS_FMA
        {"fma", ymm && ((c >> 12) & 1)},
#endif
#ifdef OUTPOST_NEEDS_F16C
        {"f16c", ymm && ((c >> 29) & 1)},
#endif
#ifdef OUTPOST_NEEDS_BMI2
        {"bmi2", (b7 >> 8) & 1},
#endif
#ifdef OUTPOST_NEEDS_AVX512F
        {"avx512f", zmm && ((b7 >> 16) & 1)},
#endif
    };
    refuse_if_missing(features, sizeof features / sizeof features[0]);
}

#else
#error "cpu_check.c knows aarch64 and x86-64"
#endif

__attribute__((section(".preinit_array"), used)) static void (*const check_first)() =
    (void (*)())check;
