using System.Collections.Concurrent;

namespace Pipeline.Delta.Storage;

/// <summary>
/// What survives a loss of power, by POSIX: the bytes of a file that was synced, under a name in a directory that was synced after it, below
/// directories whose own names were synced when they were made.
/// </summary>
public static class Durable
{
    /// <summary>Told of each sync, with what was synced and its path.</summary>
    internal static Action<DurableKind, string>? Synced { get; set; }

    private const int SeenMax = 10_000;

    /// <summary>Directories that somebody else has made, perhaps a moment ago.</summary>
    private static readonly ConcurrentDictionary<string, bool> Seen = new(StringComparer.Ordinal);

    /// <summary>Makes a directory and those above it that are not there; each name is durable when this returns.</summary>
    /// <param name="path">Absolute.</param>
    public static void CreateDirectory(string path)
    {
        var parent = Path.GetDirectoryName(path);
        if (Directory.Exists(path))
        {
            if (Seen.Count > SeenMax) Seen.Clear();
            // Whoever made it goes from the top down and syncs each name: only this one may not be durable yet.
            if (parent is not null && Seen.TryAdd(path, true)) SyncDirectory(parent);
            return;
        }

        if (parent is not null && !Directory.Exists(parent)) CreateDirectory(parent);
        Directory.CreateDirectory(path);
        if (parent is not null) SyncDirectory(parent);
    }

    /// <summary>Makes the names in a directory durable: without it a crash may lose a file that was synced itself.</summary>
    public static void SyncDirectory(string path)
    {
        AtomicFile.SyncDirectory(path);
        Synced?.Invoke(DurableKind.Directory, path);
    }

    /// <summary>Makes the bytes of a file durable, with what is still buffered.</summary>
    public static void SyncFile(FileStream file)
    {
        file.Flush(flushToDisk: true);
        Synced?.Invoke(DurableKind.File, file.Name);
    }

    /// <inheritdoc cref="SyncFile(FileStream)"/>
    internal static void SyncFile(Microsoft.Win32.SafeHandles.SafeFileHandle file, string path)
    {
        RandomAccess.FlushToDisk(file);
        Synced?.Invoke(DurableKind.File, path);
    }
}

/// <summary>What was synced.</summary>
internal enum DurableKind
{
    File,
    Directory,
}
