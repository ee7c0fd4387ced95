using System.Runtime.InteropServices;

namespace Pipeline.Node;

/// <summary>The allocator behind the native Parquet writer (mimalloc), which reads its settings when it is first loaded.</summary>
internal static partial class NativeMemory
{
    /// <summary>
    /// Has it give pages back as they become free: it would hold on to as much again as the open row groups take. Whoever
    /// has set <c>MIMALLOC_PURGE_DELAY</c> (milliseconds) knows better.
    /// </summary>
    public static void GiveBackAtOnce()
    {
        // The process's own environment: that of .NET is a copy which native code does not see.
        if (OperatingSystem.IsLinux()) _ = SetEnvironment("MIMALLOC_PURGE_DELAY", "0", overwrite: 0);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
