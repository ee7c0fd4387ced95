using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Table;

/// <summary>
/// Where a file lies that a table's log names. Anybody may have written the log: this is the one place that says which of its
/// paths are files below the table, and nothing else is read, listed, copied or deleted.
/// </summary>
/// <remarks>
/// An action's path stays what the log calls the file by, since other engines compare it; decoded as PROTOCOL.md says. It may
/// be absolute and still lie below the table: other writers do that.
/// </remarks>
public static class TableFilePath
{
    /// <summary>The path below the table; null when the log's is none.</summary>
    /// <param name="directory">The table's, below the store's root.</param>
    /// <param name="path">As an action has it, decoded.</param>
    public static string? TryBelow(IObjectStore store, string directory, string path)
    {
        foreach (var root in Roots(store, directory))
        {
            if (!path.StartsWith(root, StringComparison.Ordinal)) continue;
            path = path[root.Length..];
            break;
        }

        return IsBelow(path) ? path : null;
    }

    /// <summary>The path below the store's root.</summary>
    /// <exception cref="PipelineException">The log's path is none of a file below the table.</exception>
    public static string In(IObjectStore store, string directory, string path) => TryBelow(store, directory, path) is { } below ? DataFiles.PathIn(directory, below) : throw Outside(directory, path);

    /// <summary>
    /// Whether a file that was found below the table lies there, and not where a link below it leads: that is read, since
    /// somebody wanted it so, and never deleted.
    /// </summary>
    /// <param name="path">Below the table.</param>
    public static bool IsReachedWithoutLink(IObjectStore store, string directory, string path)
    {
        if (store.LocalPath(directory) is null) return true;
        var parts = path.Split('/')[..^1];
        return !Enumerable.Range(1, parts.Length).Any(depth => new DirectoryInfo(store.LocalPath(DataFiles.PathIn(directory, string.Join('/', parts[..depth])))!).LinkTarget is not null);
    }

    public static PipelineException Outside(string directory, string path) => new(FaultKind.Invalid, $"Table {directory}",
        $"its log has a file outside of the table: {path.ReplaceLineEndings(" ")}", "Copy the table with its files, or restore its log if it was tampered with.");

    private static IEnumerable<string> Roots(IObjectStore store, string directory)
    {
        if (store.LocalPath(directory) is { } local) yield return local.Replace('\\', '/').TrimEnd('/') + "/";
        const string scheme = "s3://";
        if (store.LocationOf(directory) is var location && !location.StartsWith(scheme, StringComparison.Ordinal)) yield break;
        // Hadoop's names of the same bucket.
        foreach (var alias in (string[])[scheme, "s3a://", "s3n://"]) yield return $"{alias}{DataFiles.PathIn(location[scheme.Length..].TrimEnd('/'), directory)}/";
    }

    /// <summary>Names of directories and of a file, each of them there to be listed: none that goes up, stands still or begins elsewhere.</summary>
    private static bool IsBelow(string path) =>
        !path.Contains("://", StringComparison.Ordinal) && !path.AsSpan().ContainsAnyInRange('\0', '\x1f') && !(OperatingSystem.IsWindows() && path.AsSpan().ContainsAny('\\', ':'))
        && path.Split('/').All(part => part is not ("" or "." or ".."));
}
