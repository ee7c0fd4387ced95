using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Pipeline.Delta.Storage;

/// <summary>Names of files that are not complete, and the two file system calls that .NET does not offer: link without overwrite, and sync of a directory.</summary>
internal static partial class AtomicFile
{
    private const int Eexist = 17;
    private const int OpenReadOnly = 0;

    /// <summary>A name beside <paramref name="target"/> that listings leave out.</summary>
    public static string TemporaryName(string target) =>
        Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Guid.NewGuid():N}.tmp");

    /// <summary>The name of the file that one named by <see cref="TemporaryName"/> was to become; null for other files.</summary>
    public static string? TargetName(string temporary) => Temporary().Match(temporary) is { Success: true } match ? match.Groups["target"].Value : null;

    [GeneratedRegex(@"^\.(?<target>.+)\.[0-9a-f]{32}\.tmp$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Temporary();

    /// <summary>Gives a complete file a second name; false when that name is taken. Atomic on every POSIX file system.</summary>
    public static bool TryLink(string existing, string name)
    {
        if (OperatingSystem.IsWindows())
        {
            // MoveFileEx without MOVEFILE_REPLACE_EXISTING is atomic; elsewhere File.Move checks first and renames after.
            try
            {
                File.Move(existing, name, overwrite: false);
                return true;
            }
            catch (IOException) when (Path.Exists(name))
            {
                return false;
            }
        }

        if (Link(existing, name) == 0) return true;
        var error = Marshal.GetLastPInvokeError();
        return error == Eexist ? false : throw Failed(error, name);
    }

    /// <summary>Makes the names in a directory durable: without it a crash may lose a file that was synced itself.</summary>
    public static void SyncDirectory(string directory)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = Open(directory, OpenReadOnly);
        if (descriptor < 0) throw Failed(Marshal.GetLastPInvokeError(), directory);
        try
        {
            if (Sync(descriptor) != 0) throw Failed(Marshal.GetLastPInvokeError(), directory);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    // The same HResult as .NET's own file errors have on these systems: the errno.
    private static IOException Failed(int error, string path) => new($"{Marshal.GetPInvokeErrorMessage(error)}: {path}", error);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Link(string existing, string name);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Close(int descriptor);
}
