using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>What the file system's errors mean to an operator.</summary>
internal static class LocalErrors
{
    public static string Name(LocalObjectStore store, string path) => $"File {store.LocalPath(path)}";

    public static PipelineException IsDirectory(LocalObjectStore store, string path) =>
        new(FaultKind.Damaged, Name(store, path), "there is a directory where a file must be", "Move the directory away and restore the file.");

    /// <summary>Runs <paramref name="action"/>; its file errors become <see cref="PipelineException"/>.</summary>
    /// <param name="verb">What was tried, as a participle.</param>
    public static T Guard<T>(LocalObjectStore store, string path, string verb, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(store, path, verb, e);
        }
    }

    public static PipelineException Explain(LocalObjectStore store, string path, string verb, Exception e) => e switch
    {
        _ when Directory.Exists(store.LocalPath(path)) => IsDirectory(store, path),
        _ when FileAbove(store.LocalPath(path)) is { } file => new PipelineException(FaultKind.Damaged, Name(store, path),
            $"it cannot be {verb}: {file} is a file, and must be a directory", "Move the file away.", e),
        UnauthorizedAccessException => new PipelineException(FaultKind.NotAuthorised, Name(store, path),
            $"it cannot be {verb}: permission denied", $"Give the user {Environment.UserName} rights to {store.Location}.", e),
        _ when DiskErrors.IsFull(e) => new PipelineException(FaultKind.StorageFull, Name(store, path),
            $"it cannot be {verb}: no space is left on the disk", $"Free space under {store.Location}.", e) { Dependency = $"Lake {store.Location}" },
        _ when DiskErrors.IsReadOnly(e) => new PipelineException(FaultKind.StorageFull, Name(store, path),
            $"it cannot be {verb}: the file system is read-only", $"Mount {store.Location} for writing.", e) { Dependency = $"Lake {store.Location}" },
        FileNotFoundException or DirectoryNotFoundException => new PipelineException(FaultKind.Missing, Name(store, path),
            "it does not exist", "Restore it, or correct the path.", e),
        _ => new PipelineException(FaultKind.Unreachable, Name(store, path), $"it cannot be {verb}: {e.Message.TrimEnd('.')}",
            "Check the disk.", e) { Dependency = $"Lake {store.Location}" },
    };

    private static string? FileAbove(string path)
    {
        for (var above = Path.GetDirectoryName(path); above is not null; above = Path.GetDirectoryName(above))
        {
            if (File.Exists(above)) return above;
        }

        return null;
    }
}
