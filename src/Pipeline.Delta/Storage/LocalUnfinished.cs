namespace Pipeline.Delta.Storage;

/// <summary>Hidden files that were to become objects, of processes that did not come that far.</summary>
internal static class LocalUnfinished
{
    private static readonly EnumerationOptions Everywhere = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };

    /// <summary>Those below a directory of the store that no running process has open.</summary>
    public static IEnumerable<UnfinishedUpload> Find(LocalObjectStore store, string directory)
    {
        var root = new DirectoryInfo(store.LocalPath(directory));
        return LocalErrors.Guard(store, directory, "listed", () => !root.Exists ? [] : root.EnumerateFiles(".*.tmp", Everywhere)
            .Select(file => Describe(store, file)).OfType<UnfinishedUpload>().ToList());
    }

    public static string PathOf(LocalObjectStore store, UnfinishedUpload upload) =>
        Path.Combine(Path.GetDirectoryName(store.LocalPath(upload.Path))!, upload.Id);

    private static UnfinishedUpload? Describe(LocalObjectStore store, FileInfo file)
    {
        if (AtomicFile.TargetName(file.Name) is not { } target || IsBeingWritten(file.FullName)) return null;
        var path = Path.GetRelativePath(store.Location, Path.Combine(file.DirectoryName!, target)).Replace(Path.DirectorySeparatorChar, '/');
        return new UnfinishedUpload(path, file.Name, file.Length, new DateTimeOffset(file.LastWriteTimeUtc));
    }

    /// <summary>
    /// Open files carry an advisory lock that ends with their process, however that ends: who is refused the file for
    /// itself alone has met a writer. A file that is gone was finished meanwhile.
    /// </summary>
    private static bool IsBeingWritten(string path)
    {
        try
        {
            using var alone = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
