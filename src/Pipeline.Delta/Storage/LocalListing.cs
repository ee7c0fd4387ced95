namespace Pipeline.Delta.Storage;

/// <summary>Walks a directory in the order in which a bucket lists its keys.</summary>
internal static class LocalListing
{
    public static IEnumerable<ObjectInfo> Walk(LocalObjectStore store, string directory, string prefix, string? startAt)
    {
        foreach (var entry in Entries(store, directory))
        {
            var path = directory.Length == 0 ? entry.Name : $"{directory}/{entry.Name}";
            if (entry is DirectoryInfo)
            {
                var inside = path + "/";
                if (!Overlaps(inside, prefix) || !MayReach(inside, startAt) || LeadsBack(entry)) continue;
                var isEmpty = true;
                foreach (var found in Walk(store, path, prefix, startAt))
                {
                    isEmpty = false;
                    yield return found;
                }

                if (isEmpty && inside.StartsWith(prefix, StringComparison.Ordinal) && (startAt is null || string.CompareOrdinal(inside, startAt) >= 0))
                    yield return new ObjectInfo(inside, 0, new DateTimeOffset(entry.LastWriteTimeUtc));
            }
            else if (path.StartsWith(prefix, StringComparison.Ordinal) && (startAt is null || string.CompareOrdinal(path, startAt) >= 0))
            {
                if (Info(path, (FileInfo)entry) is { } info) yield return info;
            }
        }
    }

    /// <summary>A link to a directory that it lies in: what is below it was found without it, and its end never would be.</summary>
    private static bool LeadsBack(FileSystemInfo directory) =>
        directory.LinkTarget is not null && directory.ResolveLinkTarget(returnFinalTarget: true) is { } target
        && (directory.FullName + "/").StartsWith(target.FullName.TrimEnd('/') + "/", StringComparison.Ordinal);

    private static bool Overlaps(string directory, string prefix) =>
        directory.StartsWith(prefix, StringComparison.Ordinal) || prefix.StartsWith(directory, StringComparison.Ordinal);

    private static bool MayReach(string directory, string? startAt) =>
        startAt is null || startAt.StartsWith(directory, StringComparison.Ordinal) || string.CompareOrdinal(directory, startAt) >= 0;

    private static List<FileSystemInfo> Entries(LocalObjectStore store, string directory)
    {
        var path = store.LocalPath(directory);
        return LocalErrors.Guard(store, directory, "listed", () =>
        {
            List<FileSystemInfo> entries = [];
            try
            {
                foreach (var entry in new DirectoryInfo(path).EnumerateFileSystemInfos())
                {
                    if (!entry.Name.StartsWith('.')) entries.Add(entry);
                }
            }
            catch (DirectoryNotFoundException)
            {
                // Nothing there, or gone since its parent was listed.
            }

            // A directory sorts as the paths below it do: with its slash.
            entries.Sort((a, b) => string.CompareOrdinal(SortName(a), SortName(b)));
            return entries;
        });
    }

    private static string SortName(FileSystemInfo entry) => entry is DirectoryInfo ? entry.Name + "/" : entry.Name;

    private static ObjectInfo? Info(string path, FileInfo file)
    {
        try
        {
            return new ObjectInfo(path, file.Length, new DateTimeOffset(file.LastWriteTimeUtc));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }
}
