/* A DLL that every Rust program needs and Debian's wine (8.0) lacks: the system's random numbers
   under another name. For `.ci/platforms` alone; Windows has the real one. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T size)
{
    return SystemFunction036(buffer, (ULONG)size);
}
