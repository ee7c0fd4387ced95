namespace Pipeline.Operations.Options;

/// <summary>Where a lake really is, symbolic links resolved as far as they can be read.</summary>
internal readonly record struct LakePlace
{
    /// <summary>More links than any path has; those that lead to each other end here.</summary>
    private const int LinksMax = 40;

    /// <summary>With a slash at its end; null: none is configured.</summary>
    private readonly string? _path;

    private LakePlace(string path) => _path = $"{path.TrimEnd('/')}/";

    public static LakePlace Of(LakeOptions lake) => Of(lake.Location);

    public static LakePlace Of(string location)
    {
        if (location.Length == 0) return default;
        var links = 0;
        return new LakePlace(location.Contains("://", StringComparison.Ordinal) ? location : Resolve(Path.GetFullPath(location), ref links));
    }

    /// <summary>Whether they are the same place, or one is in the other.</summary>
    public bool Meets(LakePlace other) =>
        _path is { } here && other._path is { } there && (here.StartsWith(there, StringComparison.Ordinal) || there.StartsWith(here, StringComparison.Ordinal));

    /// <summary>Each directory on the way may be a link; what is not there yet is what it is called.</summary>
    private static string Resolve(string path, ref int links)
    {
        if (Path.GetDirectoryName(path) is not { } above) return path;
        var here = Path.Combine(Resolve(above, ref links), Path.GetFileName(path));
        try
        {
            if (links == LinksMax || new DirectoryInfo(here).ResolveLinkTarget(returnFinalTarget: false) is not { } target) return here;
            links++;
            return Resolve(target.FullName, ref links);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return here;
        }
    }
}
