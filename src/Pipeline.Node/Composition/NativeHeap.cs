using System.Runtime.InteropServices;

namespace Pipeline.Node.Composition;

/// <summary>
/// What the C library does with memory that librdkafka and Arrow have freed. By default it keeps it, in a heap for each of
/// many threads, where pieces that are still used hold the rest: a node that reads at full speed had six times as much as it
/// used.
/// </summary>
internal static partial class NativeHeap
{
    // Of glibc's malloc.h.
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;
    private const int ArenaMax = -8;

    /// <summary>Large blocks come from the system and go back at once; small ones share two heaps. Call it before anything else.</summary>
    public static void GiveBack()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = Set(ArenaMax, 2);
            _ = Set(MmapThreshold, 1 << 20);
            _ = Set(TrimThreshold, 128 << 10);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // Not glibc: musl has neither these settings nor such heaps.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Set(int option, int value);
}
