using System.Runtime.InteropServices;

namespace Pipeline.Node.Composition;

/// <summary>
/// What the native allocators do with memory that librdkafka, Arrow and DuckDB have freed. By default each keeps it: the C
/// library in a heap for each of many threads, where pieces that are still used hold the rest, Arrow in huge pages, DuckDB for
/// the next second. A node that reads at full speed had six times as much as it used.
/// </summary>
internal static partial class NativeHeap
{
    // Of glibc's malloc.h.
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;
    private const int ArenaMax = -8;

    /// <summary>
    /// Large blocks come from the system and go back at once; small ones share two heaps. Call it before anything else: the
    /// libraries look at their variables when they are loaded. What the environment says wins.
    /// </summary>
    public static void GiveBack()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = SetVariable("ARROW_DEFAULT_MEMORY_POOL", "system", overwrite: 0);
            _ = SetVariable("DUCKDB_JE_MALLOC_CONF", "narenas:2,dirty_decay_ms:10,muzzy_decay_ms:0", overwrite: 0);
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

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
