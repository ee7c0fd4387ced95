namespace Pipeline.Testing;

/// <summary>
/// Files beside the checkout, in a folder <c>shared</c> of one of its parents, that some tests check against and that not
/// everybody has.
/// </summary>
public static class SharedFiles
{
    /// <summary>The full path of a file or folder there; null when it cannot be had.</summary>
    public static string? Find(string path)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "shared", path);
            if (Path.Exists(candidate)) return candidate;
        }

        return null;
    }
}
